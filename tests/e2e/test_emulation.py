"""What a client on a stream sends beside it, and requests that are neither."""

import asyncio
import json

import pytest

from support.stream import HTTP_STREAM, SSE, connecting, emulate, opening, raw
from support.tokens import token
from support.waiting import until
from support.wire import http

ME = [connecting(token("ann"))]


async def test_only_the_right_session_is_spoken_for(plexus, loops, stream):
    node = await plexus({"node": {"loops": loops}})
    one = await (await stream(node)).connected()
    session, name = one.connect_reply["session"], one.connect_reply["node"]
    secret, _, place = session.partition(".")
    wrong = [
        ("0" * 31 + "1") + "." + place,
        secret[:-1] + ("1" if secret[-1] == "0" else "0") + "." + place,
        secret,
        secret + ".99.0.0",
        secret + ".0.4000000000.0",
        secret + ".0.0.99999999999999",
        one.connect_reply["client"],
        "x",
    ]
    for other in wrong:
        assert (await emulate(node.port, other, name, "garbage"))[0] == 204, other
    got = await emulate(node.port, session, "another node", "garbage")
    assert got[0] == 404 and got[2].strip().endswith(".")
    await one.say({"id": 2, "rpc": {"method": "none"}})
    assert (await one.message())["id"] == 2  # and nothing before
    assert (await emulate(node.port, session, name, "garbage"))[0] == 204
    assert [m["push"]["disconnect"]["code"] for m in await one.rest()] == [3501]
    assert (await emulate(node.port, session, name, [{"id": 3, "rpc": {}}]))[0] == 204
    assert await node.metric('plexus_emulation_requests_total{result="unknown_node"}') == 1


async def test_a_websocket_is_not_spoken_for(node, wire):
    one = await wire(node, "ann")
    info = await node.api("info")
    for secret in ("0" * 32, "f" * 32):
        assert (await emulate(node.port, f"{secret}.0.0.0", info["nodes"][0]["uid"], "garbage"))[0] == 204
    await one.subscribe("chat:a")


BIG = b'{"id":1,"connect":{"data":"' + b"x" * 70_000 + b'"}}'
CHUNKED = b"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED += b"11170\r\n" + b"x" * 70_000 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (raw("POST", "/emulation", json.dumps({"session": "a", "node": "b", "data": BIG.decode()}).encode()), 413),
        (raw("POST", "/emulation", b"x" * 200_000), 413),
        (raw("POST", "/emulation", Content_Length=10**12), 413),
        (raw("POST", HTTP_STREAM, BIG), 413),
        (CHUNKED, 413),
        (raw("GET", SSE + "?cf_connect=" + "x" * 20_000), 431),
        (raw("POST", "/emulation", b"{}"), 400),
        (raw("POST", "/emulation", b"[]"), 400),
        (raw("POST", "/emulation", b'{"session":"a","node":"b","data":{}}'), 400),
        (raw("POST", "/emulation", b'{"session":"a","node":"b"}'), 400),
        (raw("POST", "/emulation", b'{"session":1,"node":"b","data":""}'), 400),
        (raw("POST", "/emulation", b'{"session":"","node":"b","data":""}'), 400),
        (raw("POST", "/emulation", b"\xff"), 400),
        (raw("POST", "/emulation"), 400),
        (raw("POST", HTTP_STREAM), 400),
        (raw("GET", SSE), 400),
        (raw("GET", SSE + "?cf_connect="), 400),
        (raw("GET", HTTP_STREAM), 405),
        (raw("HEAD", SSE), 405),
        (raw("POST", SSE, b"{}"), 405),
        (raw("GET", "/emulation"), 405),
        (raw("GET", "/connection/sse/"), 404),
    ],
)
async def test_what_is_no_stream_gets_a_sentence(shared_node, bystander, request_bytes, status):
    await bystander(shared_node)
    got = await http(shared_node.port, request_bytes) if not request_bytes.startswith(b"HEAD") else None
    if got is None:
        reader, writer = await asyncio.open_connection("127.0.0.1", shared_node.port)
        writer.write(request_bytes)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
        writer.close()
        return
    assert got[0] == status, got
    assert got[2].strip().endswith(".") and got[2].count("\n") == 1


async def test_a_message_may_be_as_large_on_a_stream_as_on_a_websocket(plexus, stream):
    node = await plexus({"client": {"max_message_size": 2000}, "api": {"max_body": 100}})
    one = await (await stream(node)).connected()
    command = {"id": 2, "publish": {"channel": "chat:a", "data": '"' * 500}}
    command["publish"]["data"] += "x" * (2000 - len(json.dumps(command)))
    assert len(json.dumps(command)) == 2000
    await one.say(command)
    assert (await one.message())["id"] == 2
    command["publish"]["data"] += "x"
    got = await emulate(node.port, one.connect_reply["session"], one.connect_reply["node"], [command])
    assert got[0] == 413 and "max_message_size" in got[2]
    await one.say({"id": 3, "rpc": {"method": "none"}})
    assert (await one.message())["id"] == 3


async def test_at_the_limit_of_clients_a_stream_is_503(plexus, stream):
    node = await plexus({"node": {"max_connections": 1}})
    one = await (await stream(node)).connected()
    got = await http(node.port, opening(SSE, ME))
    assert got[0] == 503 and got[1]["retry-after"] == "1"
    one.close()

    async def free():
        return await node.metric("plexus_clients") == 0

    await until(free, "a place")
    await (await stream(node)).connected()


async def test_the_internal_port_has_no_streams(plexus):
    node = await plexus({"internal": {"address": "127.0.0.1"}})
    for what in (opening(HTTP_STREAM, ME), opening(SSE, ME), raw("POST", "/emulation", b"{}")):
        assert (await http(node.internal_port, what))[0] == 404
