"""Three nodes on one Redis, looked at from one of them, and one that dies while it is watched."""

import asyncio

import pytest_asyncio
from support.admin import SECRET, Admin, seen
from support.redis import Redis


@pytest_asyncio.fixture
async def three(plexus, tmp_path):
    redis = await Redis(tmp_path / "redis").start()
    common = {"backplane": {"url": redis.url, "lease": "6s"}, "admin": {"secret": SECRET}}
    yield [await plexus({**common, "node": {"name": f"n{i}"}}) for i in (1, 2, 3)]
    await redis.stop()


@pytest_asyncio.fixture
async def admin(three):
    one = await Admin.open(three[0])
    yield one
    await one.close()


async def dies(node):
    await node.api.close()
    node.process.kill()
    node.process.wait()
    node.process = node.api = None


async def test_one_node_tells_of_all(three, admin, wire):
    ann, bob, cid = [await wire(node, user) for node, user in zip(three, ("ann", "bob", "cid"))]
    for each in (ann, bob, cid):
        await each.subscribe("chat:room")
    await three[1].api.publish("chat:room", {"n": 1})
    for each in (ann, bob, cid):
        await each.push("pub", "chat:room")
    got = await admin.ask("nodes")
    assert sorted(n["node"] for n in got["nodes"]) == ["n1", "n2", "n3"] and got["silent"] == []
    page = await admin.ask("connections", sort="user", limit=2)
    assert [c["user"] for c in page["connections"]] == ["ann", "bob"] and page["matched"] == 3
    rest = await admin.ask("connections", sort="user", limit=2, after=page["next"])
    assert [(c["user"], c["node"]) for c in rest["connections"]] == [("cid", "n3")] and rest["next"] is None
    (row,) = (await admin.ask("channels", pattern="chat:*"))["channels"]
    assert row["subscribers"] == 3 and row["nodes"] == 3 and row["position"]["offset"] == 1
    room = await admin.ask("channel", channel="chat:room")
    assert {n["node"]: n["position"]["offset"] for n in room["nodes"]} == {"n1": 1, "n2": 1, "n3": 1}
    assert room["history"]["position"]["offset"] == 1 and room["members"]["clients"] == 3
    assert (await admin.ask("connection", client=cid.client))["connection"]["node"] == "n3"
    assert [n["node"] for n in (await admin.ask("backplane", node="n2"))["nodes"]] == ["n2"]


async def test_actions_reach_every_node(three, admin, wire):
    bob, bob_too = await wire(three[1], "bob"), await wire(three[2], "bob")
    assert (await admin.ask("disconnect", user="bob", reason="test"))["connections"] == 2
    assert {(await bob.closed())[0], (await bob_too.closed())[0]} == {3503}
    cid = await wire(three[2], "cid")
    assert (await admin.ask("disconnect", client=cid.client, reason="test"))["connections"] == 1
    dora = await wire(three[1], "dora")
    await admin.ask("block_user", user="dora", reason="test")
    assert (await dora.closed())[0] == 3507
    await admin.ask("drain", node="n2", reason="test")
    states = {n["node"]: n["state"] for n in (await admin.ask("nodes"))["nodes"]}
    assert states == {"n1": "serving", "n2": "drained", "n3": "serving"}
    await admin.ask("undrain", node="n2", reason="test")
    assert [e["action"] for e in (await admin.ask("audit"))["entries"]] == ["disconnect", "disconnect", "block_user", "drain", "undrain"]


async def test_a_trace_follows_a_user_over_the_nodes(three, admin, wire):
    box = await admin.watch("trace", channel="chat:room")
    ann, bob = await wire(three[1], "ann"), await wire(three[2], "bob")
    await bob.subscribe("chat:room")
    # The other nodes have begun once something of theirs is told.
    await seen(box, lambda r: any(s["node"] == "n3" for s in r["steps"]), "steps of n3")
    await ann.subscribe("chat:room")
    await ann.result(ann.start("publish", channel="chat:room", data=1))
    told = set()
    async with asyncio.timeout(10):
        while not {("n2", "appended"), ("n3", "heard"), ("n3", "publication")} <= told:
            told |= {(s["node"], s["kind"]) for s in (await seen(box, lambda r: r["steps"]))["steps"]}


async def test_a_node_that_dies_while_watched_is_named_and_then_forgotten(three, admin, wire):
    await wire(three[2], "cid")
    nodes = await admin.watch("nodes", interval="500ms")
    await seen(nodes, lambda r: len(r["nodes"]) == 3 and not r["silent"])
    assert (await admin.ask("connections", user="cid"))["connections"][0]["node"] == "n3"
    await dies(three[2])
    got = await seen(nodes, lambda r: r["silent"], "the silent node's name")
    assert got["silent"] == ["n3"] and sorted(n["node"] for n in got["nodes"]) == ["n1", "n2"]
    page = await admin.ask("connections")
    assert page["silent"] == ["n3"] and page["connections"] == []
    await seen(nodes, lambda r: not r["silent"] and len(r["nodes"]) == 2, "the lease to run out", 20)
