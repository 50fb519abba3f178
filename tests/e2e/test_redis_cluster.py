"""Nodes on a real Redis Cluster: what a primary that is away means to them."""

import asyncio

import pytest_asyncio
from support.redis_cluster import RedisCluster

@pytest_asyncio.fixture
async def cluster(tmp_path):
    one = await RedisCluster(tmp_path / "cluster").start()
    yield one
    await one.stop()


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
