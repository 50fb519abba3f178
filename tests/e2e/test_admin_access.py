"""The admin WebSocket on one node: who may come in, and what it bears."""

import asyncio
import json
import signal
import time

import pytest
import websockets
from support.admin import CHANGES, SECRET, Admin, AdminError
from support.tokens import token
from support.waiting import until
from support.wire import Refused, Wire, http


# -- who may come in


async def test_with_the_secret_one_is_told_what_one_may(watched, admin):
    one = await admin(watched)
    assert one.hello["version"] == 1 and one.hello["access"] == "write" and one.hello["node"] == "e2e"


async def test_a_token_may_look_or_act_as_its_claim_says(watched, admin):
    reader = await admin(watched, {"token": token("ann", admin="read")})
    assert reader.hello["access"] == "read"
    assert (await reader.ask("nodes"))["nodes"]
    assert await reader.error("disconnect", user="bob", reason="test") == 103
    writer = await admin(watched, {"token": token("ann", admin="write")})
    assert (await writer.ask("disconnect", user="bob", reason="test"))["connections"] == 0


@pytest.mark.parametrize(
    "auth",
    [{"secret": "wrong"}, {"secret": ""}, {}, {"token": "x.y.z"}, {"token": token("ann")}, {"token": token("a", admin="yes")}],
    ids=["wrong", "empty", "nothing", "no token", "no claim", "another claim"],
)
async def test_everyone_else_is_refused_and_closed(watched, admin, auth):
    one = await admin(watched, None)
    assert await one.error("auth", **auth) == 101
    assert (await one.closed_with)[0] == 1008
    assert await watched.metric('plexus_admin_sign_ins_total{result="refused"}') == 1


async def test_wrong_secrets_wait_longer_each_time(watched, admin):
    first = await admin(watched, None)
    assert await first.error("auth", secret="wrong") == 101
    started = time.monotonic()
    second = await admin(watched, None)
    assert await second.error("auth", secret="wrong") == 101
    assert time.monotonic() - started > 0.9
    third = await admin(watched)  # the good one waits too, and clears the account
    assert time.monotonic() - started > 2.8
    started = time.monotonic()
    await admin(watched)
    assert time.monotonic() - started < 0.9
    assert third.hello["access"] == "write"


async def test_who_says_nothing_is_closed(watched, admin):
    one = await admin(watched, None)
    started = time.monotonic()
    assert (await asyncio.wait_for(one.closed_with, 10))[0] == 1008
    assert 4.5 < time.monotonic() - started < 8


async def test_nothing_but_auth_comes_first(watched, admin):
    one = await admin(watched, None)
    await one.send({"id": 1, "nodes": {}})
    assert (await one.closed_with)[0] == 1008


async def test_pages_of_other_origins_may_not_connect(watched):
    with pytest.raises(Refused) as refusal:
        await Wire.open(watched.port, path="/admin/websocket", headers={"Origin": "https://evil.example"})
    assert refusal.value.status == 403


async def test_with_an_internal_port_it_is_there_alone(plexus, admin):
    node = await plexus({**CHANGES, "internal": {"address": "127.0.0.1"}})
    with pytest.raises(Refused) as refusal:
        await Wire.open(node.port, path="/admin/websocket")
    assert refusal.value.status == 404
    assert (await admin(node)).hello["access"] == "write"


async def test_the_page_is_files_under_a_strict_policy(watched, node):
    page = await watched.api.get("/admin/")
    assert page.status == 200 and "<title>Plexus" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    script = await watched.api.get("/admin/app.js")
    assert script.status == 200 and "javascript" in script.headers["Content-Type"]
    assert (await watched.api.get("/admin/nothing.js")).status == 404
    assert (await node.api.get("/admin/")).status == 404


async def test_a_reload_turns_it_on_and_off(plexus, admin):
    node = await plexus()
    node.write_config({**node.config, **CHANGES})
    node.signal(signal.SIGHUP)
    await node.logged("configuration read again")
    one = await admin(node)
    assert (await one.ask("reload", reason="test"))["nodes"]["e2e"] == {"applied": [], "needs_restart": []}
    node.write_config(node.config | {"admin": {"secret": ""}})
    node.signal(signal.SIGHUP)
    # Whoever had the secret is out with it.
    assert await asyncio.wait_for(one.closed_with, 10) == (1008, "the secret has changed")
    with pytest.raises(Refused) as refusal:
        await Wire.open(node.port, path="/admin/websocket")
    assert refusal.value.status == 404


async def test_a_token_is_good_for_as_long_as_it_holds(watched, admin):
    soon = await admin(watched, {"token": token("ann", admin="write", exp=int(time.time()) + 2)})
    assert await asyncio.wait_for(soon.closed_with, 10) == (1008, "the token has expired")
    ann = await admin(watched, {"token": token("ann", admin="write")})
    await watched.api("block_user", user="ann")
    assert (await asyncio.wait_for(ann.closed_with, 10))[0] == 1008
    again = await admin(watched, None)
    assert await again.error("auth", token=token("ann", admin="write")) == 101


