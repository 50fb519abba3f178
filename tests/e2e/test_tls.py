"""TLS in the node: clients of others over wss, what is refused, certificates that change."""

import asyncio
import contextlib
import json
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import warnings

import aiohttp
import pytest
import pytest_asyncio

from support.certificates import Authority
from support.clients import client, publications, subscribed
from support.node import API_KEY, PROGRAM, clean_environment
from support.tokens import token
from support.waiting import until
from support.wire import TEXT, Wire, frame, handshake, http

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture
async def secure(plexus, authority):
    """Starts nodes that speak TLS; API, health and metrics are on a plain internal port unless told otherwise."""

    async def start(changes=None, internal=True):
        certificate, key = authority.sign()
        changes = dict(changes or {})
        changes["listen"] = {"tls": {"certificate": str(certificate), "key": str(key)}, **changes.get("listen", {})}
        if internal:
            changes["internal"] = {"address": "127.0.0.1"}
        node = await plexus(changes)
        node.certificate, node.key = certificate, key
        return node

    return start


def greet(node, context, session=None, **more):
    """A TLS connection on a plain blocking socket."""
    raw = socket.create_connection(("127.0.0.1", node.port), timeout=10)
    try:
        return context.wrap_socket(raw, server_hostname="127.0.0.1", session=session, **more)
    except BaseException:
        raw.close()
        raise


def first_bytes_of_a_greeting(context):
    """What a client sends first, without a client."""
    outgoing = ssl.MemoryBIO()
    one = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        one.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["TLS 1.2", "TLS 1.3"])
async def test_the_python_client_over_wss(secure, authority, loops, version):
    node = await secure({"node": {"loops": loops}})
    options = {"ssl_context": authority.context(version)}
    async with (
        client(node.port, token=token("ann"), **options) as ann,
        client(node.port, token=token("bob"), **options) as bob,
    ):
        subs = [await subscribed(one, "chat:room") for one in (ann, bob)]
        for i in range(50):
            await subs[i % 2].publish({"n": i})
        for sub in subs:
            assert await publications(sub, 50) == [{"n": i} for i in range(50)]
    assert await node.metric('plexus_tls_handshakes_total{kind="full"}') == 2
    assert await node.metric('plexus_tls_handshake_failures_total{reason="fault"}') == 0


async def test_the_whole_public_port_speaks_tls_and_the_internal_one_does_not(secure, authority):
    node = await secure(internal=False)
    connector = aiohttp.TCPConnector(ssl=authority.context())
    async with aiohttp.ClientSession(f"https://127.0.0.1:{node.port}", connector=connector) as session:
        async with session.get("/health/ready") as got:
            assert got.status == 200
        body = {"channel": "chat:a", "data": "x" * 900_000}
        async with session.post("/api/publish", json=body, headers={"X-API-Key": API_KEY}) as got:
            assert (await got.json())["result"]["offset"] == 1
        async with session.post("/api/history", json={"channel": "chat:a", "limit": 1}, headers={"X-API-Key": API_KEY}) as got:
            assert (await got.json())["result"]["publications"][0]["data"] == body["data"]
    other = await secure()
    assert (await other.api.get("/health/ready")).status == 200  # in clear, on the internal port


async def test_big_messages_both_ways(secure, authority, wire):
    node = await secure({"client": {"max_message_size": 2_000_000, "max_queue_size": 8_000_000}})
    ann, bob = [await wire(node, name, ssl=authority.context()) for name in ("ann", "bob")]
    await bob.subscribe("chat:big")
    await ann.subscribe("chat:big")
    for i in range(3):
        data = f"{i}" + "0123456789" * 100_000
        number = ann.start("publish", channel="chat:big", data=data)
        assert (await bob.push("pub"))["data"] == data
        await ann.result(number)


async def test_many_frames_in_one_record_arrive_in_order(secure, authority, wire):
    node = await secure()
    one = await wire(node, ssl=authority.context())
    await one.subscribe("chat:many")
    commands = [{"publish": {"channel": "chat:many", "data": {"n": n, "x": "y" * (n % 300)}}} for n in range(2000)]
    for i in range(0, 2000, 500):
        await node.api("batch", commands=commands[i : i + 500])
    for n in range(2000):
        got = await one.push("pub")
        assert got["data"]["n"] == n and got["offset"] == n + 1


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


@pytest_asyncio.fixture
async def bystander_over_tls(wire, authority):
    """As `bystander`, but over TLS."""
    from conftest import Bystander

    watched = []

    async def watch(node):
        one = Bystander(await wire(node, "bystander", ssl=authority.context()))
        await one.wire.subscribe(one.channel)
        await one.unaffected()
        watched.append(one)
        return one

    yield watch
    for one in watched:
        await one.unaffected()


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


