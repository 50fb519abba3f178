"""Deltas: agreed on by namespace and client, right for official clients, whole wherever the base isn't sure."""

import base64
import json
import os
import signal

from centrifuge import DeltaType
from centrifuge.fossil import apply_delta

from support.clients import client, publications, subscribed
from support.slow import Slow
from support.tokens import token
from support.waiting import until

CHANNELS = {
    "channels": {
        "namespaces": {
            "book": {"subscribe": "user", "publish": "user", "delta": True},
            "log": {"subscribe": "user", "delta": True, "history_size": 50, "history_ttl": "1h", "join_leave": True},
            "last": {"subscribe": "user", "delta": True, "on_slow": "latest"},
        }
    }
}


def book(n):
    """Changes a little from one to the next, and has characters of all lengths."""
    rows = [[i, i * 7919] for i in range(30)]
    return {"n": n, "name": "Zoë €uro 😀" + "é" * (n % 5), "rows": rows, "mark": "😀😁"[n % 2]}


class Reader:
    """A subscriber that does with deltas what clients do."""

    def __init__(self, one, channel):
        self.one, self.channel, self.base = one, channel, None
        self.deltas = self.whole = 0

    def apply(self, pub):
        assert isinstance(pub["data"], str)
        if pub.get("delta"):
            self.base = apply_delta(self.base, pub["data"].encode())
            self.deltas += 1
        else:
            self.base = pub["data"].encode()
            self.whole += 1
        return json.loads(self.base)

    async def next(self):
        return self.apply(await self.one.push("pub", self.channel))


async def test_who_asks_gets_deltas_and_others_do_not(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, **CHANNELS})
    asks, usual = await wire(node, "asks"), await wire(node, "usual")
    assert (await asks.subscribe("book:a", delta="fossil"))["delta"] is True
    assert "delta" not in await usual.subscribe("book:a")
    reader = Reader(asks, "book:a")
    for n in range(20):
        await node.api.publish("book:a", book(n))
        assert await reader.next() == book(n)
        pub = await usual.push("pub")
        assert pub["data"] == book(n) and "delta" not in pub
    assert (reader.whole, reader.deltas) == (1, 19)


async def test_deltas_have_to_be_asked_for_and_offered(plexus, wire):
    node = await plexus(CHANNELS)
    one = await wire(node)
    assert "delta" not in await one.subscribe("plain:a", delta="fossil")
    assert "delta" not in await one.subscribe("book:a", delta="other")
    await node.api.publish("plain:a", book(1))
    await node.api.publish("book:a", book(1))
    assert (await one.push("pub", "plain:a"))["data"] == book(1)
    assert (await one.push("pub", "book:a"))["data"] == book(1)


async def test_a_newcomer_begins_whole(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, **CHANNELS})
    readers = []
    for n in range(6):
        one = await wire(node, f"user{n}")
        await one.subscribe("book:a", delta="fossil")
        readers.append(Reader(one, "book:a"))
        await node.api.publish("book:a", book(n))
        for reader in readers:
            assert await reader.next() == book(n)
    assert [(r.whole, r.deltas) for r in readers] == [(1, 5 - i) for i in range(6)]
    # Who subscribes again begins again.
    await readers[0].one.call("unsubscribe", channel="book:a")
    await node.api.publish("book:a", book(6))
    await readers[0].one.subscribe("book:a", delta="fossil")
    await node.api.publish("book:a", book(7))
    assert await readers[0].next() == book(7) and readers[0].whole == 2


async def test_what_has_nothing_in_common_is_sent_whole(plexus, wire):
    node = await plexus(CHANNELS)
    one = await wire(node)
    await one.subscribe("book:a", delta="fossil")
    reader = Reader(one, "book:a")
    for data in ({"a": 1}, "other", None, [], book(1), book(2)):
        await node.api.publish("book:a", data)
        assert await reader.next() == data
    assert reader.deltas == 1


async def test_recovered_publications_are_whole_and_deltas_go_on(plexus, wire):
    node = await plexus(CHANNELS)
    first = await wire(node)
    await first.subscribe("log:a", delta="fossil")
    for n in range(5):
        await node.api.publish("log:a", book(n))
    again = await wire(node)
    got = await again.subscribe("log:a", delta="fossil", recover=True, offset=2)
    reader = Reader(again, "log:a")
    assert got["recovered"] and [reader.apply(p) for p in got["publications"]] == [book(2), book(3), book(4)]
    for n in range(5, 9):
        await node.api.publish("log:a", book(n))
        assert await reader.next() == book(n)
    assert reader.whole == 4 and reader.deltas == 3
    # History is read as it is.
    page = await again.call("history", channel="log:a", limit=-1)
    assert [p["data"] for p in page["publications"]] == [book(n) for n in range(9)]


