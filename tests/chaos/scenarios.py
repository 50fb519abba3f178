"""What is done to the nodes and to Redis. Each scenario says which Redis it wants, and takes `seconds` (about) for its
troubles; everything before and after is the same for all."""

import asyncio
import random

from servers import Proxy, Standalone, Watched, ask  # noqa: F401
from world import Scale, World

ALL = {}
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


def scenario(redis, **world):
    def add(does):
        ALL[does.__name__] = (does, redis, world)
        return does

    return add


def standalone(*arguments, **more):
    return lambda folder: Standalone(folder, *arguments, **more)


async def rounds(world, seconds, each):
    """`each` again and again, with some peace between, for as long as there is time; once at least."""
    end, turn = world.now() + seconds, 0
    while turn == 0 or world.now() < end:
        await asyncio.sleep(random.uniform(0.3, 0.8))
        await each(turn)
        turn += 1


@scenario(standalone())
async def nodes_killed(world, seconds):
    """kill -9 of one node after the other; each is started again."""

    async def one(turn):
        node = world.nodes[turn % 3]
        world.hush()
        await world.kill_node(node)
        await asyncio.sleep(random.uniform(0.2, world.lease * 1.5))
        world.speak()
        await world.start_node(node)

    await rounds(world, seconds, one)


@scenario(standalone())
async def all_nodes_killed(world, seconds):
    """kill -9 of all nodes at once; they come back before half a lease is over, or long after."""

    async def one(turn):
        world.hush()
        for node in world.nodes:
            await world.kill_node(node)
        await asyncio.sleep(world.lease * (0.1 if turn % 2 == 0 else random.uniform(0.5, 1.2)))
        await asyncio.gather(*(world.start_node(node) for node in world.nodes))
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone())
async def nodes_stopped(world, seconds):
    """A rolling restart: SIGTERM, wait for its end, start, the next."""

    async def one(turn):
        node = world.nodes[turn % 3]
        await world.stop_node(node)
        await world.start_node(node)

    await rounds(world, seconds, one)


@scenario(standalone(*DURABLE))
async def redis_killed(world, seconds):
    """kill -9 of Redis, which keeps everything in its append-only file."""

    async def one(turn):
        async with world.outage("Redis killed", restarts=True):
            world.redis.server.kill()
            await asyncio.sleep(0.05)
            world.hush()
            await asyncio.sleep(random.choice([0.2, 1.0, 3.0]))
            await world.redis.server.start()
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone())
async def redis_forgets(world, seconds):
    """kill -9 of a Redis that keeps nothing: it comes back empty."""

    async def one(turn):
        async with world.outage("Redis killed and emptied", loses=True):
            world.redis.server.kill()
            await asyncio.sleep(0.05)
            world.hush()
            await asyncio.sleep(random.choice([0.2, 1.0, 3.0]))
            await world.redis.server.start()
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone())
async def redis_frozen(world, seconds):
    """SIGSTOP of Redis for 5 seconds."""

    async def one(turn):
        async with world.outage("Redis frozen"):
            world.redis.server.pause()
            await asyncio.sleep(0.05)
            world.hush()
            await asyncio.sleep(5)
            world.redis.server.resume()
            await world.redis.back()
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone())
async def connections_cut(world, seconds):
    """All connections to Redis are killed by it, again and again, then publishing stops."""

    async def one(turn):
        port = world.redis.server.port
        for last in range(random.randint(1, 6), -1, -1):
            async with world.outage("connections cut", unready=False):
                await ask(port, "CLIENT", "KILL", "TYPE", "normal")
                if not last:
                    world.hush()
            await asyncio.sleep(random.uniform(0, 0.4))
        await asyncio.sleep(2.3)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone(proxies=3))
