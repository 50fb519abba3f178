"""A Redis Cluster of a test's own: three primaries without replicas."""

import asyncio

from support.redis import Redis, free_port
from support.waiting import until

SLOTS = 16384


class RedisCluster:
    def __init__(self, folder, primaries=3):
        folder.mkdir(exist_ok=True)
        self.buses = [free_port() for _ in range(primaries)]
        # As docs/redis.md asks for: else all slots are refused while one has nobody.
        self.servers = [
            Redis(folder / f"redis-{i}", "--cluster-enabled", "yes", "--cluster-port", str(bus),
                  "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
            for i, bus in enumerate(self.buses)
        ]

    async def start(self):
        await asyncio.gather(*(each.start() for each in self.servers))
        count = len(self.servers)
        for i, each in enumerate(self.servers):
            each.ask("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // count, (i + 1) * SLOTS // count - 1)
            each.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i:
                each.ask("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, self.buses[0])
        await until(self.whole, "the Cluster", 20)
        return self

    def whole(self):
        said = [each.ask("CLUSTER", "INFO") for each in self.servers]
        return all(b"cluster_state:ok" in each and b"cluster_slots_ok:%d\r" % SLOTS in each for each in said) and all(
            each.ask("CLUSTER", "NODES").count(b" connected") == len(self.servers) for each in self.servers)

    @property
    def url(self):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.servers)

    async def stop(self):
        for each in self.servers:
            await each.stop()
