"""SIGHUP changes what can change while serving; SIGTERM moves the clients away and ends the node."""

import asyncio
import json
import signal
import socket
import time

import pytest

from support.deaf import Deaf
from support.node import BASE, merged
from support.tokens import SECRET, token
from support.waiting import until
from support.wire import CommandError, Ended, Refused, Wire


async def reload(node, changes, raw=None):
    """Writes another configuration, tells the node, and waits until it says that it has read it."""
    before = node.log().count("configuration")
    if raw is None:
        node.write_config(merged(node.config, changes))
    else:
        node.config_file.write_text(raw)
    node.signal(signal.SIGHUP)
    await until(lambda: node.log().count("configuration") > before, "the word about the configuration")
    return node.log().splitlines()[-1]


async def test_a_new_namespace(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    one = await wire(node)
    with pytest.raises(CommandError):
        await one.subscribe("new:a")
    said = await reload(node, {"channels": {"namespaces": {"new": {"subscribe": "user", "presence": True}}}})
    assert "new" in said

    async def there():
        try:
            return await one.subscribe("new:a") is not None
        except CommandError as e:
            assert e.code == 102

    await until(there, "the namespace")
    assert one.client in (await node.api("presence", channel="new:a"))["presence"]


async def test_a_rotated_secret(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops}})
    inside = await wire(node, "inside")
    fresh = "the next secret of the end-to-end tests"
    await reload(node, {"client": {"token": {"hmac_secret": [fresh, SECRET]}}})

    async def good(secret):
        one = await wire(node, None)
        try:
            await one.connect(token("ann", secret=secret))
            return True
        except Ended as e:
            assert e.code == 3500
            return False

    await until(lambda: good(fresh), "the new secret")
    assert await good(SECRET)
    said = await reload(node, {"client": {"token": {"hmac_secret": fresh}}})
    assert SECRET not in said and fresh not in said

    async def old_is_out():
        return not await good(SECRET)

    await until(old_is_out, "the old secret's end")
    assert await good(fresh)
    await inside.subscribe("chat:a")


async def test_what_needs_a_restart_is_said(plexus):
    node = await plexus()
    said = await reload(node, {"node": {"loops": 2}, "client": {"max_channels": 7}})
    assert (
        "node.loops" in said.partition("needs_restart")[2]
        and "client.max_channels" not in said.partition("needs_restart")[2]
    )
    assert "client.max_channels" in said


async def test_a_faulty_configuration_changes_nothing(plexus, wire):
    node = await plexus()
    node.errors_expected = True
    one = await wire(node)
    for raw in (
        "{",
        json.dumps({"nod": {}}),
        json.dumps(merged(BASE, {"api": {"key": "hush-hush"}, "node": {"x": 1}})),
    ):
        await reload(node, None, raw)
        await one.call("subscribe", channel="chat:a")
        await one.call("unsubscribe", channel="chat:a")
        assert (await node.api("info"))["nodes"]
    assert "hush-hush" not in node.log()


async def test_a_rotated_api_key(plexus):
    node = await plexus()
    await reload(node, {"api": {"key": "another key"}})

    async def refused():
        return (await node.api.raw("info", "{}")).status == 401

    await until(refused, "the old key's end")
    assert (await node.api.raw("info", "{}", **{"X-API-Key": "another key"})).status == 200


async def test_an_option_changed_under_subscribers(plexus, wire):
    """A namespace that grows a history; its subscribers stay."""
    node = await plexus()
    one = await wire(node)
    await one.subscribe("plain:a")
    await reload(node, {"channels": {"namespaces": {"plain": {"history_size": 10, "history_ttl": "1h"}}}})

    async def kept():
        return "offset" in await node.api.publish("plain:a", 1)

    await until(kept, "publications with offsets")
    await one.push("pub")


