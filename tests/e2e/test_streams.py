"""Clients on HTTP responses that go on (http_stream, SSE): framing, and ends of every kind."""

import asyncio
import contextlib
import json
import signal
import socket

import pytest

from support.stream import HTTP_STREAM, SSE, connecting, opening
from support.tokens import token
from support.waiting import until

both = pytest.mark.parametrize("path", [HTTP_STREAM, SSE], ids=["http_stream", "sse"])
ME = [connecting(token("ann"))]


async def clients(node):
    return await node.metric("plexus_clients")


async def members(node, channel):
    return (await node.api("presence_stats", channel=channel))["num_clients"]


@both
async def test_a_conversation(plexus, loops, stream, path):
    node = await plexus({"node": {"loops": loops}})
    one = await (await stream(node, path)).connected()
    assert one.status == 200 and one.headers["transfer-encoding"] == "chunked"
    assert one.headers["x-accel-buffering"] == "no" and "no-store" in one.headers["cache-control"]
    kind = "text/event-stream" if path == SSE else "application/x-ndjson"
    assert one.headers["content-type"].startswith(kind)
    assert len(one.connect_reply["session"]) >= 32 and one.connect_reply["node"]
    assert one.connect_reply["client"] not in one.connect_reply["session"]
    await one.say({"id": 2, "subscribe": {"channel": "chat:a"}})
    assert (await one.message())["subscribe"]["recoverable"]
    for i in range(20):
        await one.say({"id": 3 + i, "publish": {"channel": "chat:a", "data": {"n": i}}})
        push, reply = await one.message(), await one.message()
        assert push["push"]["pub"]["data"] == {"n": i} and push["push"]["pub"]["offset"] == i + 1
        assert reply == {"id": 3 + i, "publish": {}}
    await one.say(
        {"id": 90, "presence": {"channel": "chat:a"}}, {"id": 91, "history": {"channel": "chat:a", "limit": 5}}
    )
    assert list((await one.reply(90))["presence"]["presence"]) == [one.connect_reply["client"]]
    assert len((await one.reply(91))["history"]["publications"]) == 5


@both
async def test_the_same_publications_as_on_a_websocket(plexus, loops, stream, wire, path):
    node = await plexus({"node": {"loops": loops}})
    other = await wire(node, "bob")
    await other.subscribe("chat:a")
    one = await (await stream(node, path, [*ME, {"id": 2, "subscribe": {"channel": "chat:a"}}])).connected()
    await one.reply(2)
    odd = {"text": 'a\r\n"line" \u2028 \U0001f600', "n": 1e21}
    for i in range(300):
        await node.api.publish("chat:a", [i, odd])
    for i in range(300):
        pub = (await one.message())["push"]["pub"]
        assert pub["data"] == [i, odd] == (await other.push("pub"))["data"]


@both
async def test_subscriptions_of_the_token_are_in_the_first_reply(plexus, loops, stream, path):
    node = await plexus({"node": {"loops": loops}})
    for i in range(3):
        await node.api.publish("chat:a", i)
    epoch = (await node.api("history", channel="chat:a"))["epoch"]
    subs = {"chat:a": {"recover": True, "epoch": epoch, "offset": 1}}
    one = await stream(node, path, [connecting(token("ann", channels=["chat:a"]), subs=subs)])
    reply = (await one.connected()).connect_reply
    assert [p["data"] for p in reply["subs"]["chat:a"]["publications"]] == [1, 2]
    await node.api.publish("chat:a", 3)
    pushes = [(await one.message())["push"] for _ in range(2)]
    assert [list(p)[1] for p in pushes] == ["join", "pub"] and pushes[1]["pub"]["data"] == 3


@both
async def test_a_client_of_http_1_0_gets_no_chunks(node, stream, path):
    one = await (await stream(node, path, version="1.0")).connected()
    assert "transfer-encoding" not in one.headers and one.headers["connection"] == "close"
    await one.say({"id": 2, "subscribe": {"channel": "chat:a"}})
    assert (await one.message())["id"] == 2
    await node.api("disconnect", user="ann", disconnect={"code": 4001, "reason": "enough"})
    assert await one.rest() == [{"push": {"disconnect": {"code": 4001, "reason": "enough"}}}]


@both
@pytest.mark.parametrize(
    "commands, code",
    [
        ([connecting(token("ann", secret="another"))], 3500),
        ([connecting()], 3501),
        ("garbage", 3501),
        ([{"id": 1, "subscribe": {"channel": "chat:a"}}], 3501),
        ([{}], 3501),
    ],
    ids=["bad token", "no token", "garbage", "not connect first", "pong first"],
)
async def test_a_code_comes_as_a_push_and_the_connection_lives_on(shared_node, bystander, stream, path, commands, code):
    await bystander(shared_node)
    one = await stream(shared_node, path, commands)
    assert one.status == 200
    (push,) = await one.rest()
    assert push["push"]["disconnect"]["code"] == code
    one.writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    await one.head()
    assert one.status == 200
    await one.reader.readexactly(int(one.headers["content-length"]))
    one.writer.write(opening(path, ME))
    await one.head()
    await one.connected()


