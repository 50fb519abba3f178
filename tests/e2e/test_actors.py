"""Channel actors and hooks of plugins on one node, seen by clients that know nothing of them."""

import asyncio
import json
import selectors
import threading
import time

import pytest
import pytest_asyncio
from support.admin import SECRET, Admin
from support.clients import client, publications, refused, subscribed
from support.node import DidNotStart
from support.plugins import plugin
from support.slow import Slow
from support.tokens import token
from support.waiting import until
from support.wire import CommandError

COUNTED = {"actor": "counter", "subscribe": "user", "publish": "subscriber", "history_size": 1000, "history_ttl": "1h"}


def config(*plugins, **namespaces):
    return {
        "plugins": [plugin(p) for p in plugins],
        "channels": {"namespaces": {"c": COUNTED, **namespaces}},
    }


@pytest_asyncio.fixture
async def served(plexus, loops):
    return await plexus({"node": {"loops": loops}, **config("sample")})


async def code_of(awaitable):
    try:
        await awaitable
    except CommandError as e:
        return e.code
    raise AssertionError("it was not refused")


async def test_an_rpc_that_goes_nowhere_says_why(served, wire):
    served.errors_expected = True
    one = await wire(served, "ann")
    await one.subscribe("chat:a")
    for data, code in (
        ({}, 107),
        ({"channel": 5}, 107),
        ("text", 107),
        ({"channel": ""}, 107),
        ({"channel": "c:a", "idempotency_key": "k" * 129}, 107),
        ({"channel": "nowhere:x"}, 102),
        ({"channel": "c:not-subscribed"}, 103),
        ({"channel": "chat:a"}, 108),
    ):
        assert await code_of(one.call("rpc", method="counter.get", data=data)) == code, data
    await one.subscribe("c:a")
    for method in ("counter", "counter.", "counter.nonsense", "listing.size", "nobody.get", ".get"):
        assert await code_of(one.call("rpc", method=method, data={"channel": "c:a"})) == 108, method


async def test_the_official_client_calls_subscribes_and_hears(served):
    async with client(served.port, token=token("ann")) as ann, client(served.port, token=token("bob")) as bob:
        here = await subscribed(ann, "c:a")
        assert here.first.data == {"n": 0}
        answer = await ann.rpc("counter.add", {"channel": "c:a", "n": 5})
        assert answer.data == {"n": 5}
        there = await subscribed(bob, "c:a")
        assert there.first.data == {"n": 5}
        await there.publish("hello")
        assert await publications(here, 5) == [{"join": "ann"}, {"n": 5}, {"join": "bob"}, "hello", {"seen": 6}]
        # Only what came after the state it was given.
        assert await publications(there, 3) == [{"join": "bob"}, "hello", {"seen": 6}]
        await bob.disconnect()
        assert (await publications(here, 2))[1] == {"leave": "bob"}


async def test_a_publication_comes_before_the_reply_of_the_call_that_made_it(served, wire):
    one = await wire(served, "ann")
    await one.subscribe("c:a")
    for _ in range(50):
        number = one.start("rpc", method="counter.add", data={"channel": "c:a"})
        assert "pub" in (await one.lines.take(lambda x: "pub" in x.value.get("push", {}) or "id" in x.value)).value.get(
            "push", {}
        )
        await one.result(number)


async def test_who_joins_while_everything_changes_misses_nothing(served):
    """The data of the subscription and the publications after it make the whole, for whoever comes at any moment."""
    async with client(served.port, token=token("ann")) as ann, client(served.port, token=token("bob")) as bob:
        await subscribed(ann, "c:a")
        stop = asyncio.Event()

        async def calls():
            while not stop.is_set():
                await ann.rpc("counter.add", {"channel": "c:a"})

        running = asyncio.create_task(calls())
        for _ in range(20):
            sub = await subscribed(bob, "c:a")
            n = sub.first.data["n"]
            numbers = []
            while len(numbers) < 10:
                data = (await publications(sub, 1))[0]
                if "n" in data:
                    numbers.append(data["n"])
            assert numbers == list(range(n + 1, n + 11))
            await sub.unsubscribe()
            bob.remove_subscription(sub)
        stop.set()
        await running


