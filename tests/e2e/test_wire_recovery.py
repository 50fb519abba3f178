"""Positions, recovery and history as they stand on the wire."""

import pytest
import pytest_asyncio

from support.waiting import until
from support.wire import CommandError

NAMESPACES = {
    "channels": {
        "namespaces": {
            "short": {"subscribe": "user", "publish": "user", "history_size": 5, "history_ttl": "1h"},
            "asked": {"subscribe": "user", "history_size": 100, "history_ttl": "1h", "recover": "asked"},
            "never": {"subscribe": "user", "history_size": 100, "history_ttl": "1h", "recover": False},
            "brief": {"subscribe": "user", "history_size": 100, "history_ttl": "1s"},
        }
    }
}


@pytest_asyncio.fixture(params=[1, 2], ids=["1 loop", "2 loops"])
async def served(plexus, request):
    return await plexus({"node": {"loops": request.param}, **NAMESPACES})


async def publish(node, channel, count):
    """As many publications, with their offsets as data; the epoch."""
    for _ in range(count):
        at = await node.api.publish(channel, "x")
    return at["epoch"]


async def code_of(call):
    with pytest.raises(CommandError) as error:
        await call
    return error.value.code


def offsets(reply):
    return [p["offset"] for p in reply.get("publications", [])]


async def test_a_fresh_subscription_is_positioned(served, wire):
    one = await wire(served)
    got = await one.subscribe("chat:room")
    assert got["recoverable"] is True and got["positioned"] is True and len(got["epoch"]) == 8
    assert "offset" not in got and "recovered" not in got and "was_recovering" not in got
    await publish(served, "chat:other", 3)
    assert (await one.subscribe("chat:other"))["offset"] == 3


async def test_after_recovery_the_offset_is_the_one_that_was_sent(served, wire):
    epoch = await publish(served, "chat:room", 5)
    one = await wire(served)
    got = await one.subscribe("chat:room", recover=True, offset=2, epoch=epoch)
    assert got["recovered"] is True and got["was_recovering"] is True
    assert got["offset"] == 2 and got["epoch"] == epoch and offsets(got) == [3, 4, 5]
    await served.api.publish("chat:room", "x")
    assert (await one.push("pub"))["offset"] == 6


async def test_recovering_nothing(served, wire):
    epoch = await publish(served, "chat:room", 5)
    one = await wire(served)
    got = await one.subscribe("chat:room", recover=True, offset=5, epoch=epoch)
    assert got["recovered"] and got["was_recovering"] and got["offset"] == 5 and offsets(got) == []


async def test_recovering_from_the_very_beginning(served, wire):
    one = await wire(served)
    epoch = (await one.subscribe("chat:room"))["epoch"]
    await one.call("unsubscribe", channel="chat:room")
    await publish(served, "chat:room", 3)
    got = await one.subscribe("chat:room", recover=True, offset=0, epoch=epoch)
    assert got["recovered"] and "offset" not in got and offsets(got) == [1, 2, 3]


@pytest.mark.parametrize(
    "since", [{"offset": 1, "epoch": "anothere"}, {"offset": 9, "epoch": None}, {"offset": 2**60, "epoch": None}]
)
async def test_a_position_that_cannot_be_trusted(served, wire, since):
    epoch = await publish(served, "chat:room", 5)
    one = await wire(served)
    got = await one.subscribe("chat:room", recover=True, **{**since, "epoch": since["epoch"] or epoch})
    assert got["was_recovering"] is True and "recovered" not in got
    assert got["offset"] == 5 and got["epoch"] == epoch and offsets(got) == []


async def test_an_empty_epoch_fits_any(served, wire):
    await publish(served, "chat:room", 5)
    one = await wire(served)
    got = await one.subscribe("chat:room", recover=True, offset=3, epoch="")
    assert got["recovered"] and offsets(got) == [4, 5]


