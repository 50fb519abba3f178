"""Every method of the HTTP API through `cent`, unmodified; a real client sees what it does."""

import asyncio
import json
import time

import cent
import pytest
import pytest_asyncio

from support.clients import client, subscribed
from support.node import API_KEY
from support.tokens import token


@pytest_asyncio.fixture(params=[1, 2], ids=["1 loop", "2 loops"])
async def served(plexus, request):
    return await plexus({"node": {"loops": request.param}})


@pytest_asyncio.fixture
async def api(served):
    async with cent.AsyncClient(f"http://127.0.0.1:{served.port}/api", API_KEY) as one:
        yield one


@pytest_asyncio.fixture
async def ann(served):
    async with client(served.port, token=token("ann", info={"name": "Ann"})) as one:
        yield one


async def test_publish(api, ann):
    sub = await subscribed(ann, "chat:room")
    first = await api.publish(cent.PublishRequest(channel="chat:room", data={"n": 1}, tags={"t": "1"}))
    assert first.offset == 1 and first.epoch == sub.first.stream_position.epoch
    pub = (await sub.events.next("publication")).pub
    assert (pub.data, pub.offset, pub.tags, pub.info) == ({"n": 1}, 1, {"t": "1"}, None)

    await api.publish(cent.PublishRequest(channel="chat:room", data=None, b64data="eyJiNjQiOnRydWV9"))
    assert (await sub.events.next("publication")).pub.data == {"b64": True}
    kept = await api.publish(cent.PublishRequest(channel="chat:room", data="unkept", skip_history=True))
    assert kept.offset == 0
    assert (await sub.events.next("publication")).pub.data == "unkept"
    assert (await api.history(cent.HistoryRequest(channel="chat:room"))).offset == 2


async def test_publish_with_an_idempotency_key(api, ann):
    sub = await subscribed(ann, "chat:room")
    one = await api.publish(cent.PublishRequest(channel="chat:room", data=1, idempotency_key="k"))
    two = await api.publish(cent.PublishRequest(channel="chat:room", data=2, idempotency_key="k"))
    assert (one.offset, one.epoch) == (two.offset, two.epoch) == (1, one.epoch)
    await api.publish(cent.PublishRequest(channel="chat:room", data=3, idempotency_key="other"))
    assert [(await sub.events.next("publication")).pub.data for _ in range(2)] == [1, 3]


async def test_publish_where_it_cannot_be(api):
    for channel, code in (("nowhere:a", 102), ("", 107), ("x" * 300, 107)):
        with pytest.raises(cent.CentApiResponseError) as error:
            await api.publish(cent.PublishRequest(channel=channel, data=1))
        assert error.value.code == code


async def test_broadcast(api, ann):
    subs = [await subscribed(ann, f"chat:{i}") for i in range(3)]
    got = await api.broadcast(
        cent.BroadcastRequest(
            channels=["chat:0", "chat:1", "nowhere:a", "chat:2"], data={"all": 1}, idempotency_key="b"
        )
    )
    assert [r.error.code if r.error else r.result.offset for r in got.responses] == [1, 1, 102, 1]
    again = await api.broadcast(
        cent.BroadcastRequest(channels=["chat:0", "chat:1"], data={"all": 2}, idempotency_key="b")
    )
    assert [r.result for r in again.responses] == [got.responses[0].result, got.responses[1].result]
    for sub in subs:
        assert (await sub.events.next("publication")).pub.data == {"all": 1}
    with pytest.raises(cent.CentApiResponseError) as error:
        await api.broadcast(cent.BroadcastRequest(channels=[], data=1))
    assert error.value.code == 107


