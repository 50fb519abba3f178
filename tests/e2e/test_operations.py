"""What an operator sees of a node: health, metrics, its log, which port serves what, who may connect from where."""

import json
import re
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.node import API_KEY
from support.tokens import SECRET
from support.waiting import until
from support.wire import Refused, Wire


async def test_health(node):
    for path, expected in (("/health/live", None), ("/health/ready", {"ready": True})):
        got = await node.api.get(path)
        assert got.status == 200 and got.headers["Content-Type"].startswith("application/json")
        assert expected is None or json.loads(got.text) == expected


async def test_metrics_are_what_prometheus_reads(node, wire):
    one, two = await wire(node, "ann"), await wire(node, "bob")
    await one.subscribe("chat:a")
    await two.subscribe("chat:a")
    await one.call("publish", channel="chat:a", data=1)
    await node.api.publish("chat:a", 2, idempotency_key="k")
    await node.api.publish("chat:a", 3, idempotency_key="k")
    await one.push("pub"), await one.push("pub")
    got = await node.api.get("/metrics")
    assert got.status == 200 and got.headers["Content-Type"].startswith("text/plain")
    families = {f.name: f for f in text_string_to_metric_families(got.text)}
    assert all(name.startswith(("plexus_", "process_")) for name in families)
    assert all(f.documentation and f.type in ("counter", "gauge", "histogram") for f in families.values())

    def value(name, **labels):
        family = families.get(name) or families[name.removesuffix("_total")]
        found = [s.value for s in family.samples if s.name == name and s.labels == labels]
        assert len(found) == 1, name
        return found[0]

    assert value("plexus_clients") == 2 and value("plexus_channels") == 1
    assert value("plexus_publications_total") == 2 and value("plexus_publications_duplicate_total") == 1
    assert value("plexus_api_requests_total", method="publish") == 2
    assert value("plexus_client_commands_total", command="subscribe") == 2
    assert value("plexus_received_bytes_total") > 0 and value("plexus_sent_bytes_total") > 0
    assert value("plexus_slow_clients_total") == 0 and value("plexus_clients_max") > 100
    assert value("plexus_uptime_seconds") > 0
    latency = families["plexus_publish_to_write_seconds"]
    count = next(s.value for s in latency.samples if s.name.endswith("_count"))
    buckets = [s.value for s in latency.samples if s.name.endswith("_bucket")]
    assert count > 0 and buckets == sorted(buckets) and buckets[-1] == count


async def test_every_metric_is_in_the_documents(node):
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    got = await node.api.get("/metrics")
    served = set(re.findall(r"^# TYPE (\S+)", got.text, re.M))
    assert len(served) > 25
    assert {name for name in served if f"`{name}`" not in page and f"`{name}{{" not in page} == set()


async def test_errors_and_closes_are_counted_by_code(node, wire):
    one = await wire(node)
    await one.reply(one.start("subscribe", channel="nowhere:a"))
    one.send_text("nonsense")
    await one.closed()
    await node.api.raw("publish", "{}", **{"X-API-Key": "wrong"})
    assert await node.metric('plexus_client_errors_total{code="102"}') == 1
    assert await node.metric('plexus_client_disconnects_total{code="3501"}') == 1
    assert await node.metric('plexus_api_errors_total{code="101"}') == 1


async def test_the_internal_port_takes_what_is_not_for_everyone(plexus):
    node = await plexus({"internal": {"address": "127.0.0.1"}})
    assert node.internal_port not in (0, node.port)
    headers = {"X-API-Key": API_KEY}
    for method, path in (
        ("GET", "/health/ready"),
        ("GET", "/health/live"),
        ("GET", "/metrics"),
        ("POST", "/api/info"),
    ):
        inside = await node.api.request(method, path, headers=headers, data="{}" if method == "POST" else None)
        assert inside.status == 200, path
        url = f"http://127.0.0.1:{node.port}{path}"
        async with node.api._session.request(method, url, headers=headers) as outside:
            assert outside.status == 404, path
    with pytest.raises(Refused) as refusal:
        await Wire.open(node.internal_port)
    assert refusal.value.status == 404
    one = await Wire.open(node.port)
    await one.connect(node.token("ann"))
    await one.close()


async def origin(node, value, **headers):
    """True when a page of that origin may connect."""
    try:
        one = await Wire.open(node.port, headers={"Origin": value, **headers})
    except Refused as e:
        assert e.status == 403 and e.body.strip().endswith(".")
        return False
    await one.close()
    return True


async def test_pages_of_the_own_host_alone_by_default(node):
    own = f"127.0.0.1:{node.port}"
    assert await origin(node, f"http://{own}")
    assert await origin(node, "http://example.com", Host="example.com")
    for other in (
        "http://example.com",
        "http://127.0.0.1",
        f"http://127.0.0.1:{node.port + 1}",
        "null",
        f"http://{own}.example.com",
        f"http://example.com/{own}",
        f"http://x@{own}",
    ):
        assert not await origin(node, other), other


