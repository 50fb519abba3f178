"""Tokens on the wire: which are good, how each of the others ends, and what happens when the time is up."""

import asyncio
import json
import time

import pytest

from support.tokens import SECRET, outcome, signed, token
from support.wire import TEXT, frame, handshake


HS = {"alg": "HS256", "typ": "JWT"}
GOOD = {"sub": "ann"}

BAD = {
    "empty parts": "..",
    "one part": "x",
    "four parts": token("ann") + ".x",
    "no base64": "!!.!!.!!",
    "cut signature": token("ann")[:-1],
    "no signature": token("ann").rpartition(".")[0] + ".",
    "another secret": token("ann", secret="not the secret of this node, but long"),
    "empty secret": token("ann", secret=""),
    "changed claims": token("ann").split(".")[0]
    + "."
    + token("root").split(".")[1]
    + "."
    + token("ann").split(".")[2],
    "alg none": signed({"alg": "none"}, GOOD).rpartition(".")[0] + ".",
    "alg None": signed({"alg": "None"}, GOOD),
    "alg none signed": signed({"alg": "none"}, GOOD),
    "alg unknown": signed({"alg": "HS1"}, GOOD),
    "alg a number": signed({"alg": 256}, GOOD),
    "alg RS256 signed by the secret": signed({"alg": "RS256"}, GOOD),
    "no alg": signed({"typ": "JWT"}, GOOD),
    "header a list": signed([], GOOD),
    "header no JSON": signed(b"alg", GOOD),
    "claims a list": signed(HS, [1]),
    "claims no JSON": signed(HS, b"{"),
    "claims no UTF-8": signed(HS, b'{"sub":"\xff"}'),
    "claims deep": signed(HS, b"[" * 20000),
    "sub a number": signed(HS, {"sub": 42}),
    "exp a string": signed(HS, {"sub": "ann", "exp": "tomorrow"}),
    "exp a list": signed(HS, {"sub": "ann", "exp": []}),
    "channels a string": signed(HS, {"sub": "ann", "channels": "chat:a"}),
    "subs a list": signed(HS, {"sub": "ann", "subs": ["chat:a"]}),
    "can a string": signed(HS, {"sub": "ann", "can": "all"}),
    "not yet": signed(HS, {"sub": "ann", "nbf": time.time() + 1000}),
    "long": "x" * 50_000,
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_is_3500(shared_node, wire, bystander, name):
    await bystander(shared_node)
    one = await wire(shared_node, None)
    assert await outcome(one.connect(BAD[name])) == 3500


@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": time.time() - 1}, {"exp": -5}, {"exp": 1.5}])
async def test_an_expired_token_is_109_and_the_connection_stays(shared_node, wire, claims):
    one = await wire(shared_node, None)
    expired = signed(HS, {**GOOD, **claims})
    assert await outcome(one.connect(expired)) == 109
    # A client may go on with a new one.
    assert await outcome(one.connect(token("ann"))) in ("ok", 3501)


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_all_three_lengths_of_hmac(shared_node, wire, alg):
    one = await wire(shared_node, None)
    assert await outcome(one.connect(token("ann", alg=alg))) == "ok"


async def test_every_secret_of_a_list_is_good(plexus, wire):
    node = await plexus({"client": {"token": {"hmac_secret": ["new " * 10, SECRET]}}})
    for secret, expected in (("new " * 10, "ok"), (SECRET, "ok"), ("old " * 10, 3500)):
        one = await wire(node, None)
        assert await outcome(one.connect(token("ann", secret=secret))) == expected


async def test_audience_and_issuer_where_they_are_asked_for(plexus, wire):
    node = await plexus({"client": {"token": {"audience": "here", "issuer": "us"}}})
    for claims, expected in (
        ({"aud": "here", "iss": "us"}, "ok"),
        ({"aud": ["there", "here"], "iss": "us"}, "ok"),
        ({"aud": "there", "iss": "us"}, 3500),
        ({"aud": "here", "iss": "them"}, 3500),
        ({"aud": "here"}, 3500),
        ({}, 3500),
    ):
        one = await wire(node, None)
        assert await outcome(one.connect(token("ann", **claims))) == expected, claims


async def test_insecure_mode_still_checks_a_token_but_not_its_expiry(plexus, wire):
    node = await plexus({"client": {"insecure": True}})
    for text, expected in ((token("ann", secret="wrong"), 3500), (token("ann", expires_in=-10), "ok")):
        one = await wire(node, None)
        assert await outcome(one.connect(text)) == expected


async def test_refreshing_the_connection(node, wire):
    one = await wire(node, "ann", expires_in=1000)
    got = await one.call("refresh", token=token("ann", expires_in=2000))
    assert got["expires"] is True and 1990 <= got["ttl"] <= 2000
    assert await outcome(one.call("refresh", token=token("bob"))) == 3500
    for text, expected in (
        (token("ann", secret="wrong"), 3500),
        ("nonsense", 3500),
        (token("ann", expires_in=-1), 3005),
    ):
        one = await wire(node, "ann", expires_in=1000)
        assert await outcome(one.call("refresh", token=text)) == expected


async def test_an_expired_connection_is_closed_after_the_delay(plexus, wire):
    node = await plexus({"client": {"expired_close_delay": "1s"}})
    one = await wire(node, "ann", expires_in=2)
    started = time.monotonic()
    assert (await one.closed())[0] == 3005
    assert 1 < time.monotonic() - started < 6


async def test_a_refresh_in_time_keeps_the_connection(plexus, wire):
    node = await plexus({"client": {"expired_close_delay": "1s"}})
    one, other = await wire(node, "ann", expires_in=2), await wire(node, "ann", expires_in=2)
    await one.call("refresh", token=token("ann", expires_in=1000))
    assert (await other.closed())[0] == 3005  # the time would be up for both
    await one.subscribe("chat:room")


async def test_subscription_tokens(node, wire):
    for text, expected in (
        (token("ann", channel="private:a"), "ok"),
        (token("ann", channel="private:a", secret="wrong"), 103),
        ("nonsense", 103),
        (token("ann", channel="private:a", expires_in=-5), 109),
        (token("ann", channel="private:b"), 3500),
        (token("bob", channel="private:a"), 3500),
        (token("ann", channel="private:a", client="another"), 3500),
        (token("ann"), 3500),
    ):
        one = await wire(node, "ann")
        assert await outcome(one.subscribe("private:a", token=text)) == expected


async def test_a_subscription_that_expires(plexus, wire):
    node = await plexus({"client": {"expired_close_delay": "0s"}})
    one = await wire(node, "ann")
    got = await one.subscribe("private:a", token=token("ann", channel="private:a", expires_in=2))
    assert got["expires"] is True and 1 <= got["ttl"] <= 2
    assert (await one.push("unsubscribe", "private:a"))["code"] == 2501
    assert (await node.api("presence", channel="private:a"))["presence"] == {}


async def test_sub_refresh(plexus, wire):
    node = await plexus({"client": {"expired_close_delay": "0s"}})
    one = await wire(node, "ann")

    async def refreshed(**claims):
        return await one.call("sub_refresh", channel="private:a", token=token(channel="private:a", **claims))

    await one.subscribe("private:a", token=token("ann", channel="private:a", expires_in=100))
    got = await refreshed(user="ann", expires_in=1000)
    assert got["expires"] is True and 990 <= got["ttl"] <= 1000
    assert await refreshed(user="ann", expires_in=-10) == {}
    assert await outcome(refreshed(user="ann", secret="wrong")) == 103
    assert await outcome(one.call("sub_refresh", channel="private:never", token="x")) in (103, 107)
    assert await outcome(refreshed(user="bob")) == 3500


async def test_a_right_of_a_subscription_token_is_for_its_channel(node, wire):
    one = await wire(node, "ann")
    await one.subscribe("private:a", token=token("ann", channel="private:a", can={"publish": ["*"]}))
    await one.call("publish", channel="private:a", data=1)
    assert await outcome(one.call("publish", channel="private:b", data=1)) == 103


async def test_globs_of_rights(node, wire):
    one = await wire(node, "ann", can={"subscribe": ["private:a*", "private:?x"]})
    for channel, expected in (
        ("private:a", "ok"),
        ("private:abc", "ok"),
        ("private:1x", "ok"),
        ("private:ba", 103),
        ("private:12x", 103),
        ("private:", 103),
    ):
        assert await outcome(one.subscribe(channel)) == expected, channel


async def test_nobody_publishes_unless_a_token_says_so(node, wire):
    one = await wire(node, "ann", channels=["private:a"])
    assert await outcome(one.call("publish", channel="private:a", data=1)) == 103
    assert await outcome(one.call("publish", channel="chat:a", data=1)) == 103  # for subscribers
    assert (await node.api("history", channel="private:a", limit=9))["publications"] == []


async def test_server_side_subscriptions_in_the_connect_reply(node, wire):
    await node.api.publish("chat:one", 1)
    await node.api.publish("chat:one", 2)
    one = await wire(node, None)
    got = await one.connect(
        token("ann", channels=["chat:one", "plain:two"], subs={"private:x": {"data": {"d": 1}}})
    )
    subs = got["subs"]
    assert set(subs) == {"chat:one", "plain:two", "private:x"}
    assert subs["chat:one"]["offset"] == 2 and subs["chat:one"]["recoverable"] is True
    assert subs["plain:two"] == {} and subs["private:x"]["data"] == {"d": 1}

    again = await wire(node, None)
    epoch = subs["chat:one"]["epoch"]
    got = await again.connect(
        token("ann", channels=["chat:one"]),
        subs={
            "chat:one": {"recover": True, "offset": 1, "epoch": epoch},
            "chat:other": {"recover": True, "offset": 1, "epoch": epoch},
        },
    )
    assert set(got["subs"]) == {"chat:one"} and got["subs"]["chat:one"]["recovered"] is True
    assert [p["data"] for p in got["subs"]["chat:one"]["publications"]] == [2]


async def test_the_connect_reply_comes_before_pushes_of_server_side_channels(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    publisher = await wire(node, "publisher", can={"publish": ["*"]})
    for i in range(20):
        one = await wire(node, None)
        channels = [f"chat:{i}-{k}" for k in range(5)]
        number = one.start("connect", token=token("ann", channels=channels))
        for k in range(10):
            for channel in channels:
                publisher.start("publish", channel=channel, data=k)
        first = (await one.line()).value
        assert first.get("id") == number
        for channel in channels:
            for offset in range(first["connect"]["subs"][channel].get("offset", 0) + 1, 11):
                assert (await one.push("pub", channel))["offset"] == offset


async def test_a_refused_subscription_does_not_hurry_the_connect_reply(plexus, wire):
    """It waits for the token's channels, whatever the client asks for beside them."""
    full = {"subscribe": "user", "max_subscribers": 1}
    node = await plexus({"channels": {"namespaces": {"full": full}}})
    holder = await wire(node, "holder")
    await holder.subscribe("full:a")
    for i in range(10):
        one = await wire(node, None)
        one.send(
            {"id": 1, "connect": {"token": token("ann", channels=[f"chat:{i}", f"private:{i}"])}},
            {"id": 2, "subscribe": {"channel": "full:a"}},
        )
        got = await one.result(1)
        assert set(got["subs"]) == {f"chat:{i}", f"private:{i}"}
        assert (await one.reply(2))["error"]["code"] == 106
        await node.api.publish(f"private:{i}", i)
        assert (await one.push("pub", f"private:{i}"))["data"] == i


async def test_a_channel_of_the_token_in_no_namespace(node, wire):
    """The rest of the token's channels is served; nothing hangs."""
    one = await wire(node, None)
    result = await outcome(one.connect(token("ann", channels=["nowhere:a", "chat:b"])))
    assert result in ("ok", 102, 3501, 3507)


async def test_the_info_of_a_token_is_passed_untouched(node, wire):
    info = b'{"sub":"ann","info":{"n":1.10,"s":"\\u00fc"}}'
    one = await wire(node, None)
    await one.connect(signed(HS, info))
    await one.subscribe("chat:a")
    one.start("publish", channel="chat:a", data=1)
    text = (await one.push_line("pub")).text
    assert json.loads(text)["push"]["pub"]["info"]["conn_info"] == {"n": 1.1, "s": "ü"}


async def test_too_many_connections_of_one_user(plexus, wire):
    node = await plexus({"client": {"max_connections_per_user": 2}})
    first, _ = await wire(node, "ann"), await wire(node, "ann")
    third = await wire(node, None)
    assert await outcome(third.connect(token("ann"))) == 3504
    await wire(node, "bob")
    await first.close()
    await wire(node, "ann")


@pytest.mark.parametrize("when", [2**33, 10**15, 2**62, 2**63 - 1])
async def test_an_expiry_further_away_than_any_clock_reaches_is_far_away(node, wire, when):
    one = await wire(node, None)
    got = await one.connect(token("ann", exp=when))
    assert got["expires"] is True and 10**8 < got["ttl"] < 2**32
    await one.subscribe("chat:a")
    await one.call("publish", channel="chat:a", data=1)
    await one.push("pub")


async def test_the_connect_reply_follows_the_handshake_of_a_client_that_did_not_wait_for_it(node):
    """With channels from its token: then the reply waits for them, and what is queued for it."""
    command = {"id": 1, "connect": {"token": token("ann", channels=["chat:a", "plain:b"])}}
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(handshake(node.port) + frame(TEXT, json.dumps(command).encode()))
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        start = await reader.readexactly(30)
    writer.close()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b'{"id":1,"connect":' in start