async def test_a_handler_that_throws_costs_its_caller_an_error_and_nothing_else(served, wire):
    one = await wire(served, "ann")
    await one.subscribe("c:a")
    await one.call("rpc", method="counter.add", data={"channel": "c:a", "n": 3})
    assert await code_of(one.call("rpc", method="counter.fail", data={"channel": "c:a"})) == 100
    await served.logged('handler="on_call" error="on purpose"')
    assert (await one.call("rpc", method="counter.get", data={"channel": "c:a"}))["data"] == {"n": 3}
    assert await served.metric("plexus_actor_handler_failures_total") == 1


async def test_refusals_in_the_actors_own_words(served, wire):
    one = await wire(served, "ann")
    await one.subscribe("c:a")
    number = one.start("rpc", method="counter.no", data={"channel": "c:a"})
    assert (await one.reply(number))["error"] == {"code": 1000, "message": "own words"}
    assert await code_of(one.call("publish", channel="c:a", data="no")) == 103
    async with client(served.port, token=token("banned")) as banned:
        assert await refused(banned, "c:a") == 403


async def test_the_back_end_publishes_through_the_actor(served, wire):
    one = await wire(served, "ann")
    await one.subscribe("c:a")
    first = await served.api.publish("c:a", "from the back end", idempotency_key="k")
    assert first["offset"] > 0
    await served.api.publish("c:a", "from the back end", idempotency_key="k")
    await served.api.publish("c:a", "last")
    seen = []
    while "last" not in seen:
        seen.append((await one.push("pub"))["data"])
    assert seen.count("from the back end") == 1


async def test_a_removed_member_is_unsubscribed(served, wire):
    ann, bob = await wire(served, "ann"), await wire(served, "bob")
    await ann.subscribe("c:a")
    await bob.subscribe("c:a")
    await ann.call("rpc", method="counter.kick", data={"channel": "c:a", "client": bob.client})
    assert (await bob.push("unsubscribe"))["code"] == 2000
    while (await ann.push("pub"))["data"] != {"leave": "bob"}:
        pass


@pytest_asyncio.fixture
async def ushered(plexus, loops):
    room = {"actor": "usher", "subscribe": "user", "presence": True, "join_leave": True}
    return await plexus({"node": {"loops": loops}, **config("sample", u=room)})


async def test_a_handler_shows_a_members_state_to_all_clients(ushered):
    async with client(ushered.port, token=token("ann")) as ann, client(ushered.port, token=token("bob")) as bob:
        here = await subscribed(ann, "u:a")
        there = await subscribed(bob, "u:a")
        for state in ({"hand": "up", "seat": [1, "é"]}, {"hand": "down"}):
            await ann.rpc("usher.show", {"channel": "u:a", "client": bob.id, "state": state})
            # The member's own client too; without having left in between.
            for sub in (here, there):
                told = await sub.events.next("join", lambda ctx: ctx.info.client == bob.id and ctx.info.chan_info)
                assert (told.info.user, told.info.chan_info) == ("bob", state)
            members = (await here.presence()).clients
            assert members[bob.id].chan_info == state and not members[ann.id].chan_info
        assert not here.events.seen("leave") and not there.events.seen("leave")
        late = await subscribed_as(ushered, "carl", "u:a")
        assert late[bob.id].chan_info == {"hand": "down"}
        # Of who isn't there nothing changes, and nobody hears of it.
        await ann.rpc("usher.show", {"channel": "u:a", "client": "nobody", "state": {"hand": "up"}})
        assert set((await here.presence()).clients) == {ann.id, bob.id}


async def subscribed_as(node, user, channel):
    """Who is there, in the eyes of somebody who comes, looks and goes."""
    async with client(node.port, token=token(user)) as one:
        sub = await subscribed(one, channel)
        return (await sub.presence()).clients


async def test_a_removed_members_client_is_told_the_code_and_the_reason(ushered):
    async with client(ushered.port, token=token("ann")) as ann, client(ushered.port, token=token("bob")) as bob:
        here = await subscribed(ann, "u:a")
        for code in (2000, 2042):
            there = await subscribed(bob, "u:a")
            await ann.rpc("usher.out", {"channel": "u:a", "client": bob.id, "code": code})
            end = await there.events.next("unsubscribed")
            assert (end.code, end.reason) == (code, "server unsubscribe")
            await here.events.next("leave", lambda ctx: ctx.info.client == bob.id)
            bob.remove_subscription(there)
        # From 2500 on it comes again by itself.
        there = await subscribed(bob, "u:a")
        while there.events.seen("subscribing"):
            await there.events.next("subscribing")
        await ann.rpc("usher.out", {"channel": "u:a", "client": bob.id, "code": 2500})
        again = await there.events.next("subscribing")
        assert (again.code, again.reason) == (2500, "insufficient state")
        await there.events.next("subscribed")
        assert not there.events.seen("unsubscribed")


