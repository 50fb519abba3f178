"""Three nodes on one Redis, looked at from one of them, and one that dies while it is watched."""

import asyncio

import pytest
import pytest_asyncio
from support.admin import SECRET, Admin, AdminError, seen
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


async def test_a_node_that_refuses_is_named_with_why(three, admin):
    n3 = three[2]
    n3.errors_expected = True
    n3.config_file.write_text('{"nonsense": 1}')
    got = await admin.ask("reload", reason="test")
    assert sorted(got["nodes"]) == ["n1", "n2"] and got["silent"] == []
    assert "the configuration has faults" in got["refused"]["n3"]["message"]
    outcome = (await admin.ask("audit"))["entries"][-1]["outcome"]
    assert outcome.startswith("done, refused by n3: ")
    with pytest.raises(AdminError) as error:
        await admin.ask("nodes", node="nobody")
    assert (error.value.code, error.value.message) == (108, "there is no such node")


async def test_subscribers_of_all_nodes_decide_the_order(three, admin, wire):
    for node, channels in zip(three, (["chat:a", "chat:b"], ["chat:b", "chat:c"], ["chat:b", "chat:c"])):
        for n, channel in enumerate(channels):
            await (await wire(node, f"user{n}")).subscribe(channel)
    got = await admin.ask("channels", sort="subscribers", limit=2)
    assert [(c["channel"], c["subscribers"], c["nodes"]) for c in got["channels"]] == [("chat:b", 3, 3), ("chat:c", 2, 2)]
    assert got["next"] is None and got["matched"] >= 3


async def test_leases_and_the_servers_of_the_backplane(three, admin):
    (node,) = (await admin.ask("nodes", node="n2"))["nodes"]
    assert node["lease"]["seconds"] == 6 and 0 <= node["lease"]["renewed"] < 6
    (plane,) = (await admin.ask("backplane", node="n2"))["nodes"]
    (primary,) = plane["primaries"]
    assert primary["ready"] and primary["partitions"] >= 1 and primary["address"] in plane["servers"]
    assert primary["memory"] > 100_000 and primary["scripts"]["evalsha"]["calls"] > 0


async def test_a_watch_of_the_log_goes_on_when_a_node_comes_back(three, admin, plexus, wire):
    lines = await admin.watch("logs", level="warn", interval="200ms")
    config = three[1].config
    for n in range(12):
        await admin.ask("log_level", node="n2", level="info", reason=f"first {n}")
    await dies(three[1])
    again = await plexus(config)
    own = await Admin.open(again)
    await own.ask("log_level", node="n2", level="info", reason="after the restart")
    await seen(lines, lambda r: any(line["node"] == "n2" and line["fields"].get("reason") == "after the restart" for line in r["lines"]))
    await own.close()


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