async def test_subscribe_and_unsubscribe(api, ann, served):
    await api.publish(cent.PublishRequest(channel="private:room", data="old"))
    await api.subscribe(
        cent.SubscribeRequest(user="ann", channel="private:room", info={"role": "x"}, data={"d": 1})
    )
    ctx = await ann.events.next("subscribed")
    assert (ctx.channel, ctx.data, ctx.stream_position.offset) == ("private:room", {"d": 1}, 1)
    await api.publish(cent.PublishRequest(channel="private:room", data="new"))
    assert (await ann.events.next("publication")).pub.data == "new"
    members = (await api.presence(cent.PresenceRequest(channel="private:room"))).presence
    assert members[ann.id].chan_info == {"role": "x"} and members[ann.id].conn_info == {"name": "Ann"}

    await api.unsubscribe(cent.UnsubscribeRequest(user="ann", channel="private:room"))
    assert (await ann.events.next("unsubscribed")).channel == "private:room"
    assert (await api.presence(cent.PresenceRequest(channel="private:room"))).presence == {}


async def test_subscribe_from_a_position(api, ann):
    first = await api.publish(cent.PublishRequest(channel="private:room", data=0))
    await api.publish(cent.PublishRequest(channel="private:room", data=1))
    since = cent.StreamPosition(offset=first.offset, epoch=first.epoch)
    await api.subscribe(cent.SubscribeRequest(user="ann", channel="private:room", recover_since=since))
    assert (await ann.events.next("subscribed")).stream_position.epoch == first.epoch
    assert (await ann.events.next("publication")).pub.data == 1


async def test_unsubscribe_ends_a_clients_own_subscription(api, ann):
    sub = await subscribed(ann, "chat:room")
    await api.unsubscribe(cent.UnsubscribeRequest(user="ann", channel="chat:room"))
    assert (await sub.events.next("unsubscribed")).code == 2000


async def test_subscribe_one_client_of_a_user(api, ann, served):
    async with client(served.port, token=token("ann")) as other:
        await api.subscribe(cent.SubscribeRequest(user="ann", channel="chat:room", client=ann.id))
        await ann.events.next("subscribed")
        await api.publish(cent.PublishRequest(channel="chat:room", data=1))
        await ann.events.next("publication")
        stats = await api.presence_stats(cent.PresenceStatsRequest(channel="chat:room"))
        assert (stats.num_clients, stats.num_users) == (1, 1) and not other.events.seen("subscribed")


async def test_disconnect(api, ann, served):
    async with client(served.port, token=token("ann")) as spared, client(served.port, token=token("bob")) as bob:
        await api.disconnect(cent.DisconnectRequest(user="ann", whitelist=[spared.id]))
        assert (await ann.events.next("disconnected")).code == 3503
        await api.disconnect(
            cent.DisconnectRequest(user="bob", disconnect=cent.Disconnect(code=4555, reason="out"))
        )
        ended = await bob.events.next("disconnected")
        assert (ended.code, ended.reason) == (4555, "out")
        await subscribed(spared, "chat:room")


async def test_disconnect_with_a_code_to_come_again(api, ann):
    await api.disconnect(cent.DisconnectRequest(user="ann", disconnect=cent.Disconnect(code=4001, reason="again")))
    await ann.events.next("connecting", lambda ctx: ctx.code == 4001)
    assert (await ann.events.next("connected")).client != ann.id


async def test_refresh(api, served, wire):
    one = await wire(served, "ann")
    until = int(time.time()) + 500
    await api.refresh(cent.RefreshRequest(user="ann", expire_at=until))
    pushed = await one.push("refresh")
    assert pushed["expires"] is True and 490 <= pushed["ttl"] <= 500
    await api.refresh(cent.RefreshRequest(user="ann", expired=True))
    assert (await one.closed())[0] == 3005


