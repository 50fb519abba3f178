"""Whose connection it is when a proxy is in front, and how often one address may connect."""

import asyncio
import contextlib
import signal
import socket
import struct

import pytest

from support.certificates import Authority
from support.waiting import until
from support.wire import Refused, Wire, handshake, http, read_response

LOOPBACK = ["127.0.0.0/8"]
FAR = ["198.51.100.0/24"]  # nobody who connects in these tests
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def version_1(address, port=8080):
    kind = "TCP6" if ":" in address else "TCP4"
    return f"PROXY {kind} {address} {address} {port} 443\r\n".encode()


def version_2(address, port=8080, more=b""):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    body = packed + packed + struct.pack("!HH", port, 443) + more
    return V2 + bytes([0x21, 0x21 if ":" in address else 0x11]) + struct.pack("!H", len(body)) + body


LOCAL = V2 + b"\x20\x00\x00\x00"


def settings(**listen):
    return {"listen": listen, "log": {"level": "debug"}}


def opened_by(node):
    """The peers of the WebSockets so far, as the log tells them."""
    return [
        line.partition('peer="')[2].partition('"')[0]
        for line in node.log().splitlines()
        if "a client opened a WebSocket" in line
    ]


async def test_a_trusted_proxy_names_the_client(plexus, wire):
    node = await plexus(settings(trusted_proxies=["127.0.0.1", "10.0.0.0/8"]))
    for value in ("203.0.113.9", "6.6.6.6, 203.0.113.9, 10.1.2.3", "2001:db8::9", "[2001:db8::9]:4711"):
        await wire(node, headers={"X-Forwarded-For": value})
    await wire(node)
    peers = opened_by(node)
    assert peers[:4] == ["203.0.113.9", "203.0.113.9", "2001:db8::9", "2001:db8::9"]
    assert peers[4].startswith("127.0.0.1:")


async def test_from_anybody_else_the_header_is_ignored(plexus, wire):
    for trusted in ([], FAR):
        node = await plexus(settings(trusted_proxies=trusted))
        await wire(node, headers={"X-Forwarded-For": "203.0.113.9"})
        assert [p.split(":")[0] for p in opened_by(node)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    "first, peer",
    [
        (version_1("203.0.113.9"), "203.0.113.9:8080"),
        (version_1("2001:db8::9"), "[2001:db8::9]:8080"),
        (version_2("203.0.113.9"), "203.0.113.9:8080"),
        (version_2("2001:db8::9", more=b"\x04\x00\x03abc"), "[2001:db8::9]:8080"),
    ],
    ids=["version 1, IPv4", "version 1, IPv6", "version 2, IPv4", "version 2, IPv6 and more"],
)
async def test_a_proxy_header_names_the_client(plexus, wire, first, peer):
    node = await plexus(settings(trusted_proxies=LOOPBACK, proxy_protocol=True))
    one = await wire(node, first=first, headers={"X-Forwarded-For": "6.6.6.6"})  # the client itself may have written that
    await one.subscribe("chat:a")
    # And in single bytes.
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    for byte in first + handshake(node.port):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    writer.close()
    assert opened_by(node) == [peer, peer]