async def test_a_reader_that_never_reads_is_cut_off_under_tls(secure, authority, wire, bystander_over_tls):
    node = await secure({"client": {"max_queue_size": 256 * 1024}})
    watcher = await bystander_over_tls(node)
    healthy = await wire(node, "healthy", ssl=authority.context())
    await healthy.subscribe("plain:flood")

    def deaf():
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(10)
        raw.connect(("127.0.0.1", node.port))
        one = authority.context().wrap_socket(raw, server_hostname="127.0.0.1")
        commands = [{"id": 1, "connect": {"token": token("deaf")}}, {"id": 2, "subscribe": {"channel": "plain:flood"}}]
        one.sendall(handshake(node.port) + frame(TEXT, "\n".join(map(json.dumps, commands)).encode()))
        got = b""
        while b'"subscribe":' not in got:
            got += one.recv(4096)
        return one

    def rest(one):
        got = b""
        with contextlib.suppress(ConnectionError):
            while data := one.recv(65536):
                got += data
        return got

    deafs = [await asyncio.to_thread(deaf) for _ in range(5)]
    before, highest, n = node.resident(), 0, 0
    while await node.metric("plexus_slow_clients_total") < len(deafs):
        await node.api.publish("plain:flood", {"n": n, "x": "x" * 60_000})
        assert (await healthy.push("pub"))["data"]["n"] == n
        highest = max(highest, node.resident())
        n += 1
        assert n < 400
    await watcher.unaffected()
    assert highest - before < 5 * (256 + 128) * 1024 + 12 * 1024 * 1024
    for one in deafs:
        got = await asyncio.to_thread(rest, one)
        assert got.endswith(b"slow") and b"\x0b\xc0" in got[-40:]  # close code 3008, behind whole frames
        frames = 0
        while got[0] != 0x88:
            assert got[0] == 0x81
            if got[1] == 126:
                got = got[4 + int.from_bytes(got[2:4], "big") :]
                frames += 1
            else:
                got = got[2 + got[1] :]  # a ping
        assert frames > 0
        one.close()


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


async def reload(node):
    before = node.log().count("configuration")
    node.signal(signal.SIGHUP)
    await until(lambda: node.log().count("configuration") > before, "the word about the configuration")


async def test_sighup_swaps_the_certificate(secure, authority, wire):
    node = await secure()
    inside = await wire(node, ssl=authority.context())

    async def shown():
        with await asyncio.to_thread(greet, node, authority.context()) as one:
            return one.getpeercert(binary_form=True)

    first = await shown()
    certificate, key = authority.sign()
    shutil.copy(certificate, node.certificate)
    shutil.copy(key, node.key)
    assert await shown() == first  # not before it is told
    await reload(node)

    async def changed():
        return await shown() != first

    await until(changed, "the new certificate")
    second = await shown()
    assert second == ssl.PEM_cert_to_DER_cert(certificate.read_text())
    await inside.subscribe("chat:still here")

    # A bad one keeps what is there, and says so.
    node.errors_expected = True
    for text in ("nonsense", first and authority.sign()[0].read_text()):  # no certificate; one of another key
        node.certificate.write_text(text)
        await reload(node)
        assert "the one before stays" in node.log().splitlines()[-1]
        assert await shown() == second
    await inside.call("unsubscribe", channel="chat:still here")
    assert "listen.tls.certificate: found no certificate" in node.log()
    assert "listen.tls.key: found another key" in node.log()


def test_check_tells_of_a_bad_certificate_and_the_node_does_not_start(authority, tmp_path):
    certificate, key = authority.sign()
    nowhere = str(tmp_path / "nowhere.pem")
    for tls, fault in (
        ({"certificate": nowhere, "key": str(key)}, f'listen.tls.certificate: found "{nowhere}", expected a file'),
        ({"certificate": str(certificate), "key": nowhere}, "listen.tls.key: found a file that cannot be read"),
        ({"certificate": str(certificate), "key": str(certificate)}, "listen.tls.key: found no private key"),
        ({"certificate": str(certificate)}, 'listen.tls.certificate: found "certificate" without "key"'),
    ):
        file = tmp_path / "plexus.json"
        file.write_text(json.dumps({"listen": {"port": 0, "tls": tls}}))
        for command in (["check", file], ["serve", "--config", file]):
            got = subprocess.run(
                [PROGRAM, *command], capture_output=True, text=True, env=clean_environment(), timeout=20
            )
            assert got.returncode == 2 and fault in got.stderr and got.stderr.count("\n") == 1, got.stderr
    file.write_text(json.dumps({"listen": {"tls": {"certificate": str(certificate), "key": str(key)}}}))
    assert subprocess.run([PROGRAM, "check", file], env=clean_environment(), timeout=20).returncode == 0


async def test_a_full_node_refuses_without_a_word_in_clear(secure):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    try:
        node = await secure()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    held = [await asyncio.open_connection("127.0.0.1", node.port) for _ in range(300)]

    async def refused():
        return await node.metric("plexus_connections_refused_total") >= 1

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


async def test_http_over_a_tls_connection_is_kept_alive(secure, authority):
    node = await secure(internal=False)
    raw = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    got = await http(node.port, raw, ssl=authority.context())
    assert got[0] == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, ssl=authority.context())
    async with asyncio.timeout(10):
        for _ in range(20):
            writer.write(raw)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(got[2]))
    writer.close()


async def test_many_clients_at_once(secure, authority):
    node = await secure({"node": {"loops": 2}})
    context = authority.context()

    async def visit(i):
        one = await Wire.open(node.port, ssl=context)
        await one.connect(token(f"user{i}"))
        await one.subscribe("chat:crowd")
        return one

    crowd = []
    for i in range(0, 200, 20):
        crowd += await asyncio.gather(*(visit(i + j) for j in range(20)))
    for n in range(20):
        await node.api.publish("chat:crowd", n)
    for one in crowd:
        assert [(await one.push("pub"))["data"] for _ in range(20)] == list(range(20))
    for i, one in enumerate(crowd):
        if i % 2:
            one.abort()
        else:
            await one.close()

    async def empty():
        return await node.metric("plexus_clients") == 0

    await until(empty, "an empty node")
