"""Public keys and key sets: tokens signed with them, and what happens while keys come, go or can't be fetched."""

import asyncio
import datetime
import ipaddress
import json
import signal
import ssl
import time

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.clients import client
from support.keys import KeyPair, KeySetServer
from support.node import DidNotStart
from support.tokens import SECRET, admission, token
from support.waiting import until
from support.wire import CommandError

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"]


async def settled(wire, node, text):
    """The same once the node knows: as a client does, it comes again after error 100."""
    async with asyncio.timeout(30):
        while (got := await admission(wire, node, text)) == 100:
            await asyncio.sleep(0.05)
    return got


@pytest_asyncio.fixture
async def provider():
    server = await KeySetServer().start()
    yield server
    await server.stop()


def with_keys(**section):
    return {"client": {"token": section}}


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_token_signed_with_a_private_key(plexus, wire, alg):
    pair = KeyPair(alg)
    node = await plexus(with_keys(public_key=pair.pem))
    assert await admission(wire, node, pair.token()) == "ok"
    assert await admission(wire, node, pair.token(expires_in=-5)) == 109
    assert await admission(wire, node, KeyPair(alg).token()) == 3500
    assert await admission(wire, node, token("ann")) == "ok"  # the secret is good beside it


async def test_public_keys_in_a_list_and_in_a_file(plexus, wire, tmp_path):
    pairs = [KeyPair("ES256"), KeyPair("EdDSA"), KeyPair("RS256")]
    file = tmp_path / "keys.pem"
    file.write_text(pairs[1].pem + pairs[2].pem)
    node = await plexus(with_keys(hmac_secret="", public_key=[pairs[0].pem, str(file)]))
    for pair in pairs:
        assert await admission(wire, node, pair.token()) == "ok"
    assert await admission(wire, node, token("ann")) == 3500


async def test_the_python_client_with_a_public_key(plexus):
    pair = KeyPair("ES384")
    node = await plexus(with_keys(public_key=pair.pem))
    async with client(node.port, token=pair.token(info={"name": "Ann"})):
        pass


async def test_claims_count_whatever_the_algorithm(plexus, wire):
    pair = KeyPair("EdDSA")
    node = await plexus(with_keys(public_key=pair.pem, audience="here", issuer="us"))
    now = int(time.time())
    good = {"aud": ["here", "there"], "iss": "us"}
    for claims, expected in (
        (good, "ok"),
        ({**good, "aud": "there"}, 3500),
        ({**good, "iss": "them"}, 3500),
        ({**good, "nbf": now - 5, "iat": now + 100}, "ok"),
        ({**good, "nbf": now + 100}, 3500),
    ):
        assert await admission(wire, node, pair.token(**claims)) == expected, claims


async def test_rights_and_subscription_tokens_with_a_public_key(plexus, wire):
    pair = KeyPair("RS256")
    node = await plexus(with_keys(public_key=pair.pem))
    one = await wire(node, None)
    await one.connect(pair.token(can={"publish": ["private:*"]}))
    await one.subscribe("private:a", token=pair.token(channel="private:a"))
    await one.call("publish", channel="private:a", data=1)