async def test_a_drain_moves_clients_away_over_its_window(plexus, loops, wire):
    node = await plexus({"node": {"loops": loops, "drain_timeout": "2s"}})
    held = [await wire(node, f"user{i}") for i in range(20)]
    for one in held:
        await one.subscribe("chat:room")
    started = time.monotonic()
    node.signal(signal.SIGTERM)

    async def not_ready():
        got = await node.api.get("/health/ready")
        return got.status == 503 and json.loads(got.text)

    body = await until(not_ready, "readiness to say no", every=0.005)
    assert body["ready"] is False and "drain" in body["reasons"][0]["message"]
    assert (await node.api.get("/health/live")).status == 200
    with pytest.raises(Refused) as refusal:
        await Wire.open(node.port)
    assert refusal.value.status == 503
    # Not what an operator is called for.
    assert await node.metric('plexus_connections_refused_total{reason="draining"}') == 1
    assert await node.metric('plexus_connections_refused_total{reason="limit"}') == 0

    ends = []

    async def end(one):
        assert (await one.closed())[0] == 3001
        ends.append(time.monotonic() - started)

    # Who isn't gone yet is served as ever.
    await node.api.publish("chat:room", "still here")
    assert (await held[-1].push("pub"))["data"] == "still here"
    await asyncio.gather(*(end(one) for one in held))
    assert await node.exit_code() == 0
    spread = sorted(ends)
    assert spread[-1] - spread[0] > 0.8 and spread[-1] < 2.6
    gaps = [b - a for a, b in zip(spread, spread[1:])]
    assert max(gaps) < 0.8
    assert time.monotonic() - started < 4


async def test_the_service_manager_is_told_how_long_a_stop_may_take(plexus, tmp_path):
    """One that is set to wait for less than the drain's window would kill the node."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(10)
        node = await plexus({"node": {"drain_timeout": "40s"}}, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert ear.recv(100) == b"READY=1"
        node.signal(signal.SIGTERM)
        assert ear.recv(100) == b"STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000"
        assert await node.exit_code() == 0


async def test_an_idle_node_stops_at_once(plexus):
    node = await plexus({"node": {"drain_timeout": "30s"}})
    started = time.monotonic()
    node.signal(signal.SIGTERM)
    assert await node.exit_code() == 0 and time.monotonic() - started < 2


@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
async def test_a_second_signal_stops_at_once(plexus, wire, first, second):
    node = await plexus({"node": {"drain_timeout": "30s"}})
    held = [await wire(node) for _ in range(5)]
    started = time.monotonic()
    node.signal(first)
    await node.logged("draining")
    node.signal(second)
    assert await node.exit_code() == 0 and time.monotonic() - started < 3
    for one in held:
        assert (await one.closed())[0] in (3001, 1001, 1006)


async def test_a_client_that_does_not_read_cannot_hold_up_the_stop(plexus):
    node = await plexus({"node": {"drain_timeout": "1s"}})
    deaf = await asyncio.to_thread(Deaf, node, "plain:a")
    for _ in range(30):
        await node.api.publish("plain:a", "x" * 60_000)
    started = time.monotonic()
    node.signal(signal.SIGTERM)
    assert await node.exit_code() == 0 and time.monotonic() - started < 6
    deaf.socket.close()


async def test_publications_during_a_drain_are_answered_or_refused_never_lost(plexus, wire):
    """What the API says has been published, a client that was there has seen or can be told is missing."""
    node = await plexus({"node": {"drain_timeout": "1s"}})
    one = await wire(node)
    await one.subscribe("chat:room")
    accepted = []

    async def publish():
        try:
            while True:
                accepted.append((await node.api.publish("chat:room", len(accepted)))["offset"])
        except Exception:
            return

    publishing = asyncio.ensure_future(publish())
    await one.push("pub")
    node.signal(signal.SIGTERM)
    await node.exit_code()
    await asyncio.wait_for(publishing, 20)
    assert accepted == list(range(1, len(accepted) + 1))
    assert (await one.closed())[0] == 3001
    seen = [p["pub"]["offset"] for p in one.pushes()]
    assert seen == list(range(2, 2 + len(seen)))


async def test_a_client_that_has_not_connected_yet_is_told_to_go_too(plexus, wire):
    node = await plexus()
    silent = await wire(node, None)
    node.signal(signal.SIGTERM)
    assert (await silent.closed())[0] == 3001
    assert await node.exit_code() == 0


async def test_a_grace_changed_under_members_holds_for_who_goes_next(plexus, wire):
    node = await plexus()
    watcher, first, second = [await wire(node, name) for name in ("watcher", "first", "second")]
    for one in (watcher, first, second):
        await one.subscribe("chat:room", join_leave=True)
    await reload(node, {"channels": {"namespaces": {"chat": {"presence_grace": "60s"}}}})

    async def applied():
        return (await node.api("presence_stats", channel="chat:room"))["num_clients"] == 3

    await until(applied, "the members after the reload")
    first.abort()
    await second.close()
    assert (await watcher.push("leave"))["info"]["user"] == "second"
    assert (await node.api("presence_stats", channel="chat:room"))["num_clients"] == 2
