"""The official Python client in Protobuf, among others in JSON."""

import asyncio
import base64
import json

import pytest
from centrifuge import ReplyError

from support.clients import client, publications, refused, subscribed
from support.proxy import Network
from support.tokens import token

ANY_BYTES = bytes(range(256)) + b"\n{}\n" + b"\x00"


def binary(port, user, **options):
    """A client in Protobuf."""
    claims = options.pop("claims", {})
    return client(port, **{"token": token(user, **claims), "use_protobuf": True, **options})


async def test_json_and_protobuf_talk(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    info = {"name": "Bob"}
    async with (
        client(node.port, token=token("ann")) as ann,
        binary(node.port, "bob", claims={"info": info}) as bob,
        binary(node.port, "cid") as cid,
    ):
        a, b, c = [await subscribed(one, "chat:room") for one in (ann, bob, cid)]
        await a.publish({"text": "hello"})
        await b.publish(b'{ "text": 1.50 }')
        for sub in (b, c):
            first = (await sub.events.next("publication")).pub
            assert (json.loads(first.data), first.offset, first.info.user) == ({"text": "hello"}, 1, "ann")
            second = (await sub.events.next("publication")).pub
            assert (second.data, second.offset) == (b'{ "text": 1.50 }', 2)
            assert second.info.client == bob.id and json.loads(second.info.conn_info) == info
        first, second = [(await a.events.next("publication")).pub for _ in range(2)]
        assert first.data == {"text": "hello"} and second.data == {"text": 1.5}
        assert second.info.user == "bob" and second.info.conn_info == info


async def test_bytes_that_are_no_json_reach_everybody(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    async with client(node.port, token=token("ann")) as ann, binary(node.port, "bob") as bob:
        a, b = await subscribed(ann, "chat:room"), await subscribed(bob, "chat:room")
        payloads = [ANY_BYTES, b"plain", b'"a":', b"\xff", b"{}\n{}", b"[1,\r\n 2]", b'"text"']
        await asyncio.gather(*(b.publish(one) for one in payloads))
        assert await publications(b, len(payloads)) == payloads
        seen = [base64.b64encode(one).decode() for one in payloads[:5]] + [[1, 2], "text"]
        assert await publications(a, len(payloads)) == seen
        page = await b.history(limit=-1)
        assert [p.data for p in page.publications] == payloads
        assert [p.data for p in (await a.history(limit=-1)).publications] == seen
        assert [p["data"] for p in (await node.api("history", channel="chat:room", limit=-1))["publications"]] == seen
        with pytest.raises(ReplyError) as error:
            await b.publish(b"")
        assert error.value.code == 107


async def test_the_api_publishes_bytes(node):
    async with client(node.port, token=token("ann")) as ann, binary(node.port, "bob") as bob:
        a, b = await subscribed(ann, "chat:room"), await subscribed(bob, "chat:room")
        encoded = base64.b64encode(ANY_BYTES).decode()
        await node.api("publish", channel="chat:room", b64data=encoded)
        await node.api("broadcast", channels=["chat:room"], b64data=base64.b64encode(b'{"a":\n1}').decode())
        await node.api("publish", channel="chat:room", data={"a": 2})
        assert await publications(b, 3) == [ANY_BYTES, b'{"a":\n1}', b'{"a": 2}']
        assert await publications(a, 3) == [encoded, {"a": 1}, {"a": 2}]


async def test_history_and_presence(node):
    claims = {"info": {"name": "Ann"}}
    async with binary(node.port, "ann", claims=claims) as ann, client(node.port, token=token("ann")) as other:
        sub = await subscribed(ann, "chat:room")
        await subscribed(other, "chat:room")
        for i in range(5):
            await node.api.publish("chat:room", i)
        page = await sub.history(limit=3)
        assert [p.data for p in page.publications] == [b"0", b"1", b"2"] and page.offset == 5 and page.epoch
        page = await sub.history(limit=-1, reverse=True)
        assert [(p.data, p.offset) for p in page.publications] == [(b"%d" % i, i + 1) for i in (4, 3, 2, 1, 0)]
        page = await sub.history()
        assert page.publications == [] and page.offset == 5
        members = (await sub.presence()).clients
        assert set(members) == {ann.id, other.id} and members[ann.id].user == "ann"
        assert json.loads(members[ann.id].conn_info) == {"name": "Ann"} and members[other.id].conn_info is None
        numbers = await sub.presence_stats()
        assert (numbers.num_clients, numbers.num_users) == (2, 1)


async def test_joins_and_leaves_and_states(node):
    async with binary(node.port, "ann") as ann:
        sub = await subscribed(ann, "chat:room", join_leave=True)
        assert (await sub.events.next("join")).info.client == ann.id
        async with binary(node.port, "bob") as bob:
            await subscribed(bob, "chat:room")
            joined = (await sub.events.next("join")).info
            assert (joined.client, joined.user, joined.chan_info) == (bob.id, "bob", None)
            state = {"channel": "chat:room", "state": {"typing": True}}
            answer = await bob.rpc("plexus.presence.update", json.dumps(state).encode())
            assert answer.data == b"{}"
            again = (await sub.events.next("join")).info
            assert again.client == bob.id and json.loads(again.chan_info) == {"typing": True}
            for bad in (b"\xff", b"{", b"[" * 40_000, b""):
                with pytest.raises(ReplyError) as error:
                    await bob.rpc("plexus.presence.update", bad)
                assert error.value.code == 107
        assert (await sub.events.next("leave")).info.client == bob.id


@pytest.mark.parametrize("missed", [1, 1000])
async def test_what_was_missed_comes_after_the_reconnect(plexus, loops, missed):
    node = await plexus({"node": {"loops": loops}})
    async with Network(node.port) as network, binary(network.port, "ann") as ann:
        sub = await subscribed(ann, "chat:room")
        assert sub.first.recoverable and sub.first.positioned and not sub.first.was_recovering
        await node.api.publish("chat:room", "before")
        assert await publications(sub, 1) == [b'"before"']

        network.cut()
        await sub.events.next("subscribing", lambda ctx: ctx.code == 1)
        encoded = [base64.b64encode(b"\xff%d" % i).decode() for i in range(missed)]
        commands = [{"publish": {"channel": "chat:room", "b64data": one}} for one in encoded]
        await node.api("batch", parallel=False, commands=commands)
        network.heal()

        again = await sub.events.next("subscribed")
        assert again.was_recovering and again.recovered
        assert await publications(sub, missed) == [b"\xff%d" % i for i in range(missed)]
        await node.api.publish("chat:room", "after")
        last = (await sub.events.next("publication")).pub
        assert last.data == b'"after"' and last.offset == missed + 2
        assert not sub.events.seen("publication")


async def test_server_side_subscriptions_recover_too(plexus, loops):
    node = await plexus({"node": {"loops": loops}})
    claims = {"channels": ["chat:one"], "subs": {"private:two": {"info": {"role": "x"}, "data": {"hello": 1}}}}
    async with Network(node.port) as network, binary(network.port, "ann", claims=claims) as ann:
        first = {}
        for _ in range(2):
            ctx = await ann.events.next("subscribed")
            first[ctx.channel] = ctx
        assert set(first) == {"chat:one", "private:two"} and json.loads(first["private:two"].data) == {"hello": 1}
        network.cut()
        await ann.events.next("connecting", lambda ctx: ctx.code == 1)
        for i in range(3):
            await node.api.publish("chat:one", i)
        network.heal()
        again = await ann.events.next("subscribed", lambda ctx: ctx.channel == "chat:one")
        assert again.was_recovering and again.recovered
        assert [(await ann.events.next("publication")).pub.data for _ in range(3)] == [b"0", b"1", b"2"]


async def test_what_the_back_end_does_with_a_client(node):
    async with binary(node.port, "ann") as ann:
        await node.api("subscribe", user="ann", channel="chat:room", data={"why": "invited"})
        ctx = await ann.events.next("subscribed")
        assert ctx.channel == "chat:room" and json.loads(ctx.data) == {"why": "invited"} and ctx.positioned
        await node.api.publish("chat:room", "to the invited")
        assert (await ann.events.next("publication")).pub.data == b'"to the invited"'
        await node.api("unsubscribe", user="ann", channel="chat:room")
        assert (await ann.events.next("unsubscribed")).channel == "chat:room"

        own = await subscribed(ann, "chat:own")
        await node.api("unsubscribe", user="ann", channel="chat:own")
        assert (await own.events.next("unsubscribed")).code == 2000
        await node.api("disconnect", user="ann", disconnect={"code": 4501, "reason": "gone for good"})
        gone = await ann.events.next("disconnected")
        assert (gone.code, gone.reason) == (4501, "gone for good")


async def test_what_is_not_there_has_its_code(node):
    async with binary(node.port, "ann") as ann:
        for call, code in (
            (ann.rpc("nothing", b""), 108),
            (ann.publish("private:room", b"1"), 103),
            (ann.publish("nowhere:room", b"1"), 102),
        ):
            with pytest.raises(ReplyError) as error:
                await call
            assert error.value.code == code and not error.value.temporary
        assert await refused(ann, "nowhere:room") == 102
        assert await refused(ann, "private:room") == 103
        assert await refused(ann, "chat:" + "x" * 300) == 107


async def test_a_bad_token_is_final(node):
    async with binary(node.port, "ann", token="nonsense", connect=False) as one:
        assert (await one.events.next("disconnected")).code == 3500
    async with binary(node.port, "ann", token="", connect=False) as one:
        assert (await one.events.next("disconnected")).code == 3501


async def test_tokens_are_replaced_and_refreshed(plexus):
    node = await plexus({"client": {"expired_close_delay": "2s"}})
    tokens = iter([token("ann", expires_in=2), token("ann", expires_in=100)])
    asked = asyncio.Queue()

    async def get_token():
        asked.put_nowait(None)
        return next(tokens)

    async def get_channel_token(channel):
        return token("ann", channel=channel, expires_in=100)

    # Expired at once: error 109, another token. That one runs out while connected: a refresh.
    async with binary(node.port, "ann", token=token("ann", expires_in=-5), get_token=get_token) as one:
        await asyncio.wait_for(asked.get(), 10)
        sub = await subscribed(one, "private:room", get_token=get_channel_token)
        await asyncio.wait_for(asked.get(), 10)
        await node.api.publish("private:room", 1)
        assert await publications(sub, 1) == [b"1"]
        assert len(one.events.seen("connected")) == 0, "it never lost its connection"
