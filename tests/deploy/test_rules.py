"""The alert rules and the dashboard name only what a running node has."""

import json
import re
import subprocess

import pytest
import yaml

from places import ROOT
from support.certificates import Authority

RULES = ROOT / "config/prometheus/alerts.yaml"
DASHBOARD = ROOT / "config/grafana/plexus.json"
PROMTOOL = ROOT / "build/tools/promtool"

pytestmark = pytest.mark.asyncio


def promtool(*words):
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, cwd=RULES.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dashboard_expressions():
    board = json.loads(DASHBOARD.read_text())
    found = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
    found += [a["expr"] for a in board["annotations"]["list"]]
    assert len(found) > 50
    return [e.replace("$__rate_interval", "5m").replace("$instance", ".*") for e in found]


def rule_expressions():
    found = [r["expr"] for g in yaml.safe_load(RULES.read_text())["groups"] for r in g["rules"]]
    assert len(found) > 15
    return found


async def test_the_rules_are_good():
    assert "rules found" in promtool("check", "rules", RULES)


async def test_the_rules_fire_when_they_should():
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yaml")
    tests = yaml.safe_load((RULES.parent / "alerts_test.yaml").read_text())["tests"]
    fires = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fires == {r["alert"] for g in yaml.safe_load(RULES.read_text())["groups"] for r in g["rules"]}


async def test_the_job_that_scrapes_the_charts_pods(tmp_path):
    """It is called as the rules want it, and chooses by what the chart gives its pods."""
    page = (ROOT / "docs/deployment.md").read_text()
    (text,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", page, re.S)
    file = tmp_path / "prometheus.yaml"
    # Debian's promtool is built without the discovery of pods.
    pods = "kubernetes_sd_configs: [{ role: pod }]"
    assert pods in text
    file.write_text(text.replace(pods, 'static_configs: [{ targets: ["10.0.0.1:8001"] }]'))
    promtool("check", "config", "--syntax-only", file)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert job["job_name"] == "plexus" and 'up{job="plexus"}' in RULES.read_text()
    kept = {r["source_labels"][0]: r["regex"] for r in job["relabel_configs"] if r.get("action") == "keep"}
    templates = ROOT / "config/helm/plexus/templates"
    label = kept["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    assert f"app.kubernetes.io/name: {label}\n" in (templates / "_helpers.tpl").read_text()
    port = kept["__meta_kubernetes_pod_container_port_name"]
    assert f"name: {port}, containerPort: 8001" in (templates / "deployment.yaml").read_text()


async def test_the_dashboards_expressions_are_good(tmp_path):
    rules = [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(dashboard_expressions())]
    file = tmp_path / "dashboard.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


async def test_the_dashboards_panels_have_places_of_their_own():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    taken = set()
    for p in panels:
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & taken and g["x"] + g["w"] <= 24, p["title"]
        taken |= cells


async def test_every_metric_they_name_exists(plexus, redis, tmp_path):
    certificate, key = Authority(tmp_path / "authority").sign()
    node = await plexus(
        {
            "backplane": {"url": redis.url},
            "listen": {"tls": {"certificate": str(certificate), "key": str(key)}},
            "internal": {"address": "127.0.0.1"},
        }
    )
    text = (await node.api.get("/metrics")).text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    labels = set(re.findall(r'(plexus_\w+)\{(\w+)="([^"]*)"', text))
    for expression in dashboard_expressions() + rule_expressions():
        names = re.findall(r"\bplexus_\w+", expression)
        assert names or "up{" in expression
        for name in names:
            family = re.sub("_bucket$", "", name)
            assert family in types, f"{name} in {expression}"
            assert (types[family] == "histogram") == name.endswith("_bucket"), expression
            if types[family] == "counter":
                assert re.search(rf"(rate|increase)\({name}", expression), f"{name} without a rate in {expression}"
        for name, label, value in re.findall(r'(plexus_\w+)\{(\w+)="([^"]*)"', expression):
            assert (name, label, value) in labels, expression
        for by in re.findall(r"by \(([\w, ]+)\)", expression):
            for label in set(by.replace(" ", "").split(",")) - {"instance", "le"}:
                assert any(label == of for name, of, _ in labels if name in names), expression