async def test_allowed_origins(plexus):
    node = await plexus({"client": {"allowed_origins": ["https://app.example.com", "*.example.org"]}})
    for good in (
        "https://app.example.com",
        "HTTPS://APP.example.com",
        "https://a.example.org",
        "http://a.b.example.org",
    ):
        assert await origin(node, good), good
    for bad in (
        "http://app.example.com",
        "https://example.com",
        "https://app.example.com.evil.io",
        "https://aexample.org",
        "https://example.org.evil.io",
        "null",
    ):
        assert not await origin(node, bad), bad
    one = await Wire.open(node.port)  # a request without an Origin is no page
    await one.close()


async def test_any_origin_where_it_is_said(plexus):
    node = await plexus({"client": {"allowed_origins": ["*"]}})
    assert await origin(node, "https://anyone.example") and await origin(node, "null")


async def test_every_line_of_a_json_log_is_json(plexus, wire):
    node = await plexus({"log": {"format": "json", "level": "trace"}}, environment={"PLEXUS_SERVICE_HOST": "x"})
    one = await wire(node, 'quote " and \\ and \n newline ü')
    await one.subscribe('chat:quote " ü')
    one.send_text("nonsense")
    await one.closed()
    await node.stop()
    lines = [json.loads(line) for line in node.log().splitlines()]
    assert len(lines) >= 3 and all(isinstance(line, dict) for line in lines)
    assert {"info", "debug"} <= {line["level"] for line in lines}


async def test_faults_at_a_reload_are_lines_of_a_json_log(plexus):
    node = await plexus({"log": {"format": "json"}})
    node.errors_expected = True
    good = node.config_file.read_text()
    for what in ("{", json.dumps({"nod": {}, "client": {"ping_interval": "never"}}), None):
        before = node.log().count("the one before stays")
        if what is None:
            node.config_file.unlink()
        else:
            node.config_file.write_text(what)
        node.signal(signal.SIGHUP)
        await until(lambda: node.log().count("the one before stays") > before, "the word about the configuration")
    node.config_file.write_text(good)
    lines = [json.loads(line) for line in node.log().splitlines()]
    faults = {(line["key"], line["found"]): line for line in lines if line["event"] == "a fault in the configuration"}
    assert ("client.ping_interval", '"never"') in faults and any(key.startswith("line ") for key, _ in faults)
    for line in faults.values():
        assert line["level"] == "error" and line["source"] == str(node.config_file) and line["expected"]
    (unread,) = [line for line in lines if line["event"] == "the configuration can't be read"]
    assert unread["source"] == str(node.config_file)


async def test_a_text_log_has_a_line_for_each_event(plexus, wire):
    node = await plexus({"log": {"level": "trace"}})
    one = await wire(node, "fake\n2026-01-01T00:00:00.000+00:00 error node: forged")
    one.send_text("nonsense")
    await one.closed()
    await node.stop()
    for line in node.log().splitlines():
        assert re.match(r"\S+ (trace|debug|info|warn) ", line), line


async def test_bad_input_does_not_flood_the_log(node, wire):
    before = len(node.log().splitlines())
    for i in range(50):
        one = await wire(node, None)
        one.send_text("nonsense")
        await one.closed()
        await node.api.raw("publish", "{", **{"X-API-Key": "wrong"})
    assert len(node.log().splitlines()) - before < 10


async def test_secrets_are_in_neither_log_nor_answers(plexus, wire):
    node = await plexus({"log": {"level": "trace"}})
    await wire(node, "ann")
    token = node.token("bob")
    two = await wire(node, None)
    await two.connect(token)
    three = await wire(node, None)
    three.start("connect", token=node.token("ann", secret="x" * 40))
    await three.closed()
    answers = [await node.api.get(path) for path in ("/metrics", "/health/ready", "/nothing")]
    answers.append(await node.api.raw("publish", "{", **{"X-API-Key": "wrong key"}))
    answers.append(await node.api.raw("info", "{}"))
    await node.api.request("POST", f"/api/info?api_key={API_KEY.replace(' ', '%20')}", data="{}")
    text = node.log() + "".join(a.text + str(a.headers) for a in answers)
    for secret in (SECRET, API_KEY, API_KEY.replace(" ", "%20"), token, token.split(".")[2]):
        assert secret not in text


async def test_admin_is_off_without_a_secret(node):
    assert (await node.api.get("/admin/")).status == 404
    with pytest.raises(Refused) as refusal:
        await Wire.open(node.port, path="/admin/websocket")
    assert refusal.value.status == 404


async def test_the_demo_page_where_it_is_on(plexus):
    off, on = await plexus(), await plexus({"demo": True})
    assert (await off.api.get("/")).status == 404
    page = await on.api.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")


async def test_answers_say_how_they_may_be_used(node):
    got = await node.api.get("/health/ready")
    assert got.headers["X-Content-Type-Options"] == "nosniff" and "Server" not in got.headers


async def test_a_channel_is_forgotten_when_nobody_uses_it(node, wire):
    one = await wire(node)
    await one.subscribe("plain:a")
    assert await node.metric("plexus_channels") == 1
    await one.close()

    async def forgotten():
        return await node.metric("plexus_channels") == 0

    await until(forgotten, "the channel's end", timeout=20)
