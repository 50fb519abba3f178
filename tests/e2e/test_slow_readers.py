"""Readers that don't keep up, where they are to skip to the newest, and where all of them together hold too much."""

import asyncio
import socket
import time

import pytest

from support.deaf import Deaf
from support.node import API_KEY
from support.slow import Slow
from support.waiting import until
from support.wire import TEXT, frame

MB = 1024 * 1024
LATEST = {
    "client": {"ping_interval": "0s", "max_queue_size": 256 * 1024},  # who is deaf doesn't answer pings
    "channels": {
        "namespaces": {
            "last": {"subscribe": "user", "publish": "user", "on_slow": "latest"},
            "kept": {"subscribe": "user", "on_slow": "latest", "history_size": 1000, "history_ttl": "1h"},
            "joins": {"subscribe": "user", "on_slow": "latest", "join_leave": True},
        }
    },
}
FILL = "x" * 60_000


async def test_it_skips_to_the_newest_and_goes_on(plexus, loops, wire, bystander):
    node = await plexus({"node": {"loops": loops}, **LATEST})
    watcher = await bystander(node)
    quick = await wire(node, "quick")
    await quick.subscribe("last:a")
    slow = await asyncio.to_thread(Slow, node, "last:a")
    for n in range(150):
        await node.api.publish("last:a", {"n": n, "x": FILL})
        assert (await quick.push("pub"))["data"]["n"] == n
    await watcher.unaffected()
    skipped = await node.metric("plexus_publications_skipped_total")
    assert skipped > 0
    numbers = await asyncio.to_thread(slow.read_until, 149)
    assert numbers == sorted(set(numbers)) and len(numbers) + skipped == 150
    # It keeps up again: nothing is skipped.
    for n in range(150, 160):
        await node.api.publish("last:a", {"n": n})
    assert await asyncio.to_thread(slow.read_until, 159) == list(range(150, 160))
    assert await node.metric("plexus_slow_clients_total") == 0
    slow.close()


class Paced(Slow):
    """Over a slow link: two megabytes a second."""

    def message(self):
        self.last = super().message()
        return self.last

    def _fill(self, size):
        while len(self._held) < size:
            data = self.socket.recv(20_000)
            assert data, "the node closed"
            self._held += data
            time.sleep(len(data) / (2 * MB))


async def test_a_large_recovery_over_a_slow_link(plexus, bystander):
    # A reply of eight times the queue that takes longer to read than a pong may take.
    node = await plexus({"client": {"ping_interval": "1s", "pong_timeout": "1s"}})
    watcher = await bystander(node)
    for n in range(140):
        await node.api.publish("chat:a", {"n": n, "x": FILL})
    slow = await asyncio.to_thread(Paced, node, "chat:a", recover=True, offset=0)
    got = slow.last["subscribe"]
    assert got["recovered"] is True and [p["data"]["n"] for p in got["publications"]] == list(range(140))
    slow.socket.sendall(frame(TEXT, b'{}\n{"id":9,"history":{"channel":"chat:a"}}'))
    assert (await asyncio.to_thread(slow.message))["history"]["offset"] == 140
    assert await node.metric("plexus_slow_clients_total") == 0
    await watcher.unaffected()
    slow.close()


async def test_only_the_newest_waits_in_memory(plexus, loops):
    node = await plexus({"node": {"loops": loops}, **LATEST})
    slow = [await asyncio.to_thread(Slow, node, f"last:{i % 2}") for i in range(50)]
    for n in range(100):
        await node.api("broadcast", channels=["last:0", "last:1"], data={"n": n, "x": FILL})
    before = node.resident()
    for n in range(100, 400):
        await node.api("broadcast", channels=["last:0", "last:1"], data={"n": n, "x": FILL})
    assert node.resident() - before < 4 * MB
    assert await node.metric("plexus_queue_bytes") < 50 * 2 * 64_000
    for one in slow:
        assert (await asyncio.to_thread(one.read_until, 399))[-1] == 399
        one.close()


async def test_each_channel_has_its_newest(plexus, wire):
    node = await plexus(LATEST)
    slow = await asyncio.to_thread(Slow, node, "last:a", "last:b", "last:c")
    for n in range(100):
        for channel in ("last:a", "last:b"):
            await node.api.publish(channel, {"n": n, "x": FILL})
    await node.api.publish("last:c", {"n": 7})
    seen = {}

    def to_the_end():
        while seen.get("last:a") != 99 or seen.get("last:b") != 99 or seen.get("last:c") != 7:
            channel, _, data = slow.publication()
            assert seen.get(channel, -1) < data["n"]
            seen[channel] = data["n"]

    await asyncio.to_thread(to_the_end)
    slow.close()