# -- what it bears


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"id":1}', '{"id":0,"nodes":{}}', '{"id":-1,"nodes":{}}', '{"id":"1","nodes":{}}', '{"id":1,"nodes":{},"audit":{}}'])
async def test_what_is_no_request_closes_the_socket_alone(watched, admin, text):
    one, other = await admin(watched), await admin(watched)
    await one.send(text)
    assert (await one.closed_with)[0] == 1008
    assert (await other.ask("nodes"))["nodes"]


@pytest.mark.parametrize(
    "method, params",
    [
        ("nodes", []), ("nodes", 1), ("connections", {"limit": 0}), ("connections", {"limit": 1e9}), ("connections", {"limit": "x"}),
        ("connections", {"after": [1]}), ("connections", {"after": ["a", 1]}), ("connections", {"sort": "x"}), ("connections", {"user": "x" * 600}),
        ("connection", {}), ("channel", {}), ("channel", {"channel": 5}), ("channels", {"pattern": {}}), ("logs", {"after": "x"}), ("logs", {"level": "loud"}),
        ("watch", {}), ("watch", {"request": {}}), ("watch", {"request": {"nodes": 1}}), ("watch", {"request": {"drain": {"node": "e2e"}}}),
        ("watch", {"request": {"nodes": {}}, "interval": "1ms"}), ("watch", {"request": {"trace": {}}}) , ("unwatch", {"watch": 9}), ("past", {"after": -1}),
        ("publish", {"channel": "chat:a", "reason": "r"}), ("block_user", {"user": "a", "for": "x", "reason": "r"}), ("log_level", {"level": "x", "reason": "r"}),
    ],
)
async def test_bad_parameters_are_an_error_of_the_request(watched, admin, method, params):
    one = await admin(watched)
    number = await one.start(method, params)
    if params == {"request": {"trace": {}}}:
        await one.answer(number)  # the fault is the watched request's
        return
    with pytest.raises(AdminError) as error:
        await one.answer(number)
    assert error.value.code == 107
    assert (await one.ask("nodes"))["nodes"]


async def test_unknown_methods_and_too_many_watches(watched, admin):
    one = await admin(watched)
    assert await one.error("no_such_thing") == 104
    for _ in range(16):
        await one.watch("nodes", interval="1m")
    with pytest.raises(AdminError) as error:
        await one.watch("nodes")
    assert error.value.code == 106


async def test_a_reader_that_does_not_read_is_dropped(watched, admin, wire):
    for i in range(60):
        w = await wire(watched, f"user{i}-" + "x" * 200)
        await w.subscribe("chat:room")
    reader, writer = await asyncio.open_connection("127.0.0.1", watched.port, limit=1024)
    writer.transport.get_extra_info("socket").setsockopt(1, 8, 4096)
    from support.wire import TEXT, frame, handshake, read_response

    writer.write(handshake(watched.port, "/admin/websocket"))
    assert (await read_response(reader))[0] == 101
    writer.write(frame(TEXT, json.dumps({"id": 1, "auth": {"secret": SECRET}}).encode()))
    writer.transport.pause_reading()
    await until(lambda: watched.metric("plexus_admin_sessions"), "the session", 5)

    async def gone():
        # What the kernel takes for it is much: it asks until nothing more fits.
        for i in range(2, 22):
            writer.write(frame(TEXT, json.dumps({"id": i, "connections": {"limit": 200}}).encode()))
        return await watched.metric("plexus_admin_sessions") == 0

    await until(gone, "the end of the session", 60)
    assert (await (await admin(watched)).ask("nodes"))["nodes"]
    assert await watched.metric("plexus_admin_sockets_dropped_total") == 1
    writer.transport.abort()


async def test_no_more_than_32_at_a_time(watched, admin):
    many = [await admin(watched) for _ in range(32)]
    late = await admin(watched, auth=None)
    assert await late.error("auth", secret=SECRET) == 106
    assert (await asyncio.wait_for(late.closed_with, 10))[0] == 1013
    await many[0].close()

    async def a_place():
        return await watched.metric("plexus_admin_sessions") < 32

    await until(a_place, "the end of one of them")
    await admin(watched)


async def test_who_only_opens_sockets_keeps_nobody_out(watched, admin):
    silent = [await admin(watched, auth=None) for _ in range(8)]
    with pytest.raises(websockets.exceptions.InvalidStatus) as refusal:
        await Admin.open(watched)
    assert refusal.value.response.status_code == 503
    assert await watched.metric("plexus_admin_sockets_refused_total") == 1
    await watched.logged("too many connections that have not signed in")
    await silent[0].ask("auth", secret=SECRET)  # who was in time has its place
    await admin(watched)


async def test_no_secret_is_ever_told(watched, admin, wire):
    one = await admin(watched)
    await wire(watched, "ann")
    told = json.dumps([await one.ask(m) for m in ("nodes", "connections", "channels", "actors", "backplane", "logs", "audit", "past")])
    for secret in (SECRET, watched.config["client"]["token"]["hmac_secret"], watched.config["api"]["key"]):
        assert secret not in told and secret not in watched.log()


async def test_requests_without_a_websocket_are_answered(watched):
    status, _, body = await http(watched.port, f"GET /admin/websocket HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert status == 400 and "WebSocket" in body
