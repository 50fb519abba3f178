"""Three nodes, their Redis, clients and publishers, and what watches them; a scenario does its worst to it."""

import asyncio
import contextlib
import json
import random
import signal
import time
from dataclasses import dataclass

import aiohttp
from support.node import API_KEY, BASE, Node, merged
from support.tokens import token
from support.waiting import until

from clients import Client
from publishers import Publisher
from record import Log, Outage, Ready, Run, Seen

HISTORY = {"subscribe": "user", "history_size": 50000, "history_ttl": "1h"}
CONFIG = {
    "node": {"drain_timeout": "1s", "loops": 2},
    "log": {"level": "info"},
    "client": {"max_recovered": 50000, "max_history_page": 50000, "max_queue_size": 8 << 20, "ping_interval": "10s",
               "pong_timeout": "8s"},
    "channels": {
        "namespaces": {
            "busy": HISTORY,  # published to all the time
            "still": HISTORY,  # until something happens: whoever misses the last word is never told by the next
            "safe": {**HISTORY, "durability": "replicated"},
            "room": {**HISTORY, "presence": True, "join_leave": True},
        }
    },
}


@dataclass(frozen=True)
class Scale:
    """How much of everything: subscribers, channels of each kind, publications a second."""

    clients: int = 24
    busy: int = 8
    still: int = 6
    rooms: int = 3
    safe: int = 0
    rate: float = 120.0