async def test_a_trimmed_history_recovers_all_or_nothing(served, wire):
    epoch = await publish(served, "short:room", 9)  # 5 to 9 are left
    one = await wire(served)
    got = await one.subscribe("short:room", recover=True, offset=3, epoch=epoch)
    assert "recovered" not in got and got["was_recovering"] and got["offset"] == 9 and offsets(got) == []
    await one.call("unsubscribe", channel="short:room")
    got = await one.subscribe("short:room", recover=True, offset=4, epoch=epoch)
    assert got["recovered"] and offsets(got) == [5, 6, 7, 8, 9]


async def test_a_history_that_was_removed(served, wire):
    epoch = await publish(served, "chat:room", 3)
    await served.api("history_remove", channel="chat:room")
    one = await wire(served)
    got = await one.subscribe("chat:room", recover=True, offset=1, epoch=epoch)
    assert "recovered" not in got and got["offset"] == 3 and got["epoch"] == epoch
    await one.call("unsubscribe", channel="chat:room")
    assert (await one.subscribe("chat:room", recover=True, offset=3, epoch=epoch))["recovered"]


async def test_more_than_may_be_recovered(plexus, wire):
    node = await plexus({"client": {"max_recovered": 10}})
    epoch = await publish(node, "chat:room", 12)
    one = await wire(node)
    got = await one.subscribe("chat:room", recover=True, offset=1, epoch=epoch)
    assert "recovered" not in got and offsets(got) == []
    await one.call("unsubscribe", channel="chat:room")
    assert len(offsets(await one.subscribe("chat:room", recover=True, offset=2, epoch=epoch))) == 10


async def test_flag_2_asks_for_error_112_instead(served, wire):
    epoch = await publish(served, "short:room", 9)
    one = await wire(served)
    assert (
        await code_of(one.subscribe("short:room", recover=True, recoverable=True, offset=1, epoch=epoch, flag=3))
        == 112
    )
    # It works only together with `recoverable`.
    got = await one.subscribe("short:room", recover=True, offset=1, epoch=epoch, flag=2)
    assert got["was_recovering"] and "recovered" not in got


async def test_recovery_for_those_who_ask(served, wire):
    epoch = await publish(served, "asked:room", 3)
    one = await wire(served)
    got = await one.subscribe("asked:room")
    assert "recoverable" not in got and "positioned" not in got
    await one.call("unsubscribe", channel="asked:room")
    got = await one.subscribe("asked:room", recoverable=True)
    assert got["recoverable"] and got["positioned"] and got["offset"] == 3
    await one.call("unsubscribe", channel="asked:room")
    got = await one.subscribe("asked:room", recoverable=True, recover=True, offset=1, epoch=epoch)
    assert got["recovered"] and offsets(got) == [2, 3]


async def test_recovery_where_it_is_off(served, wire):
    epoch = await publish(served, "never:room", 3)
    one = await wire(served)
    got = await one.subscribe("never:room", recoverable=True, recover=True, offset=1, epoch=epoch)
    assert got["was_recovering"] is True and "recovered" not in got and "recoverable" not in got
    assert offsets(got) == []


async def test_history_pages(served, wire):
    epoch = await publish(served, "chat:room", 10)
    one = await wire(served)
    await one.subscribe("chat:room")

    async def page(**fields):
        got = await one.call("history", channel="chat:room", **fields)
        assert got["offset"] == 10 and got["epoch"] == epoch
        return offsets(got)

    assert await page() == [] and await page(limit=0) == []
    assert await page(limit=3) == [1, 2, 3]
    assert await page(limit=-1) == list(range(1, 11))
    assert await page(limit=3, since={"offset": 3, "epoch": epoch}) == [4, 5, 6]
    assert await page(limit=-1, since={"offset": 8, "epoch": epoch}) == [9, 10]
    assert await page(limit=5, since={"offset": 10, "epoch": epoch}) == []
    assert await page(limit=3, reverse=True) == [10, 9, 8]
    assert await page(limit=3, reverse=True, since={"offset": 4, "epoch": epoch}) == [3, 2, 1]
    assert await page(limit=2, reverse=True, since={"offset": 8, "epoch": epoch}) == [7, 6]
    assert await page(limit=5, reverse=True, since={"offset": 1, "epoch": epoch}) == []
    assert await page(limit=5, since={"offset": 7, "epoch": ""}) == [8, 9, 10]
    assert await code_of(page(limit=5, since={"offset": 1, "epoch": "anothere"})) == 112


