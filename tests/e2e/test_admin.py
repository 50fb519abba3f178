"""The admin WebSocket on one node: what it tells, what is watched, and what it does."""

import asyncio
import json
import time

import pytest
from support.admin import seen
from support.clients import client, subscribed
from support.tokens import token
from support.wire import Refused

KEPT_LINES = 500  # of the log
LONGEST_TURN = 0.05  # of a program that isn't optimised, on a machine that does other things too


# -- what it tells


async def test_a_node_tells_about_itself(watched, admin):
    one = await admin(watched)
    (node,) = (await one.ask("nodes"))["nodes"]
    assert node["node"] == "e2e" and node["pid"] == watched.pid and node["ready"] and node["state"] == "serving"
    assert node["memory"] > 1_000_000 and node["backplane"]["ready"] and node["log_level"] == "info"
    assert len(node["loops"]) == 1 and node["loops"][0]["lag"] >= 0
    assert await one.error("nodes", nodes="x") == 107


async def test_a_connection_in_the_list_and_in_full(watched, admin):
    one = await admin(watched)
    async with client(watched.port, token=token("ann", info={"name": "Ann"}), name="tester", version="1.2") as ann:
        sub = await subscribed(ann, "chat:room")
        await sub.publish({"n": 1})
        assert await one.error("channel", channel="chat:room", node="zzz") == 108
        assert await one.error("publish", channel="chat:room", data=1, node="zzz", reason="test") == 107
        (row,) = (await one.ask("connections", user="ann"))["connections"]
        assert row["user"] == "ann" and row["node"] == "e2e" and row["transport"] == "websocket"
        assert row["channels"] == 1 and row["received"]["messages"] == 3 and row["sent"]["messages"] == 4
        assert row["received"]["bytes"] > 0 and row["sent"]["bytes"] > 0 and row["address"].startswith("127.0.0.1")
        assert abs(row["since"] - time.time()) < 30
        full = (await one.ask("connection", client=row["client"]))["connection"]
        assert full["info"] == {"name": "Ann"} and full["tls"] is False
        (held,) = full["subscriptions"]
        assert held["channel"] == "chat:room" and held["open"] and held["position"]["offset"] == 1
    assert await one.error("connection", client="nobody") == 108


async def test_connections_are_found_and_paged(watched, admin, wire):
    one = await admin(watched)
    for i in range(25):
        w = await wire(watched, f"user{i:02}")
        if i % 5 == 0:
            await w.subscribe("chat:five")
    assert (await one.ask("connections"))["matched"] == 25
    for sort in ("client", "user", "queue", "sent", "newest"):
        got, after = [], None
        for _ in range(9):
            page = await one.ask("connections", limit=7, sort=sort, **({"after": after} if after else {}))
            got += [row["user"] for row in page["connections"]]
            after = page["next"]
            if after is None:
                break
        assert sorted(got) == [f"user{i:02}" for i in range(25)], sort
    assert got and [r["user"] for r in (await one.ask("connections", sort="user", limit=2))["connections"]] == ["user00", "user01"]
    assert (await one.ask("connections", channel="chat:five"))["matched"] == 5
    assert (await one.ask("connections", channel="chat:*", search="user1"))["matched"] == 2
    assert (await one.ask("connections", user="user0*"))["matched"] == 10
    assert (await one.ask("connections", transport="sse"))["matched"] == 0
    assert (await one.ask("connections", slow=True))["matched"] == 0


async def test_channels_by_pattern_and_one_in_full(watched, admin, wire):
    one = await admin(watched)
    ann = await wire(watched, "ann")
    for name in ("chat:a", "chat:b", "plain:c"):
        await ann.subscribe(name)
    await watched.api.publish("chat:a", {"secret": "payload"})
    page = await one.ask("channels", pattern="chat:*")
    assert [c["channel"] for c in page["channels"]] == ["chat:a", "chat:b"] and page["matched"] == 2
    a = page["channels"][0]
    assert a["subscribers"] == 1 and a["publications"] == 1 and a["position"]["offset"] == 1
    full = await one.ask("channel", channel="chat:a")
    assert full["subscribers"] == 1 and full["members"]["clients"] == 1
    assert full["history"]["position"]["offset"] == 1 and full["nodes"][0]["position"]["offset"] == 1
    (last,) = full["history"]["last"]
    assert last["bytes"] == len('{"secret":"payload"}') or last["bytes"] > 10
    assert "payload" not in json.dumps(full)
    shown = await one.ask("channel", channel="chat:a", payloads=True)
    assert shown["history"]["last"][0]["data"] == {"secret": "payload"}
    assert await one.error("channel", channel="nobody:knows") == 102


