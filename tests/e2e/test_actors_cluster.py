"""The examples' actors on three nodes and Redis, with the official client: each lives once, whatever happens to nodes."""

import asyncio
import contextlib
import signal
import time

import pytest_asyncio
from support.admin import SECRET, Admin
from support.clients import client, publications, subscribed
from support.plugins import plugin
from support.tokens import token
from support.waiting import until

LEASE = 2.0


@pytest_asyncio.fixture
async def three(plexus, redis):
    def settings(i):
        return {
            "node": {"name": f"n{i}", "drain_timeout": "4s"},
            "backplane": {"url": redis.url, "lease": "2s"},
            "admin": {"secret": SECRET},
            "plugins": [plugin("auction"), plugin("whiteboard"), plugin("game"), plugin("sample")],
            "channels": {
                "namespaces": {
                    "auction": {"actor": "auction", "subscribe": "user", "history_size": 5000, "history_ttl": "1h"},
                    "board": {
                        "actor": "whiteboard",
                        "subscribe": "user",
                        "publish": "subscriber",
                        "history_size": 5000,
                        "history_ttl": "1h",
                    },
                    "game": {"actor": "game", "subscribe": "user", "publish": "subscriber", "on_slow": "latest"},
                    "c": {"actor": "counter", "subscribe": "user", "history_size": 5000, "history_ttl": "1h"},
                }
            },
        }

    return [await plexus(settings(i)) for i in range(3)]


async def dies(node):
    """As a machine that loses power."""
    await node.api.close()
    node.process.kill()
    node.process.wait()
    node.process = node.api = None


async def owner_of_the_only_actor(nodes):
    async def found():
        for node in nodes:
            if await node.metric("plexus_actor_instances") == 1:
                return node
        return None

    return await until(found, "somebody has the actor")


async def call(one, method, **data):
    """An RPC repeated until it is answered, as an application would: with a key, it counts once."""
    while True:
        try:
            return (await one.rpc(method, data)).data
        except Exception as e:
            if getattr(e, "code", 100) not in (100, 0) and "imeout" not in repr(e) and "isconnect" not in repr(e):
                raise
            await asyncio.sleep(0.05)


async def test_a_thousand_bids_and_the_owner_is_killed_in_the_middle(three):
    async with client(three[0].port, token=token("house")) as house:
        first = await subscribed(house, "auction:lamp")
        await call(house, "auction.open", channel="auction:lamp", start=0)
        owner = await owner_of_the_only_actor(three)
        others = [n for n in three if n is not owner]
        heard = []
        async with client(others[0].port, token=token("ann")) as ann, client(others[1].port, token=token("bob")) as bob:
            watching = await subscribed(ann, "auction:lamp")
            await subscribed(bob, "auction:lamp")
            acknowledged, times = [], []
            amounts = iter(range(1, 1001))

            async def bid(one):
                for amount in amounts:
                    while True:
                        try:
                            got = await one.rpc(
                                "auction.bid",
                                {"channel": "auction:lamp", "amount": amount, "idempotency_key": str(amount)},
                            )
                        except Exception as e:
                            if getattr(e, "code", None) == 409:
                                break  # a higher one came first: not a bid
                            await asyncio.sleep(0.05)
                            continue
                        acknowledged.append(got.data["price"])
                        times.append(time.monotonic())
                        break
                    if amount == 500:
                        await dies(owner)
                        times.append(time.monotonic())

            await asyncio.gather(*(bid(one) for one in (ann, bob) for _ in range(4)))
            final = await call(ann, "auction.show", channel="auction:lamp")
            assert final["price"] == 1000
            assert final["bids"] == len(acknowledged), "every acknowledged bid counted once"
            gap = max(b - a for a, b in zip(sorted(times), sorted(times)[1:]))
            print(f"{len(acknowledged)} bids; without service for {gap:.2f} s at a lease of {LEASE} s")
            assert gap < LEASE + 3
            # What the subscribers heard is the same story, without a gap and without a repetition.
            while not heard or heard[-1]["price"] != 1000:
                heard += await publications(watching, 1)
            prices = [lot["price"] for lot in heard]
            assert prices == sorted(set(prices)) and sorted(acknowledged) == prices[-len(acknowledged) :]
        await first.unsubscribe()


async def test_a_frozen_owner_comes_back_and_its_writes_are_refused(three):
    async with client(three[0].port, token=token("ann")) as ann:
        await subscribed(ann, "c:x")
        await call(ann, "counter.repeat", channel="c:x")  # a publication each second
        owner = await owner_of_the_only_actor(three)
        other = next(n for n in three if n is not owner)
        async with client(other.port, token=token("bob")) as bob, client(owner.port, token=token("carl")) as carl:
            sub = await subscribed(bob, "c:x")
            await subscribed(carl, "c:x")
            owner.signal(signal.SIGSTOP)
            asked = asyncio.create_task(call(carl, "counter.add", channel="c:x"))  # read when it goes on
            await asyncio.sleep(LEASE + 0.5)

            async def taken_over():
                for node in three:
                    if node is not owner and await node.metric("plexus_actor_instances") == 1:
                        return True
                return False

            await until(taken_over, "another node has it", 10)
            owner.signal(signal.SIGCONT)

            async def refused():
                return await owner.metric("plexus_actor_fenced_total") >= 1

            await until(refused, "the stale owner's write is refused", 10)
            assert (await asked)["n"] > 0, "what it was asked is done by the other"
            counted = [p["n"] for p in await publications(sub, 6, timeout=20) if "n" in p]
            assert counted == sorted(set(counted)), "nobody heard the stale one"

            async def one_left():
                return sum([await n.metric("plexus_actor_instances") for n in three]) == 1

            await until(one_left, "one owner", 10)