async def test_a_slow_handler_is_named_in_the_log_and_counted(plexus, wire):
    node = await plexus(config("sample", s={**COUNTED, "actor": "slow", "actor_budget": "20ms"}))
    one = await wire(node, "ann")
    await one.subscribe("s:a")
    await one.call("rpc", method="slow.wait", data={"channel": "s:a"})
    await node.logged('actor="slow" channel="s:a" handler="on_call"')
    assert await node.metric("plexus_actor_slow_handlers_total") >= 1


async def test_an_unused_actor_is_put_aside_and_goes_on_where_it_was(plexus, wire):
    node = await plexus(config("sample", i={**COUNTED, "actor_idle": "100ms"}))
    one = await wire(node, "ann")
    await one.subscribe("i:a")
    await one.call("rpc", method="counter.add", data={"channel": "i:a", "n": 7})
    await one.call("unsubscribe", channel="i:a")

    async def gone():
        return await node.metric("plexus_actor_instances") == 0

    await until(gone, "the actor is put aside")
    assert (await one.subscribe("i:a"))["data"] == {"n": 7}


async def test_hooks_refuse_change_answer_and_count(plexus, wire):
    node = await plexus(config("sample_hooks"))
    no = await wire(node, None)
    no.start("connect", token=token("forbidden"))
    assert await no.closed() == (4501, "not you")
    broken = await wire(node, None)
    broken.start("connect", token=token("broken"))
    assert (await broken.closed())[0] == 3507
    await node.logged('hook="on_connect" error="broken hook"')
    hello = await wire(node, None)
    assert (await hello.connect(token("renamed")))["data"] == {"hello": "other"}
    # Blocked is whom the hook made of it.
    await node.api("block_user", user="other")
    assert (await hello.closed())[0] == 3507
    again = await wire(node, None)
    again.start("connect", token=token("renamed"))
    assert (await again.closed())[0] == 3507

    one = await wire(node, "ann")
    assert await code_of(one.subscribe("chat:forbidden")) == 1403
    assert (await one.subscribe("chat:marked"))["data"] == {"marked": "ann"}
    assert await code_of(one.call("publish", channel="chat:marked", data="forbidden")) == 1404
    await one.call("publish", channel="chat:marked", data="change me")
    assert (await one.push("pub"))["data"] == "changed"
    assert (await one.call("rpc", method="hook.echo", data=[1]))["data"] == [1]
    assert await code_of(one.call("rpc", method="hook.other", data={})) == 108
    await one.call("unsubscribe", channel="chat:marked")
    assert (await one.call("rpc", method="hook.seen"))["data"] == {"joins": 1, "leaves": 1}


async def does_not_start(plexus, changes):
    with pytest.raises(DidNotStart) as e:
        await plexus(changes)
    assert e.value.code == 2
    return e.value.output


async def test_a_plugin_of_another_version_is_refused_with_both_versions(plexus):
    said = await does_not_start(plexus, {"plugins": [plugin("sample_old")]})
    assert "libsample_old.so\" (was built for Plexus 9.9.9 (plugin interface 99" in said
    assert "this node is Plexus 0." in said


async def test_what_is_no_plugin_is_named(plexus):
    said = await does_not_start(plexus, {"plugins": ["./nothing.so"]})
    assert "plugins: found \"./nothing.so\" (can't be loaded" in said


async def test_an_actor_without_any_plugin_is_named(plexus):
    said = await does_not_start(plexus, {"channels": {"namespaces": {"c": {"actor": "counter"}}}})
    assert 'channels.namespaces.c.actor: found "counter"' in said


async def test_an_actor_that_no_plugin_has_is_named_with_those_there_are(plexus):
    said = await does_not_start(plexus, config("sample", d={"actor": "auction"}))
    assert 'found "auction", expected one of "counter", "listing", "slow", "usher"' in said