async def test_actors_backplane_and_the_last_hour(watched, admin, wire):
    one = await admin(watched)
    ann = await wire(watched, "ann")
    await one.ask("actors")
    await ann.subscribe("chat:a")
    (node,) = (await one.ask("actors"))["nodes"]
    kinds = {k["kind"]: k for k in node["kinds"]}
    assert kinds["connection"]["runs"] >= 1 and kinds["channel"]["longest_us"] > 0
    assert any(s["kind"] == "channel" and s["name"] == "chat:a" for s in node["slowest"])
    (plane,) = (await one.ask("backplane"))["nodes"]
    assert plane["kind"] == "memory" and plane["ready"]
    (past,) = (await one.ask("past"))["nodes"]
    assert past["every"] == 10000 and past["names"][0] == "time"


async def test_a_list_never_stops_a_loop_for_long(watched, admin, wire):
    """Names and patterns that take long to compare, and a page as long as pages get: each turn stays short."""
    one = await admin(watched)
    for user in range(40):
        w = await wire(watched, f"user{user}")
        for n in range(20):
            await w.subscribe(f"plain:{'a' * 200}{n}")
    await one.ask("log_level", level="warn", reason="test")

    async def long_turns():
        text = (await watched.api.get("/metrics")).text
        counts = {float(line.split('le="')[1].split('"')[0].replace("+Inf", "inf")): float(line.split()[-1])
                  for line in text.splitlines() if line.startswith("plexus_loop_turn_seconds_bucket")}
        return counts[float("inf")] - max(v for k, v in counts.items() if k <= LONGEST_TURN)

    before = await long_turns()
    for _ in range(5):
        page = await one.ask("connections", channel=f"plain:*{'a' * 150}b*")
        assert page["matched"] == 0
    assert await long_turns() - before <= 2  # what a busy machine makes of it
    for _ in range(5):
        assert len((await one.ask("connections", limit=200))["connections"]) == 40


# -- watches


async def test_a_watch_tells_of_changes_alone(watched, admin, wire):
    one = await admin(watched)
    box = await one.watch("connections")
    await seen(box, lambda r: r["matched"] == 0)
    await wire(watched, "ann")
    await seen(box, lambda r: r["matched"] == 1)
    await asyncio.sleep(0.5)
    assert not box.items  # nothing changed
    await one.ask("unwatch", watch=box.number)
    assert await one.error("unwatch", watch=box.number) == 107


async def test_a_trace_tells_what_came_what_was_decided_and_what_went(watched, admin, wire):
    one = await admin(watched)
    ann, bob = await wire(watched, "ann"), await wire(watched, "bob")
    await bob.subscribe("chat:room")
    box = await one.watch("trace", user="ann")
    hidden = await one.watch("trace", channel="chat:room", payloads=True)
    await ann.subscribe("chat:room")
    await ann.result(ann.start("publish", channel="chat:room", data={"hush": "word"}))
    steps = []
    async with asyncio.timeout(10):
        while not any(s["kind"] == "publication" for s in steps):
            steps += (await seen(box, lambda r: r["steps"]))["steps"]
    kinds = [(s["what"], s["kind"]) for s in steps]
    for wanted in [("in", "subscribe"), ("decision", "subscribed"), ("in", "publish"), ("decision", "appended"), ("out", "publication")]:
        assert wanted in kinds, kinds
    assert all(s.get("user", "ann") in ("ann", "") for s in steps)
    assert "word" not in json.dumps(steps)
    told = await seen(hidden, lambda r: any("word" in s.get("payload", "") for s in r["steps"]))
    assert told["dropped"] == 0
    # Why something was refused.
    refused = ann.start("publish", channel="private:x", data=1)
    with pytest.raises(Exception):
        await ann.result(refused)
    got = await seen(box, lambda r: any(s["kind"] == "not allowed" for s in r["steps"]))
    (why,) = [s["why"] for s in got["steps"] if s["kind"] == "not allowed"]
    assert 'publish is for "token"' in why and "is not subscribed" in why


async def test_a_trace_never_shows_a_token(watched, admin, wire):
    one = await admin(watched)
    box = await one.watch("trace", user="ann", payloads=True)
    ann = await wire(watched, "ann")
    steps = (await seen(box, lambda r: r["steps"]))["steps"]
    assert steps and token("ann").split(".")[1] not in json.dumps(steps)
    assert ann


async def test_log_lines_and_what_was_done(watched, admin, wire):
    one = await admin(watched)
    box = await one.watch("logs")
    await one.ask("log_level", level="debug", reason="to see more")
    debug = await one.watch("logs", level="debug")
    w = await wire(watched, "ann")
    w.abort()
    await seen(debug, lambda r: any(line["level"] == "debug" for line in r["lines"]))
    await seen(box, lambda r: any(line["part"] == "audit" for line in r["lines"]))
    entry = (await one.ask("audit"))["entries"][-1]
    assert entry["action"] == "log_level" and entry["reason"] == "to see more" and entry["outcome"] == "done"
    assert entry["by"].startswith("secret from 127.0.0.1")

