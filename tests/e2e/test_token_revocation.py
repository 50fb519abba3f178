"""Users that are blocked and tokens that are revoked, by the HTTP API and with real clients."""

import json
import signal
import time

import cent
import pytest
import pytest_asyncio

from support.clients import client, subscribed
from support.node import API_KEY
from support.tokens import admission, token
from support.waiting import until
from support.wire import CommandError, Ended


@pytest_asyncio.fixture(params=[1, 2], ids=["1 loop", "2 loops"])
async def served(plexus, request):
    return await plexus({"node": {"loops": request.param}})


@pytest_asyncio.fixture
async def api(served):
    async with cent.AsyncClient(f"http://127.0.0.1:{served.port}/api", API_KEY) as one:
        yield one


async def test_block_and_unblock_through_cent(served, api, wire):
    connections = [await wire(served, "mallory") for _ in range(8)]
    others = [await wire(served, "ann") for _ in range(2)]
    await api.block_user(cent.BlockUserRequest(user="mallory"))
    for one in connections:
        assert await one.closed() == (3507, "permission denied")
    for _ in range(8):  # whichever loop it comes to
        assert await admission(wire, served, token("mallory")) == 3507
    assert await admission(wire, served, token("ann")) == "ok"
    assert await served.metric('plexus_tokens_refused_total{reason="blocked"}') == 8
    await api.unblock_user(cent.UnblockUserRequest(user="mallory"))
    for _ in range(8):
        assert await admission(wire, served, token("mallory")) == "ok"
    for one in others:
        await one.subscribe("chat:a")


async def test_the_official_client_of_a_blocked_user_gives_up(served, api):
    async with client(served.port, token=token("mallory")) as one:
        await api.block_user(cent.BlockUserRequest(user="mallory", expire_at=int(time.time()) + 100))
        assert (await one.events.next("disconnected")).code == 3507


async def test_revoke_through_cent(served, api, wire):
    mine, other = await wire(served, "ann", jti="one"), await wire(served, "ann", jti="two")
    await api.revoke_token(cent.RevokeTokenRequest(uid="one", expire_at=int(time.time()) + 100))
    assert await mine.closed() == (3500, "invalid token")
    assert await admission(wire, served, token("ann", jti="one")) == 3500
    await other.subscribe("chat:a")
    assert await served.metric('plexus_tokens_refused_total{reason="revoked"}') == 1


async def test_invalidate_through_cent(served, api, wire):
    now = int(time.time())
    old = await wire(served, "ann", iat=now - 10)
    undated = await wire(served, "ann")
    bob = await wire(served, "bob", iat=now - 10)
    await api.invalidate_user_tokens(cent.InvalidateUserTokensRequest(user="ann"))
    for one in (old, undated):
        assert await one.closed() == (3500, "invalid token")
    assert await admission(wire, served, token("ann", iat=now - 10)) == 3500
    assert await admission(wire, served, token("ann")) == 3500
    assert await admission(wire, served, token("ann", iat=int(time.time()))) == "ok"  # what the back end mints next
    await bob.subscribe("chat:a")

    await api.invalidate_user_tokens(
        cent.InvalidateUserTokensRequest(user="bob", issued_before=now - 20, expire_at=now + 100)
    )
    await bob.subscribe("chat:b")
    await api.invalidate_user_tokens(
        cent.InvalidateUserTokensRequest(user="bob", issued_before=now - 5, expire_at=now + 100)
    )
    assert (await bob.closed())[0] == 3500


async def test_a_revoked_subscription_token(served, api, wire):
    one = await wire(served, "ann")
    text = token("ann", channel="private:a", jti="sub")
    await one.subscribe("private:a", token=text)
    await api.revoke_token(cent.RevokeTokenRequest(uid="sub"))
    assert (await one.push("unsubscribe", "private:a"))["code"] == 2000
    with pytest.raises(CommandError) as error:
        await one.subscribe("private:a", token=text)
    assert error.value.code == 103
    await one.subscribe("chat:a")  # the connection stays


