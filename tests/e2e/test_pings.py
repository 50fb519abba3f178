"""Pings of the protocol: who does not answer is gone, who answers stays."""

import asyncio

from support.waiting import until
from support.wire import PING, frame

FAST = {"client": {"ping_interval": "1s", "pong_timeout": "500ms"}}


async def test_no_pong_is_3012_in_time(plexus, wire, bystander):
    node = await plexus(FAST)
    watcher = await bystander(node)
    deaf = await wire(node)
    deaf.answers_pings = False
    started = asyncio.get_running_loop().time()
    assert (await deaf.closed())[0] == 3012
    assert asyncio.get_running_loop().time() - started < 1 + 0.5 + 2
    assert deaf.pings == 1
    await watcher.unaffected()


async def test_who_answers_stays(plexus, wire):
    node = await plexus(FAST)
    one = await wire(node)
    await until(lambda: one.pings >= 3, "three pings")
    await one.subscribe("chat:a")


async def test_other_commands_are_no_pong(plexus, wire):
    node = await plexus(FAST)
    one = await wire(node)
    one.answers_pings = False

    async def keep_talking():
        while not one.closed_with.done():
            one.start("rpc", method="none")
            one.write(frame(PING, b"x"))
            await asyncio.sleep(0.05)

    talking = asyncio.ensure_future(keep_talking())
    assert (await one.closed())[0] == 3012
    await talking


async def test_a_pong_nobody_asked_for_is_ignored(node, wire):
    one = await wire(node)
    for _ in range(5):
        one.send_text("{}")
    await one.subscribe("chat:a")


async def test_a_client_without_pongs_leaves_after_its_grace(plexus, wire):
    node = await plexus(
        {
            **FAST,
            "channels": {"namespaces": {"grace": {"subscribe": "user", "presence": True, "presence_grace": "1s"}}},
        }
    )
    one = await wire(node)
    await one.subscribe("grace:a")
    one.answers_pings = False
    assert (await one.closed())[0] == 3012
    assert one.client in (await node.api("presence", channel="grace:a"))["presence"]

    async def gone():
        return not (await node.api("presence", channel="grace:a"))["presence"]

    await until(gone, "the end of the grace")


async def test_no_pings_where_they_are_off(plexus, wire):
    node = await plexus({"client": {"ping_interval": "0s"}})
    one = await wire(node, None)
    reply = await one.connect(node.token("ann"))
    assert "ping" not in reply and "pong" not in reply
