"""The official Python client over a network that fails: nothing lost, nothing twice, nothing out of order."""

import pytest

from support.clients import client, publications, subscribed
from support.proxy import Network
from support.tokens import token
from support.wire import Wire


@pytest.mark.parametrize("missed", [1, 10, 1000])
async def test_what_was_missed_comes_after_the_reconnect(plexus, loops, missed):
    node = await plexus({"node": {"loops": loops}})
    async with Network(node.port) as network, client(network.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        assert sub.first.recoverable and sub.first.positioned and not sub.first.was_recovering
        await node.api.publish("chat:room", "before")
        assert await publications(sub, 1) == ["before"]

        network.cut()
        await sub.events.next("subscribing", lambda ctx: ctx.code == 1)
        await node.api(
            "batch",
            parallel=False,
            commands=[{"publish": {"channel": "chat:room", "data": i}} for i in range(missed)],
        )
        network.heal()

        again = await sub.events.next("subscribed")
        assert again.was_recovering and again.recovered
        assert await publications(sub, missed) == list(range(missed))
        await node.api.publish("chat:room", "after")
        last = (await sub.events.next("publication")).pub
        assert last.data == "after" and last.offset == missed + 2
        assert not sub.events.seen("publication")


async def test_a_trimmed_history_says_so(plexus, loops):
    node = await plexus(
        {
            "node": {"loops": loops},
            "channels": {"namespaces": {"short": {"subscribe": "user", "history_size": 5, "history_ttl": "1h"}}},
        }
    )
    async with Network(node.port) as network, client(network.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "short:room")
        await node.api.publish("short:room", "seen")
        assert await publications(sub, 1) == ["seen"]
        network.cut()
        await sub.events.next("subscribing", lambda ctx: ctx.code == 1)
        for i in range(7):
            await node.api.publish("short:room", i)
        network.heal()
        again = await sub.events.next("subscribed")
        assert again.was_recovering and not again.recovered and again.stream_position.offset == 8
        await node.api.publish("short:room", "live")
        assert await publications(sub, 1) == ["live"]


async def test_server_side_subscriptions_recover_too(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    async with (
        Network(node.port) as network,
        client(network.port, token=token("ann", channels=["chat:one"])) as ann,
    ):
        await ann.events.next("subscribed")
        network.cut()
        await ann.events.next("connecting", lambda ctx: ctx.code == 1)
        for i in range(3):
            await node.api.publish("chat:one", i)
        network.heal()
        again = await ann.events.next("subscribed")
        assert again.was_recovering and again.recovered
        assert [(await ann.events.next("publication")).pub.data for _ in range(3)] == [0, 1, 2]


async def test_reconnecting_while_others_publish_loses_nothing(plexus, loops):
    """The join of history and live delivery, over and over."""
    node = await plexus({"node": {"loops": loops}})
    publisher = await Wire.open(node.port)
    await publisher.connect(token("publisher", can={"publish": ["chat:room"]}))
    total, sent = 400, 0
    async with Network(node.port) as network, client(network.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        got = []
        while len(got) < total:
            if sent < total:
                for _ in range(20):
                    publisher.start("publish", channel="chat:room", data=sent)
                    sent += 1
                if sent % 100 == 0:
                    network.cut()
                    network.heal()
            got += await publications(sub, 1)
        assert got == list(range(total)) and not sub.events.seen("publication")
    await publisher.close()
