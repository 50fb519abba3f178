"""TLS in the node: clients of others over wss, and everything else on the same port."""

import asyncio
import contextlib
import json
import socket
import ssl

import aiohttp
import pytest

from support.clients import client, publications, subscribed
from support.node import API_KEY
from support.tokens import token
from support.waiting import until
from support.wire import TEXT, Wire, frame, handshake, http

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


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
