"""Order and shape of what a node writes, where clients rely on it."""

import json

import pytest

from support.tokens import token
from support.wire import CommandError


async def code_of(call):
    with pytest.raises(CommandError) as error:
        await call
    return error.value.code


async def test_the_connect_reply(plexus, wire):
    node = await plexus({"client": {"ping_interval": "25s"}})
    one = await wire(node, None)
    number = one.start("connect", token=token("ann", expires_in=1000), name="js", version="5", data={"x": 1})
    reply = await one.reply(number)
    body = reply["connect"]
    assert set(body) == {"client", "version", "expires", "ttl", "ping", "pong"}, (
        "session and node are for HTTP streams"
    )
    assert 990 <= body["ttl"] <= 1000 and body["expires"] is True
    assert (body["ping"], body["pong"]) == (25, True) and len(body["client"]) >= 16


async def test_zero_values_are_left_out(node, wire):
    one = await wire(node, None)
    body = await one.connect(token("ann"))
    assert "expires" not in body and "ttl" not in body and "subs" not in body
    number = one.start("subscribe", channel="plain:a")
    line = await one.lines.take(lambda x: x.value.get("id") == number)
    assert line.text == '{"id":%d,"subscribe":{}}' % number
    number = one.start("unsubscribe", channel="plain:a")
    line = await one.lines.take(lambda x: x.value.get("id") == number)
    assert line.text == '{"id":%d,"unsubscribe":{}}' % number


async def test_history_and_presence_replies_keep_their_zeros(node, wire):
    one = await wire(node, can={"subscribe": ["*"], "presence": ["*"], "history": ["*"]})
    history = await one.call("history", channel="chat:empty", limit=10)
    assert history["publications"] == [] and history["offset"] == 0 and len(history["epoch"]) == 8
    assert await one.call("presence", channel="chat:empty") == {"presence": {}}
    assert await one.call("presence_stats", channel="chat:empty") == {"num_clients": 0, "num_users": 0}