async def test_more_in_one_turn_than_the_queue_may_hold(plexus, wire):
    """The client is not closed for it: what it has not been sent of such a channel falls away."""
    limits = {"max_queue_size": 128 * 1024, "ping_interval": "0s"}
    node = await plexus({"client": limits, "channels": LATEST["channels"]})
    slow = await asyncio.to_thread(Slow, node, "last:a")
    publisher = await wire(node, "publisher")
    for turn in range(30):
        batch = [{"n": turn * 10 + i, "x": FILL} for i in range(10)]
        numbers = [publisher.start("publish", channel="last:a", data=data) for data in batch]
        for number in numbers:
            await publisher.result(number)
    numbers = await asyncio.to_thread(slow.read_until, 299)
    assert numbers == sorted(set(numbers)) and len(numbers) < 300
    assert await node.metric("plexus_slow_clients_total") == 0
    slow.close()


async def test_positions_jump_and_recovery_goes_on_from_the_newest(plexus, wire):
    node = await plexus(LATEST)
    slow = await asyncio.to_thread(Slow, node, "kept:a")
    for n in range(1, 121):
        await node.api.publish("kept:a", {"n": n, "x": FILL})

    def positions():
        out = []
        while not out or out[-1][1] != 120:
            _, pub, data = slow.publication()
            out.append((pub["offset"], data["n"]))
        return out

    seen = await asyncio.to_thread(positions)
    assert all(offset == n for offset, n in seen) and len(seen) < 120
    slow.close()
    # Coming back with the position it saw last, it gets what came since, not what it skipped.
    await node.api.publish("kept:a", {"n": 121})
    again = await wire(node, "slow")
    got = await again.subscribe("kept:a", recover=True, offset=120)
    assert got["recovered"] and [p["data"]["n"] for p in got["publications"]] == [121]


async def test_joins_are_not_skipped(plexus, wire):
    node = await plexus(LATEST)
    slow = await asyncio.to_thread(Slow, node, "joins:a")
    for n in range(100):
        await node.api.publish("joins:a", {"n": n, "x": FILL})
        if n % 10 == 5:
            visitor = await wire(node, f"visitor{n}")
            await visitor.subscribe("joins:a")
    joined = []

    def to_the_end():
        newest = -1
        while newest != 99 or len(joined) < 11:
            push = slow.message().get("push", {})
            if "join" in push:
                joined.append(push["join"]["info"]["user"])
            newest = push.get("pub", {}).get("data", {}).get("n", newest)

    await asyncio.to_thread(to_the_end)
    assert joined == ["slow"] + [f"visitor{n}" for n in range(5, 100, 10)]
    slow.close()


async def test_other_channels_of_the_client_still_close_it(plexus):
    node = await plexus(LATEST)
    deaf = await asyncio.to_thread(Slow, node, "last:a", "plain:a")
    while await node.metric("plexus_slow_clients_total") == 0:
        await node.api.publish("plain:a", FILL)
    assert await node.metric('plexus_client_disconnects_total{code="3008"}') == 1
    deaf.close()


async def test_the_slowest_go_when_all_queues_hold_too_much(plexus, loops, wire, bystander):
    node = await plexus(
        {
            "node": {"loops": loops, "max_queue_memory": 2 * MB},
            "client": {"max_queue_size": 64 * MB, "ping_interval": "0s"},
        }
    )
    watcher = await bystander(node)
    healthy = await wire(node, "healthy")
    await healthy.subscribe("plain:own 0")
    # Each has a channel of its own, so that nothing is shared; the first ones get the most.
    deaf = [await asyncio.to_thread(Deaf, node, f"plain:own {i}") for i in range(6)]
    for n in range(120):
        for i in range(6):
            if n % (i + 1) == 0:
                await node.api.publish(f"plain:own {i}", FILL)
        assert (await healthy.push("pub"))["data"] == FILL
        assert await node.metric("plexus_queue_bytes") <= 2 * MB + 200_000
    closed = await node.metric("plexus_queue_memory_closed_total")
    assert 1 <= closed < 6
    assert await node.metric('plexus_client_disconnects_total{code="3008"}') == closed
    assert "queues are over node.max_queue_memory" in node.log()
    channels = (await node.api("channels", pattern="plain:own *"))["channels"]
    assert "plain:own 5" in channels  # for whom the least waited
    assert channels["plain:own 0"] == {"num_clients": 1}  # only the healthy one is left there
    await watcher.unaffected()
    for one in deaf:
        one.socket.close()