async def test_a_node_that_stops_hands_its_actors_over_without_a_gap(three):
    async with client(three[0].port, token=token("ann")) as ann:
        await subscribed(ann, "c:x")
        await call(ann, "counter.add", channel="c:x")
        owner = await owner_of_the_only_actor(three)
        other = next(n for n in three if n is not owner)
        async with client(other.port, token=token("bob")) as bob:
            await subscribed(bob, "c:x")
            longest = 0
            owner.signal(signal.SIGTERM)
            for _ in range(200):
                began = time.monotonic()
                await bob.rpc("counter.add", {"channel": "c:x"})
                longest = max(longest, time.monotonic() - began)
            assert longest < LEASE, f"a call waited for {longest:.2f} s"
            assert (await call(bob, "counter.get", channel="c:x"))["n"] == 201


async def test_moved_by_hand_while_it_is_called_it_lives_elsewhere_and_no_answer_is_lost(three):
    async with contextlib.AsyncExitStack() as all:
        people = [await all.enter_async_context(client(n.port, token=token(f"p{i}"))) for i, n in enumerate(three)]
        watching = [await subscribed(one, "c:x") for one in people]
        for sub, joined in zip(watching, (3, 2, 1)):  # who is there when all are
            await publications(sub, joined)
        answers, stop = [], asyncio.Event()

        async def calls(one):
            while not stop.is_set():
                answers.append((await one.rpc("counter.add", {"channel": "c:x"})).data["n"])

        running = [asyncio.create_task(calls(one)) for one in people]
        operator = await Admin.open(three[0])
        owner = await owner_of_the_only_actor(three)
        for _ in range(3):  # there is none that it couldn't be moved to, or from
            to = three[(three.index(owner) + 1) % 3]
            done = len(answers)
            moved = await operator.ask("move", channel="c:x", to=to.ready["name"], reason="a hot one")
            assert moved["from"] == owner.ready["name"]

            async def arrived():
                return await to.metric("plexus_actor_instances") == 1 and not await owner.metric("plexus_actor_instances")

            await until(arrived, f"{to.ready['name']} has the actor")
            await until(lambda: len(answers) > done + 30, "the calls go on")
            owner = to
        stop.set()
        await asyncio.gather(*running)
        await operator.close()
        # Each call counted once, each answer is of one call, and all heard each change once and in order.
        count = len(answers)
        assert sorted(answers) == list(range(1, count + 1))
        for sub in watching:
            assert await publications(sub, count) == [{"n": n} for n in range(1, count + 1)]


async def test_a_whiteboard_is_the_same_for_all_after_its_node_died(three):
    async with client(three[0].port, token=token("ann")) as ann:
        await subscribed(ann, "board:1")
        for i in range(200):
            await call(ann, "whiteboard.put", channel="board:1", id=str(i % 20), shape=[i])
        owner = await owner_of_the_only_actor(three)
        left = [n for n in three if n is not owner]
        await dies(owner)
        async with client(left[0].port, token=token("bob")) as bob, client(left[1].port, token=token("carl")) as carl:
            boards = [(await subscribed(one, "board:1")).first.data for one in (bob, carl)]
            assert boards[0] == boards[1]
            assert {s["id"]: s["shape"] for s in boards[0]["strokes"]} == {str(i % 20): [i] for i in range(180, 200)}


async def test_a_game_ticks_thirty_times_a_second_for_everybody(three):
    async with client(three[0].port, token=token("ann")) as ann, client(three[1].port, token=token("bob")) as bob:
        here, there = await subscribed(ann, "game:1"), await subscribed(bob, "game:1")
        await publications(here, 1)
        began = time.monotonic()
        await publications(here, 90)
        rate = 90 / (time.monotonic() - began)
        print(f"{rate:.1f} ticks a second")
        assert 20 < rate < 40
        await here.publish({"dx": 1, "dy": 0})

        async def moved():
            return (await publications(there, 1))[0]["players"]["ann"][0] > 510

        await until(moved, "bob sees ann move")


async def test_a_large_board_reaches_many_who_come_at_once_to_another_node(plexus, redis):
    """A page that everybody loads again: more than one message between nodes may carry."""

    def settings(i):
        board = {"actor": "whiteboard", "subscribe": "user", "max_actor_state": 4 * 1024 * 1024}
        return {
            "node": {"name": f"n{i}"},
            "backplane": {"url": redis.url, "lease": "2s"},
            "client": {"max_message_size": 2 * 1024 * 1024, "max_queue_size": 16 * 1024 * 1024},
            "plugins": [plugin("whiteboard")],
            "channels": {"namespaces": {"board": board}},
        }

    nodes = [await plexus(settings(i)) for i in range(2)]
    async with client(nodes[0].port, token=token("ann")) as ann:
        await subscribed(ann, "board:1")
        for i in range(3):
            await call(ann, "whiteboard.put", channel="board:1", id=str(i), shape=["x" * 800_000])
        owner = await owner_of_the_only_actor(nodes)
        other = next(n for n in nodes if n is not owner)
        began = time.monotonic()
        async with contextlib.AsyncExitStack() as all:
            guests = [await all.enter_async_context(client(other.port, token=token(f"g{i}"), timeout=20)) for i in range(8)]
            boards = await asyncio.gather(*(subscribed(one, "board:1") for one in guests))
            for board in boards:
                assert len(board.first.data["strokes"]) == 3
        print(f"8 boards of 2.4 MB after {time.monotonic() - began:.1f} s")
        assert await other.metric("plexus_actor_given_up_total") == 0
