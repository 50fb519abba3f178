"""What somebody without a good token tries, and what somebody with a good one tries beyond it."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import pytest_asyncio

from support.keys import KeyPair, KeySetServer
from support.tokens import SECRET, admission, token
from support.wire import CommandError, Ended

GOOD = {"sub": "root"}
KEYS = {alg: KeyPair(alg, kid=alg) for alg in ("RS256", "ES256", "EdDSA")}


@pytest_asyncio.fixture
async def guarded(plexus):
    """A node with secrets, public keys and a key set, all at once."""
    server = await KeySetServer().start()
    server.keys = [KEYS["EdDSA"]]
    node = await plexus(
        {"client": {"token": {"public_key": [KEYS["RS256"].pem, KEYS["ES256"].pem], "jwks_url": server.url}}}
    )
    node.provider = server
    yield node
    await server.stop()


async def settled(wire, node, text):
    while (got := await admission(wire, node, text)) == 100:
        pass
    return got


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mac(header, claims, secret, digest=hashlib.sha256):
    text = part(header) + "." + part(claims)
    return text + "." + part(hmac.new(secret, text.encode(), digest).digest())


async def refused(wire, bystander, node, texts):
    await bystander(node)
    for name, text in texts.items():
        got = await settled(wire, node, text)
        assert got == 3500, (name, got)


async def test_a_public_key_as_the_secret_of_an_hmac(guarded, wire, bystander):
    texts = {}
    for name, pair in KEYS.items():
        for form, secret in {
            "pem": pair.pem.encode(),
            "pem without its newline": pair.pem.strip().encode(),
            "base64 alone": "".join(pair.pem.splitlines()[1:-1]).encode(),
            "der": base64.b64decode("".join(pair.pem.splitlines()[1:-1])),
            "jwk": json.dumps(pair.jwk).encode(),
            "x or n": str(pair.jwk.get("n") or pair.jwk.get("x")).encode(),
            "nothing": b"",
        }.items():
            for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
                for header in ({"alg": alg}, {"alg": alg, "kid": name}):
                    texts[name, form, alg, len(header)] = mac(header, GOOD, secret, digest)
    await refused(wire, bystander, guarded, texts)


async def test_another_alg_than_the_key_has(guarded, wire, bystander):
    texts = {}
    for name, pair in KEYS.items():
        head, body, signature = pair.token("root").split(".")
        for alg in ("none", "None", "NONE", "", "HS256", "RS384", "PS256", "ES384", "ES256K", "EdDSA", "RS256", "ES256"):
            if alg == name:
                continue
            for header in ({"alg": alg}, {"alg": alg, "kid": name}):
                texts[name, alg, len(header)] = f"{part(header)}.{body}.{signature}"
                texts[name, alg, len(header), "unsigned"] = f"{part(header)}.{body}."
        texts[name, "twice"] = part(b'{"alg":"%s","alg":"none"}' % name.encode()) + f".{body}."
        texts[name, "a list"] = f"{part({'alg': [name]})}.{body}.{signature}"
        texts[name, "crit"] = f"{part({'alg': name, 'crit': ['b64'], 'b64': False})}.{body}.{signature}"
        # Keys and addresses that come along with the token are nobody's business.
        texts[name, "jwk"] = KeyPair(name).token("root", header={"jwk": pair.jwk})
        for field in ("jku", "x5u"):
            texts[name, field] = KeyPair(name).token("root", header={field: guarded.provider.url})
    requests = guarded.provider.requests
    await refused(wire, bystander, guarded, texts)
    assert guarded.provider.requests <= requests + 2


@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA"])
async def test_signatures_that_are_not_quite_one(guarded, wire, bystander, name):
    head, body, signature = KEYS[name].token("root").split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    half = len(raw) // 2
    broken = {
        "empty": b"",
        "zeros": bytes(len(raw)),
        "cut": raw[:-1],
        "longer": raw + b"\0",
        "zero before": b"\0" + raw,
        "halves changed": raw[half:] + raw[:half],
        "r zero": bytes(half) + raw[half:],
        "s zero": raw[:half] + bytes(half),
        "ones": b"\xff" * len(raw),
        "huge": raw * 40,
    }
    texts = {what: f"{head}.{body}.{part(value)}" for what, value in broken.items()}
    texts["padded"] = f"{head}.{body}.{signature}=="
    texts["other claims"] = f"{head}.{part({'sub': 'root', 'exp': 9999999999})}.{signature}"
    if name == "ES256":
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        numbers = int.from_bytes(raw[:half]), int.from_bytes(raw[half:])
        texts["der"] = f"{head}.{body}.{part(encode_dss_signature(*numbers))}"
    await refused(wire, bystander, guarded, texts)


KIDS = {
    "path": "../../../../etc/passwd",
    "null device": "/dev/null",
    "sql": "x' UNION SELECT 'key' --",
    "command": "$(touch /tmp/owned)",
    "zero": "a\0b",
    "lines": "a\r\nHost: b",
    "long": "k" * 700,
    "empty": "",
    "wide": "\N{SNOWMAN}" * 100,
}


@pytest.mark.parametrize("name", KIDS)
async def test_the_id_of_a_key_is_only_compared(guarded, wire, bystander, name):
    await bystander(guarded)
    stranger = KeyPair("EdDSA")
    assert await admission(wire, guarded, stranger.token("root", header={"kid": KIDS[name]})) in (100, 3500)
    # An empty secret is what a file like /dev/null would give.
    assert await admission(wire, guarded, mac({"alg": "HS256", "kid": KIDS[name]}, GOOD, b"")) == 3500
    # And on a good token by a secret it doesn't matter.
    assert await admission(wire, guarded, mac({"alg": "HS256", "kid": KIDS[name]}, GOOD, SECRET.encode())) == "ok"


@pytest.mark.parametrize("kid", [5, None, True, [], {}, ["EdDSA"]])
async def test_an_id_that_is_no_text(guarded, wire, kid):
    assert await admission(wire, guarded, mac({"alg": "HS256", "kid": kid}, GOOD, SECRET.encode())) == 3500


async def test_huge_tokens(guarded, wire, bystander):
    await bystander(guarded)
    many = {f"k{i}": i for i in range(200)}
    texts = {
        "claims": token("root", info="x" * 20_000),
        "header": mac({"alg": "HS256", "x": "y" * 2000}, GOOD, SECRET.encode()),
        "header of many": mac({"alg": "HS256", **many}, GOOD, SECRET.encode()),
        "dots": "." * 16_000,
        "part": "A" * 16_000,
        "deep": mac({"alg": "HS256"}, b'{"sub":"a","info":' + b"[" * 5000 + b"]" * 5000 + b"}", SECRET.encode()),
        "deep header": mac(b'{"alg":"HS256","x":' + b"[" * 350 + b"]" * 350 + b"}x", GOOD, SECRET.encode()),
        "numbers": mac({"alg": "HS256"}, b'{"exp":1e999}', SECRET.encode()),
    }
    for name, text in texts.items():
        assert await admission(wire, guarded, text) == 3500, name


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"nbf": 60}, 3500),
        ({"nbf": 1e300}, 3500),
        ({"nbf": -60}, "ok"),
        ({"exp": -1}, 109),
        ({"exp": 60}, "ok"),
        ({"exp": 1e300}, "ok"),
        ({"exp": -1e300}, 109),
        ({"nbf": 60, "exp": -60}, 3500),  # never good: not worth another token
        ({"iat": 3600}, "ok"),  # a clock that runs ahead
        ({"iat": 1e300}, "ok"),
    ],
)
async def test_clocks(guarded, wire, claims, expected):
    now = time.time()
    assert await admission(wire, guarded, token("ann", **{k: now + v for k, v in claims.items()})) == expected


async def test_a_revoked_token_is_refused_wherever_it_is_played_again(guarded, wire):
    once = KEYS["ES256"].token("ann", jti="one", expires_in=1000)
    one = await wire(guarded, None)
    await one.connect(once)
    await guarded.api("revoke_token", uid="one")
    assert (await one.closed())[0] == 3500
    for _ in range(3):
        assert await admission(wire, guarded, once) == 3500
    # Signed anew it is still the same token.
    assert await admission(wire, guarded, token("ann", jti="one", exp=time.time() + 5000)) == 3500
    other = await wire(guarded, "ann")
    with pytest.raises(Ended) as ended:
        await other.call("refresh", token=once)
    assert ended.value.code == 3500
    assert await admission(wire, guarded, KEYS["ES256"].token("ann", jti="two")) == "ok"


async def test_a_connection_token_is_no_subscription_token_and_the_reverse(guarded, wire):
    one = await wire(guarded, "mallory")
    with pytest.raises(Ended) as ended:
        await one.subscribe("private:a", token=token("mallory", can={"subscribe": ["private:*"]}))
    assert ended.value.code == 3500
    # The reverse: the rights of a subscription's token are for its channel, as a connection's they would hold for all.
    for more in ({"channel": "private:a"}, {"client": "some-client"}, {"channel": "private:a", "client": "c"}):
        narrow = token("mallory", can={"publish": ["*"], "subscribe": ["*"]}, **more)
        assert await admission(wire, guarded, narrow) == 3500, more
        other = await wire(guarded, "mallory")
        with pytest.raises(Ended) as ended:
            await other.call("refresh", token=narrow)
        assert ended.value.code == 3500


async def test_another_users_channel(guarded, wire):
    """A token for a channel is for its user alone, in every command that takes one."""
    victim = await wire(guarded, "ann")
    await victim.subscribe("private:ann", token=token("ann", channel="private:ann"))
    for steal in (
        {"channel": "private:ann"},
        {"channel": "private:ann", "token": token("mallory", secret="guessed", channel="private:ann")},
    ):
        one = await wire(guarded, "mallory", can={"subscribe": ["private:mallory"], "publish": ["chat:*"]})
        for kind, more in (("subscribe", steal), ("publish", {"channel": "private:ann", "data": 1})):
            with pytest.raises(CommandError) as error:
                await one.call(kind, **more)
            assert error.value.code == 103
        for kind in ("presence", "presence_stats", "history", "sub_refresh"):
            with pytest.raises(CommandError) as error:
                await one.call(kind, **steal)
            assert error.value.code == 103
    thief = await wire(guarded, "mallory")
    with pytest.raises(Ended) as ended:
        await thief.subscribe("private:ann", token=token("ann", channel="private:ann"))
    assert ended.value.code == 3500
    assert set((await guarded.api("presence_stats", channel="private:ann")).values()) == {1}


async def test_another_users_presence(guarded, wire):
    victim = await wire(guarded, "ann")
    await victim.subscribe("chat:room", join_leave=True)
    await victim.subscribe("private:ann", token=token("ann", channel="private:ann"))
    one = await wire(guarded, "mallory")

    async def update(**data):
        return await one.call("rpc", method="plexus.presence.update", data=data)

    for channel in ("chat:room", "private:ann"):
        for more in ({}, {"client": victim.client}, {"user": "ann", "client": victim.client}):
            with pytest.raises(CommandError) as error:
                await update(channel=channel, state={"owned": True}, **more)
            assert error.value.code == 103
    await one.subscribe("chat:room")
    await update(channel="chat:room", state={"mine": True}, client=victim.client, user="ann")
    members = (await guarded.api("presence", channel="chat:room"))["presence"]
    assert members[one.client]["chan_info"] == {"mine": True} and members[one.client]["user"] == "mallory"
    assert "chan_info" not in members[victim.client]
