"""Clients that take more than their share: the node sets a limit, and the others notice nothing."""

import asyncio
import json
import time

import aiohttp
import pytest

from support.deaf import Deaf
from support.tokens import token
from support.waiting import until
from support.wire import Refused, Wire, handshake

MB = 1024 * 1024


async def test_a_reader_that_never_reads_is_cut_off(plexus, loops, wire, bystander):
    node = await plexus({"node": {"loops": loops}, "client": {"max_queue_size": 256 * 1024}})
    watcher = await bystander(node)
    healthy = await wire(node, "healthy")
    await healthy.subscribe("plain:flood")
    deaf = [await asyncio.to_thread(Deaf, node, "plain:flood") for _ in range(20)]
    before = node.resident()
    highest = before
    payload = "x" * 60_000
    for i in range(200):  # 12 MB, more than the kernel keeps for each
        await node.api.publish("plain:flood", {"n": i, "x": payload})
        assert (await healthy.push("pub"))["data"]["n"] == i
        if i % 20 == 0:
            await watcher.unaffected()
            highest = max(highest, node.resident())

    async def all_cut_off():
        return await node.metric("plexus_slow_clients_total") == len(deaf)

    await until(all_cut_off, "20 slow clients counted")
    assert await node.metric('plexus_client_disconnects_total{code="3008"}') == len(deaf)
    assert await node.metric("plexus_dropped_bytes_total") > 0
    assert highest - before < 20 * 0.25 * MB + 12 * MB
    channels = (await node.api("channels", pattern="plain:*"))["channels"]
    assert channels == {"plain:flood": {"num_clients": 1}}

    async def gone():
        return await node.metric("plexus_clients") == 2

    await until(gone, "the end of the slow clients")
    for one in deaf:
        one.socket.close()


async def test_who_was_cut_off_is_told_why_when_it_reads_again(plexus, loops):
    node = await plexus({"node": {"loops": loops}, "client": {"max_queue_size": 65536}})
    deaf = await asyncio.to_thread(Deaf, node, "plain:flood")
    while await node.metric("plexus_slow_clients_total") == 0:
        await node.api.publish("plain:flood", "x" * 60_000)
    rest = await asyncio.to_thread(deaf.rest)
    deaf.socket.close()
    assert rest.endswith(b"slow") and b"\x0b\xc0" in rest[-40:], rest[-40:]
    frames = 0
    while rest[0] != 0x88:  # whole frames up to the close frame
        assert rest[:2] == b"\x81\x7e"
        rest = rest[4 + int.from_bytes(rest[2:4], "big") :]
        frames += 1
    assert frames > 0


async def test_a_deaf_client_that_stays_so_is_gone_nevertheless(plexus):
    node = await plexus({"client": {"max_queue_size": 65536, "ping_interval": "1s", "pong_timeout": "1s"}})
    deaf = await asyncio.to_thread(Deaf, node, "plain:flood")
    for i in range(150):
        await node.api.publish("plain:flood", "x" * 60_000)

    async def gone():
        return await node.metric("plexus_clients") == 0 and await node.metric("plexus_connections") <= 2

    await until(gone, "the end of a client that does not even read its close frame", timeout=30, every=0.1)
    deaf.socket.close()


async def test_a_slow_reader_that_keeps_up_in_the_end_loses_nothing(node, wire):
    one = await wire(node, "slow")
    await one.subscribe("chat:a")
    for i in range(50):
        await node.api.publish("chat:a", {"n": i, "x": "x" * 10_000})
    assert [(await one.push("pub"))["data"]["n"] for _ in range(50)] == list(range(50))
    assert await node.metric("plexus_slow_clients_total") == 0


async def test_a_flood_of_one_client_leaves_room_for_others(plexus, wire, bystander):
    node = await plexus({"node": {"loops": 1}})
    watcher = await bystander(node)
    flood = await wire(node, "flood")
    await flood.subscribe("plain:flood")
    for i in range(2000):
        flood.start("publish", channel="plain:flood", data=i)
    for _ in range(5):
        started = time.monotonic()
        await watcher.unaffected()
        assert time.monotonic() - started < 2
    for i in range(2000):
        assert (await flood.push("pub"))["data"] == i


async def test_a_rate_is_told_and_then_ends_in_3013(plexus, wire, bystander):
    node = await plexus({"client": {"rate": {"commands_per_second": 20, "burst": 20}}})
    watcher = await bystander(node)
    fast = await wire(node, "fast")
    for _ in range(60):
        fast.start("rpc", method="none")
    assert (await fast.closed())[0] == 3013
    codes = [line.value["error"]["code"] for line in fast.lines.items]
    assert set(codes) == {108, 111} and codes.index(111) >= 15
    assert all(x.value["error"].get("temporary") for x in fast.lines.items if x.value["error"]["code"] == 111)
    await watcher.unaffected()