async def test_a_revoked_subscription_token_of_a_connection_without_a_token(plexus, wire):
    node = await plexus({"client": {"anonymous": True}})
    one = await wire(node, None)
    await one.connect()
    await one.subscribe("private:a", token=token("", channel="private:a", jti="sub"))
    await one.subscribe("private:b", token=token("", channel="private:b", jti="other"))
    await node.api("revoke_token", uid="sub")
    assert (await one.push("unsubscribe"))["code"] == 2000
    channels = (await node.api("channels"))["channels"]
    assert set(channels) == {"private:b"}


async def test_a_refresh_moves_to_another_token(served, api, wire):
    one = await wire(served, "ann", jti="first", expires_in=1000)
    await one.call("refresh", token=token("ann", jti="second", expires_in=1000))
    await api.revoke_token(cent.RevokeTokenRequest(uid="first"))
    await one.subscribe("chat:a")
    with pytest.raises(Ended) as ended:
        await one.call("refresh", token=token("ann", jti="first", expires_in=1000))
    assert ended.value.code == 3500


async def test_a_block_that_expires(served, api, wire):
    await api.block_user(cent.BlockUserRequest(user="ann", expire_at=int(time.time()) + 2))
    assert await admission(wire, served, token("ann")) == 3507

    async def unblocked():
        return await admission(wire, served, token("ann")) == "ok"

    deadline = time.monotonic() + 10
    while not await unblocked():
        assert time.monotonic() < deadline


async def test_a_block_that_is_renewed_after_it_ran_out(served, api, wire):
    await api.block_user(cent.BlockUserRequest(user="ann", expire_at=int(time.time()) + 2))
    while await admission(wire, served, token("ann")) != "ok":
        pass
    inside = await wire(served, "ann")
    await api.block_user(cent.BlockUserRequest(user="ann", expire_at=int(time.time()) + 100))
    assert (await inside.closed())[0] == 3507
    assert await admission(wire, served, token("ann")) == 3507


async def test_what_cannot_be(served, api):
    for call, request, code in (
        (api.block_user, cent.BlockUserRequest(user=""), 107),
        (api.revoke_token, cent.RevokeTokenRequest(uid=""), 107),
        (api.block_user, cent.BlockUserRequest(user="ann", expire_at=5), 110),
        (api.invalidate_user_tokens, cent.InvalidateUserTokensRequest(user="ann", expire_at=5), 110),
    ):
        with pytest.raises(cent.CentApiResponseError) as error:
            await call(request)
        assert error.value.code == code


async def test_blocked_while_connecting_leaves_nobody_in(served, wire):
    """Whoever connects around the call is either told no or closed after."""
    ones = [await wire(served, None) for _ in range(30)]
    numbers = [one.start("connect", token=token("mallory")) for one in ones]
    await served.api("block_user", user="mallory")
    for one in ones:
        assert (await one.closed())[0] == 3507
    assert len(numbers) == 30
    assert (await served.api("info"))["nodes"][0]["num_clients"] == 0


async def test_denials_in_a_batch_and_after_a_reload(served, wire):
    one, two = await wire(served, "ann", jti="x"), await wire(served, "bob")
    got = await served.api("batch", commands=[{"revoke_token": {"uid": "x"}}, {"block_user": {"user": "bob"}}])
    assert got == [{"revoke_token": {}}, {"block_user": {}}]
    assert (await one.closed())[0] == 3500 and (await two.closed())[0] == 3507
    config = json.loads(served.config_file.read_text())
    config["demo"] = True
    served.write_config(config)
    served.signal(signal.SIGHUP)
    await served.logged("configuration read again")
    assert await admission(wire, served, token("ann", jti="x")) == 3500
    assert await admission(wire, served, token("bob")) == 3507


async def test_insecure_mode_honours_a_block_of_a_token_that_is_given(plexus, wire):
    node = await plexus({"client": {"insecure": True}})
    await node.api("block_user", user="mallory")
    assert await admission(wire, node, token("mallory")) == 3507
    assert await admission(wire, node, "") == "ok"


async def test_the_official_client_loses_a_revoked_subscription(served, api):
    async with client(served.port, token=token("ann")) as one:
        text = token("ann", channel="private:a", jti="sub")

        async def get_token(_):
            return text

        sub = await subscribed(one, "private:a", get_token=get_token)
        await api.revoke_token(cent.RevokeTokenRequest(uid="sub"))
        await until(lambda: sub.events.seen("unsubscribed"), "the end of the subscription")
        assert sub.events.seen("unsubscribed")[0].code == 2000
