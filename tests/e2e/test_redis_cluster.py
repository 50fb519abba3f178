"""Nodes on a real Redis Cluster: moving there from one Redis, and what a primary that is away means to them."""

import asyncio
import subprocess
from pathlib import Path

import pytest_asyncio
from support.redis_cluster import RedisCluster
from support.waiting import until

COPY = Path(__file__).parents[2] / "scripts" / "redis_copy"

# The time of the idempotency key that ends first.
SHORTEST = """#!lua flags=allow-cross-slot-keys
local least = 1e9
for _, key in ipairs(redis.call('KEYS', 'plexus:{*}:k:*')) do least = math.min(least, redis.call('PTTL', key)) end
return least
"""


@pytest_asyncio.fixture
async def cluster(tmp_path):
    one = await RedisCluster(tmp_path / "cluster").start()
    yield one
    await one.stop()


async def copy(*arguments):
    """The exit code and what was said."""
    done = await asyncio.to_thread(
        subprocess.run, [COPY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    return done.returncode, done.stdout


async def ends(node):
    node.signal(15)
    await until(lambda: node.process.poll() is not None, "the node's end")


async def test_all_that_nodes_keep_goes_from_one_redis_to_a_cluster(plexus, redis, cluster, wire):
    old = await plexus({"backplane": {"url": redis.url + "/3", "partitions": 12}})
    channels = [f"chat:{i}" for i in range(30)]
    first = {}
    for channel in channels:
        for number in range(3):
            first[channel, number] = await old.api.publish(channel, number, idempotency_key=f"key {number}")
    assert first[channels[0], 2]["offset"] == 3
    code, said = await copy("-n", "3", redis.url, cluster.url)
    assert code == 1 and "stop all nodes first" in said
    await ends(old)

    redis.ask("SET", "somebody:else", "1")
    code, said = await copy(redis.url + "/0", cluster.url)
    assert code == 1 and "no keys" in said
    code, said = await copy("-n", "3", redis.url, cluster.url)
    assert code == 0 and int(said.split()[0]) > 30 * 5, said
    # An idempotency key has as long as it had.
    least = [int(each.ask("EVAL", SHORTEST, 0).strip(b":\r\n")) for each in cluster.servers]
    assert all(200_000 < each <= 310_000 for each in least), least
    code, said = await copy("-n", "3", redis.url, cluster.url)
    assert code == 1 and "BUSYKEY" in said and "--replace" in said
    code, said = await copy("--replace", "-n", "3", redis.url, cluster.url)
    assert code == 0

    node = await plexus({"backplane": {"url": cluster.url, "partitions": 12}})
    one = await wire(node, "ann")
    for channel in channels:
        # Whoever had read the first one gets the other two.
        at = first[channel, 0]
        reply = await one.subscribe(channel, recover=True, epoch=at["epoch"], offset=at["offset"])
        assert reply["recovered"], channel
        assert [(p["offset"], p["data"]) for p in reply["publications"]] == [(2, 1), (3, 2)]
        for n in range(3):
            again = await node.api.publish(channel, n, idempotency_key=f"key {n}")
            assert again["offset"] == n + 1, channel
        assert (await node.api("history", channel=channel, limit=0))["offset"] == 3


async def test_the_copy_says_what_is_wrong(redis, cluster):
    for arguments, words in (
        (["redis://127.0.0.1:1", cluster.url], "refused"),
        (["localhost", cluster.url], "not an address"),
        ([redis.url, cluster.url + "/2"], "database 0"),
    ):
        code, said = await copy(*arguments)
        assert code == 1 and words in said, said


async def test_a_node_stays_ready_while_one_primary_of_three_is_away_and_says_so(plexus, cluster):
    node = await plexus({"backplane": {"url": cluster.url}})
    assert (await node.api.get("/health/ready")).text == '{"ready":true}\n'
    cluster.servers[2].kill()
    answer = None
    async with asyncio.timeout(5):
        while answer is None or "reasons" not in answer.text:
            answer = await node.api.get("/health/ready")
            assert answer.status == 200
            await asyncio.sleep(0.02)
    assert '"ready":true' in answer.text and "of 48 partitions can't be used" in answer.text
    text = (await node.api.get("/metrics")).text
    away = next(line.split()[1] for line in text.splitlines() if line.startswith("plexus_backplane_partitions_away "))
    assert 10 <= float(away) <= 20 and "\nplexus_ready 1\n" in text