async def test_what_many_wait_for_is_counted_once(plexus):
    node = await plexus(
        {"node": {"max_queue_memory": 16 * MB}, "client": {"max_queue_size": 64 * MB, "ping_interval": "0s"}}
    )
    deaf = [await asyncio.to_thread(Deaf, node, "plain:a") for _ in range(20)]
    for _ in range(150):  # 9 MB, less what the kernel keeps for each
        await node.api.publish("plain:a", FILL)
    held = await node.metric("plexus_queue_bytes")
    assert MB < held < 12 * MB
    assert await node.metric("plexus_queue_memory_closed_total") == 0
    for one in deaf:
        one.socket.close()

    async def given_back():
        return await node.metric("plexus_queue_bytes") == 0

    await until(given_back, "the memory of closed clients")


async def test_the_bound_is_changed_by_a_reload(plexus):
    import signal

    node = await plexus({"client": {"max_queue_size": 64 * MB, "ping_interval": "0s"}})
    deaf = await asyncio.to_thread(Deaf, node, "plain:a")
    for _ in range(120):
        await node.api.publish("plain:a", FILL)
    assert await node.metric("plexus_queue_memory_closed_total") == 0
    node.write_config({**node.config, "node": {**node.config["node"], "max_queue_memory": MB}})
    node.signal(signal.SIGHUP)
    await node.logged('applied="node.max_queue_memory"')
    await node.api.publish("plain:a", FILL)

    async def closed():
        return await node.metric("plexus_queue_memory_closed_total") == 1

    await until(closed, "the close")
    deaf.socket.close()


async def test_who_does_not_read_a_large_answer_goes_too(plexus, bystander):
    """Readers of HTTP count like all others."""
    kept = {"subscribe": "user", "history_size": 200, "history_ttl": "1h"}
    node = await plexus({"node": {"max_queue_memory": 2 * MB}, "channels": {"namespaces": {"kept": kept}}})
    watcher = await bystander(node)
    for _ in range(160):
        await node.api.publish("kept:a", FILL)  # some 10 MB: more than the kernel takes for one socket
    body = b'{"channel": "kept:a", "limit": 200}'
    head = f"POST /api/history HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", node.port))
    deaf.sendall(head.encode() + body)

    async def closed():
        return await node.metric("plexus_queue_memory_closed_total") == 1

    await until(closed, "the end of who doesn't read")
    assert await node.metric("plexus_queue_bytes") == 0
    await watcher.unaffected()
    deaf.close()


async def test_under_tls_they_are_cut_off_and_the_memory_is_back(secure, authority):
    """Each holds some 64 kB beyond its queue, in records that cannot be dropped any more."""
    bound = 500_000
    node = await secure(
        {"node": {"max_queue_memory": bound}, "client": {"max_queue_size": 64 * MB, "ping_interval": "0s"}}
    )
    deaf = [await asyncio.to_thread(Deaf, node, "plain:a", tls=authority.context()) for _ in range(12)]
    closed = 0
    while not closed:
        await node.api.publish("plain:a", FILL)
        held, closed = [await node.metric(f"plexus_queue_{what}") for what in ("bytes", "memory_closed_total")]
        assert held <= bound + 50_000
    assert held > bound / 2 and closed < 12  # no more of them than it took
    for one in deaf:
        one.socket.close()

    async def given_back():
        return await node.metric("plexus_queue_bytes") == 0

    await until(given_back, "the memory of closed clients")


@pytest.mark.parametrize("bound", [0, 64 * MB])
async def test_without_slow_readers_nothing_is_counted(plexus, wire, bound):
    node = await plexus({"node": {"max_queue_memory": bound}})
    one = await wire(node)
    await one.subscribe("chat:a")
    for n in range(50):
        await node.api.publish("chat:a", {"n": n, "x": "x" * 2000})
        await one.push("pub")
    assert await node.metric("plexus_queue_bytes") == 0
