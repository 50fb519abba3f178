"""The official Python client, unmodified: what an application does with it."""

import asyncio

import pytest
from centrifuge import ReplyError

from support.clients import client, publications, refused, subscribed
from support.tokens import token


async def test_two_clients_talk(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    async with client(node.port, token=token("ann")) as ann, client(node.port, token=token("bob")) as bob:
        a, b = await subscribed(ann, "chat:room"), await subscribed(bob, "chat:room")
        await a.publish({"text": "hello"})
        await b.publish({"text": "hi"})
        for sub in (a, b):
            first = (await sub.events.next("publication")).pub
            second = (await sub.events.next("publication")).pub
            assert (first.data, first.offset, first.info.user) == ({"text": "hello"}, 1, "ann")
            assert (second.data, second.offset, second.info.user) == ({"text": "hi"}, 2, "bob")
            assert first.info.client == ann.id


async def test_a_client_that_is_not_subscribed_gets_nothing(node):
    async with client(node.port, token=token("ann")) as ann, client(node.port, token=token("bob")) as bob:
        a, b = await subscribed(ann, "chat:one"), await subscribed(bob, "chat:two")
        await a.publish(1)
        await b.publish(2)
        assert await publications(b, 1) == [2]
        await b.unsubscribe()
        await b.events.next("unsubscribed")
        await node.api.publish("chat:two", 3)
        await b.subscribe()
        await b.events.next("subscribed")
        await node.api.publish("chat:two", 4)
        # The client keeps its position over an unsubscribe, so it recovers what it missed.
        assert await publications(b, 2) == [3, 4]
        assert await publications(a, 1) == [1] and not a.events.seen("publication")


async def test_history(node):
    async with client(node.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room")
        for i in range(5):
            await node.api.publish("chat:room", i)
        page = await sub.history(limit=3)
        assert [p.data for p in page.publications] == [0, 1, 2] and page.offset == 5 and page.epoch
        page = await sub.history(limit=-1, reverse=True)
        assert [p.data for p in page.publications] == [4, 3, 2, 1, 0]
        assert [p.offset for p in page.publications] == [5, 4, 3, 2, 1]
        page = await sub.history()
        assert page.publications == [] and page.offset == 5


async def test_presence_and_its_numbers(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    async with (
        client(node.port, token=token("ann", info={"name": "Ann"})) as ann,
        client(node.port, token=token("ann")) as ann2,
        client(node.port, token=token("bob")) as bob,
    ):
        sub = await subscribed(ann, "chat:room")
        await subscribed(ann2, "chat:room")
        await subscribed(bob, "chat:room")
        members = (await sub.presence()).clients
        assert set(members) == {ann.id, ann2.id, bob.id}
        assert members[ann.id].user == "ann" and members[ann.id].conn_info == {"name": "Ann"}
        numbers = await sub.presence_stats()
        assert (numbers.num_clients, numbers.num_users) == (3, 2)


async def test_joins_and_leaves(node):
    async with client(node.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "chat:room", join_leave=True)
        assert (await sub.events.next("join")).info.client == ann.id
        async with client(node.port, token=token("bob", info={"n": 1})) as bob:
            await subscribed(bob, "chat:room")
            joined = (await sub.events.next("join")).info
            assert (joined.client, joined.user, joined.conn_info) == (bob.id, "bob", {"n": 1})
        assert (await sub.events.next("leave")).info.client == bob.id


async def test_what_is_not_there_has_its_code(node):
    async with client(node.port, token=token("ann")) as ann:
        with pytest.raises(ReplyError) as error:
            await ann.rpc("nothing", {})
        assert error.value.code == 108 and not error.value.temporary
        with pytest.raises(ReplyError) as error:
            await ann.publish("private:room", 1)
        assert error.value.code == 103
        with pytest.raises(ReplyError) as error:
            await ann.publish("nowhere:room", 1)
        assert error.value.code == 102
        sub = await subscribed(ann, "plain:room")
        for call in (sub.history(), sub.presence(), sub.presence_stats()):
            with pytest.raises(ReplyError) as error:
                await call
            assert error.value.code == 108
        assert await refused(ann, "nowhere:room") == 102
        assert await refused(ann, "private:room") == 103
        assert await refused(ann, "chat:" + "x" * 300) == 107


async def test_many_channels_on_one_connection(node):
    async with client(node.port, token=token("ann")) as ann:
        subs = [await subscribed(ann, f"plain:{i}") for i in range(100)]
        await node.api("broadcast", channels=[f"plain:{i}" for i in range(100)], data="all")
        for sub in subs:
            assert await publications(sub, 1) == ["all"]


async def test_a_bad_token_is_final(node):
    for bad in ("nonsense", token("ann", secret="another"), token("ann") + "x"):
        async with client(node.port, token=bad, connect=False) as one:
            assert (await one.events.next("disconnected")).code == 3500


async def test_no_token_is_final_where_one_is_needed(node):
    async with client(node.port, connect=False) as one:
        assert (await one.events.next("disconnected")).code == 3501


async def test_an_expired_token_is_replaced(node):
    asked = 0

    async def get_token():
        nonlocal asked
        asked += 1
        return token("ann", expires_in=60)

    async with client(node.port, token=token("ann", expires_in=-5), get_token=get_token) as one:
        await subscribed(one, "chat:room")
        assert asked == 1


async def test_a_connection_token_is_refreshed_while_connected(plexus):
    node = await plexus({"client": {"expired_close_delay": "2s"}})
    refreshed = asyncio.Event()

    async def get_token():
        refreshed.set()
        return token("ann", expires_in=100)

    async with client(node.port, token=token("ann", expires_in=2), get_token=get_token) as one:
        sub = await subscribed(one, "chat:room")
        await asyncio.wait_for(refreshed.wait(), 10)
        await sub.publish(1)  # answered after the refresh
        assert await publications(sub, 1) == [1] and len(one.events.seen("connecting")) == 1


async def test_a_subscription_token_opens_its_channel(node):
    asked = []

    async def get_token(channel):
        asked.append(channel)
        return token("ann", channel=channel, expires_in=100)

    async with client(node.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "private:room", get_token=get_token)
        assert asked == ["private:room"]
        await node.api.publish("private:room", "secret")
        assert await publications(sub, 1) == ["secret"]


async def test_a_subscription_token_is_refreshed(node):
    asked = asyncio.Queue()

    async def get_token(channel):
        asked.put_nowait(channel)
        return token("ann", channel=channel, expires_in=2)

    async with client(node.port, token=token("ann")) as ann:
        sub = await subscribed(ann, "private:room", get_token=get_token)
        for _ in range(2):  # the first, and the one that the time made necessary
            await asyncio.wait_for(asked.get(), 10)
        await node.api.publish("private:room", 1)
        assert await publications(sub, 1) == [1] and not sub.events.seen("unsubscribed")


async def test_server_side_subscriptions_of_the_token(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    await node.api.publish("chat:one", "before")
    claims = {"channels": ["chat:one"], "subs": {"private:two": {"info": {"role": "x"}, "data": {"hello": 1}}}}
    async with client(node.port, token=token("ann", **claims)) as ann:
        got = {}
        for _ in range(2):
            ctx = await ann.events.next("subscribed")
            got[ctx.channel] = ctx
        assert set(got) == {"chat:one", "private:two"} and got["private:two"].data == {"hello": 1}
        assert got["chat:one"].stream_position.offset == 1
        await node.api.publish("private:two", "two")
        await node.api.publish("chat:one", "one")
        seen = [await ann.events.next("publication") for _ in range(2)]
        assert {(p.channel, p.pub.data) for p in seen} == {("private:two", "two"), ("chat:one", "one")}
        members = (await node.api("presence", channel="private:two"))["presence"]
        assert members[ann.id]["chan_info"] == {"role": "x"}


async def test_anonymous_clients_where_they_are_allowed(plexus):
    node = await plexus(
        {
            "client": {"anonymous": True},
            "channels": {"namespaces": {"open": {"subscribe": "anyone", "publish": "anyone"}}},
        }
    )
    async with client(node.port) as one:
        sub = await subscribed(one, "open:a")
        await sub.publish("anyone")
        assert (await sub.events.next("publication")).pub.info.user == ""
        assert await refused(one, "chat:a") == 103


async def test_insecure_mode_lets_all_do_all(plexus):
    node = await plexus({"client": {"insecure": True}})
    async with client(node.port) as one:
        sub = await subscribed(one, "private:a")
        await sub.publish(1)
        assert await publications(sub, 1) == [1]
        assert one.id in (await sub.presence()).clients


async def test_rights_in_the_token(node):
    can = {
        "subscribe": ["private:*"],
        "publish": ["private:a"],
        "presence": ["private:*"],
        "history": ["private:b"],
    }
    async with client(node.port, token=token("ann", can=can)) as ann:
        a, b = await subscribed(ann, "private:a"), await subscribed(ann, "private:b")
        await a.publish(1)
        assert await publications(a, 1) == [1]
        with pytest.raises(ReplyError) as error:
            await b.publish(1)
        assert error.value.code == 103
        assert ann.id in (await b.presence()).clients
        assert (await b.history()).offset == 0