async def test_history_pages_both_ways_reach_everything(served, wire):
    epoch = await publish(served, "chat:room", 53)
    one = await wire(served)
    await one.subscribe("chat:room")
    for reverse in (False, True):
        got, since = [], None
        while True:
            fields = {"since": since} if since else {}
            page = offsets(await one.call("history", channel="chat:room", limit=7, reverse=reverse, **fields))
            if not page:
                break
            got += page
            since = {"offset": page[-1], "epoch": epoch}
        assert got == (list(range(53, 0, -1)) if reverse else list(range(1, 54)))


async def test_a_history_page_has_a_limit(plexus, wire):
    node = await plexus({"client": {"max_history_page": 5}})
    await publish(node, "chat:room", 9)
    one = await wire(node)
    await one.subscribe("chat:room")
    for limit in (-1, 6, 1000):
        assert offsets(await one.call("history", channel="chat:room", limit=limit)) == [1, 2, 3, 4, 5]


async def test_rights_to_history_and_presence(served, wire):
    one = await wire(served)
    assert await code_of(one.call("history", channel="plain:a")) == 108
    assert await code_of(one.call("presence", channel="plain:a")) == 108
    assert await code_of(one.call("history", channel="chat:a")) == 103  # for subscribers
    assert await code_of(one.call("presence", channel="chat:a")) == 103
    assert await code_of(one.call("presence_stats", channel="chat:a")) == 103
    assert await code_of(one.call("history", channel="nowhere:a")) == 102


async def test_history_ends_by_age(served, wire):
    epoch = await publish(served, "brief:room", 3)
    one = await wire(served)
    await one.subscribe("brief:room")

    async def gone():
        got = await one.call("history", channel="brief:room", limit=-1)
        return got if not got["publications"] else None

    got = await until(gone, "the end of the history", every=0.1)
    assert got["offset"] in (0, 3)
    if got["epoch"] == epoch:
        assert got["offset"] == 3 and (await served.api.publish("brief:room", 1))["offset"] == 4


async def test_a_top_that_outlives_its_subscribers(served, wire):
    """Offsets go on when everyone left and came back: there is no second publication 1 in one epoch."""
    epoch = await publish(served, "chat:room", 2)
    one = await wire(served)
    await one.subscribe("chat:room")
    await one.call("unsubscribe", channel="chat:room")
    got = await served.api.publish("chat:room", "x")
    assert got == {"offset": 3, "epoch": epoch}


async def test_subscribing_anew_under_fire_leaves_no_gap(served, wire):
    """Recovery from any position while publications stream in: the replies and pushes join without a seam."""
    publisher = await wire(served, "publisher", can={"publish": ["*"]})
    one = await wire(served)
    got = await one.subscribe("chat:room")
    position, epoch = 0, got["epoch"]
    for turn in range(30):
        for _ in range(20):
            publisher.start("publish", channel="chat:room", data=turn)
        for _ in range(turn % 5):
            assert (await one.push("pub"))["offset"] == (position := position + 1)
        number = one.start("unsubscribe", channel="chat:room")
        await one.result(number)
        for pushed in one.pushes():
            assert pushed["pub"]["offset"] == (position := position + 1)
        one.lines.items.clear()
        got = await one.subscribe("chat:room", recover=True, offset=position, epoch=epoch)
        assert got["recovered"] and got.get("offset", 0) == position
        for offset in offsets(got):
            assert offset == (position := position + 1)
    while position < 600:
        assert (await one.push("pub"))["offset"] == (position := position + 1)
