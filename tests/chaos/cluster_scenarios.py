"""What is done to a Redis Cluster."""

import asyncio
import random

from redis_cluster import Clustered
from scenarios import rounds, scenario
from world import Scale

# One primary of three is away: two thirds of the partitions can be used, so nodes stay ready.
MOST = {"loses": True, "unready": False}
# As docs/redis.md asks for: else all slots are refused while one has nobody.
ALONE = ("--cluster-require-full-coverage", "no")


@scenario(lambda folder: Clustered(folder, timeout=15000))
async def cluster_reshard(world, seconds):
    """Slots move from primary to primary under load. No outage: nobody has to be told anything, no epoch changes."""
    await asyncio.sleep(2.5)  # the nodes get to know all primaries

    async def one(turn):
        slots = await world.redis.slots_in_use()
        leaders = await world.redis.leaders()
        for slot, source in random.sample(sorted(slots.items(), key=lambda each: each[0]), 8):
            await world.redis.move(slot, source, random.choice([each for each in leaders if each is not source]))
        world.hush()
        await asyncio.sleep(1.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(lambda folder: Clustered(folder, *ALONE), scale=Scale(safe=2))
async def cluster_primary_killed(world, seconds):
    """kill -9 of one primary after the other; its replica takes over, and it comes back as a replica."""

    async def one(turn):
        server = random.choice(await world.redis.leaders())
        async with world.outage("a primary killed", **MOST):
            server.kill()
            await asyncio.sleep(0.05)
            world.hush()
            await world.redis.replaced(server)
        await asyncio.sleep(2.5)
        world.speak()
        await server.start()
        await asyncio.sleep(3)  # it follows

    await rounds(world, seconds, one)


@scenario(lambda folder: Clustered(folder, *ALONE), scale=Scale(safe=2))
async def cluster_primary_frozen(world, seconds):
    """SIGSTOP of a primary until it is replaced; then it goes on, and believes itself still in charge."""

    async def one(turn):
        server = random.choice(await world.redis.leaders())
        async with world.outage("a primary frozen", **MOST):
            server.pause()
            await asyncio.sleep(0.05)
            world.hush()
            await world.redis.replaced(server)
            server.resume()
        await asyncio.sleep(2.5)
        world.speak()
        await asyncio.sleep(3)

    await rounds(world, seconds, one)
