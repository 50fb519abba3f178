"""Rates and other limits of what clients may ask for: told with an error, then by a close; nobody else notices."""

import asyncio
import signal

import pytest

from support.tokens import token
from support.wire import CommandError, Wire


def rates(**values):
    return {"client": {"rate": values}}


async def test_bytes_are_counted_beside_commands(plexus, wire, bystander):
    node = await plexus(rates(bytes_per_second=20_000))
    watcher = await bystander(node)
    one = await wire(node)
    await one.subscribe("plain:a")
    await one.call("publish", channel="plain:a", data="x" * 30_000)  # large, but alone
    with pytest.raises(CommandError) as refused:
        await one.call("publish", channel="plain:a", data="x")
    assert refused.value.code == 111 and refused.value.temporary
    assert await node.metric('plexus_client_rate_limited_total{rate="bytes"}') == 1
    await watcher.unaffected()


async def test_ten_refusals_are_told_and_the_next_ends_the_connection(plexus, wire):
    node = await plexus(rates(commands_per_second=0.01, burst=3))
    one = await wire(node)  # the connect command is the first of the three
    numbers = [one.start("rpc", method="none") for _ in range(2 + 10 + 1)]
    replies = [(await one.reply(number))["error"]["code"] for number in numbers[:-1]]
    assert replies == [108] * 2 + [111] * 10
    assert await one.closed() == (3013, "too many requests")
    assert await node.metric('plexus_client_rate_limited_total{rate="commands"}') == 10
    assert await node.metric('plexus_client_disconnects_total{code="3013"}') == 1


async def test_commands_that_wait_for_a_subscription_are_counted_once(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, **rates(commands_per_second=0.01, burst=21)})
    one = await wire(node)
    commands = []
    for i in range(10):  # subscribe and unsubscribe in one message: each second one waits for the first
        commands.append({"id": 100 + 2 * i, "subscribe": {"channel": "chat:a"}})
        commands.append({"id": 101 + 2 * i, "unsubscribe": {"channel": "chat:a"}})
    one.send(*commands)
    for command in commands:
        assert "error" not in await one.reply(command["id"])
    with pytest.raises(CommandError) as refused:
        await one.call("rpc", method="none")
    assert refused.value.code == 111


async def test_pongs_are_not_counted(plexus, wire):
    node = await plexus(
        {"client": {"ping_interval": "1s", "pong_timeout": "1s", "rate": {"commands_per_second": 0.01, "burst": 2}}}
    )
    one = await wire(node)
    while one.pings < 3:
        await asyncio.sleep(0.05)
    with pytest.raises(CommandError) as allowed:
        await one.call("rpc", method="none")
    assert allowed.value.code == 108


async def test_a_rate_is_set_and_taken_away_by_a_reload(plexus, wire):
    node = await plexus()
    one = await wire(node)
    for changes, code in (({"commands_per_second": 0.01, "burst": 1}, 111), ({}, 108)):
        before = node.log().count("configuration read again")
        node.write_config({**node.config, "client": {**node.config["client"], "rate": changes}})
        node.signal(signal.SIGHUP)
        while node.log().count("configuration read again") == before:
            await asyncio.sleep(0.01)
        codes = []
        for _ in range(3):
            with pytest.raises(CommandError) as answer:
                await one.call("rpc", method="none")
            codes.append(answer.value.code)
        assert codes[-1] == code


async def test_publications_per_second_count_all_publishers(plexus, wire):
    options = {"subscribe": "user", "publish": "user", "publications_per_second": 2}
    node = await plexus({"channels": {"namespaces": {"slow": options}}})
    watcher = await wire(node, "watcher")
    await watcher.subscribe("slow:a")
    publisher = await wire(node, "publisher")
    outcomes = [await publisher.reply(publisher.start("publish", channel="slow:a", data=0)) for _ in range(2)]
    assert all("error" not in o for o in outcomes)
    with pytest.raises(Exception, match="error 111"):
        await node.api.publish("slow:a", 1)
    await node.api.publish("slow:b", 1)  # each channel has its own rate
    assert len([await watcher.push("pub") for _ in range(2)]) == 2
    assert await node.metric("plexus_publications_rate_limited_total") == 1
    # A refusal keeps nothing alive: the channel goes when its users are gone.
    await watcher.close()
    await publisher.close()


async def test_max_subscribers(plexus, loops, wire):
    node = await plexus(
        {"node": {"loops": loops}, "channels": {"namespaces": {"few": {"subscribe": "user", "max_subscribers": 2}}}}
    )
    inside = [await wire(node, f"user{i}") for i in range(2)]
    for one in inside:
        await one.subscribe("few:a")
    late = await wire(node, "late")
    with pytest.raises(CommandError) as refused:
        await late.subscribe("few:a")
    assert refused.value.code == 106 and not refused.value.temporary
    await inside[0].call("unsubscribe", channel="few:a")
    await late.subscribe("few:a")


async def test_max_connections_per_user(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, "client": {"max_connections_per_user": 2}})
    inside = [await wire(node, "one") for _ in range(2)]
    third = await Wire.open(node.port)
    third.start("connect", token=token("one"))
    assert (await third.closed())[0] == 3504
    await wire(node, "another")
    await inside[0].close()
    await wire(node, "one")
    assert await node.metric('plexus_client_disconnects_total{code="3504"}') == 1


async def test_the_longest_channel_name(plexus, wire):
    node = await plexus({"client": {"max_channel_length": 20}})
    one = await wire(node)
    await one.subscribe("plain:" + "é" * 7)
    with pytest.raises(CommandError) as refused:
        await one.subscribe("plain:" + "é" * 7 + "x")
    assert refused.value.code == 107


async def test_pages_and_recoveries_end_at_their_limits(plexus, wire):
    node = await plexus({"client": {"max_history_page": 5, "max_recovered": 5}})
    one = await wire(node)
    await one.subscribe("chat:a")
    for i in range(8):
        await node.api.publish("chat:a", i)
    assert [p["data"] for p in (await one.call("history", channel="chat:a", limit=-1))["publications"]] == list(range(5))
    again = await wire(node)
    got = await again.subscribe("chat:a", recover=True, offset=2)
    assert "recovered" not in got and got["was_recovering"] and got["offset"] == 8 and "publications" not in got
    other = await wire(node)
    got = await other.subscribe("chat:a", recover=True, offset=3)
    assert got["recovered"] and [p["data"] for p in got["publications"]] == list(range(3, 8))