async def test_health_checks_of_the_proxy_itself(plexus):
    node = await plexus(settings(trusted_proxies=LOOPBACK, proxy_protocol=True) | {"internal": {"address": "127.0.0.1"}})
    for first in (LOCAL, b"PROXY UNKNOWN\r\n"):
        got = await http(node.port, first + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert got[0] == 404
    # One that only looks whether the port is open.
    _, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.close()
    assert await node.metric("plexus_proxy_headers_refused_total") == 0


async def test_a_trusted_proxy_without_a_good_header_is_closed(plexus):
    node = await plexus(settings(trusted_proxies=LOOPBACK, proxy_protocol=True) | {"internal": {"address": "127.0.0.1"}})
    wrong = [
        handshake(node.port),
        b"PROXY TCP4 203.0.113.9 10.0.0.1 8080\r\n" + handshake(node.port),
        b"PROXY TCP4 203.0.113.9 10.0.0.1 8080 443 " + b"x" * 200,
        V2 + b"\x31\x11\x00\x0c" + b"x" * 12,
        V2 + b"\x21\x11\xff\xff",
        b"\x16\x03\x01\x02\x00",
    ]
    for raw in wrong:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(raw)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await reader.read(-1) == b""
        writer.close()
    assert await node.metric("plexus_proxy_headers_refused_total") == len(wrong)


async def test_a_header_that_never_comes_is_not_waited_for(plexus):
    node = await plexus(
        settings(trusted_proxies=LOOPBACK, proxy_protocol=True) | {"client": {"connect_timeout": "300ms"}}
    )
    for part in (b"", version_2("203.0.113.9")[:20], version_1("203.0.113.9")):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(part)
        async with asyncio.timeout(5):
            assert await reader.read(-1) == b""
        writer.close()


async def test_who_is_not_trusted_speaks_for_itself(plexus, wire):
    """A direct client is served without a header; one that it sends is no HTTP."""
    node = await plexus(settings(trusted_proxies=FAR, proxy_protocol=True))
    await wire(node)
    assert [p.split(":")[0] for p in opened_by(node)] == ["127.0.0.1"]
    got = await http(node.port, version_1("203.0.113.9") + handshake(node.port))
    assert got[0] == 400


async def test_a_header_before_tls(plexus, tmp_path):
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.sign()
    node = await plexus(
        settings(
            trusted_proxies=LOOPBACK, proxy_protocol=True, tls={"certificate": str(certificate), "key": str(key)}
        )
        | {"internal": {"address": "127.0.0.1"}}
    )

    def talk():
        raw = socket.create_connection(("127.0.0.1", node.port), timeout=10)
        raw.sendall(version_2("203.0.113.9"))
        with authority.context().wrap_socket(raw, server_hostname="127.0.0.1") as one:
            one.sendall(handshake(node.port))
            return one.recv(4096)

    assert (await asyncio.to_thread(talk)).startswith(b"HTTP/1.1 101 ")
    assert opened_by(node) == ["203.0.113.9:8080"]


async def tries(node, count, **how):
    """Opens WebSockets as fast as it can: how many were let in, and the answers of the others."""
    opened, refused = [], []
    for _ in range(count):
        try:
            opened.append(await Wire.open(node.port, **how))
        except Refused as e:
            refused.append(e)
    for one in opened:
        one.abort()
    return len(opened), refused


async def test_who_connects_too_often_gets_429(plexus):
    node = await plexus({"listen": {"connects_per_second_per_address": 0.5}})
    opened, refused = await tries(node, 10)
    assert opened == 1 and len(refused) == 9
    for one in refused:
        assert one.status == 429 and one.headers["retry-after"] in ("1", "2") and one.body.endswith(".\n")
    assert await node.metric("plexus_connects_limited_total") == 9
    # A back end's requests are no connects.
    for _ in range(10):
        assert (await http(node.port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200

    async def again():
        return (await tries(node, 1))[0] == 1

    await until(again, "the next that may come", every=0.2)


async def test_behind_a_proxy_each_client_has_its_own(plexus):
    node = await plexus({"listen": {"connects_per_second_per_address": 0.1, "trusted_proxies": LOOPBACK}})
    for address in ("203.0.113.1", "203.0.113.2", "2001:db8:0:1::1", "2001:db8:0:2::1"):
        opened, refused = await tries(node, 3, headers={"X-Forwarded-For": address})
        assert opened == 1 and {r.status for r in refused} == {429}
    assert (await tries(node, 3, headers={"X-Forwarded-For": "2001:db8:0:1:ffff::9"}))[0] == 0  # the same /64
    assert (await tries(node, 5))[0] == 5  # the proxy itself, naming nobody
    # What a client writes itself changes nothing.
    assert (await tries(node, 3, headers={"X-Forwarded-For": "203.0.113.77, 203.0.113.1"}))[0] == 0


async def test_one_connection_of_a_proxy_carries_requests_of_many(plexus):
    node = await plexus({"listen": {"connects_per_second_per_address": 0.1, "trusted_proxies": LOOPBACK}})
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    statuses = []
    async with asyncio.timeout(10):
        for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
            headers = {"X-Forwarded-For": address, "Upgrade": None, "Connection": None}
            writer.write(handshake(node.port, headers=headers))
            got = await read_response(reader)
            statuses.append(got[0])
            if got[1].get("connection") == "close":
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.close()
    assert statuses == [400, 429, 400]


async def test_with_proxy_headers_each_client_has_its_own(plexus):
    node = await plexus(
        {"listen": {"connects_per_second_per_address": 0.1, "trusted_proxies": LOOPBACK, "proxy_protocol": True}}
    )
    for address in ("203.0.113.1", "203.0.113.2"):
        assert (await tries(node, 3, first=version_2(address)))[0] == 1


async def test_under_tls_it_is_closed_before_the_handshake(plexus, tmp_path):
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.sign()
    tls = {"certificate": str(certificate), "key": str(key)}
    for proxied in (False, True):
        node = await plexus(
            {
                "listen": {
                    "connects_per_second_per_address": 0.1,
                    "tls": tls,
                    "trusted_proxies": LOOPBACK if proxied else [],
                    "proxy_protocol": proxied,
                },
                "internal": {"address": "127.0.0.1"},
            }
        )
        context = authority.context()

        def talk(address):
            with socket.create_connection(("127.0.0.1", node.port), timeout=10) as raw:
                try:
                    if proxied:
                        raw.sendall(version_1(address))
                    with context.wrap_socket(raw, server_hostname="127.0.0.1") as one:
                        one.sendall(handshake(node.port))
                        return one.recv(12)
                except (OSError, ConnectionError):  # ssl.SSLError is one too
                    return b"closed"

        got = [await asyncio.to_thread(talk, "203.0.113.1") for _ in range(4)]
        assert got == [b"HTTP/1.1 101"] + [b"closed"] * 3
        assert await node.metric('plexus_tls_handshakes_total{kind="full"}') == 1
        assert await node.metric("plexus_connects_limited_total") == 3
        if proxied:
            assert await asyncio.to_thread(talk, "203.0.113.2") == b"HTTP/1.1 101"


async def test_all_of_it_can_change_at_a_reload(plexus, wire):
    node = await plexus(settings())

    async def reload(**listen):
        node.write_config(node.config | {"listen": {"port": 0, **listen}})
        before = node.log().count("configuration read again")
        node.signal(signal.SIGHUP)
        await until(lambda: node.log().count("configuration read again") > before, "the reload")

    await reload(connects_per_second_per_address=0.1)
    assert (await tries(node, 3))[0] == 1
    await reload(trusted_proxies=LOOPBACK)
    await wire(node, headers={"X-Forwarded-For": "203.0.113.9"})
    await reload(trusted_proxies=LOOPBACK, proxy_protocol=True)
    await wire(node, first=version_1("203.0.113.8"))
    assert opened_by(node)[-2:] == ["203.0.113.9", "203.0.113.8:8080"]
    said = node.log()
    assert 'applied="listen.proxy_protocol"' in said and "needs_restart=\"listen" not in said