async def test_a_reload_that_names_an_unknown_actor_changes_nothing(served, wire):
    served.errors_expected = True
    changed = json.loads(json.dumps(served.config))
    changed["channels"]["namespaces"]["c"]["actor"] = "unknown"
    served.write_config(changed)
    served.signal(1)
    await served.logged("the one before stays")
    one = await wire(served, "ann")
    await one.subscribe("c:a")
    assert (await one.call("rpc", method="counter.get", data={"channel": "c:a"}))["data"] == {"n": 0}


async def test_a_game_of_a_hundred_goes_on_while_one_does_not_read(plexus):
    """30 ticks a second for those who read; who doesn't gets the latest when he does."""
    room = {"actor": "game", "subscribe": "user", "publish": "subscriber", "on_slow": "latest"}
    node = await plexus({**config("sample", "game", game=room), "client": {"ping_interval": "0s"}})
    players = [await asyncio.to_thread(Slow, node, "game:1", user=f"p{i}" + "x" * 150) for i in range(98)]  # so that sockets fill soon
    over = threading.Event()
    reading = asyncio.create_task(asyncio.to_thread(read_all, [p.socket for p in players], over))
    async with client(node.port, token=token("ann")) as ann:
        watching = await subscribed(ann, "game:1")
        late = await asyncio.to_thread(Slow, node, "game:1", user="late", receive_buffer=2048)
        ticks = 0

        async def see(fits):
            nonlocal ticks
            while True:
                ticks += 1
                now = (await publications(watching, 1))[0]["players"]
                if fits(now):
                    return now

        await see(lambda players: len(players) == 100)
        began, before = time.monotonic(), ticks
        await see(lambda _: ticks == before + 60)
        rate = 60 / (time.monotonic() - began)
        print(f"{rate:.1f} ticks a second")
        assert 20 < rate < 40
        skipped = 0
        while not skipped:
            await see(lambda _: True)
            skipped = await node.metric("plexus_publications_skipped_total")
        await watching.publish({"dx": -1, "dy": 0})
        await see(lambda players: players["ann"][0] == 0)
        read = 1
        while (await asyncio.to_thread(late.publication))[2]["players"].get("ann") != [0, 300]:
            read += 1
        print(f"{ticks} ticks, of which the late one read {read}")
        assert read < ticks - 10
        assert await node.metric("plexus_slow_clients_total") == 0
        late.close()
    over.set()
    await reading
    for each in players:
        each.close()


def read_all(sockets, over):
    """Readers that keep up and don't look at what they get."""
    with selectors.DefaultSelector() as ready:
        for each in sockets:
            each.setblocking(False)
            ready.register(each, selectors.EVENT_READ)
        while not over.is_set():
            for key, _ in ready.select(0.1):
                key.fileobj.recv(1 << 20)


async def test_an_operator_sees_what_the_actor_shows(plexus, wire):
    node = await plexus({**config("sample"), "admin": {"secret": SECRET}})
    one, ann = await Admin.open(node), await wire(node, "ann")
    assert await one.error("actor", channel="c:a") == 108
    await ann.subscribe("c:a")
    await ann.call("rpc", method="counter.add", data={"channel": "c:a", "n": 5})
    seen = (await one.ask("actor", channel="c:a"))["actor"]
    assert seen["actor"] == "counter" and seen["node"] == "e2e" and seen["members"] == 1
    assert seen["state"] == {"n": 5, "members": 1} and seen["state_bytes"] > 0 and "fault" not in seen
    assert 0 < seen["lease"]["left"] <= 10 and seen["lease"]["token"] > 0
    assert [m["user"] for m in seen["first"]] == ["ann"]
    for n, fault in ((13, "13 isn't shown"), (14, "it shows 100000 bytes, more than 65536")):
        await ann.call("rpc", method="counter.add", data={"channel": "c:a", "n": n - seen["state"]["n"] if n == 13 else 1})
        got = (await one.ask("actor", channel="c:a"))["actor"]
        assert got["fault"] == fault and got["state"] is None
    (listed,) = (await one.ask("actors"))["nodes"][0]["channel_actors"]
    assert listed["channel"] == "c:a" and listed["lease"]["token"] == seen["lease"]["token"]
    await one.close()
