"""The description of the HTTP API: a valid document, true of what the node answers and takes."""

import json
import subprocess
import time
from pathlib import Path

import jsonschema
import openapi_spec_validator
import pytest
import pytest_asyncio

from support.node import API_KEY, PROGRAM

FILE = Path(__file__).parents[2] / "transport" / "api" / "openapi.json"
DOCUMENT = json.loads(FILE.read_text())
METHODS = [path.removeprefix("/api/") for path in DOCUMENT["paths"]]


def check(value, schema):
    """ValidationError unless the value is as a schema inside the document says."""
    # References lead into the components, which so are in the same document.
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def body_schema(method):
    return DOCUMENT["paths"][f"/api/{method}"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def answer_schema(method, status=200):
    answers = DOCUMENT["paths"][f"/api/{method}"]["post"]["responses"]
    found = answers.get(str(status), answers["default"])
    if "$ref" in found:
        found = DOCUMENT["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return {kind: content["schema"] for kind, content in found["content"].items()}


@pytest_asyncio.fixture
async def busy(plexus, wire):
    """A node with something of everything to tell."""
    node = await plexus()
    one = await wire(node, "ann", info={"name": "Ann"}, channels=["chat:a"])
    await one.call("rpc", method="plexus.presence.update", data={"channel": "chat:a", "state": {"typing": True}})
    await one.call("publish", channel="chat:a", data={"n": 1})
    await node.api.publish("chat:a", None, tags={"kind": "notice"})
    return node


async def asked(node, method, params, status=200, **headers):
    """Sends what must be a good request by the description, and checks the answer against it."""
    check(params, body_schema(method))
    got = await node.api.raw(method, json.dumps(params), **headers)
    assert got.status == status, got
    kind = got.headers["Content-Type"].partition(";")[0]
    value = json.loads(got.text) if kind == "application/json" else got.text
    check(value, answer_schema(method, status)[kind])
    return value


def test_the_document_is_valid():
    openapi_spec_validator.validate(DOCUMENT)
    version = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
    assert version.split() == ["plexus", DOCUMENT["info"]["version"]]


async def test_the_node_serves_it_without_a_key(shared_node):
    got = await shared_node.api.get("/api/openapi.json")
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(got.text) == DOCUMENT
    assert (await shared_node.api.request("POST", "/api/openapi.json")).status == 405


async def test_with_an_internal_port_it_is_there_alone(plexus):
    node = await plexus({"internal": {"address": "127.0.0.1"}})
    assert (await node.api.get("/api/openapi.json")).status == 200
    node.api.base = f"http://127.0.0.1:{node.port}"
    assert (await node.api.get("/api/openapi.json")).status == 404


async def test_every_method_that_the_node_counts_is_described(shared_node):
    """The label's values of the counter are the table that requests are dispatched by."""
    text = (await shared_node.api.get("/metrics")).text
    marks = [x.partition('"')[2].partition('"')[0] for x in text.splitlines() if x.startswith("plexus_api_requests")]
    assert sorted(marks) == sorted([*METHODS, "other"])


@pytest.mark.parametrize("method", METHODS)
async def test_the_examples(busy, method):
    content = DOCUMENT["paths"][f"/api/{method}"]["post"]["requestBody"]["content"]["application/json"]
    await asked(busy, method, content["example"])


RICH = {
    "publish": [
        {"channel": "chat:a", "b64data": "eyJhIjoxfQ==", "idempotency_key": "k", "tags": {"a": "b"}},
        {"channel": "chat:a", "data": None, "skip_history": True, "delta": False},
        {"channel": "plain:a", "data": [1]},
        {"channel": "nowhere:a", "data": 1},
        {"channel": "", "data": 1},
    ],
    "broadcast": [{"channels": ["chat:a", "nowhere:a", "plain:a"], "data": 1}],
    "subscribe": [
        {"user": "ann", "channel": "chat:b", "info": {"a": 1}, "data": 5, "expire_at": int(time.time()) + 1000},
        {"user": "ann", "channel": "chat:a", "recover_since": {"offset": 1, "epoch": "x"}},
        {"user": "nobody", "channel": "chat:b", "recover_since": None},
        {"user": "ann", "channel": "nowhere:a"},
    ],
    "unsubscribe": [{"user": "ann", "channel": "chat:a", "client": "x"}],
    "disconnect": [{"user": "ann", "whitelist": ["x"], "disconnect": None}, {}],
    "refresh": [{"user": "nobody", "expired": True}],
    "presence": [{"channel": "chat:a"}, {"channel": "plain:a"}],
    "presence_stats": [{"channel": "chat:a"}, {"channel": "chat:empty"}],
    "history": [
        {"channel": "chat:a", "limit": -1},
        {"channel": "chat:a", "limit": 1, "reverse": True, "since": {"offset": 2, "epoch": ""}},
        {"channel": "chat:a", "since": {"offset": 1, "epoch": "other"}},
        {"channel": "chat:empty"},
        {"channel": "plain:a"},
    ],
    "history_remove": [{"channel": "chat:a"}, {"channel": "plain:a"}],
    "channels": [{}, {"pattern": "chat:*"}, {"pattern": "x"}],
    "info": [{}],
    "invalidate_user_tokens": [
        {"user": "bob", "issued_before": 5, "expire_at": int(time.time()) + 5},
        {"user": "bob", "issued_before": None, "expire_at": None},
        {"user": "bob", "expire_at": 1},
    ],
    "revoke_token": [{"uid": "x"}, {"uid": "x", "expire_at": 1}],
    "block_user": [{"user": "bob"}, {"user": "bob", "expire_at": 1}],
    "unblock_user": [{"user": "bob"}],
    "rpc": [{"method": "x", "params": {}}],
    "batch": [
        {"commands": [], "parallel": True},
        {
            "commands": [
                {"publish": {"channel": "chat:a", "data": 1}},
                {"broadcast": {"channels": ["chat:a"], "data": 1}},
                {"presence": {"channel": "chat:a"}},
                {"presence_stats": {"channel": "chat:a"}},
                {"history": {"channel": "chat:a", "limit": 5}},
                {"channels": {}},
                {"info": {}},
                {"block_user": {"user": "x"}},
                {"publish": {"channel": "nowhere:a", "data": 1}},
                {"unheard_of": {}},
            ]
        },
    ],
}


@pytest.mark.parametrize("method", METHODS)
async def test_real_answers_are_as_described(busy, method):
    for params in RICH[method]:
        value = await asked(busy, method, params)
        if method == "batch":
            continue
        # Errors in transport mode have statuses of their own.
        if "error" in value:
            status = {102: 404, 108: 501, 112: 416}.get(value["error"]["code"], 400)
            assert "code" in await asked(busy, method, params, status, **{"X-Centrifugo-Error-Mode": "transport"})


async def test_refusals_are_as_described(busy):
    wrong = await asked(busy, "info", {}, 401, **{"X-API-Key": "wrong"})
    assert "key" in wrong
    got = await busy.api.raw("publish", "no json")
    assert got.status == 400
    check(got.text, answer_schema("publish", 400)["text/plain"])
    got = await busy.api.raw("publish", '{"channel":"' + "x" * 2_000_000 + '"}')
    assert got.status == 413
    check(got.text, answer_schema("publish", 413)["text/plain"])
    assert (await busy.api.raw("unheard_of", "{}")).status == 404


async def test_each_way_to_give_the_key(busy):
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert sorted(name for way in DOCUMENT["security"] for name in way) == sorted(schemes)
    for scheme in schemes.values():
        headers, query = {}, ""
        if scheme["in"] == "query":
            query = f"?{scheme['name']}={API_KEY.replace(' ', '%20')}"
        else:
            headers[scheme["name"]] = scheme.get("description", "KEY").replace("KEY", API_KEY)
        got = await busy.api.request("POST", "/api/info" + query, data="{}", headers=headers)
        assert got.status == 200, scheme


def test_the_description_is_strict_enough_to_fail():
    for broken in ({"result": {"offset": "1"}}, {"result": {"more": 1}}, {"error": {"code": 5, "message": ""}}, {}):
        with pytest.raises(jsonschema.ValidationError):
            check(broken, answer_schema("publish")["application/json"])