@pytest.mark.parametrize(
    "entry", ["no key", "/nowhere/at/all.pem", "private", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
async def test_a_key_that_cannot_be_used_stops_the_start(plexus, entry):
    if entry == "private":
        entry = KeyPair("RS256").private_pem
    with pytest.raises(DidNotStart) as error:
        await plexus(with_keys(public_key=entry))
    assert error.value.code == 2
    assert "client.token.public_key: found" in error.value.output
    assert entry not in error.value.output


async def test_a_public_key_among_the_secrets_stops_the_start(plexus):
    with pytest.raises(DidNotStart) as error:
        await plexus(with_keys(hmac_secret=KeyPair("ES256").pem))
    assert error.value.code == 2 and "client.token.hmac_secret: found a key in PEM" in error.value.output


async def test_a_reload_reads_key_files_again_and_secrets_rotate(plexus, wire, tmp_path):
    old, new = KeyPair("ES256"), KeyPair("ES256")
    file = tmp_path / "key.pem"
    file.write_text(old.pem)
    node = await plexus(with_keys(public_key=str(file)))
    assert await admission(wire, node, old.token()) == "ok"

    config = json.loads(node.config_file.read_text())
    config["client"]["token"]["hmac_secret"] = ["the next secret, as long as the last", SECRET]
    node.write_config(config)
    file.write_text(new.pem)
    node.signal(signal.SIGHUP)
    await node.logged("configuration read again")
    assert await admission(wire, node, new.token()) == "ok"
    assert await admission(wire, node, old.token()) == 3500
    assert await admission(wire, node, token("ann")) == "ok"
    assert await admission(wire, node, token("ann", secret="the next secret, as long as the last")) == "ok"

    node.errors_expected = True  # a faulty file changes nothing
    file.write_text("rubbish")
    node.signal(signal.SIGHUP)
    await node.logged("the one before stays")
    assert await admission(wire, node, new.token()) == "ok"


async def test_a_key_set_with_every_kind_of_key(plexus, wire, provider):
    provider.keys = [KeyPair(alg, kid=alg) for alg in ALGORITHMS]
    node = await plexus(with_keys(jwks_url=provider.url))
    for pair in provider.keys:
        assert await settled(wire, node, pair.token()) == "ok", pair.alg
    assert await node.metric('plexus_jwks_fetches_total{result="ok"}') == 1


async def test_tokens_that_come_before_the_first_fetch_are_told_to_come_again(plexus, wire, provider):
    provider.keys = [KeyPair("ES256", kid="a")]
    provider.gate.clear()
    node = await plexus(with_keys(jwks_url=provider.url))
    await provider.asked.wait()
    one = await wire(node, None)
    reply = await one.reply(one.start("connect", token=provider.keys[0].token()))
    assert reply["error"]["code"] == 100 and reply["error"]["temporary"] is True
    assert await admission(wire, node, token("ann")) == "ok"  # a secret waits for nothing
    # The official client comes again by itself.
    async with client(node.port, token=provider.keys[0].token(), connect=False) as waiting:
        await until(lambda: waiting.events.seen("error"), "the client's first refusal")
        provider.gate.set()
        await waiting.events.next("connected", timeout=30)


async def test_refresh_and_subscribe_wait_for_the_first_fetch_too(plexus, wire, provider):
    pair = KeyPair("ES256", kid="a")
    provider.keys = [pair]
    provider.gate.clear()
    node = await plexus(with_keys(jwks_url=provider.url))
    one = await wire(node, "ann", expires_in=1000)
    await one.subscribe("private:b", token=token("ann", channel="private:b"))
    calls = {
        "refresh": {"token": pair.token(expires_in=1000)},
        "subscribe": {"channel": "private:a", "token": pair.token(channel="private:a")},
        "sub_refresh": {"channel": "private:b", "token": pair.token(channel="private:b")},
    }
    for kind, fields in calls.items():
        with pytest.raises(CommandError) as error:
            await one.call(kind, **fields)
        assert error.value.code == 100
    provider.gate.set()
    assert await settled(wire, node, pair.token()) == "ok"
    for kind, fields in calls.items():
        await one.call(kind, **fields)


async def test_keys_rotate(plexus, wire, provider):
    old, new = KeyPair("RS256", kid="2026-10"), KeyPair("RS256", kid="2026-11")
    provider.keys = [old]
    node = await plexus(with_keys(jwks_url=provider.url))
    assert await settled(wire, node, old.token()) == "ok"
    stays = await wire(node, None)
    await stays.connect(old.token())

    provider.keys = [new]
    assert await settled(wire, node, new.token()) == "ok"  # its id is unknown: fetched again
    assert await admission(wire, node, old.token()) in (100, 3500)
    assert await settled(wire, node, old.token()) == 3500  # dropped
    await stays.subscribe("chat:a")  # who is in stays
    assert provider.requests <= 4


async def test_an_unknown_id_is_refused_and_costs_few_fetches(plexus, wire, provider):
    provider.keys = [KeyPair("EdDSA", kid="a")]
    node = await plexus(with_keys(jwks_url=provider.url))
    assert await settled(wire, node, provider.keys[0].token()) == "ok"
    stranger = KeyPair("EdDSA", kid="b")
    results = {await admission(wire, node, stranger.token(header={"kid": f"made up {i}"})) for i in range(50)}
    assert results == {100}
    assert provider.requests <= 3
    assert await settled(wire, node, stranger.token()) == 3500
    assert provider.requests <= 4
    assert await admission(wire, node, provider.keys[0].token()) == "ok"


async def test_a_failing_provider_leaves_the_keys_there_are(plexus, wire, provider):
    pair = KeyPair("ES256", kid="a")
    provider.keys = [pair]
    node = await plexus(with_keys(jwks_url=provider.url))
    assert await settled(wire, node, pair.token()) == "ok"

    async def broken(request):
        return web.Response(status=500)

    provider.answer = broken
    assert await admission(wire, node, KeyPair("ES256", kid="b").token()) == 100
    await node.logged("the key set can't be fetched", timeout=20)
    assert await node.metric('plexus_jwks_fetches_total{result="failed"}') >= 1
    assert await admission(wire, node, pair.token()) == "ok"
    # It can't be known whether there is such a key.
    assert await admission(wire, node, KeyPair("ES256", kid="b").token()) == 100
    provider.answer = None
    await node.logged("the key set can be fetched again", timeout=20)
    assert await settled(wire, node, KeyPair("ES256", kid="b").token()) == 3500


async def serve_huge(request):
    return web.Response(text='{"keys":[' + " " * 2_000_000 + "]}")


async def serve_endless(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    try:
        while True:
            await answer.write(b" " * 65536)
            await asyncio.sleep(0)
    except ConnectionError:
        return answer


async def serve_rubbish(request):
    return web.Response(text="<html>")


async def serve_redirect_loop(request):
    raise web.HTTPFound(request.path)


async def serve_redirect_to_a_file(request):
    raise web.HTTPFound("file:///etc/passwd")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (serve_huge, "larger than"),
        (serve_endless, "larger than"),
        (serve_rubbish, "not a JSON Web Key Set"),
        (serve_redirect_loop, "redirects"),
        (serve_redirect_to_a_file, "file"),
    ],
)
async def test_an_answer_that_is_no_key_set(plexus, wire, provider, answer, reason):
    provider.answer = answer
    node = await plexus(with_keys(jwks_url=provider.url))
    await node.logged("the key set can't be fetched")
    line = next(x for x in node.log().splitlines() if "the key set can't be fetched" in x)
    assert reason in line
    assert await admission(wire, node, KeyPair("ES256", kid="a").token()) == 100
    assert await admission(wire, node, token("ann")) == "ok"
    assert node.resident() < 200_000_000


async def test_a_provider_that_hangs_is_given_up_and_a_stop_does_not_wait_for_it(plexus, wire, provider):
    provider.gate.clear()
    node = await plexus(with_keys(jwks_url=provider.url))
    await provider.asked.wait()
    started = time.monotonic()
    await node.logged("the key set can't be fetched", timeout=15)
    assert time.monotonic() - started < 10
    provider.asked.clear()
    await provider.asked.wait()  # under way again
    started = time.monotonic()
    node.signal(signal.SIGTERM)
    assert await node.exit_code() == 0
    assert time.monotonic() - started < 3


async def test_a_reload_moves_to_another_address(plexus, wire, provider):
    other = await KeySetServer().start()
    try:
        provider.keys, other.keys = [KeyPair("ES256", kid="a")], [KeyPair("ES256", kid="b")]
        node = await plexus(with_keys(jwks_url=provider.url))
        assert await settled(wire, node, provider.keys[0].token()) == "ok"
        config = json.loads(node.config_file.read_text())
        config["client"]["token"]["jwks_url"] = other.url
        node.write_config(config)
        node.signal(signal.SIGHUP)
        await node.logged("configuration read again")
        assert await settled(wire, node, other.keys[0].token()) == "ok"
        assert await settled(wire, node, provider.keys[0].token()) == 3500
    finally:
        await other.stop()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "example.com/keys", "https://", "https://a b/"])
async def test_an_address_that_is_none_stops_the_start(plexus, url):
    with pytest.raises(DidNotStart) as error:
        await plexus(with_keys(jwks_url=url))
    assert error.value.code == 2 and "client.token.jwks_url" in error.value.output


def certificate(folder):
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "tls.crt", folder / "tls.key"


async def test_over_https_the_certificate_is_checked(plexus, wire, tmp_path):
    crt, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    server = await KeySetServer(context).start()
    try:
        server.keys = [KeyPair("ES256", kid="a")]
        trusting = await plexus(with_keys(jwks_url=server.url), environment={"SSL_CERT_FILE": str(crt)})
        assert await settled(wire, trusting, server.keys[0].token()) == "ok"
        node = await plexus(with_keys(jwks_url=server.url))
        await node.logged("the key set can't be fetched")
        assert "certificate" in node.log()
        assert await admission(wire, node, server.keys[0].token()) == 100
    finally:
        await server.stop()