async def test_joins_and_unlogged_publications_between_deltas(plexus, wire):
    node = await plexus(CHANNELS)
    one = await wire(node)
    await one.subscribe("log:a", delta="fossil")
    reader = Reader(one, "log:a")
    for n in range(6):
        await node.api.publish("log:a", book(n), skip_history=n % 2 == 1)
        visitor = await wire(node, "visitor")
        await visitor.subscribe("log:a")
        assert await reader.next() == book(n)
    assert reader.deltas == 5


async def test_many_publications_in_one_turn(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, **CHANNELS})
    one = await wire(node)
    await one.subscribe("book:a", delta="fossil")
    reader = Reader(one, "book:a")
    publisher = await wire(node, "publisher")
    publisher.send(*({"id": 10 + n, "publish": {"channel": "book:a", "data": book(n)}} for n in range(60)))
    assert [await reader.next() for _ in range(60)] == [book(n) for n in range(60)]
    assert reader.deltas == 59


async def test_switching_deltas_off_and_on_by_reload(plexus, wire):
    node = await plexus(CHANNELS)
    one = await wire(node)
    await one.subscribe("book:a", delta="fossil")
    reader = Reader(one, "book:a")
    n = 0
    for on in (True, False, True):
        spaces = node.config["channels"]["namespaces"]
        spaces = {**spaces, "book": {**spaces["book"], "delta": on}}
        before = node.log().count("configuration read again")
        node.write_config({**node.config, "channels": {"namespaces": spaces}})
        node.signal(signal.SIGHUP)
        await until(lambda: node.log().count("configuration read again") > before, "the reload")
        before = reader.deltas
        for _ in range(3):
            n += 1
            await node.api.publish("book:a", book(n))
            assert await reader.next() == book(n)
        assert (reader.deltas > before) is on


async def test_the_official_client_in_both_formats(plexus, loops):
    node = await plexus({"node": {"loops": loops}, **CHANNELS})
    async with (
        client(node.port, token=token("json")) as one,
        client(node.port, token=token("protobuf"), use_protobuf=True) as other,
    ):
        in_json = await subscribed(one, "log:py", delta=DeltaType.FOSSIL)
        in_protobuf = await subscribed(other, "log:py", delta=DeltaType.FOSSIL)
        for n in range(30):
            await node.api.publish("log:py", book(n))
        assert await publications(in_json, 30) == [book(n) for n in range(30)]
        assert [json.loads(data) for data in await publications(in_protobuf, 30)] == [book(n) for n in range(30)]


async def test_bytes_and_texts_by_turns_in_both_formats(plexus, loops):
    """What a JSON reader has of bytes that are no JSON is base64: no delta may start from the one or the other."""
    node = await plexus({"node": {"loops": loops}, **CHANNELS})
    noise = os.urandom(500)
    texts = [json.dumps(book(n)).encode() for n in (1, 2)]
    sent = [texts[0], noise, noise + b"!", texts[1], b'{"a":\n' + b"1" * 200 + b"}"]
    sent.append(sent[-1].replace(b"{", b"{ "))
    async with (
        client(node.port, token=token("json")) as one,
        client(node.port, token=token("protobuf"), use_protobuf=True) as other,
    ):
        in_json = await subscribed(one, "book:mixed", delta=DeltaType.FOSSIL)
        in_protobuf = await subscribed(other, "book:mixed", delta=DeltaType.FOSSIL)
        for data in sent:
            await node.api("publish", channel="book:mixed", b64data=base64.b64encode(data).decode())
        assert await publications(in_protobuf, len(sent)) == sent
        read = await publications(in_json, len(sent))
        assert read[1:3] == [base64.b64encode(data).decode() for data in sent[1:3]]
        assert [read[i] for i in (0, 3, 4, 5)] == [json.loads(sent[i]) for i in (0, 3, 4, 5)]


async def test_a_slow_reader_of_latest_deltas(plexus, loops):
    """Never a delta from something that was skipped: what comes can be applied, and the newest comes."""
    channel = "last:a"
    limits = {"max_queue_size": 256 * 1024, "ping_interval": "0s"}
    node = await plexus({"node": {"loops": loops}, "client": limits, **CHANNELS})
    slow = Slow(node, channel, delta="fossil")
    noise = os.urandom(30_000).hex()
    for n in range(200):
        await node.api.publish(channel, {"n": n, "noise": noise if n % 3 else noise[::-1]})
    numbers = slow.read_until(199)
    assert numbers == sorted(set(numbers)) and numbers[-1] == 199 and len(numbers) < 200
    assert await node.metric("plexus_slow_clients_total") == 0
    skipped = await node.metric("plexus_publications_skipped_total")
    assert skipped + len(numbers) == 200
    for n in range(200, 205):
        await node.api.publish(channel, {"n": n, "noise": noise})
    assert slow.read_until(204) == list(range(200, 205))
    slow.close()