async def test_presence_and_its_numbers(api, ann, served):
    assert (await api.presence(cent.PresenceRequest(channel="chat:room"))).presence == {}
    async with client(served.port, token=token("ann")) as ann2, client(served.port, token=token("bob")) as bob:
        for one in (ann, ann2, bob):
            await subscribed(one, "chat:room")
        members = (await api.presence(cent.PresenceRequest(channel="chat:room"))).presence
        assert {k: v.user for k, v in members.items()} == {ann.id: "ann", ann2.id: "ann", bob.id: "bob"}
        stats = await api.presence_stats(cent.PresenceStatsRequest(channel="chat:room"))
        assert (stats.num_clients, stats.num_users) == (3, 2)
    with pytest.raises(cent.CentApiResponseError) as error:
        await api.presence(cent.PresenceRequest(channel="plain:room"))
    assert error.value.code == 108


async def test_history_and_its_removal(api):
    for i in range(5):
        await api.publish(cent.PublishRequest(channel="chat:room", data=i))
    page = await api.history(cent.HistoryRequest(channel="chat:room", limit=2))
    assert [p.data for p in page.publications] == [0, 1] and page.offset == 5
    since = cent.StreamPosition(offset=2, epoch=page.epoch)
    page = await api.history(cent.HistoryRequest(channel="chat:room", limit=-1, since=since))
    assert [p.offset for p in page.publications] == [3, 4, 5]
    page = await api.history(cent.HistoryRequest(channel="chat:room", limit=-1, since=since, reverse=True))
    assert [p.offset for p in page.publications] == [1]
    await api.history_remove(cent.HistoryRemoveRequest(channel="chat:room"))
    gone = await api.history(cent.HistoryRequest(channel="chat:room", limit=-1))
    assert (gone.publications, gone.offset, gone.epoch) == ([], 5, page.epoch)
    assert (await api.publish(cent.PublishRequest(channel="chat:room", data="next"))).offset == 6
    for call in (
        api.history(cent.HistoryRequest(channel="plain:room")),
        api.history_remove(cent.HistoryRemoveRequest(channel="plain:room")),
    ):
        with pytest.raises(cent.CentApiResponseError) as error:
            await call
        assert error.value.code == 108


async def test_channels(api, ann, served):
    assert (await api.channels(cent.ChannelsRequest())).channels == {}
    async with client(served.port, token=token("bob")) as bob:
        for channel in ("chat:one", "plain:one"):
            await subscribed(ann, channel)
        await subscribed(bob, "chat:one")
        everything = (await api.channels(cent.ChannelsRequest())).channels
        assert {k: v.num_clients for k, v in everything.items()} == {"chat:one": 2, "plain:one": 1}
        some = (await api.channels(cent.ChannelsRequest(pattern="chat:*"))).channels
        assert set(some) == {"chat:one"}


async def test_info(api, ann):
    await subscribed(ann, "chat:one")
    await subscribed(ann, "plain:one")
    (node,) = (await api.info(cent.InfoRequest())).nodes
    assert node.uid and node.name == "e2e" and node.version
    assert (node.num_clients, node.num_users, node.num_channels, node.num_subs) == (1, 1, 2, 2)


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch(api, ann, parallel):
    sub = await subscribed(ann, "chat:room")
    got = await api.batch(
        cent.BatchRequest(
            parallel=parallel,
            requests=[
                cent.PublishRequest(channel="chat:room", data=1),
                cent.BroadcastRequest(channels=["chat:room"], data=2),
                cent.PresenceStatsRequest(channel="chat:room"),
                cent.InfoRequest(),
            ],
        )
    )
    assert {got.replies[0].offset, got.replies[1].responses[0].result.offset} == {1, 2}
    assert got.replies[2].num_clients == 1 and len(got.replies[3].nodes) == 1
    assert sorted([(await sub.events.next("publication")).pub.data for _ in range(2)]) == [1, 2]


async def test_a_batch_in_order_keeps_it(api, ann):
    sub = await subscribed(ann, "chat:room")
    await api.batch(
        cent.BatchRequest(requests=[cent.PublishRequest(channel="chat:room", data=i) for i in range(200)])
    )
    assert [(await sub.events.next("publication")).pub.data for _ in range(200)] == list(range(200))


