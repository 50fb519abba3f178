"""Pages of other origins on the HTTP transports: `client.allowed_origins` decides, and browsers are told."""

import json
import signal

import pytest

from support.stream import HTTP_STREAM, SSE, connecting, emulate, opening, raw
from support.tokens import token
from support.wire import http

ME = [connecting(token("ann"))]
OWN, FRIEND, STRANGER = "http://node.example", "https://app.friend.example", "https://stranger.example"


def asked(path, origin, **headers):
    return raw("OPTIONS", path, Origin=origin, Access_Control_Request_Method="POST", **headers)


@pytest.mark.parametrize("path", [HTTP_STREAM, SSE, "/emulation"])
async def test_a_browser_that_asks_first_is_told(plexus, path):
    node = await plexus({"client": {"allowed_origins": ["*.friend.example"]}})
    got = await http(node.port, asked(path, FRIEND, Access_Control_Request_Headers="content-type,x-trace"))
    assert got[0] == 204
    assert got[1]["access-control-allow-origin"] == FRIEND and got[1]["vary"] == "Origin"
    assert "POST" in got[1]["access-control-allow-methods"]
    assert got[1]["access-control-allow-headers"] == "content-type,x-trace"
    assert "access-control-allow-credentials" not in got[1]
    for origin in (STRANGER, OWN, "null"):
        got = await http(node.port, asked(path, origin))
        assert got[0] == 403 and "access-control-allow-origin" not in got[1]


@pytest.mark.parametrize(
    "allowed, origin, passes",
    [
        ([], None, True),
        ([], OWN, True),
        ([], FRIEND, False),
        ([], "http://node.example:81", False),
        (["*"], STRANGER, True),
        (["*"], "null", True),
        (["https://app.friend.example"], FRIEND, True),
        (["https://app.friend.example"], "http://app.friend.example", False),
        (["https://app.friend.example"], OWN, False),
    ],
)
async def test_the_origin_decides(plexus, stream, allowed, origin, passes):
    node = await plexus({"client": {"allowed_origins": allowed}})
    headers = {} if origin is None else {"Origin": origin}
    for path in (HTTP_STREAM, SSE):
        if passes:
            one = await stream(node, path, headers=headers)
            assert one.status == 200 and one.headers.get("access-control-allow-origin") == origin
            await one.connected()
        else:
            assert (await http(node.port, opening(path, ME, headers=headers)))[0] == 403
    got = await emulate(node.port, "a", "b", "x", headers)
    assert got[0] == (404 if passes else 403)
    assert got[1].get("access-control-allow-origin") == (origin if passes else None)


async def test_errors_can_be_read_by_a_page_too(plexus):
    node = await plexus({"client": {"allowed_origins": [FRIEND]}, "node": {"max_connections": 0}})
    for what, status in (
        (raw("POST", "/emulation", b"{}", Origin=FRIEND), 400),
        (raw("POST", "/emulation", b"x" * 200_000, Origin=FRIEND), 413),
        (raw("PATCH", "/emulation", Origin=FRIEND), 405),
        (raw("POST", HTTP_STREAM, b"", Origin=FRIEND, Content_Type="application/octet-stream"), 400),
    ):
        got = await http(node.port, what)
        assert got[0] == status
        if status != 405:
            assert got[1]["access-control-allow-origin"] == FRIEND
    got = await http(node.port, raw("GET", "/health/live", Origin=FRIEND))
    assert "access-control-allow-origin" not in got[1]


async def test_a_reload_changes_who_may_come(plexus):
    node = await plexus()
    assert (await emulate(node.port, "a", "b", "x", {"Origin": FRIEND}))[0] == 403
    changed = json.loads(node.config_file.read_text())
    changed["client"]["allowed_origins"] = [FRIEND]
    node.write_config(changed)
    node.signal(signal.SIGHUP)
    await node.logged("client.allowed_origins")
    assert (await emulate(node.port, "a", "b", "x", {"Origin": FRIEND}))[0] == 404