async def test_connect_and_subscribes_in_one_message(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    one = await wire(node, None)
    one.send(
        {"id": 1, "connect": {"token": token("ann")}},
        *({"id": i, "subscribe": {"channel": f"chat:{i}"}} for i in range(2, 10)),
        {"id": 10, "publish": {"channel": "plain:unsubscribed", "data": 1}},
    )
    first = await one.line()
    assert first.value["id"] == 1 and "connect" in first.value
    rest = {(await one.line()).value["id"]: True for _ in range(9)}
    assert set(rest) == set(range(2, 11))


async def test_a_command_behind_a_refused_connect_is_not_run(node, wire):
    one = await wire(node, None)
    one.send(
        {"id": 1, "connect": {"token": token("ann", secret="wrong")}}, {"id": 2, "subscribe": {"channel": "chat:a"}}
    )
    assert (await one.closed())[0] == 3500 and not one.lines.items


async def test_the_subscribe_reply_comes_before_publications(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    publisher = await wire(node, "publisher", can={"publish": ["*"]})
    one = await wire(node, "ann")
    for i in range(100):
        channel = f"chat:{i}"
        for k in range(3):
            publisher.start("publish", channel=channel, data=k)
        number = one.start("subscribe", channel=channel)
        publisher.start("publish", channel=channel, data=3)
        reply = await one.line()
        assert reply.value.get("id") == number
        # Every offset after the one of the reply arrives, and none before it.
        for offset in range(reply.value["subscribe"].get("offset", 0) + 1, 5):
            assert (await one.line()).value["push"]["pub"]["offset"] == offset
        await one.call("unsubscribe", channel=channel)
    assert not one.lines.items


async def test_a_publishers_own_publication_comes_before_its_reply(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    one = await wire(node, "ann")
    for channel in ("chat:a", "plain:b", "chat:c", "plain:d"):
        await one.subscribe(channel)
        for i in range(20):
            number = one.start("publish", channel=channel, data=i)
            pub, reply = await one.line(), await one.line()
            assert pub.value["push"]["pub"]["data"] == i and reply.value == {"id": number, "publish": {}}


async def test_publications_come_in_one_order_to_all(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    every = [await wire(node, f"user{i}") for i in range(6)]
    for one in every:
        await one.subscribe("chat:room")
    for i in range(50):
        for one in every:
            one.start("publish", channel="chat:room", data=i)
    orders = []
    for one in every:
        pubs = [await one.push("pub") for _ in range(300)]
        assert [p["offset"] for p in pubs] == list(range(1, 301))
        orders.append([(p["info"]["user"], p["data"]) for p in pubs])
    assert all(o == orders[0] for o in orders)
    for user in range(6):
        assert [n for u, n in orders[0] if u == f"user{user}"] == list(range(50))


@pytest.mark.parametrize(
    "data",
    [
        "12345678901234567890.10",
        "0.1000000000000000055511151231257827",
        "-0.0",
        "1E400",
        "1e-400",
        "9007199254740993",
        '"\\u0041\\ud83d\\ude00 größer € \\/ \\u2028"',
        '"größer € 😀"',
        '{"b":1,"a":2,"b":3}',
        '{ "spaced" : [ 1 ,2 ] }',
        '""',
        "{}",
        "[]",
        "true",
        "null",
        '{"id":7,"error":{"code":1}}',
        '"}\\n{"',
    ],
)
async def test_payloads_pass_untouched(node, wire, data):
    one = await wire(node, "ann")
    await one.subscribe("chat:room")
    one.send_text('{"id":50,"publish":{"channel":"chat:room","data":%s}}' % data)
    by_client = (await one.push_line("pub")).text
    await node.api.raw("publish", ('{"channel":"chat:room","data":%s}' % data).encode())
    by_api = (await one.push_line("pub")).text
    assert f'"data":{data}' in by_client and f'"data":{data}' in by_api
    page = await node.api.raw("history", '{"channel":"chat:room","limit":5}')
    assert page.text.count(f'"data":{data}') == 2


async def test_a_payload_with_line_breaks_arrives_as_one_line(node, wire):
    one = await wire(node, "ann")
    await one.subscribe("chat:room")
    pretty = json.dumps({"a": [1, {"text": "line\nbreak"}], "b": None}, indent=2)
    assert "\n" in pretty
    got = await node.api.raw(
        "publish", '{\n "channel": "chat:room",\r\n "data": %s\n}' % pretty.replace("\n", "\r\n")
    )
    assert got.status == 200
    line = await one.push_line("pub")
    assert line.value["push"]["pub"]["data"] == json.loads(pretty) and "\n" not in line.text
    assert (await one.call("history", channel="chat:room", limit=1))["publications"][0]["data"] == json.loads(
        pretty
    )


async def test_tags_and_publisher_are_told(node, wire):
    one = await wire(node, "ann", info={"name": "Ann"})
    await one.subscribe("chat:room")
    await node.api.publish("chat:room", 1, tags={"k": "v", "ü": "€\n"})
    assert (await one.push("pub"))["tags"] == {"k": "v", "ü": "€\n"}
    one.start("publish", channel="chat:room", data=2)
    info = (await one.push("pub"))["info"]
    assert info == {"user": "ann", "client": one.client, "conn_info": {"name": "Ann"}}


async def test_only_the_first_publication_carries_the_epoch(node, wire):
    one = await wire(node)
    epoch = (await one.subscribe("chat:room"))["epoch"]
    for _ in range(3):
        await node.api.publish("chat:room", 1)
    assert [(await one.push("pub")).get("epoch") for _ in range(3)] == [epoch, None, None]


async def test_publications_without_history_have_no_offset(node, wire):
    one = await wire(node)
    await one.subscribe("plain:room")
    await node.api.publish("plain:room", 1)
    assert await one.push("pub") == {"data": 1}
    await one.subscribe("chat:room")
    await node.api.publish("chat:room", 2, skip_history=True)
    assert await one.push("pub", "chat:room") == {"data": 2}


async def test_errors_of_subscribing(plexus, wire):
    node = await plexus(
        {
            "client": {"max_channels": 3},
            "channels": {"namespaces": {"small": {"subscribe": "user", "max_subscribers": 1}}},
        }
    )
    one, two = await wire(node, "ann"), await wire(node, "bob")
    await one.subscribe("plain:a")
    assert await code_of(one.subscribe("plain:a")) == 105
    assert await code_of(one.subscribe("nowhere:a")) == 102
    assert await code_of(one.subscribe("private:a")) == 103
    assert await code_of(one.subscribe("default is for tokens")) == 103
    assert await code_of(one.subscribe("plain:" + "x" * 250)) == 107
    assert await code_of(one.subscribe("plain:\tx")) == 107
    await one.subscribe("plain:" + "ü" * 124 + "x")
    await one.subscribe("small:a")
    assert await code_of(one.subscribe("plain:b")) == 106
    assert await code_of(two.subscribe("small:a")) == 106
    await one.call("unsubscribe", channel="small:a")
    await two.subscribe("small:a")
    assert await code_of(one.subscribe("small:a")) == 106
    await one.subscribe("plain:b")


async def test_errors_that_may_pass_are_marked_so(node, wire):
    one = await wire(node)
    reply = await one.reply(one.start("subscribe", channel="nowhere:a"))
    assert reply["error"]["code"] == 102 and reply["error"]["message"] and "temporary" not in reply["error"]


async def test_unsubscribing_from_what_one_is_not_in_succeeds(node, wire):
    one = await wire(node)
    assert await one.call("unsubscribe", channel="chat:never") == {}


async def test_subscribe_and_unsubscribe_in_one_message(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    one = await wire(node)
    for i in range(50):
        a, b, c = one.next_id(), one.next_id(), one.next_id()
        channel = {"channel": f"chat:{i % 7}"}
        one.send(
            {"id": a, "subscribe": channel}, {"id": b, "unsubscribe": channel}, {"id": c, "subscribe": channel}
        )
        got = {}
        for _ in range(3):
            line = (await one.line()).value
            got[line["id"]] = line
        assert "subscribe" in got[a] and "unsubscribe" in got[b]
        assert "subscribe" in got[c], got[c]
        await one.call("unsubscribe", **channel)
    assert (await node.api("channels"))["channels"] == {}


async def test_the_api_unsubscribes_with_2000(node, wire):
    one = await wire(node, "ann")
    await one.subscribe("chat:room")
    await node.api("unsubscribe", user="ann", channel="chat:room")
    pushed = await one.push("unsubscribe", "chat:room")
    assert pushed["code"] == 2000
    await one.subscribe("chat:room")


async def test_the_api_subscribes_with_a_push(node, wire):
    one = await wire(node, "ann")
    await node.api("subscribe", user="ann", channel="chat:room", data={"x": 1})
    pushed = await one.push("subscribe", "chat:room")
    assert (
        pushed["recoverable"] and pushed["positioned"] and pushed["data"] == {"x": 1} and len(pushed["epoch"]) == 8
    )
    assert await code_of(one.subscribe("chat:room")) == 105


async def test_rpc_of_presence_needs_what_it_says(node, wire):
    one = await wire(node)
    for data, code in (
        (None, 107),
        ({}, 107),
        ({"channel": "chat:a"}, 107),
        ({"channel": "nowhere:a", "state": 1}, 102),
        ({"channel": "plain:a", "state": 1}, 108),
        ({"channel": "chat:a", "state": 1}, 103),
    ):
        assert await code_of(one.call("rpc", method="plexus.presence.update", data=data)) == code, data
    assert await code_of(one.call("rpc", method="plexus.nothing")) == 108
    assert await code_of(one.call("rpc", method="")) == 108
