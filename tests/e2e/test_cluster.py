"""Two nodes on one Redis answer as one: whichever is asked, and when one of them says nothing."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest
import pytest_asyncio
from support.clients import client, subscribed
from support.stream import HTTP_STREAM, SSE, emulate
from support.tokens import token
from support.waiting import until
from test_openapi import answer_schema, check

IN_TIME = 8.0  # the nodes wait two seconds for each other; the rest is for a busy machine
LONG = "30s"  # a lease that no test waits for


@pytest_asyncio.fixture
async def pair(plexus, redis):
    yield await start_pair(plexus, redis)


async def start_pair(plexus, redis, lease="2s"):
    changes = {"backplane": {"url": redis.url, "lease": lease}}
    return [await plexus({**changes, "node": {"name": name}}) for name in ("one", "two")]


async def asked(node, method, **params):
    """The whole answer, which has to be as the description says and in time."""
    began = time.monotonic()
    got = await node.api.raw(method, json.dumps(params))
    assert time.monotonic() - began < IN_TIME, "an answer that is late"
    assert got.status == 200, got
    answer = json.loads(got.text)
    check(answer, answer_schema(method)["application/json"])
    return answer


async def names(node):
    return [each["name"] for each in (await asked(node, "info"))["result"]["nodes"]]


async def killed(node):
    await node.api.close()
    node.process.kill()
    node.process.wait()
    node.process = node.api = None


async def becomes(condition, what, timeout=12.0):
    deadline = time.monotonic() + timeout
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@pytest.fixture
def frozen():
    """`frozen(node)`: it stands still until the test is over, or `thawed(node)`."""
    still = []

    def freeze(node):
        node.signal(signal.SIGSTOP)
        still.append(node)
        # The signal is sent; it stands still when the kernel says so.
        end = time.monotonic() + 5
        while Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < end
            time.sleep(0.001)

    yield freeze
    for node in still:
        if node.process is not None:
            node.signal(signal.SIGCONT)


async def test_a_node_with_the_name_of_another_says_so_and_names_it(plexus, redis):
    async def node(name):
        return await plexus({"backplane": {"url": redis.url, "lease": LONG}, "node": {"name": name}})

    first = await node("twin")
    (uid,) = [each["uid"] for each in (await asked(first, "info"))["result"]["nodes"]]
    other, second = await node("other"), await node("twin")
    said = "another node has this one's name: who asks for it may mean either"
    await second.logged(said)
    (line,) = [each for each in second.log().splitlines() if said in each]
    assert " warn node: " in line and 'name="twin"' in line and f" 127.0.0.1:{first.port}\"" in line
    assert f'other_uid="{uid}"' in line
    assert await second.metric("plexus_cluster_namesakes_total") == 1
    for each in (first, other):
        assert said not in each.log()
        assert await each.metric("plexus_cluster_namesakes_total") == 0


async def test_commands_for_a_user_reach_every_node(pair, wire):
    first, second = pair
    here, there = await wire(first, "ann"), await wire(second, "ann")
    both = (here, there)
    assert await asked(first, "subscribe", user="ann", channel="chat:a", info={"role": "x"}) == {"result": {}}
    for one in both:
        assert (await one.push("subscribe"))["recoverable"]
    assert await asked(second, "unsubscribe", user="ann", channel="chat:a") == {"result": {}}
    for one in both:
        assert (await one.push("unsubscribe"))["code"] == 2000
    soon = int(time.time()) + 100
    assert await asked(first, "refresh", user="ann", expire_at=soon) == {"result": {}}
    for one in both:
        assert (await one.push("refresh"))["ttl"] > 90
    got = await asked(first, "disconnect", user="ann", whitelist=[here.client], disconnect={"code": 4501, "reason": "ü\n"})
    assert got == {"result": {}}
    assert (await there.closed())[:2] == (4501, "ü\n")
    assert not here.closed_with.done()
    got = await asked(second, "disconnect", user="ann", client=here.client)
    assert got == {"result": {}}
    assert (await here.closed())[0] == 3503


async def test_channels_and_info_are_of_all_nodes(pair, wire):
    first, second = pair
    for node, channels in ((first, ["chat:a", "chat:only one"]), (second, ["chat:a", "plain:ü"])):
        one = await wire(node, "ann")
        for each in channels:
            await one.subscribe(each)
    for node in pair:
        got = (await asked(node, "channels"))["result"]["channels"]
        assert {name: each["num_clients"] for name, each in got.items()} == {
            "chat:a": 2,
            "chat:only one": 1,
            "plain:ü": 1,
        }
        got = (await asked(node, "channels", pattern="plain:*"))["result"]["channels"]
        assert list(got) == ["plain:ü"]
        nodes = (await asked(node, "info"))["result"]["nodes"]
        assert [(n["name"], n["num_clients"], n["num_channels"], n["num_subs"]) for n in nodes] == [
            ("one", 1, 2, 2),
            ("two", 1, 2, 2),
        ]
        assert len({n["uid"] for n in nodes}) == 2


async def test_presence_and_history_are_known_where_nobody_is_subscribed(pair, wire):
    first, second = pair
    one = await wire(first, "ann")
    await one.subscribe("chat:a")
    await one.call("publish", channel="chat:a", data="hello")
    members = (await asked(second, "presence", channel="chat:a"))["result"]["presence"]
    assert [m["user"] for m in members.values()] == ["ann"]
    assert (await asked(second, "presence_stats", channel="chat:a"))["result"]["num_users"] == 1
    got = (await asked(second, "history", channel="chat:a", limit=-1))["result"]
    assert [p["data"] for p in got["publications"]] == ["hello"]


async def test_a_block_holds_on_every_node_when_it_is_answered(pair, wire):
    first, second = pair
    there = await wire(second, "mallory")
    assert await asked(first, "block_user", user="mallory") == {"result": {}}
    assert (await there.closed())[0] == 3507
    for node in pair:
        one = await wire(node, None)
        one.start("connect", token=token("mallory"))
        assert (await one.closed())[0] == 3507
    assert await asked(second, "unblock_user", user="mallory") == {"result": {}}
    await wire(first, "mallory")


async def test_a_node_that_stands_still_is_named_in_time(plexus, redis, wire, frozen):
    first, second = await start_pair(plexus, redis, LONG)
    here = await wire(first, "ann")
    await here.subscribe("chat:a")
    frozen(second)
    got = await asked(first, "info")
    assert [n["name"] for n in got["result"]["nodes"]] == ["one"] and got["silent"] == ["two"]
    assert "unsure" not in got
    got = await asked(first, "batch", commands=[{"channels": {}}, {"unsubscribe": {"user": "ann", "channel": "chat:a"}}], parallel=True)
    assert [reply["silent"] for reply in got["replies"]] == [["two"], ["two"]]
    assert got["replies"][0]["channels"]["channels"]["chat:a"] == {"num_clients": 1}
    assert (await here.push("unsubscribe"))["code"] == 2000
    assert (await asked(first, "publish", channel="chat:a", data=1)).get("silent") is None
    second.signal(signal.SIGCONT)

    async def heard_again():
        return (await asked(first, "info")).get("silent") is None

    await becomes(heard_again, "the node is heard again")
    assert await names(second) == ["one", "two"]
    await until(lambda: "not every node answered in time" in first.log(), "a line in the log")
    assert await first.metric("plexus_cluster_silent_total") >= 3


async def test_a_killed_node_is_named_until_its_lease_is_over(plexus, redis):
    first, second = await start_pair(plexus, redis, "5s")
    await killed(second)
    assert (await asked(first, "info"))["silent"] == ["two"]

    async def forgotten():
        return "silent" not in await asked(first, "info")

    await becomes(forgotten, "the dead node is forgotten")
    assert await names(first) == ["one"]


async def test_a_stopped_node_leaves_at_once(plexus, redis):
    first, second = await start_pair(plexus, redis, LONG)
    async with client(first.port, token=token("bob")) as bob, client(second.port, token=token("ann")) as ann:
        watching = await subscribed(bob, "chat:room", join_leave=True)
        await subscribed(ann, "chat:room")
        while (await watching.events.next("join")).info.user != "ann":
            pass
        second.signal(signal.SIGTERM)
        assert (await watching.events.next("leave", timeout=5.0)).info.user == "ann"
        assert await second.exit_code() == 0
        got = await asked(first, "info")
        assert [n["name"] for n in got["result"]["nodes"]] == ["one"] and "silent" not in got
        members = (await asked(first, "presence", channel="chat:room"))["result"]["presence"]
        assert [m["user"] for m in members.values()] == ["bob"]


async def test_a_node_that_stops_while_redis_stands_still_does_not_wait_for_it(pair, redis):
    first, second = pair
    redis.pause()
    began = time.monotonic()
    second.signal(signal.SIGTERM)
    assert await second.exit_code() == 0
    assert time.monotonic() - began < IN_TIME
    redis.resume()


async def test_while_redis_is_away_the_answer_says_that_it_is_unsure(pair, redis, wire):
    first, second = pair
    here = await wire(first, "ann")
    assert await names(first) == ["one", "two"]
    redis.kill()
    got = await asked(first, "disconnect", user="ann")
    assert got == {"result": {}, "silent": ["two"], "unsure": True}
    assert (await here.closed())[0] == 3503
    await redis.start()

    async def whole_again():
        return "silent" not in await asked(first, "info")

    await becomes(whole_again, "the nodes find each other again")


@pytest.mark.parametrize("path", [HTTP_STREAM, SSE])
async def test_what_a_client_sends_beside_its_stream_may_come_in_anywhere_and_stays_in_order(pair, stream, path):
    first, second = pair
    one = await (await stream(first, path)).connected()
    session, name = one.connect_reply["session"], one.connect_reply["node"]
    got = await emulate(second.port, session, name, [{"id": 2, "subscribe": {"channel": "chat:a"}}])
    assert got[0] == 204, got
    await one.reply(2)
    for i in range(100):
        data = [{"id": 3 + i, "publish": {"channel": "chat:a", "data": i}}]
        assert (await emulate(second.port, session, name, data))[0] == 204
    seen = []
    while len(seen) < 100:
        message = await one.message()
        if "push" in message:
            seen.append(message["push"]["pub"]["data"])
    assert seen == list(range(100))
    large = [{"id": 999, "publish": {"channel": "chat:a", "data": "x" * 60_000}}]
    assert (await emulate(second.port, session, name, large))[0] == 204
    await one.reply(999)
    secret, _, place = session.partition(".")
    assert (await emulate(second.port, "0" * len(secret) + "." + place, name, "garbage"))[0] == 204
    assert (await emulate(second.port, session, name, [{"id": 1000, "presence": {"channel": "chat:a"}}]))[0] == 204
    assert len((await one.reply(1000))["presence"]["presence"]) == 1


async def test_a_client_of_a_node_that_says_nothing_is_told_in_time_to_come_again(plexus, redis, stream, frozen):
    first, second = await start_pair(plexus, redis, LONG)
    one = await (await stream(first)).connected()
    session, name = one.connect_reply["session"], one.connect_reply["node"]
    message = [{"id": 2, "subscribe": {"channel": "chat:a"}}]
    assert (await emulate(second.port, session, name, message))[0] == 204
    frozen(first)
    began = time.monotonic()
    assert (await emulate(second.port, session, name, [{"id": 3, "rpc": {"method": "x"}}]))[0] == 503
    assert time.monotonic() - began < IN_TIME
    first.signal(signal.SIGCONT)
    await one.reply(2)

    async def ready():  # it may have found that Redis hadn't answered for long; without Redis it couldn't say farewell
        return (await first.api.get("/health/ready")).status == 200

    await until(ready, "the first node with its Redis")
    first.signal(signal.SIGTERM)
    assert await first.exit_code() == 0
    assert (await emulate(second.port, session, name, message))[0] == 404
