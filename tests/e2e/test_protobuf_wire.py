"""Protobuf on the wire: how it is agreed to, how messages share a frame, and what no client may send."""

import os

import pytest
import pytest_asyncio

from support.protobuf_wire import ProtobufWire, framed, json_payload, payload
from support.tokens import token
from support.waiting import until
from support.wire import BINARY, TEXT, frame


@pytest_asyncio.fixture
async def binary():
    """Opens raw connections in Protobuf, as `wire` does in JSON."""
    opened = []

    async def open_one(node, user="someone", **how):
        one = await ProtobufWire.open(node.port, **how)
        opened.append(one)
        if user is not None:
            one.client = (await one.connect(token(user)))["client"]
        return one

    yield open_one
    for one in opened:
        if not one.closed_with.done():
            one.abort()
            await one.closed()


@pytest.mark.parametrize(
    "offered, path, chosen",
    [
        ("centrifuge-protobuf", "", "centrifuge-protobuf"),
        ("soap, centrifuge-protobuf", "", "centrifuge-protobuf"),
        ("centrifuge-protobuf, centrifuge-json", "", "centrifuge-protobuf"),
        ("centrifuge-protobuf", "?format=json", "centrifuge-protobuf"),
        ("soap", "?format=protobuf", None),
        (None, "?format=protobuf", None),
        (None, "?x=1&format=protobuf", None),
    ],
)
async def test_how_it_is_asked_for(shared_node, binary, offered, path, chosen):
    one = await binary(
        shared_node, path="/connection/websocket" + path, headers={"Sec-WebSocket-Protocol": offered}
    )
    assert one.headers.get("sec-websocket-protocol") == chosen


@pytest.mark.parametrize(
    "offered, path, chosen",
    [
        (None, "", None),
        (None, "?format=json", None),
        (None, "?format=xml", None),
        ("centrifuge-json, centrifuge-protobuf", "", "centrifuge-json"),
        ("centrifuge-json", "?format=protobuf", "centrifuge-json"),
    ],
)
async def test_json_it_is_otherwise(shared_node, wire, offered, path, chosen):
    one = await wire(shared_node, path="/connection/websocket" + path, headers={"Sec-WebSocket-Protocol": offered})
    assert one.headers.get("sec-websocket-protocol") == chosen


async def test_commands_share_a_message_and_so_may_replies(plexus, loops, binary):
    node = await plexus({"node": {"loops": loops}})
    one = await binary(node, None)
    one.send(
        {"id": 1, "connect": {"token": token("ann")}},
        *({"id": i, "subscribe": {"channel": f"chat:{i}"}} for i in range(2, 10)),
        {"id": 10, "publish": {"channel": "plain:unsubscribed", "data": b"\xff"}},
    )
    first = await one.line()
    assert first.value["id"] == 1 and "connect" in first.value
    rest = {line.value["id"]: line.value for line in [await one.line() for _ in range(9)]}
    assert set(rest) == set(range(2, 11)) and rest[10]["error"]["code"] == 103
    assert all("subscribe" in rest[i] for i in range(2, 10))


async def test_the_publication_comes_before_the_reply_to_its_publish(node, binary):
    one = await binary(node)
    body = await one.subscribe("chat:a")
    assert body["recoverable"] and body["positioned"] and len(body["epoch"]) == 8 and "offset" not in body
    number = one.start("publish", channel="chat:a", data=b"\x00\xff")
    line = await one.line()
    publication = line.value["push"]["pub"]
    assert payload(publication["data"]) == b"\x00\xff" and publication["offset"] == "1"
    assert publication["info"] == {"user": "someone", "client": one.client}
    assert (await one.line()).value == {"id": number, "publish": {}}


async def test_replies_without_content_are_replies_all_the_same(node, binary):
    one = await binary(node)
    for kind in ("subscribe", "presence_stats", "unsubscribe"):
        number = one.start(kind, channel="chat:a" if kind == "presence_stats" else "plain:a")
        reply = await one.reply(number)
        if kind == "presence_stats":
            assert reply["error"]["code"] == 103  # for subscribers alone
        else:
            assert reply == {"id": number, kind: {}}