async def test_a_request_sent_ahead_is_answered_after_the_stream(node, stream):
    one = await (await stream(node)).connected()
    one.writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await one.say({"id": 2, "rpc": {"method": "none"}})
    assert (await one.reply(2))["error"]["code"] == 108
    await node.api("disconnect", user="ann")
    assert [m["push"]["disconnect"]["code"] for m in await one.rest()] == [3503]
    await one.head()
    assert one.status == 200
    assert b"live" in await one.reader.read(-1)


async def test_who_sends_ahead_without_end_is_cut_off(node, stream, bystander):
    watcher = await bystander(node)
    one = await (await stream(node)).connected()
    with contextlib.suppress(ConnectionError):
        one.writer.write(b"x" * 100_000)
        await one.writer.drain()
        assert await one.reader.read(-1) == b""

    async def gone():
        return await clients(node) == 1

    await until(gone, "the end of the stream")
    await watcher.unaffected()


async def test_a_half_closed_request_is_answered_and_ended(plexus, loops, stream):
    node = await plexus({"node": {"loops": loops}})
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(opening(HTTP_STREAM, [connecting(token("ann", channels=["chat:a"]))]))
    writer.write_eof()
    async with asyncio.timeout(10):
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 ") and body.endswith(b"\r\n0\r\n\r\n")
    assert "chat:a" in json.loads(body.split(b"\r\n")[1])["connect"]["subs"]

    async def gone():
        return await clients(node) == 0 and await members(node, "chat:a") == 0

    await until(gone, "the end of the session")


@both
async def test_a_client_that_goes_away_is_gone_at_once(plexus, loops, stream, path):
    spaces = {"grace": {"subscribe": "user", "presence": True, "presence_grace": "1h"}}
    node = await plexus({"node": {"loops": loops}, "channels": {"namespaces": spaces}})
    one = await (await stream(node, path, [*ME, {"id": 2, "subscribe": {"channel": "grace:a"}}])).connected()
    await one.reply(2)
    assert await members(node, "grace:a") == 1
    one.close()

    async def gone():
        return await clients(node) == 0 and await members(node, "grace:a") == 0

    await until(gone, "the end of the client")
    assert await node.metric("plexus_connections") <= 2


async def test_a_member_whose_network_broke_has_its_grace(plexus, stream):
    spaces = {"grace": {"subscribe": "user", "presence": True, "presence_grace": "1h"}}
    node = await plexus({"channels": {"namespaces": spaces}})
    one = await (await stream(node, SSE, [*ME, {"id": 2, "subscribe": {"channel": "grace:a"}}])).connected()
    await one.reply(2)
    one.reset()

    async def gone():
        return await clients(node) == 0

    await until(gone, "the end of the client")
    assert await members(node, "grace:a") == 1


@both
async def test_no_pong_is_3012(plexus, stream, path):
    node = await plexus({"client": {"ping_interval": "500ms", "pong_timeout": "500ms"}})
    one = await (await stream(node, path)).connected()
    assert one.connect_reply["pong"]
    assert await one.message(pings=True) == {}
    await one.say({})
    assert await one.message(pings=True) == {}
    (push,) = await one.rest()
    assert push["push"]["disconnect"] == {"code": 3012, "reason": "no pong"}


@both
async def test_a_slow_reader_is_told_why_and_its_body_is_whole(plexus, loops, path):
    node = await plexus({"node": {"loops": loops}, "client": {"max_queue_size": 65536}})

    def listen():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", node.port))
        sock.sendall(opening(path, [*ME, {"id": 2, "subscribe": {"channel": "plain:flood"}}]))
        got = b""
        while b'"subscribe":' not in got:
            got += sock.recv(4096)
        return sock, got

    sock, got = await asyncio.to_thread(listen)
    while await node.metric("plexus_slow_clients_total") == 0:
        await node.api.publish("plain:flood", "x" * 60_000)

    def rest(got):
        while data := sock.recv(65536):
            got += data
        return got

    body = (await asyncio.to_thread(rest, got)).partition(b"\r\n\r\n")[2]
    sock.close()
    last = b""
    while True:  # whole chunks to the last, empty one
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            break
        last, body = body[: int(size, 16)], body[int(size, 16) :]
        assert body[:2] == b"\r\n"
        body = body[2:]
    assert body == b"\r\n"
    assert json.loads(last.removeprefix(b"data: "))["push"]["disconnect"] == {"code": 3008, "reason": "slow"}
    assert await clients(node) == 0


@both
async def test_a_draining_node_sends_its_streams_away(plexus, loops, stream, path):
    node = await plexus({"node": {"loops": loops}})
    all_of_them = [await (await stream(node, path)).connected() for _ in range(10)]
    node.signal(signal.SIGTERM)
    for one in all_of_them:
        assert [m["push"]["disconnect"]["code"] for m in await one.rest()] == [3001]
    assert await node.exit_code() == 0


async def test_a_node_that_stops_at_once_leaves_nobody_waiting(plexus, stream):
    node = await plexus({"node": {"drain_timeout": "10s"}})
    all_of_them = [await (await stream(node)).connected() for _ in range(10)]
    node.signal(signal.SIGTERM)
    await node.logged("draining")
    node.signal(signal.SIGTERM)
    assert await node.exit_code() == 0
    for one in all_of_them:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await one.rest()