async def hold(node, count, raw=None):
    """Many connections that say nothing after their handshake, or after `raw`."""
    opened = []
    limit = asyncio.Semaphore(200)

    async def one():
        async with limit:
            reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.write(handshake(node.port) if raw is None else raw)
            if raw is None:
                await reader.readuntil(b"\r\n\r\n")
            opened.append((reader, writer))

    await asyncio.gather(*(one() for _ in range(count)))
    return opened


async def silence(node, bystander, count, seconds):
    watcher = await bystander(node)
    for warm in await hold(node, 50):
        warm[1].close()

    async def only_watcher():
        return await node.metric("plexus_clients") == 1

    await until(only_watcher, "only the bystander")
    before = node.resident()
    held = await hold(node, count)
    await watcher.unaffected()
    async with asyncio.timeout(seconds):
        ends = await asyncio.gather(*(reader.read(-1) for reader, _ in held))
    assert all(end[:1] == b"\x88" and end[2:4] == (3502).to_bytes(2, "big") for end in ends), set(ends)
    for _, writer in held:
        writer.close()
    await until(only_watcher, "the end of the silent clients")
    assert await node.metric('plexus_client_disconnects_total{code="3502"}') >= count
    # Some memory stays with the allocator; what would be kept for each connection would show.
    await until(lambda: node.resident() - before < 2 * MB + count * 1024, "the memory back")
    assert node.descriptors() < 40


async def test_connections_that_say_nothing(plexus, bystander):
    node = await plexus({"client": {"connect_timeout": "1s"}})
    await silence(node, bystander, 2_000, 20)


@pytest.mark.slow
async def test_ten_thousand_connections_that_say_nothing(plexus, bystander):
    node = await plexus({"node": {"loops": 2}, "client": {"connect_timeout": "5s"}})
    await silence(node, bystander, 10_000, 40)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "half a line", "half a header", "half a body"],
)
async def test_half_a_request_does_not_hold_a_connection_forever(plexus, raw):
    node = await plexus({"client": {"connect_timeout": "1s"}})
    held = await hold(node, 20, raw)
    async with asyncio.timeout(15):
        for reader, writer in held:
            end = await reader.read(-1)
            assert end == b"" or end.startswith(b"HTTP/1.1 4")
            writer.close()
    await until(lambda: node.descriptors() < 40, "the descriptors back")


async def test_connections_past_the_limit(plexus, loops, wire, bystander):
    node = await plexus({"node": {"loops": loops, "max_connections": 5}})
    watcher = await bystander(node)
    inside = [await wire(node, f"user{i}") for i in range(3)]
    ready = await node.api.get("/health/ready")
    assert ready.status == 200 and json.loads(ready.text) == {"ready": True}
    inside.append(await wire(node, "last"))

    for _ in range(5):
        with pytest.raises(Refused) as refusal:
            await Wire.open(node.port)
        assert refusal.value.status == 503 and refusal.value.body.strip().endswith(".")
    ready = await node.api.get("/health/ready")
    body = json.loads(ready.text)
    assert ready.status == 503 and body["ready"] is False
    assert [set(r) for r in body["reasons"]] == [{"part", "message"}] and body["reasons"][0]["message"]
    assert (await node.api.get("/health/live")).status == 200
    assert await node.metric('plexus_connections_refused_total{reason="limit"}') == 5
    for one in inside:
        await one.subscribe("chat:room")
    await node.api.publish("chat:room", "all")
    for one in inside:
        assert (await one.push("pub"))["data"] == "all"
    await watcher.unaffected()

    await inside.pop().close()

    async def ready_again():
        return (await node.api.get("/health/ready")).status == 200

    await until(ready_again, "readiness")
    await wire(node, "next")


async def test_silent_connections_on_the_public_port_leave_the_internal_one_open(plexus, wire):
    node = await plexus({"internal": {"address": "127.0.0.1"}}, files=(300, 300))
    held = await hold(node, 280, b"")
    await node.logged("as many connections as open files allow; refused")
    assert node.log().count("as many connections as open files allow") < 10  # not a line for each
    for path, status in (("/health/live", 200), ("/metrics", 200), ("/health/ready", 503)):
        async with aiohttp.ClientSession() as fresh, fresh.get(f"http://127.0.0.1:{node.internal_port}{path}") as got:
            assert got.status == status, path
            text = await got.text()
    assert [r["part"] for r in json.loads(text)["reasons"]] == ["connections"]
    for _, writer in held:
        writer.close()
    await until(lambda: node.descriptors() < 60, "the descriptors back")
    await wire(node, "next")


