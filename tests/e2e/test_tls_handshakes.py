"""How TLS begins and ends: versions, resumption, what is refused, and the goodbye."""

import asyncio
import contextlib
import json
import signal
import ssl
import warnings

import pytest

from support.node import API_KEY
from support.tls import first_bytes_of_a_greeting, greet
from support.tokens import token
from support.waiting import until
from support.wire import TEXT, frame, handshake

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["TLS 1.2", "TLS 1.3"])
async def test_a_client_that_comes_again_resumes(secure, authority, version):
    node = await secure()
    context = authority.context(version)

    def visit(session):
        with greet(node, context, session) as one:
            one.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 404"  # the ticket has come by now
            return one.session, one.session_reused

    session, reused = await asyncio.to_thread(visit, None)
    assert not reused and session.has_ticket
    for _ in range(3):
        session, reused = await asyncio.to_thread(visit, session)
        assert reused
    assert await node.metric('plexus_tls_handshakes_total{kind="full"}') == 1
    assert await node.metric('plexus_tls_handshakes_total{kind="resumed"}') == 3


async def test_old_versions_and_other_protocols_are_refused(secure, authority, bystander_over_tls):
    node = await secure()
    await bystander_over_tls(node)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = authority.context(ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION|protocol version"):
        await asyncio.to_thread(greet, node, old)
    only_h2 = authority.context()
    only_h2.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
        await asyncio.to_thread(greet, node, only_h2)
    assert await node.metric('plexus_tls_handshake_failures_total{reason="fault"}') == 2
    both = authority.context()
    both.set_alpn_protocols(["h2", "http/1.1"])
    with await asyncio.to_thread(greet, node, both) as one:
        assert one.selected_alpn_protocol() == "http/1.1"


async def test_garbage_on_the_tls_port(secure, bystander_over_tls):
    node = await secure()
    await bystander_over_tls(node)
    greeting = first_bytes_of_a_greeting(ssl.create_default_context())
    broken = [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        handshake(node.port),
        b"\x00" * 3000,
        bytes(range(256)) * 300,
        greeting[:100] + b"\xff" * 500,
        greeting + b"\x17\x03\x03\x00\x20" + b"x" * 32,
    ]

    async def send(raw):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        with contextlib.suppress(ConnectionError):
            writer.write(raw)
            answer = await asyncio.wait_for(reader.read(-1), 10)
            assert b"HTTP" not in answer  # an alert at most
        writer.close()

    await asyncio.gather(*(send(raw) for raw in broken * 5))

    async def counted():
        return await node.metric('plexus_tls_handshake_failures_total{reason="fault"}') == len(broken) * 5

    await until(counted, "the failed handshakes in the metrics")
    assert node.log().count("\n") < 10  # told at debug only


async def test_a_handshake_that_does_not_come_to_its_end_is_closed(secure, bystander_over_tls):
    node = await secure({"client": {"connect_timeout": "500ms"}})
    greeting = first_bytes_of_a_greeting(ssl.create_default_context())
    for part in (b"", greeting[:3], greeting[:-1], greeting):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(part)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                await reader.read(-1)
        writer.close()
    assert await node.metric('plexus_tls_handshake_failures_total{reason="timeout"}') == 4
    _, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(greeting[:10])
    await writer.drain()
    writer.transport.abort()

    async def gone():
        return await node.metric('plexus_tls_handshake_failures_total{reason="gone"}') == 1

    await until(gone, "the one that went away")


async def test_the_end_is_said(secure, authority):
    """A stop closes with 3001, and TLS with its own goodbye: a client can tell an end from a cut."""
    node = await secure()

    def stay():
        one = greet(node, authority.context(), suppress_ragged_eofs=False)
        one.sendall(handshake(node.port) + frame(TEXT, json.dumps({"id": 1, "connect": {"token": token("ann")}}).encode()))
        got = b""
        while b'"client":' not in got:
            got += one.recv(4096)
        return one

    def rest(one):
        got = b""
        while data := one.recv(4096):
            got += data
        return got

    one = await asyncio.to_thread(stay)
    node.signal(signal.SIGTERM)
    assert b"\x0b\xb9shutdown" in await asyncio.to_thread(rest, one)  # and no SSLEOFError
    one.close()


async def test_a_request_whose_sender_says_goodbye_at_once_is_answered(secure, authority):
    node = await secure(internal=False)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = authority.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    async with asyncio.timeout(10):
        while True:
            try:
                one.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        one.write(b"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: " + API_KEY.encode() + b"\r\nContent-Length: 2\r\n\r\n{}")
        with contextlib.suppress(ssl.SSLWantReadError):
            one.unwrap()
        writer.write(outgoing.read())  # request and goodbye in one
        incoming.write(await reader.read(-1))
        got = one.read(65536)
        writer.close()
    assert got.startswith(b"HTTP/1.1 200 ") and b'"nodes"' in got


async def test_a_goodbye_is_answered(secure, authority):
    node = await secure()

    def visit():
        one = greet(node, authority.context())
        one.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        while not one.recv(4096).endswith(b".\n"):
            pass
        raw = one.unwrap()  # raises where the node only closes
        assert raw.recv(1) == b""
        raw.close()

    await asyncio.to_thread(visit)


async def test_a_full_node_refuses_without_a_word_in_clear(secure):
    node = await secure(files=(300, 300))
    held = [await asyncio.open_connection("127.0.0.1", node.port) for _ in range(300)]

    async def refused():
        return await node.metric('plexus_connections_refused_total{reason="limit"}') >= 1

    # The internal port is as full as the other.
    ends = [asyncio.ensure_future(reader.read(-1)) for reader, _ in held]
    done, _ = await asyncio.wait(ends, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert done
    for one in done:
        assert one.exception() is not None or one.result() == b""
    for _, writer in held:
        writer.transport.abort()
    await asyncio.gather(*ends, return_exceptions=True)
    await until(refused, "the refused ones in the metrics")
