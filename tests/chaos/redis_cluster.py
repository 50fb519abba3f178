"""A Redis Cluster: three primaries with a replica each, slots that can be moved."""

import asyncio
import re

from support.redis import free_port
from support.waiting import until

from servers import Server, ask

SLOTS = 16384


class NotMoved(AssertionError):
    """A server refused a step of a move, or the slot isn't where it was to go."""


async def say(port, *words, timeout=1.0):
    """The answer's text, whole up to 64 kB; empty while there is none to be had."""
    return (await ask(port, *words, timeout=timeout) or b"").decode(errors="replace")


class Clustered:
    def __init__(self, folder, *arguments, timeout=1000):
        self.servers, self.buses = [], []
        for i in range(6):
            self.buses.append(free_port())
            (folder / f"redis-{i}").mkdir()
            self.servers.append(Server(
                folder / f"redis-{i}", "--cluster-enabled", "yes", "--cluster-port", self.buses[i],
                "--cluster-node-timeout", timeout, "--cluster-replica-validity-factor", "0",
                "--repl-diskless-sync-delay", "0", *arguments))

    async def start(self):
        await asyncio.gather(*(each.start() for each in self.servers))
        for i, each in enumerate(self.servers[:3]):
            await ask(each.port, "CLUSTER", "ADDSLOTSRANGE", i * SLOTS // 3, (i + 1) * SLOTS // 3 - 1)
        for i, each in enumerate(self.servers):
            await ask(each.port, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i:
                await ask(each.port, "CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, self.buses[0])

        async def met():
            return all([(await say(s.port, "CLUSTER", "NODES")).count(" connected") == 6 for s in self.servers])

        await until(met, "the Cluster's servers meet", 20)
        for i, each in enumerate(self.servers[3:]):
            leader = await self.name(self.servers[i])
            await until(lambda e=each, n=leader: self._follows(e, n), "a replica", 20)
        await until(self.whole, "the Cluster is whole", 20)
        return self

    @staticmethod
    async def _follows(server, leader):
        return "+OK" in await say(server.port, "CLUSTER", "REPLICATE", leader)

    @staticmethod
    async def name(server):
        return (await say(server.port, "CLUSTER", "MYID")).split("\r\n")[1]

    def url(self, node):
        return f"redis+cluster://127.0.0.1:{self.servers[node].port},127.0.0.1:{self.servers[3 + node].port}"

    def running(self):
        return [s for s in self.servers if s.process and s.process.poll() is None]

    async def whole(self):
        """Everybody who runs says that all slots are served, and replicas are in step."""
        for each in self.running():
            role = await say(each.port, "ROLE")
            if "cluster_state:ok" not in await say(each.port, "CLUSTER", "INFO"):
                return False
            if "master" not in role and "connected" not in role:
                return False
        return True

    async def leaders(self):
        return [s for s in self.running() if await s.leads()]

    async def replaced(self, server):
        """A replica of `server`, which is dead or stands still, leads in its place, and the others know."""

        async def three():
            others = [s for s in self.running() if s is not server]
            leading = [s for s in others if await s.leads()]
            return len(leading) == 3 and all([
                "cluster_state:ok" in await say(s.port, "CLUSTER", "INFO") for s in others])

        await until(three, "a replica takes over", 30, every=0.02)

    async def slots_in_use(self):
        """Of the partitions: by the key that each has from its first use on."""
        found = {}
        for each in await self.leaders():
            keys = await say(each.port, "KEYS", "plexus:{*}:gate")
            for key in re.findall(r"plexus:\{[^}]*\}:gate", keys):
                found[int((await say(each.port, "CLUSTER", "KEYSLOT", key)).strip(":\r\n"))] = each
        return found

    async def move(self, slot, source, target):
        """As redis-cli does it, a few keys at a time."""

        async def done(server, *words, timeout=1.0):
            got = await say(server.port, *words, timeout=timeout)
            if got not in ("+OK\r\n", "+NOKEY\r\n"):  # the last of its keys may have ended meanwhile
                raise NotMoved(f"slot {slot}: {' '.join(map(str, words[:4]))}: {got!r}")

        there, here = await self.name(target), await self.name(source)
        await done(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        await done(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", there)
        while True:
            keys = (await say(source.port, "CLUSTER", "GETKEYSINSLOT", slot, 3)).split("\r\n")[2::2]
            if not keys:
                break
            await done(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys, timeout=6)
        for each in (target, source):
            await done(each, "CLUSTER", "SETSLOT", slot, "NODE", there)
        if await self.owner(slot) is not target:
            raise NotMoved(f"slot {slot} is still somebody else's")

    async def owner(self, slot):
        """The primary that says that the slot is its own."""
        for each in await self.leaders():
            mine = next(line for line in (await say(each.port, "CLUSTER", "NODES")).splitlines() if "myself" in line)
            for span in mine.split()[8:]:
                first, _, last = span.partition("-")
                if not span.startswith("[") and int(first) <= slot <= int(last or first):
                    return each
        return None

    def stop(self):
        for each in self.servers:
            each.kill()