async def test_the_shape_of_batch_replies(served):
    replies = await served.api(
        "batch",
        commands=[
            {"publish": {"channel": "chat:a", "data": 1}},
            {"publish": {"channel": "nowhere:a", "data": 1}},
            {"dance": {}},
            {"presence": {"channel": "chat:a"}},
            {"rpc": {"method": "x"}},
        ],
    )
    assert replies[0]["publish"]["offset"] == 1 and "result" not in replies[0]["publish"]
    assert [r["error"]["code"] for r in (replies[1], replies[2], replies[4])] == [102, 104, 108]
    assert replies[3] == {"presence": {"presence": {}}}


async def test_rpc_has_no_handler(served):
    got = json.loads((await served.api.raw("rpc", '{"method":"x","params":{}}')).text)
    assert got["error"]["code"] == 108


async def test_users_who_are_not_there_are_no_error(api):
    await api.subscribe(cent.SubscribeRequest(user="nobody", channel="chat:room"))
    await api.unsubscribe(cent.UnsubscribeRequest(user="nobody", channel="chat:room"))
    await api.disconnect(cent.DisconnectRequest(user="nobody"))
    await api.disconnect(cent.DisconnectRequest(user=""))
    await api.refresh(cent.RefreshRequest(user="nobody"))


async def test_the_methods_form_of_the_api(served):
    body = json.dumps({"method": "publish", "params": {"channel": "chat:a", "data": 1}})
    got = await served.api.request("POST", "/api", data=body, headers={"X-API-Key": API_KEY})
    assert json.loads(got.text)["result"]["offset"] == 1


async def test_errors_as_http_status_where_asked(served):
    got = await served.api.raw(
        "publish", '{"channel":"nowhere:a","data":1}', **{"X-Centrifugo-Error-Mode": "transport"}
    )
    assert got.status == 404 and json.loads(got.text)["code"] == 102


async def test_answers_with_nothing_in_them_keep_their_fields(served):
    async def result(method, **params):
        return json.loads((await served.api.raw(method, json.dumps(params))).text)["result"]

    assert await result("channels") == {"channels": {}}
    assert await result("presence", channel="chat:a") == {"presence": {}}
    assert await result("presence_stats", channel="chat:a") == {"num_clients": 0, "num_users": 0}
    empty = await result("history", channel="chat:a", limit=10)
    assert empty["publications"] == [] and empty["offset"] == 0 and len(empty["epoch"]) == 8
    assert await result("publish", channel="plain:a", data=1) == {}
    assert await result("publish", channel="plain:a", data=None) == {}


async def test_sixteen_at_once_with_one_key_are_one_publication(served, ann):
    sub = await subscribed(ann, "chat:room")
    got = await asyncio.gather(*(served.api.publish("chat:room", i, idempotency_key="same") for i in range(16)))
    assert all(r == got[0] for r in got) and got[0]["offset"] == 1
    assert (await served.api.publish("chat:room", "next"))["offset"] == 2
    await sub.events.next("publication")
    assert (await sub.events.next("publication")).pub.data == "next"


async def test_keys_count_per_channel(served):
    assert (await served.api.publish("chat:a", 1, idempotency_key="k"))["offset"] == 1
    assert (await served.api.publish("chat:b", 1, idempotency_key="k"))["offset"] == 1
    assert (await served.api("history", channel="chat:b", limit=5))["offset"] == 1


async def test_channels_of_any_length_where_no_length_is_set(plexus):
    node = await plexus({"client": {"max_channel_length": 0}})
    name = "plain:" + "x" * 10_000
    async with cent.AsyncClient(f"http://127.0.0.1:{node.port}/api", API_KEY) as api:
        await api.publish(cent.PublishRequest(channel=name, data=1))
    async with client(node.port, token=token("ann")) as one:
        await subscribed(one, name)