async def node_cut_off(world, seconds):
    """One node can't reach Redis past its lease, and no connection says so; the others go on."""

    async def one(turn):
        node = world.nodes[turn % 3]
        proxy = world.redis.proxies[turn % 3]
        async with world.outage("cut off", node.name):
            proxy.hold()
            await asyncio.sleep(0.2)
            await asyncio.sleep(world.lease * random.choice([0.4, 1.6, 2.5]))
            world.hush()
            await asyncio.sleep(0.3)
            if turn % 2 == 0:
                proxy.cut()
            proxy.flow()
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(lambda folder: Watched(folder), scale=Scale(safe=2))
async def failover(world, seconds):
    """The primary dies while its replica is 0.7 s behind; Sentinel makes that one the primary."""
    redis = world.redis
    await asyncio.sleep(1)
    redis.link.hold()
    await asyncio.sleep(0.7)
    async with world.outage("failover", loses=True):
        redis.primary.kill()
        redis.link.cut()
        await asyncio.sleep(0.05)
        world.hush()
        await redis.back()
    await asyncio.sleep(2.5)
    world.speak()
    await redis.primary.start()  # Sentinel makes it a replica of the other
    await asyncio.sleep(max(2.0, seconds - 8))


@scenario(lambda folder: Watched(folder), scale=Scale(safe=2))
async def failover_thaw(world, seconds):
    """The primary stands still until Sentinel has replaced it; then it goes on, and believes itself still in charge."""
    redis = world.redis
    await asyncio.sleep(1)
    redis.link.hold()
    await asyncio.sleep(0.3)
    async with world.outage("failover", loses=True):
        redis.primary.pause()
        redis.link.cut()
        await asyncio.sleep(0.05)
        world.hush()
        await redis.back()
    redis.primary.resume()
    await asyncio.sleep(2.5)
    world.speak()
    await asyncio.sleep(max(2.0, seconds - 8))


@scenario(standalone(), patience=3.0, pings="1s")
async def node_frozen(world, seconds):
    """SIGSTOP of a node past its lease, then SIGCONT. Its clients look elsewhere meanwhile."""

    async def one(turn):
        world.hush()
        await world.freeze_node(world.nodes[turn % 3], world.lease * random.choice([1.5, 2.5]))
        await asyncio.sleep(2.5)
        world.speak()

    await rounds(world, seconds, one)


@scenario(standalone(), patience=60.0, pings="60s")
async def node_frozen_unseen(world, seconds):
    """The same with clients that notice nothing and stay."""
    await node_frozen(world, seconds)


@scenario(standalone(*DURABLE, proxies=3))
async def everything(world, seconds):
    """Nodes die, stop, stand still and are cut off, while Redis is killed, stands still and loses its connections."""
    end = world.now() + seconds

    async def nodes():
        while world.now() < end:
            await asyncio.sleep(random.uniform(0.1, 2))
            i = random.randrange(3)
            node, proxy = world.nodes[i], world.redis.proxies[i]
            what = random.choice(["kill", "stop", "freeze", "cut off", "cut"])
            if what == "kill":
                await world.kill_node(node)
                await asyncio.sleep(random.uniform(0.1, world.lease * 1.5))
                await redis_there.wait()
                await world.start_node(node)
            elif what == "stop":
                await world.stop_node(node)
                await redis_there.wait()
                await world.start_node(node)
            elif what == "freeze":
                await world.freeze_node(node, random.uniform(0.1, world.lease * 2))
            elif what == "cut off":
                async with world.outage("cut off", node.name):
                    proxy.hold()
                    await asyncio.sleep(random.uniform(0.1, world.lease * 2))
                    proxy.flow()
            else:
                async with world.outage("connections cut", node.name, unready=False):
                    proxy.cut()

    async def redis():
        server = world.redis.server
        while world.now() < end:
            await asyncio.sleep(random.uniform(0.5, 5))
            what = random.choice(["kill", "freeze", "cut", "cut", "cut"])
            if what == "cut":
                async with world.outage("connections cut", unready=False):
                    await ask(server.port, "CLIENT", "KILL", "TYPE", "normal")
                continue
            redis_there.clear()
            async with world.outage(f"Redis: {what}", restarts=what == "kill"):
                server.kill() if what == "kill" else server.pause()
                await asyncio.sleep(random.uniform(0.1, 3))
                if what == "kill":
                    await server.start()
                else:
                    server.resume()
                await world.redis.back()
            redis_there.set()

    async def voices():
        while world.now() < end:
            await asyncio.sleep(random.uniform(0.1, 3))
            world.hush()
            await asyncio.sleep(random.uniform(0.1, 5))
            world.speak()

    redis_there = asyncio.Event()
    redis_there.set()
    await asyncio.gather(nodes(), redis(), voices())
    await asyncio.sleep(2.5)
