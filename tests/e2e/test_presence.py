"""Who is present: exactly those who are, at every moment that counts."""

import asyncio
import random

import pytest_asyncio

from support.tokens import token
from support.waiting import until
from support.wire import CLOSE, Wire, frame

NAMESPACES = {
    "channels": {
        "namespaces": {
            "grace": {"subscribe": "user", "presence": True, "join_leave": True, "presence_grace": "1s"},
            "loud": {"subscribe": "user", "presence": True, "join_leave": True},
            "quiet": {"subscribe": "user", "presence": True, "join_leave": False},
        }
    }
}


@pytest_asyncio.fixture(params=[1, 2], ids=["1 loop", "2 loops"])
async def served(plexus, request):
    return await plexus({"node": {"loops": request.param}, **NAMESPACES})


async def members(node, channel):
    return (await node.api("presence", channel=channel))["presence"]


async def test_members_with_what_is_known_of_them(served, wire):
    one = await wire(served, "ann", info={"name": "Ann"}, subs={"chat:a": {"info": {"role": "host"}}})
    assert await members(served, "chat:a") == {
        one.client: {
            "user": "ann",
            "client": one.client,
            "conn_info": {"name": "Ann"},
            "chan_info": {"role": "host"},
        }
    }


async def test_every_kind_of_end_is_a_leave(served, wire):
    watcher = await wire(served, "watcher")
    await watcher.subscribe("loud:a")
    assert (await watcher.push("join"))["info"]["client"] == watcher.client

    async def unsubscribe(one):
        await one.call("unsubscribe", channel="loud:a")

    async def close(one):
        await one.close()

    async def cut(one):
        one.abort()

    async def kicked(one):
        await served.api("disconnect", user="guest", client=one.client)

    async def broken(one):
        one.send_text("nonsense")

    async def removed(one):
        await served.api("unsubscribe", user="guest", channel="loud:a", client=one.client)

    for end in (unsubscribe, close, cut, kicked, broken, removed):
        one = await wire(served, "guest")
        await one.subscribe("loud:a")
        assert (await watcher.push("join"))["info"]["client"] == one.client
        await end(one)
        assert (await watcher.push("leave"))["info"]["client"] == one.client, end.__name__
        assert set(await members(served, "loud:a")) == {watcher.client}


async def test_a_subscriber_who_asked_gets_its_own_join(served, wire):
    one = await wire(served)
    await one.subscribe("chat:a", join_leave=True)
    assert (await one.push("join"))["info"]["client"] == one.client
    silent = await wire(served)
    await silent.subscribe("chat:a")
    await one.push("join")
    await served.api.publish("chat:a", 1)
    await silent.push("pub")
    assert silent.pushes() == []


async def test_no_joins_where_they_are_off(served, wire):
    one, two = await wire(served), await wire(served)
    await one.subscribe("quiet:a", join_leave=True)
    await two.subscribe("quiet:a", join_leave=True)
    await served.api.publish("quiet:a", 1)
    await one.push("pub")
    assert one.pushes() == []
    assert len(await members(served, "quiet:a")) == 2


async def test_joins_and_leaves_alternate_for_each_client(served, wire):
    watcher = await wire(served, "watcher")
    await watcher.subscribe("loud:a")
    await watcher.push("join")
    others = [await wire(served, f"user{i}") for i in range(5)]
    rounds = 20

    async def churn(one):
        for _ in range(rounds):
            await one.subscribe("loud:a")
            await one.call("unsubscribe", channel="loud:a")

    await asyncio.gather(*(churn(one) for one in others))
    inside = set()
    for _ in range(2 * rounds * len(others)):
        line = await watcher.lines.take(lambda x: "push" in x.value)
        ((kind, body),) = ((k, v) for k, v in line.value["push"].items() if k != "channel")
        client = body["info"]["client"]
        assert kind == ("leave" if client in inside else "join")
        inside ^= {client}
    assert not inside and set(await members(served, "loud:a")) == {watcher.client}