async def test_who_comes_back_to_the_log_goes_on_where_it_left(watched, admin):
    async def act(*reasons):
        one = await admin(watched)
        for reason in reasons:
            await one.ask("log_level", level="info", reason=reason)
        await one.close()

    def reasons(got):
        return [line["fields"]["reason"] for line in got["lines"]]

    await act("seen")
    one = await admin(watched)
    first = await one.ask("logs", level="warn")
    assert reasons(first)[-1] == "seen" and first["dropped"] == 0
    await one.close()
    await act(*(f"missed {n}" for n in range(5)))
    again = await admin(watched)
    got = await again.ask("logs", level="warn", after=first["cursor"])
    assert reasons(got) == [f"missed {n}" for n in range(5)] and got["dropped"] == 0
    # More than is asked for: the newest, and how many are left out.
    part = await again.ask("logs", level="warn", after=first["cursor"], limit=2)
    assert reasons(part) == ["missed 3", "missed 4"] and part["dropped"] == 3
    # A watch goes on there too.
    box = await again.watch("logs", level="warn", after=first["cursor"])
    assert reasons(box.first["result"]) == reasons(got)
    await act("later")
    assert reasons(await seen(box, lambda r: r["lines"])) == ["later"]
    assert (await again.ask("logs", level="warn", after=part["cursor"]))["dropped"] == 0
    # More than is kept.
    await act(*(f"many {n}" for n in range(KEPT_LINES + 10)))
    rest = await again.ask("logs", level="warn", after=part["cursor"], limit=KEPT_LINES)
    assert len(rest["lines"]) == KEPT_LINES and rest["dropped"] == 11
    assert reasons(rest)[0] == "many 10" and reasons(rest)[-1] == f"many {KEPT_LINES + 9}"


# -- what it does


async def test_every_action_wants_a_reason(watched, admin):
    one = await admin(watched)
    for method, params in [("disconnect", {"user": "ann"}), ("publish", {"channel": "chat:a", "data": 1}), ("drain", {"node": "e2e"})]:
        assert await one.error(method, **params) == 107


async def test_disconnect_one_or_a_user(watched, admin, wire):
    one = await admin(watched)
    ann, bob, bob2 = await wire(watched, "ann"), await wire(watched, "bob"), await wire(watched, "bob")
    assert (await one.ask("disconnect", client=ann.client, reason="test"))["connections"] == 1
    assert (await ann.closed())[0] == 3503
    assert (await one.ask("disconnect", user="bob", code=3011, reason="test"))["connections"] == 2
    assert {(await bob.closed())[0], (await bob2.closed())[0]} == {3011}
    assert await one.error("disconnect", reason="test") == 107
    assert await one.error("disconnect", user="a", client="b", reason="test") == 107


async def test_unsubscribe_and_publish(watched, admin, wire):
    one = await admin(watched)
    ann = await wire(watched, "ann")
    await ann.subscribe("chat:room")
    at = await one.ask("publish", channel="chat:room", data={"from": "admin"}, reason="test")
    assert at["offset"] == 1
    assert (await ann.push("pub", "chat:room"))["data"] == {"from": "admin"}
    await one.ask("unsubscribe", client=ann.client, channel="chat:room", reason="test")
    assert (await ann.push("unsubscribe", "chat:room"))["code"] == 2000


async def test_block_and_unblock_a_user(watched, admin, wire):
    one = await admin(watched)
    ann = await wire(watched, "ann")
    await one.ask("block_user", user="ann", **{"for": "1h"}, reason="test")
    assert (await ann.closed())[0] == 3507
    again = await wire(watched, None)
    again.start("connect", token=token("ann"))
    assert (await again.closed())[0] == 3507
    (row,) = (await one.ask("blocked"))["blocked"]
    assert row["user"] == "ann" and abs(row["until"] - time.time() - 3600) < 60
    assert (await one.ask("blocked", search="bob"))["blocked"] == []
    await one.ask("unblock_user", user="ann", reason="test")
    assert (await one.ask("blocked"))["blocked"] == []
    await wire(watched, "ann")


async def test_drain_and_undo(watched, admin, wire):
    one = await admin(watched)
    ann = await wire(watched, "ann")
    await one.ask("drain", node="e2e", reason="test")
    assert (await ann.closed())[0] == 3001
    assert (await watched.api.get("/health/ready")).status == 503
    with pytest.raises(Refused) as refusal:
        await wire(watched, "ann")
    assert refusal.value.status == 503
    (node,) = (await one.ask("nodes"))["nodes"]
    assert node["state"] == "drained" and not node["ready"]
    await one.ask("undrain", node="e2e", reason="test")
    await wire(watched, "ann")
    assert (await watched.api.get("/health/ready")).status == 200