class World:
    def __init__(self, folder, redis, lease=2.0, scale=None, patience=10.0, pings=None):
        self.folder, self.redis, self.lease, self.scale = folder, redis, lease, scale or Scale()
        self.patience, self.pings = patience, pings
        self.run = Run(lease)
        self.tasks, self.clients, self.talkers, self.whisperers = [], [], [], []

    now = staticmethod(time.monotonic)

    # -- beginning and end

    async def __aenter__(self):
        self.stack = contextlib.ExitStack()
        try:
            await self._begin()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _begin(self):
        self.stack.callback(self.redis.stop)
        await self.redis.start()
        self.nodes = []
        for i in range(3):
            more = {"backplane": {"url": self.redis.url(i), "lease": f"{int(self.lease * 1000)}ms"},
                    "node": {"name": f"n{i + 1}"}}
            if self.pings:
                more["client"] = {"ping_interval": self.pings, "pong_timeout": "900ms"}
            folder = self.folder / f"n{i + 1}"
            folder.mkdir()
            node = Node(folder, merged(merged(BASE, CONFIG), more))
            node.name = f"n{i + 1}"
            self.nodes.append(node)
            self.stack.callback(self._end_node, node)
        await asyncio.gather(*(n.start() for n in self.nodes))
        for n in self.nodes:  # a restarted node comes back where it was
            n.config["listen"]["port"] = n.port
            n.write_config(n.config)
            await n.api.close()
        self._people()
        self._start(self._watch_readiness(), self._watch_members(), self._watch_itself())
        self._start(*(c.live() for c in self.clients))
        await until(self.all_up, "everybody is subscribed", 20)
        self._start(*(p.live() for p in self.talkers + self.whisperers))

    async def __aexit__(self, *_):
        for t in self.tasks:
            t.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.stack.close()

    def _start(self, *coroutines):
        for each in coroutines:
            self.tasks.append(asyncio.create_task(each))

    @staticmethod
    def _end_node(node):
        if node.process and node.process.poll() is None:
            node.process.send_signal(signal.SIGCONT)
            node.process.kill()
            node.process.wait()

    def _people(self):
        s, dice = self.scale, random.Random(7)
        names = {"busy": s.busy, "still": s.still, "room": s.rooms, "safe": s.safe}
        channels = {space: [f"{space}:{i}" for i in range(count)] for space, count in names.items()}
        for i in range(s.clients):
            mine = dice.sample(channels["busy"], min(3, s.busy)) + dice.sample(channels["still"], min(2, s.still))
            mine += channels["room"][i // 3 % s.rooms:][:1] if s.rooms else []
            mine += dice.sample(channels["safe"], min(1, s.safe))
            self.clients.append(Client(self.run, f"c{i}", self.nodes, mine, token(f"c{i}"), self.patience, first=i))
        for i in range(6):
            self.talkers.append(Publisher(self.run, f"p{i}", self.nodes, channels["busy"] + channels["room"], API_KEY,
                                          6 / s.rate))
        if s.safe:
            self.talkers.append(Publisher(self.run, "s", self.nodes, channels["safe"], API_KEY, 6 / s.rate))
        for i in range(3):
            self.whisperers.append(Publisher(self.run, f"w{i}", self.nodes, channels["still"], API_KEY, 12 / s.rate))

    def all_up(self):
        return all(c.up() for c in self.clients)

    async def settle(self):
        """Publishers stop; everybody gets what is still due, and what there is in the end is written down."""
        for p in self.talkers + self.whisperers:
            p.stopping = True
            p.speak()
        await asyncio.sleep(0.2)
        for _ in range(3 if self.run.pause > 1 else 1):  # a machine that stands still takes from that time
            with contextlib.suppress(AssertionError):
                await until(self.all_up, "everybody is back", 10)
        deadline = self.now() + 3.0 + self.run.pause
        async with aiohttp.ClientSession(headers={"X-API-Key": API_KEY}) as http:
            await self._read_logs(http)
            while self.now() < deadline and not self._level():
                await asyncio.sleep(0.05)
                await self._read_logs(http)
            # Whose lease ended takes the longest to be forgotten.
            await asyncio.sleep(max(0.0, self._members_due() - self.now()))
            deadline = self.now() + self.run.pause
            await self._read_members(http)
            while self.now() < deadline and not self._same_members():
                await asyncio.sleep(0.2)
                await self._read_members(http)
        self.run.ended = self.now()

    def _same_members(self):
        living = {}
        for life in self.run.lives.values():
            for room in life.rooms if life.ended is None else ():
                living.setdefault(room, set()).add(life.client)
        return all(clients == living.get(room, set()) for (_, room), clients in self.run.members.items())

    def _members_due(self):
        ends = [life.ended + (self.lease if life.killed else 0) for life in self.run.lives.values() if life.ended]
        ends += [o.end + self.lease for o in self.run.outages]
        ends += [end + self.lease for own in self.run.absent.values() for _, end in own]
        return max(ends, default=0.0) + 2.3

    def _level(self):
        for c in self.clients:
            for channel, sub in c.subs.items():
                log = self.run.logs.get(channel)
                if log and (sub.state != "on" or sub.position != (log.epoch, log.offset)):
                    return False
        return True

    async def _ask(self, http, node, method, **params):
        async with http.post(f"http://127.0.0.1:{node.port}/api/{method}", json=params) as got:
            return (await got.json(content_type=None)).get("result")

    async def _read_logs(self, http):
        for channel in sorted({t.channel for t in self.run.tracks}):
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                got = await self._ask(http, self.nodes[0], "history", channel=channel, limit=-1)
                if got:
                    bodies = {p["offset"]: p["data"] for p in got["publications"]}
                    self.run.logs[channel] = Log(got["epoch"], got["offset"], bodies)

    async def _read_members(self, http):
        for node in self.nodes:
            for i in range(self.scale.rooms):
                got = await self._ask(http, node, "presence", channel=f"room:{i}")
                if got:
                    self.run.members[node.name, f"room:{i}"] = set(got["presence"])
                else:
                    self.run.faults.append(f"{node.name} doesn't say who is in room:{i}")

    # -- what watches

    async def _watch_itself(self):
        """How long this program stood still: everything that it measures may be wrong by that."""
        while True:
            before = self.now()
            await asyncio.sleep(0.02)
            still = self.now() - before - 0.02
            if still > 0.1:
                self.run.pause += still

    async def _watch_readiness(self):
        timeout = aiohttp.ClientTimeout(total=0.5)
        async with aiohttp.ClientSession(timeout=timeout) as http:

            async def watch(node):
                while True:
                    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError):
                        async with http.get(f"http://127.0.0.1:{node.port}/health/ready") as got:
                            text = await got.text()
                            self.run.ready.append(Ready(self.now(), node.name, got.status == 200, text[:200]))
                    await asyncio.sleep(0.1)

            await asyncio.gather(*map(watch, self.nodes))

    async def _watch_members(self):
        timeout = aiohttp.ClientTimeout(total=1)
        async with aiohttp.ClientSession(timeout=timeout, headers={"X-API-Key": API_KEY}) as http:
            while True:
                for node in self.nodes:
                    for i in range(self.scale.rooms):
                        asked = self.now()
                        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError):
                            got = await self._ask(http, node, "presence", channel=f"room:{i}")
                            if got:
                                self.run.seen.append(Seen(asked, node.name, f"room:{i}", frozenset(got["presence"])))
                await asyncio.sleep(0.3)

    # -- what is done to nodes

    def _absent(self, node, start, end):
        self.run.absent.setdefault(node.name, []).append((start, end))

    async def kill_node(self, node):
        """As a machine that loses power."""
        at = self.now()
        # What it owned it can't take back any more: only its lease ends that.
        for life in self.run.lives.values():
            if life.node == node.name and life.ended is None:
                life.killed = True
        node.process.kill()
        node.process.wait()
        node.died = at

    async def stop_node(self, node):
        node.died = self.now()
        node.process.send_signal(signal.SIGTERM)
        await until(lambda: node.process.poll() is not None, "the node's end", 15)
        if node.process.returncode:
            self.run.faults.append(f"{node.name} ended with {node.process.returncode} after SIGTERM")

    async def start_node(self, node):
        await node.start()
        await node.api.close()
        self._absent(node, node.died, self.now())

    async def freeze_node(self, node, seconds):
        outage = Outage(self.now(), float("inf"), node.name, "frozen")
        self.run.outages.append(outage)
        node.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        node.process.send_signal(signal.SIGCONT)
        outage.end = self.now()

    @contextlib.asynccontextmanager
    async def outage(self, what, node=None, loses=False, unready=True, restarts=False):
        """From its begin to the moment that everything is back, which its body sees to. `restarts`: a Redis comes back
        with all that it had."""
        one = Outage(self.now(), float("inf"), node, what, loses, unready)
        self.run.outages.append(one)
        if loses:
            self.run.notice_allowed = True
        if loses or restarts:
            self.run.epochs_may_change = True
        try:
            yield one
        finally:
            one.end = self.now()

    def hush(self):
        """The still channels have heard their last word for now."""
        for p in self.whisperers:
            p.hush()

    def speak(self):
        for p in self.whisperers:
            p.speak()