async def test_presence_is_exact_after_churn(served, wire):
    """300 comings and goings at once, in every manner; in the end exactly those are there who should."""
    generator = random.Random(7)
    staying = set()

    async def visit(i):
        one = await Wire.open(served.port)
        client = (await one.connect(token(f"user{i % 50}")))["client"]
        manner = generator.randrange(6)
        number = one.start("subscribe", channel="chat:room")
        if manner == 0:  # gone before the answer
            one.abort()
            return None
        if manner == 1:
            one.write(frame(CLOSE, b"\x03\xe8"))
            await one.closed()
            return None
        await one.result(number)
        if manner == 2:
            await one.call("unsubscribe", channel="chat:room")
            one.abort()
            return None
        if manner == 3:
            await one.call("unsubscribe", channel="chat:room")
            await one.subscribe("chat:room")
        elif manner == 4:
            await one.close()
            return None
        staying.add(client)
        return one

    kept = [one for one in await asyncio.gather(*(visit(i) for i in range(300))) if one]

    async def exact():
        return set(await members(served, "chat:room")) == staying

    await until(exact, "exactly those who stayed")
    stats = await served.api("presence_stats", channel="chat:room")
    assert stats["num_clients"] == len(kept)
    channels = (await served.api("channels", pattern="chat:*"))["channels"]
    assert channels["chat:room"]["num_clients"] == len(kept)
    for one in kept:
        one.abort()

    async def empty():
        return not await members(served, "chat:room")

    await until(empty, "an empty room")
    assert (await served.api("channels"))["channels"] == {}


async def test_a_member_stays_a_while_after_an_unclean_end(served, wire):
    watcher, one, clean = await wire(served, "watcher"), await wire(served, "ann"), await wire(served, "bob")
    for each in (watcher, one, clean):
        await each.subscribe("grace:a")
        await watcher.push("join")
    one.abort()
    await one.closed()
    await clean.close()
    # The clean end comes at once, the other after its grace.
    assert (await watcher.push("leave"))["info"]["client"] == clean.client
    assert set(await members(served, "grace:a")) == {watcher.client, one.client}
    started = asyncio.get_running_loop().time()
    assert (await watcher.push("leave"))["info"]["client"] == one.client
    assert asyncio.get_running_loop().time() - started > 0.3
    assert set(await members(served, "grace:a")) == {watcher.client}


async def test_an_unsubscribe_before_the_cut_leaves_no_grace(served, wire):
    watcher, one = await wire(served, "watcher"), await wire(served, "ann")
    for each in (watcher, one):
        await each.subscribe("grace:a")
        await watcher.push("join")
    await one.call("unsubscribe", channel="grace:a")
    one.abort()
    await watcher.push("leave")
    assert set(await members(served, "grace:a")) == {watcher.client}


async def test_updating_ones_state(served, wire):
    one, two = await wire(served, "ann"), await wire(served, "bob")
    for each in (one, two):
        await each.subscribe("loud:a")
    for each, joins in ((one, 2), (two, 1)):
        for _ in range(joins):
            await each.push("join")
    await one.call("rpc", method="plexus.presence.update", data={"channel": "loud:a", "state": {"typing": True}})
    assert (await two.push("join"))["info"] == {"user": "ann", "client": one.client, "chan_info": {"typing": True}}
    assert (await two.call("presence", channel="loud:a"))["presence"][one.client]["chan_info"] == {"typing": True}
    await one.call("rpc", method="plexus.presence.update", data={"channel": "loud:a", "state": {"typing": False}})
    assert (await two.push("join"))["info"]["chan_info"] == {"typing": False}
    stats = await two.call("presence_stats", channel="loud:a")
    assert stats == {"num_clients": 2, "num_users": 2}
    await one.close()
    assert (await two.push("leave"))["info"]["client"] == one.client


async def test_a_state_has_a_limit(plexus, wire):
    node = await plexus({"channels": {"namespaces": {"chat": {"max_state_size": 100}}}})
    one = await wire(node)
    await one.subscribe("chat:a")
    update = {"channel": "chat:a", "state": "x" * 98}
    await one.call("rpc", method="plexus.presence.update", data=update)
    reply = await one.reply(
        one.start("rpc", method="plexus.presence.update", data={"channel": "chat:a", "state": "x" * 99})
    )
    assert reply["error"]["code"] in (106, 107)
    assert (await members(node, "chat:a"))[one.client]["chan_info"] == "x" * 98


async def test_ten_rounds_end_where_they_should(served, wire):
    """As the clients' own test suites count it: 1 after ten rounds, 0 after the last."""
    one, two = await wire(served, "ann"), await wire(served, "bob", can={"presence": ["chat:*"]})
    for _ in range(10):
        await one.subscribe("chat:a")
        assert (await two.call("presence_stats", channel="chat:a"))["num_clients"] == 1
        await one.call("unsubscribe", channel="chat:a")
    assert await two.call("presence_stats", channel="chat:a") == {"num_clients": 0, "num_users": 0}
