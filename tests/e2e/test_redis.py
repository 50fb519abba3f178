"""Two nodes on one Redis, with the official Python client: they are one engine, whatever happens to either."""

import asyncio
import contextlib
import signal
import time

import pytest_asyncio
from support.clients import client, publications, subscribed
from support.node import DidNotStart
from support.redis import Redis
from support.tokens import token
from support.waiting import until


@pytest_asyncio.fixture
async def redis(tmp_path):
    one = await Redis(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always").start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def pair(plexus, redis):
    async def start(**more):
        changes = {"backplane": {"url": redis.url, "lease": "2s", **more}}
        return [await plexus({**changes, "node": {"name": f"n{i}"}}) for i in (1, 2)]

    yield start


async def dies(node):
    """As a machine that loses power."""
    await node.api.close()
    node.process.kill()
    node.process.wait()
    node.process = node.api = None


async def ready(node):
    return (await node.api.get("/health/ready")).status == 200


async def becomes(condition, what, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def test_publish_on_one_node_and_receive_on_the_other(pair):
    first, second = await pair()
    async with client(first.port, token=token("ann")) as ann, client(second.port, token=token("bob")) as bob:
        here, there = await subscribed(ann, "chat:room"), await subscribed(bob, "chat:room")
        assert here.first.stream_position.epoch == there.first.stream_position.epoch
        for i in range(50):
            await (here if i % 2 else there).publish(i)
        assert await publications(here, 50) == list(range(50))
        assert await publications(there, 50) == list(range(50))
        plain = await subscribed(bob, "plain:x")
        await first.api.publish("plain:x", "passing")
        assert await publications(plain, 1) == ["passing"]
        first_answer = await first.api.publish("chat:room", "once", idempotency_key="k")
        assert await second.api.publish("chat:room", "once", idempotency_key="k") == first_answer
        assert await publications(there, 1) == ["once"]
        assert (await second.api("history", channel="chat:room", limit=2))["offset"] == 51


async def test_presence_is_told_by_a_node_that_nobody_is_subscribed_at(pair):
    first, second = await pair()
    async with client(first.port, token=token("ann")) as ann:
        await subscribed(ann, "chat:room")
        for node in (first, second):
            assert (await node.api("presence_stats", channel="chat:room")) == {"num_clients": 1, "num_users": 1}
            got = (await node.api("presence", channel="chat:room"))["presence"]
            assert [m["user"] for m in got.values()] == ["ann"]
        assert (await second.api("presence", channel="chat:other"))["presence"] == {}

    async def nobody():
        return (await second.api("presence_stats", channel="chat:room"))["num_clients"] == 0

    await becomes(nobody, "the leave")


async def test_presence_is_the_same_everywhere_and_a_dead_nodes_members_leave_within_the_lease(pair):
    first, second = await pair()

    async def members(node):
        got = (await node.api("presence", channel="chat:room"))["presence"]
        return sorted(m["user"] for m in got.values())

    async with client(second.port, token=token("bob")) as bob:
        watching = await subscribed(bob, "chat:room", join_leave=True)
        async with contextlib.AsyncExitStack() as stack:
            for i in range(3):
                one = await stack.enter_async_context(client(first.port, token=token(f"guest{i}"), connect=True))
                await subscribed(one, "chat:room")
            for node in (first, second):

                async def all_there(node=node):
                    return await members(node) == ["bob", "guest0", "guest1", "guest2"]

                await becomes(all_there, "all members")
            died = time.monotonic()
            await dies(first)

            async def alone():
                return await members(second) == ["bob"]

            await becomes(alone, "the members of the dead node are gone", 6.0)
            assert time.monotonic() - died < 2 + 2.5
            left = [(await watching.events.next("leave")).info.user for _ in range(3)]
            assert sorted(left) == ["guest0", "guest1", "guest2"]
            await asyncio.sleep(0.5)
            assert not watching.events.seen("leave")


async def test_a_client_of_a_killed_node_goes_on_at_the_other_and_misses_nothing(pair, wire):
    first, second = await pair()
    async with client(second.port, token=token("pub")) as publisher:
        out = await subscribed(publisher, "chat:room")
        one = await wire(first, "ann")
        reply = await one.subscribe("chat:room")
        epoch, at, got = reply["epoch"], 0, []

        stop = asyncio.Event()
        sent = 0

        async def publish():
            nonlocal sent
            while not stop.is_set():
                await out.publish(sent)
                sent += 1

        task = asyncio.create_task(publish())
        for _ in range(100):
            push = await one.push("pub")
            got.append(push["data"])
            at = push["offset"]
        await dies(first)
        one.abort()
        await asyncio.sleep(0.2)
        again = await wire(second, "ann")
        reply = await again.subscribe("chat:room", recover=True, epoch=epoch, offset=at)
        assert reply["recovered"]
        got += [p["data"] for p in reply.get("publications", [])]
        stop.set()
        await task
        while len(got) < sent:
            got.append((await again.push("pub"))["data"])
        assert got == list(range(sent))


async def test_while_redis_is_away_publishing_fails_readiness_says_so_and_clients_stay(pair, redis):
    first, second = await pair()
    async with client(first.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        await first.api.publish("chat:room", "before")
        assert await publications(sub, 1) == ["before"]
        redis.kill()
        gone = time.monotonic()

        async def unready():
            return not await ready(first) and not await ready(second)

        await becomes(unready, "readiness", 2.0)
        answer = await first.api.get("/health/ready")
        assert answer.status == 503 and '"backplane"' in answer.text
        await asyncio.sleep(max(0.0, 2.0 - (time.monotonic() - gone)))
        asked = time.monotonic()
        refused = (await first.api.raw("publish", '{"channel":"chat:room","data":1}')).text
        assert '"code":100' in refused and time.monotonic() - asked < 1.0
        await redis.start()

        async def both():
            return await ready(first) and await ready(second)

        await becomes(both, "ready again", 4.0)
        await second.api.publish("chat:room", "after")
        assert await publications(sub, 1) == ["after"]
        assert not ann.events.seen("disconnected")


async def test_a_redis_that_stands_still_for_five_seconds(pair, redis):
    first, second = await pair()
    async with client(first.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        redis.pause()

        async def unready():
            return not await ready(first)

        await becomes(unready, "readiness", 2.5)
        await asyncio.sleep(4)
        redis.resume()

        async def both():
            return await ready(first) and await ready(second)

        await becomes(both, "ready again", 4.0)
        await second.api.publish("chat:room", "after")
        assert await publications(sub, 1) == ["after"]


async def test_after_flushall_every_client_is_told_and_goes_on(pair, redis):
    first, second = await pair()
    async with client(first.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        await second.api.publish("chat:room", "before")
        assert await publications(sub, 1) == ["before"]
        redis.ask("FLUSHALL")
        again = await sub.events.next("subscribed", timeout=3.0)
        assert again.was_recovering and not again.recovered
        await second.api.publish("chat:room", "after")
        assert await publications(sub, 1) == ["after"]


async def test_a_redis_that_cannot_be_reached_ends_the_start_with_code_1(plexus):
    try:
        await plexus({"backplane": {"url": "redis://127.0.0.1:1", "connect_timeout": "500ms"}})
    except DidNotStart as e:
        assert e.code == 1 and "backplane" in e.output
    else:
        raise AssertionError("it started")


async def test_another_number_of_partitions_ends_the_start_with_code_2(plexus, redis):
    await plexus({"backplane": {"url": redis.url}})
    try:
        await plexus({"backplane": {"url": redis.url, "partitions": 4}})
    except DidNotStart as e:
        assert e.code == 2 and "partitions" in e.output
    else:
        raise AssertionError("it started")


async def test_a_node_told_to_stop_moves_its_clients_and_loses_nothing(pair, wire):
    first, second = await pair()
    async with client(second.port, token=token("bob")) as bob:
        out = await subscribed(bob, "chat:room")
        one = await wire(first, "ann")
        reply = await one.subscribe("chat:room")
        await out.publish("a")
        at = (await one.push("pub"))["offset"]
        first.signal(signal.SIGTERM)
        await until(lambda: first.process.poll() is not None, "the node's end")
        await out.publish("b")
        again = await wire(second, "ann")
        reply = await again.subscribe("chat:room", recover=True, epoch=reply["epoch"], offset=at)
        assert reply["recovered"] and [p["data"] for p in reply["publications"]] == ["b"]
