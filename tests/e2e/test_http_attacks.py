"""Requests made to be read in two ways, or to keep a node busy: a 4xx, and the connection is over."""

import asyncio
import contextlib
import re
import time

import pytest

from support.node import API_KEY
from support.wire import handshake

# Behind each attack comes this: were the first one taken for shorter than it is, it would be answered with 200.
SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


async def exchange(port, raw, timeout=10.0):
    """All that the node says until it closes."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            with contextlib.suppress(ConnectionError):
                writer.write(raw)
                await writer.drain()
            got = b""
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65536):
                    got += part
            return got


def answers(got):
    return len(re.findall(rb"HTTP/1\.1 \d{3} ", got))


def post(*fields, body=b"", path="/api/info", version="HTTP/1.1", host="Host: x\r\n"):
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"POST {path} {version}\r\n{host}X-API-Key: {API_KEY}\r\n{lines}\r\n".encode() + body


def get(target, version="HTTP/1.1"):
    return b"GET " + (target.encode() if isinstance(target, str) else target) + b" HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        post("Content-Length: 2", "Content-Length: 40", body=b"{}"),
        post("Content-Length: 2", "Content-Length: 2", body=b"{}"),
        post("Content-Length: 2, 2", body=b"{}"),
        post("Content-Length: +2", body=b"{}"),
        post("Content-Length: 2", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: identity, chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: chunked", version="HTTP/1.0", body=b"0\r\n\r\n"),
        post("Content-Length : 2", body=b"{}"),
        post("X: a", " folded: b", "Content-Length: 2", body=b"{}"),
        post("X: a\n", "Content-Length: 2", body=b"{}"),
        post("Content-Length: 2", body=b"{}", host=""),
        post("Content-Length: 2", body=b"{}", host="Host: x\r\nHost: y\r\n"),
        b"POST /api/info HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
        b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\n{}",
        post("Transfer-Encoding: chunked", body=b"2\n{}\n0\n\n"),
        post("Transfer-Encoding: chunked", body=b"2;x\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"2\r\n{}X0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nX-API-Key: other\r\n\r\n"),
        get("/api%2finfo"),
        get("/health/live%00"),
        get("/health%5clive"),
        get("/health/../health/live"),
        get("/%2e%2e/health/live"),
        get("/health/live%"),
        get("/health/live%0d%0aX: y"),
        get(b"/health/\xc3\xa9"),
        get("http://127.0.0.1/health/live"),
        get("*"),
        get("/" + "a" * 20_000),
        get("/health/live HTTP/1.1 "),
        b"\r\n\r\n" + get("/health/live"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:150].replace(f"X-API-Key: {API_KEY}\r\n".encode(), b""))[2:70],
)
async def test_what_could_be_read_in_two_ways_is_refused(shared_node, bystander, raw):
    await bystander(shared_node)
    got = await exchange(shared_node.port, raw + SMUGGLED)
    assert got.startswith(b"HTTP/1.1 4"), got[:200]
    assert answers(got) == 1, "something behind the fault was answered"
    assert b"\r\nConnection: close\r\n" in got


async def test_chunks_may_be_cut_anywhere(shared_node):
    raw = post("Transfer-Encoding: chunked", "Connection: close", body=b"1;ext=\"x\"\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_node.port)
    with contextlib.closing(writer):
        for i in range(len(raw)):
            writer.write(raw[i : i + 1])
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert (await reader.read(-1)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "endless",
    [
        b"2;" + b"x" * 2_000_000,
        b"0" * 2_000_000,
        b"0\r\n" + b"X: y\r\n" * 300_000,
        b"2\r\n{}\r\n0;" + b"y" * 2_000_000,
    ],
    ids=["chunk extension", "chunk size", "trailer", "last chunk's extension"],
)
async def test_chunks_without_an_end_take_no_memory(node, bystander, endless):
    await bystander(node)
    before = node.resident()
    got = await exchange(node.port, post("Transfer-Encoding: chunked", body=endless))
    assert got.startswith(b"HTTP/1.1 4") and answers(got) == 1
    assert node.resident() - before < 4_000_000


@pytest.mark.parametrize(
    "slow",
    [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: ",
        post("Content-Length: 1000000"),
        post("Transfer-Encoding: chunked"),
    ],
    ids=["head", "body", "chunks"],
)
@pytest.mark.parametrize("first", [b"", SMUGGLED], ids=["alone", "behind another"])
async def test_a_request_that_dribbles_in_ends_at_connect_timeout(plexus, slow, first):
    node = await plexus({"client": {"connect_timeout": "400ms"}})
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    with contextlib.closing(writer):
        writer.write(first + slow)
        got, begin = b"", time.monotonic()
        async with asyncio.timeout(10):
            while b" 408 " not in got:
                with contextlib.suppress(ConnectionError):
                    writer.write(b"1" if b"chunked" in slow else b"x")
                try:
                    part = await asyncio.wait_for(reader.read(65536), 0.02)
                    assert part, f"closed without an answer: {got}"
                    got += part
                except TimeoutError:
                    pass
        assert 0.3 < time.monotonic() - begin < 5
        assert answers(got) == (2 if first else 1)


async def test_many_requests_in_a_row_are_all_answered_and_others_have_their_turn(node, wire):
    """More than a turn takes, sent without waiting; meanwhile a client's replies don't wait for them."""
    count = 5000
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    other = await wire(node)
    with contextlib.closing(writer):
        writer.write(SMUGGLED * (count - 1) + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = asyncio.ensure_future(reader.read(-1))
        slowest = 0.0
        while not got.done():
            begin = time.monotonic()
            number = other.start("rpc", method="none")
            assert (await other.reply(number))["error"]["code"] == 108
            slowest = max(slowest, time.monotonic() - begin)
        all_of_it = await asyncio.wait_for(got, 20)
    assert all_of_it.count(b"HTTP/1.1 200 ") == count
    assert slowest < 0.5


async def test_bytes_behind_the_handshake_are_the_first_frames(shared_node):
    """A client may not wait for the answer; nothing of it is taken for a request."""
    raw = handshake(shared_node.port) + b"\x89\x80abcd" + b"\x88\x82\x00\x00\x00\x00\x03\xe8"
    got = await exchange(shared_node.port, raw)
    head, _, frames = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and frames == b"\x8a\x00\x88\x02\x03\xe8"