async def test_a_body_without_a_right_to_be_heard_takes_no_memory(plexus, bystander):
    node = await plexus()
    await bystander(node)
    before = node.resident()
    asked = {b"401": b"/api/publish", b"404": b"/nothing-here", b"413": b"/metrics"}
    for status, path in asked.items():
        for length in (b"Content-Length: 1000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"):
            held = await hold(node, 20, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + length + b" " * 900_000)
            async with asyncio.timeout(10):
                for reader, writer in held:
                    assert (await reader.readline()).split()[1] == status
                    writer.close()
    assert node.resident() - before < 4 * MB


async def test_a_client_at_its_channel_limit_goes_on(plexus, wire, bystander):
    node = await plexus({"client": {"max_channels": 10}})
    await bystander(node)
    one = await wire(node)
    for i in range(30):
        one.start("subscribe", channel=f"plain:{i}")
    replies = [(await one.line()).value for _ in range(30)]
    assert sum("subscribe" in r for r in replies) == 10
    assert {r["error"]["code"] for r in replies if "error" in r} == {106}


async def test_publications_per_second_of_a_channel(plexus, wire):
    node = await plexus(
        {
            "channels": {
                "namespaces": {"slow": {"subscribe": "user", "publish": "user", "publications_per_second": 5}}
            }
        }
    )
    one = await wire(node)
    numbers = [one.start("publish", channel="slow:a", data=i) for i in range(40)]
    replies = [await one.reply(n) for n in numbers]
    refused = [r["error"] for r in replies if "error" in r]
    assert 20 <= len(refused) < 40 and {e["code"] for e in refused} == {111}


async def test_on_slow_latest_keeps_the_client(plexus, wire):
    node = await plexus(
        {
            "client": {"max_queue_size": 256 * 1024, "ping_interval": "0s"},  # who is deaf doesn't answer pings
            "channels": {"namespaces": {"last": {"subscribe": "user", "on_slow": "latest"}}},
        }
    )
    deaf = await asyncio.to_thread(Deaf, node, "last:a")
    for i in range(200):
        await node.api.publish("last:a", {"n": i, "x": "x" * 60_000})
    assert await node.metric("plexus_slow_clients_total") == 0

    def to_the_last():
        got = b""
        while b'"n": 199,' not in got:
            data = deaf.socket.recv(65536)
            assert data, "closed"
            got = got[-100:] + data

    await asyncio.to_thread(to_the_last)
    deaf.socket.close()


SHORT_HISTORY = {"channels": {"namespaces": {"chat": {"history_size": 10}}}}


async def test_memory_is_back_after_many_connections(plexus):
    node = await plexus({"node": {"loops": 2}, **SHORT_HISTORY})
    await churn(node, 300)
    before = node.resident()
    await churn(node, 1000)
    await until(lambda: node.resident() - before < 2 * MB, "the memory back")
    assert node.descriptors() < 60


@pytest.mark.slow
async def test_memory_is_back_after_five_thousand_connections(plexus):
    node = await plexus({"node": {"loops": 2}, **SHORT_HISTORY})
    await churn(node, 1000)
    before = node.resident()
    await churn(node, 5000)
    await until(lambda: node.resident() - before < 2 * MB, "the memory back")
    assert (await node.api("channels"))["channels"] == {}


async def churn(node, count):
    """Connects, subscribes, publishes, goes; also without a word."""
    limit = asyncio.Semaphore(50)

    async def visit(i):
        async with limit:
            one = await Wire.open(node.port)
            await one.connect(token(f"user{i}"))
            channel = f"chat:{i % 100}"  # a channel with history is remembered; a hundred are no matter
            await one.subscribe(channel)
            await one.call("publish", channel=channel, data="x" * 500)
            if i % 2:
                await one.close()
            else:
                one.abort()
                await one.closed()

    await asyncio.gather(*(visit(i) for i in range(count)))
    for i in range(100):
        await node.api("history_remove", channel=f"chat:{i}")

    async def empty():
        return await node.metric("plexus_clients") == 0

    await until(empty, "an empty node")


async def test_a_client_that_sends_faster_than_it_is_handled_gets_every_answer_in_order(node, wire):
    one = await wire(node)
    ids = [one.next_id() for _ in range(20_000)]
    for i in ids:
        one.send({"id": i, "rpc": {"method": "none"}})
    answers = [(await one.line()).value["id"] for _ in ids]
    assert answers == ids
