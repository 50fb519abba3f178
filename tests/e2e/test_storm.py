"""A crowd that drops and comes again all at once while others publish and read: nobody is lost, neither of the crowd nor
of the others, and the node's memory comes back. How long others wait meanwhile is measured by `bench/run --only storm`."""

import asyncio
import json
import socket
import struct

from support.tokens import token
from support.waiting import until
from support.wire import TEXT, frame, handshake

MB = 1024 * 1024
CROWD = 600


def come(node):
    """All of them, in a thread of its own: each connects and subscribes without waiting for anything in between."""
    crowd = []
    for number in range(CROWD):
        one = socket.create_connection(("127.0.0.1", node.port), timeout=30)
        commands = [
            {"id": 1, "connect": {"token": token(f"crowd{number}")}},
            {"id": 2, "subscribe": {"channel": f"plain:{number % 20}"}},
        ]
        one.sendall(handshake(node.port) + frame(TEXT, "\n".join(map(json.dumps, commands)).encode()))
        crowd.append(one)
    for one in crowd:
        got = b""
        while b'"id":2,' not in got:
            part = one.recv(65536)
            assert part, f"cut off after {got!r}"
            got += part
        assert got.startswith(b"HTTP/1.1 101 ") and b'"error"' not in got, got
    return crowd


def drop(crowd):
    """As a network that breaks."""
    for one in crowd:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()


async def test_a_crowd_that_comes_again_all_at_once(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}, "client": {"ping_interval": "0s"}})
    publisher = await wire(node, "publisher")
    watchers = [await wire(node, f"watcher{i}") for i in range(3)]
    for one in watchers:
        await one.subscribe("plain:pace")
    others = 1 + len(watchers)
    published, stop = 0, asyncio.Event()

    await publisher.subscribe("plain:pace")

    async def publish():
        nonlocal published
        while not stop.is_set():
            await publisher.call("publish", channel="plain:pace", data=published)
            published += 1

    pace = asyncio.ensure_future(publish())
    crowd, resident = [], []

    async def clients(count):
        async def are():
            return await node.metric("plexus_clients") == count

        await until(are, f"{count} clients", timeout=20)

    await until(lambda: published > 10, "publications")
    for _ in range(3):
        drop(crowd)
        before = published
        crowd = await asyncio.to_thread(come, node)
        assert published > before, "nobody published while the crowd came"
        await clients(CROWD + others)
        resident.append(node.resident())
    drop(crowd)
    await clients(others)
    stop.set()
    await pace
    for one in watchers:
        assert [(await one.push("pub"))["data"] for _ in range(published)] == list(range(published))
    # The first crowd shows what so many take; those after it take no more.
    assert resident[-1] - resident[0] < 2 * MB, resident
    await until(lambda: node.descriptors() < 60, "the descriptors back")
