"""What isn't a WebSocket client, or an API caller without rights: a sentence, and nobody else notices."""

import asyncio
import json
import socket

import pytest

from support.node import API_KEY
from support.waiting import until
from support.wire import TEXT, Refused, Wire, frame, handshake, http, read_response

NO_UPGRADE = {"Upgrade": None, "Connection": None, "Sec-WebSocket-Key": None, "Sec-WebSocket-Version": None}


def is_one_sentence(text):
    return text.endswith((".", ".\n")) and text.strip().count("\n") == 0 and 10 < len(text) < 200


@pytest.mark.parametrize(
    "what, status",
    [
        ((lambda port: handshake(port, headers=NO_UPGRADE)), {400, 426}),
        ((lambda port: handshake(port, headers={"Upgrade": "h2c"})), {400, 426}),
        ((lambda port: handshake(port, headers={"Sec-WebSocket-Version": "8"})), {400, 426}),
        ((lambda port: handshake(port, headers={"Sec-WebSocket-Key": None})), {400}),
        ((lambda port: handshake(port, headers={"Sec-WebSocket-Key": "short"})), {400}),
        ((lambda port: handshake(port, path="/connection/nothing")), {404}),
        ((lambda port: handshake(port, path="/connection/websocket/")), {404}),
        ((lambda port: b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), {404}),
        ((lambda port: b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), {400, 404}),
        ((lambda port: b"POST /connection/websocket HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"), {405}),
        ((lambda port: b"DELETE /api/publish HTTP/1.1\r\nHost: x\r\n\r\n"), {405}),
        ((lambda port: b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), {405}),
        ((lambda port: b"BREW /health/live HTTP/1.1\r\nHost: x\r\n\r\n"), {400, 405}),
        ((lambda port: b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"), {400}),
        ((lambda port: b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"), {400, 505}),
        ((lambda port: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n"), {400}),
        ((lambda port: b"hello\r\n\r\n"), {400}),
        ((lambda port: handshake(port, headers={"X-Long": "x" * 17_000})), {400, 431}),
        ((lambda port: handshake(port, headers={f"X-{i}": "x" * 50 for i in range(300)})), {400, 431}),
        ((lambda port: handshake(port, path="/" + "x" * 17_000)), {400, 414, 431}),
    ],
    ids=[
        "no upgrade",
        "another upgrade",
        "WebSocket version 8",
        "no key",
        "short key",
        "unknown connection path",
        "slash too many",
        "unknown path",
        "path upwards",
        "POST to the WebSocket",
        "DELETE",
        "POST to metrics",
        "unknown method",
        "negative length",
        "HTTP 9.9",
        "TLS",
        "no HTTP",
        "one header over 16 kB",
        "all headers over 16 kB",
        "target over 16 kB",
    ],
)
async def test_what_is_not_a_client_gets_a_sentence(shared_node, bystander, what, status):
    await bystander(shared_node)
    got = await http(shared_node.port, what(shared_node.port))
    assert got is not None, "closed without an answer"
    assert got[0] in status and got[0] >= 400
    assert is_one_sentence(got[2]), got[2]


async def test_head_and_pipelined_requests_are_answered_in_order(node):
    one = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(b"HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + one + last)
    async with asyncio.timeout(10):
        text = (await reader.read(-1)).decode()
    writer.close()
    assert [x[:3] for x in text.split("HTTP/1.1 ")[1:]] == ["200", "200", "404"]


async def test_a_request_in_single_bytes_is_a_request(node):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    for byte in handshake(node.port):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 101 ")


async def test_an_api_call_without_the_key_is_refused(node, bystander):
    watcher = await bystander(node)
    body = json.dumps({"channel": watcher.channel, "data": "smuggled"})
    for headers in (
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": API_KEY[:-1]},
        {"X-API-Key": API_KEY + "x"},
        {"Authorization": "apikey wrong"},
        {"Authorization": f"Bearer {API_KEY}"},
    ):
        got = await node.api.request("POST", "/api/publish", data=body, headers=headers)
        assert got.status == 401, headers
    assert (await node.api.request("POST", "/api/publish?api_key=wrong", data=body)).status == 401


async def test_the_key_may_come_in_three_ways(node):
    for path, headers in (
        ("/api/info", {"X-API-Key": API_KEY}),
        ("/api/info", {"Authorization": f"apikey {API_KEY}"}),
        (f"/api/info?api_key={API_KEY.replace(' ', '%20')}", {}),
    ):
        got = await node.api.request("POST", path, data="{}", headers=headers)
        assert got.status == 200 and "result" in json.loads(got.text), path


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "nonsense",
        '{"channel":"chat:a","data":}',
        '{"channel":"chat:a"',
        b"\xff\xfe",
        '{"channel":"chat:a","data":1}}',
        "[" * 100_000,
    ],
)
async def test_broken_json_to_the_api_is_400(shared_node, bystander, body):
    await bystander(shared_node)
    assert (await shared_node.api.raw("publish", body)).status == 400


async def test_other_faults_of_an_api_call(node):
    assert (await node.api.raw("nothing", "{}")).status == 404
    assert (await node.api.request("GET", "/api/publish", headers={"X-API-Key": API_KEY})).status == 405
    for body, code in (
        ('{"channel":"chat:a"}', 107),
        ('{"data":1}', 107),
        ('{"channel":"","data":1}', 107),
        ('{"channel":"nowhere:a","data":1}', 102),
        ('{"channel":5,"data":1}', None),
        ('{"channel":"%s","data":1}' % ("x" * 300), 107),
        ("[]", None),
    ):
        got = await node.api.raw("publish", body)
        if code is None:
            assert got.status == 400 or json.loads(got.text)["error"]["code"] == 107, body
        else:
            assert got.status == 200 and json.loads(got.text)["error"]["code"] == code, body


async def test_a_body_of_100_megabytes_is_refused_without_taking_it(node, bystander):
    await bystander(node)
    before = node.resident()
    head = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: 100000000\r\n\r\n"
    got = await http(node.port, head.encode() + b"x" * 2_000_000)
    assert got is not None and got[0] == 413 and is_one_sentence(got[2]), got
    assert node.resident() - before < 8_000_000


async def test_a_chunked_body_over_the_limit_is_refused(node, bystander):
    await bystander(node)
    head = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    got = await http(node.port, head.encode() + chunk * 30 + b"0\r\n\r\n")
    assert got is not None and got[0] == 413, got


async def test_the_api_is_off_without_a_key(plexus):
    node = await plexus({"api": {"key": ""}})
    got = await node.api.raw("info", "{}")
    assert got.status == 403 and is_one_sentence(got.text)


async def test_a_subprotocol_that_is_not_spoken_is_not_chosen(node):
    one = await Wire.open(node.port, headers={"Sec-WebSocket-Protocol": "soap, centrifuge-json"})
    assert one.headers["sec-websocket-protocol"] == "centrifuge-json"
    await one.close()
    try:
        one = await Wire.open(node.port, headers={"Sec-WebSocket-Protocol": "soap"})
    except Refused as e:
        assert 400 <= e.status < 500
    else:
        assert "sec-websocket-protocol" not in one.headers
        await one.close()


async def test_frames_may_follow_the_handshake_at_once(node):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    connect = json.dumps({"id": 1, "connect": {"token": node.token("ann")}}).encode()
    writer.write(handshake(node.port) + frame(TEXT, connect))
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (await reader.readexactly(20))[2:].startswith((b'{"id":1,"connect":', b"\x00"))
    writer.close()


async def test_who_waits_for_100_continue_gets_it(node):
    body = b'{"channel":"chat:a","data":"%s"}' % (b"x" * 5000)
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(
        f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
    )
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        status, _, answer = await read_response(reader)
    writer.close()
    assert status == 200 and json.loads(answer)["result"]["offset"] == 1


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Content-Length: 2x",
        "Content-Length : 2",
        "Content-Length: 99999999999999999999",
        "X-Header\x00: 1",
        "no colon",
    ],
)
async def test_a_body_whose_length_is_in_doubt_is_refused(shared_node, bystander, lines):
    """What a proxy in front might read otherwise is no request at all."""
    await bystander(shared_node)
    raw = f"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\n{lines}\r\n\r\n{{}}".encode()
    got = await http(shared_node.port, raw)
    assert got is not None and got[0] in (400, 411, 413, 501), got


def publish_request(body=b'{"channel":"chat:a","data":1}'):
    head = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_many_requests_on_one_connection(node):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(publish_request() * 300)
    async with asyncio.timeout(20):
        offsets = [json.loads((await read_response(reader))[2])["result"]["offset"] for _ in range(300)]
    writer.close()
    assert offsets == list(range(1, 301))


async def test_a_request_whose_sender_shuts_its_side_is_answered(node):
    """As `printf ... | nc` does it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(publish_request())
    writer.write_eof()
    async with asyncio.timeout(10):
        got = await read_response(reader)
    writer.close()
    assert got is not None and got[0] == 200


async def test_requests_that_overtake_their_answers(plexus, loops):
    """The next request arrives while the answer to the one before is awaited; some senders give up meanwhile."""
    node = await plexus({"node": {"loops": loops}})

    async def patient():
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        for _ in range(20):
            writer.write(publish_request())
            await asyncio.sleep(0)  # each in a segment of its own
        answers = [await read_response(reader) for _ in range(20)]
        writer.close()
        return [a[0] for a in answers] == [200] * 20

    async def impatient():
        _, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(publish_request())
        await writer.drain()
        writer.transport.abort()
        return True

    async with asyncio.timeout(20):
        assert all(await asyncio.gather(*(patient() if i % 2 else impatient() for i in range(60))))

    async def all_gone():
        return await node.metric("plexus_connections") == 1  # the one that asks

    await until(all_gone, "the end of the connections")


async def test_requests_pipelined_by_the_thousand_are_all_answered(node, bystander):
    """As many as a deep recursion would not survive."""
    watcher = await bystander(node)
    count = 20_000
    one = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(one * (count - 1) + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    async with asyncio.timeout(30):
        text = await reader.read(-1)
    writer.close()
    assert text.count(b"HTTP/1.1 200 ") == count
    await watcher.unaffected()


async def test_who_asks_and_never_reads_the_answers_is_cut_off(plexus, bystander):
    node = await plexus({"client": {"max_queue_size": 65536}})
    watcher = await bystander(node)
    before = node.resident()

    def ask():
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(20)
            s.connect(("127.0.0.1", node.port))
            requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                while True:
                    s.sendall(requests)

    await asyncio.to_thread(ask)
    assert node.resident() - before < 16 * 1024 * 1024
    await watcher.unaffected()