async def test_a_subscription_recovers_by_its_position(node, binary):
    one = await binary(node)
    epoch = (await one.subscribe("chat:a"))["epoch"]
    for i in range(1, 6):
        await node.api.publish("chat:a", {"n": i})
        await one.push("pub", "chat:a")
    await one.call("unsubscribe", channel="chat:a")
    body = await one.subscribe("chat:a", recover=True, epoch=epoch, offset=2)
    assert body["recovered"] and body["was_recovering"] and body["offset"] == "2"
    assert [(p["offset"], json_payload(p["data"])["n"]) for p in body["publications"]] == [("3", 3), ("4", 4), ("5", 5)]
    await one.call("unsubscribe", channel="chat:a")
    body = await one.subscribe("chat:a", recover=True, epoch="another", offset=2)
    assert "recovered" not in body and body["was_recovering"] and body["offset"] == "5"
    page = await one.call("history", channel="chat:a", limit=2, since={"offset": 1, "epoch": epoch}, reverse=False)
    assert [p["offset"] for p in page["publications"]] == ["2", "3"] and page["offset"] == "5"


async def test_pings_and_pongs_are_empty_messages(plexus, binary, bystander):
    node = await plexus({"client": {"ping_interval": "1s", "pong_timeout": "500ms"}})
    watcher = await bystander(node)
    one, deaf = await binary(node), await binary(node)
    deaf.answers_pings = False
    assert (await deaf.closed())[0] == 3012 and deaf.pings == 1
    await until(lambda: one.pings >= 3, "three pings")
    await one.subscribe("chat:a")
    await watcher.unaffected()


CONNECT = framed(b"\x08\x01\x22\x00")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b'{"id":1,"rpc":{}}',
        b"\xff" * 11,
        b"\x05\x08\x01",
        framed(b"\x08\x01"),
        framed(b"\x6a\x00"),
        framed(b"\x08\x09\x9b\x06"),
        framed(b"\x08\x09\x5a\x00"),
        framed(b"\x08\x09\x2a\x00"),
        framed(b"\x08\x09\x2a\x03\x0a\x01\xff"),
        framed(b"\x08\x09\x6a\x00\x72\x00"),
        CONNECT,
        b"\x00" + framed(b"\x08\x01"),
    ],
    ids=[
        "nothing",
        "JSON",
        "a length without end",
        "shorter than it says",
        "no request",
        "no id",
        "a group",
        "an unknown request",
        "no channel",
        "a channel that isn't UTF-8",
        "two requests",
        "a second connect",
        "good, then bad",
    ],
)
async def test_what_is_no_message_closes_its_connection_alone(shared_node, binary, bystander, message):
    await bystander(shared_node)
    bad = await binary(shared_node)
    bad.send_bytes(message)
    assert await bad.closed() == (3501, "bad request")


@pytest.mark.parametrize("first", [b"\x00", framed(b"\x08\x01\x6a\x00"), b"{}"], ids=["pong", "rpc", "JSON"])
async def test_connect_comes_first(shared_node, binary, first):
    bad = await binary(shared_node, None)
    bad.send_bytes(first)
    assert (await bad.closed())[0] == 3501


async def test_send_has_no_handler(shared_node, binary):
    one = await binary(shared_node)
    one.send({"send": {"data": b"hi"}})
    assert (await one.closed())[0] == 3508


async def test_random_bytes_never_hurt_anybody_else(shared_node, binary, bystander):
    watcher = await bystander(shared_node)
    for _ in range(50):
        bad = await binary(shared_node)
        bad.send_bytes(os.urandom(200))
        code, _reason = await bad.closed()
        assert code == 3501
    await watcher.unaffected()


async def test_the_kind_of_frame_does_not_matter(shared_node, binary, wire):
    """As the reference server has it: the format was agreed to with the handshake."""
    one = await binary(shared_node)
    one.write(frame(TEXT, framed(b"\x08\x07\x6a\x00")))
    assert (await one.reply(7))["error"]["code"] == 108
    other = await wire(shared_node)
    other.write(frame(BINARY, b'{"id":7,"rpc":{}}'))
    assert (await other.reply(7))["error"]["code"] == 108


async def test_a_message_over_the_limit_is_1009(shared_node, binary):
    one = await binary(shared_node)
    one.send({"id": 8, "rpc": {"data": b"x" * 65_000}})
    assert (await one.reply(8))["error"]["code"] == 108
    one.send({"id": 9, "rpc": {"data": b"x" * 66_000}})
    assert (await one.closed())[0] == 1009


async def test_each_format_has_its_own_frames(node, binary, wire):
    """Many of both on one channel: each gets what it can read, whoever publishes."""
    readers = [await (binary if i % 2 else wire)(node, f"user{i}") for i in range(10)]
    for one in readers:
        await one.subscribe("chat:a")
    for sender, data in ((readers[0], {"n": 1}), (readers[1], b'{"n":2}')):
        await sender.call("publish", channel="chat:a", data=data)
    for i, one in enumerate(readers):
        read = json_payload if i % 2 else (lambda value: value)
        got = [await one.push("pub", "chat:a") for _ in range(2)]
        assert [read(p["data"])["n"] for p in got] == [1, 2]
