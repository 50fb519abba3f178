"""The Helm chart, as far as it can be looked at without Helm: values against their schema, and what templates refer to."""

import copy
import json
import re

import jsonschema
import pytest
import yaml

from places import ROOT
from support.node import DidNotStart

CHART = ROOT / "config/helm/plexus"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = {f.name: f.read_text() for f in sorted((CHART / "templates").iterdir())}


def good(values):
    jsonschema.Draft7Validator(SCHEMA).validate(values)


def changed(path, value):
    values = copy.deepcopy(VALUES)
    *way, last = path.split(".")
    at = values
    for key in way:
        at = at[key]
    at[last] = value
    return values


def test_the_schema_is_one_and_takes_the_values():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    good(VALUES)


@pytest.mark.parametrize(
    "path, value",
    [
        ("replicas", 0),
        ("replicas", "2"),
        ("redis.url", "http://redis"),
        ("redis.url", "redis://user:secret@redis:6379"),
        ("redis.url", "redis+sentinel://a:26379,b:26379/main?sentinel_password=secret"),
        ("redis.urlSecret", {"name": "redis", "key": ""}),
        ("networkPolicy.redisPorts", []),
        ("networkPolicy.redisPorts", [70000]),
        ("autoscaling.targetRatio", "1.5"),
        ("autoscaling.minReplicas", 1),
        ("drain.windowSeconds", -1),
        ("service.type", "Magic"),
        ("config.listen", {"port": 1}),
        ("trustedProxies", ["everyone"]),
        ("unknown", 1),
    ],
)
def test_what_cannot_be_is_refused(path, value):
    with pytest.raises(jsonschema.ValidationError):
        good(changed(path, value))


@pytest.mark.parametrize(
    "path, value",
    [
        ("redis.url", "redis+sentinel://a:26379,b:26379/main"),
        ("redis.url", "rediss+cluster://a:7000,b:7001"),
        ("redis.urlSecret", {"name": "redis", "key": "url"}),
        ("networkPolicy.redisPorts", [26379, 6379]),
    ],
)
def test_every_kind_of_redis_can_be_named(path, value):
    good(changed(path, value))


def test_the_network_policy_lets_nodes_out_to_every_port_of_redis():
    """In the place where the ports of one rule are, one line for each."""
    policy = TEMPLATES["networkpolicy.yaml"]
    assert re.search(
        r"egress:\n    - ports:\n *\{\{- range \.Values\.networkPolicy\.redisPorts \}\}\n        - \{ port: \{\{ \. \}\}, protocol: TCP \}\n *\{\{- end \}\}",
        policy,
    )


def test_templates_refer_to_values_that_there_are():
    used = set()
    for name, text in TEMPLATES.items():
        assert text.count("{{") == text.count("}}"), name
        opened = len(re.findall(r"\{\{-? *(?:if|with|range|define)\b", text))
        assert opened == len(re.findall(r"\{\{-? *end\b", text)), name
        used |= set(re.findall(r"\.Values\.([\w.]+)", text))
    for path in used:
        at = VALUES
        for key in path.split("."):
            assert key in at, path
            at = at[key]
    for path, value in VALUES.items():
        leaves = [f"{path}.{k}" for k in value] if isinstance(value, dict) and value else [path]
        for leaf in leaves:
            assert any(u == leaf or u.startswith(leaf + ".") or leaf.startswith(u + ".") for u in used), f"{leaf} is unused"


def test_what_the_chart_promises():
    deployment = TEMPLATES["deployment.yaml"]
    assert "enableServiceLinks: false" in deployment and "readOnlyRootFilesystem: true" in deployment
    assert "add .Values.drain.preStopSeconds .Values.drain.windowSeconds 10" in deployment  # the grace period
    assert "maxUnavailable: 0" in deployment and "podAntiAffinity" in deployment
    for probe, path in (("readinessProbe", "ready"), ("livenessProbe", "live")):
        assert re.search(rf"{probe}:\n\s+httpGet: \{{ path: /health/{path}, port: internal \}}", deployment)
    assert "plexus_clients_ratio" in TEMPLATES["hpa.yaml"]
    # No secret is in an environment.
    assert "secretKeyRef" not in "".join(TEMPLATES.values())


async def test_the_charts_configuration_is_one_that_a_node_takes(plexus, tmp_path):
    environment = dict(re.findall(r"- name: (PLEXUS_\w+)\n\s+value: (.*)", TEMPLATES["deployment.yaml"]))
    assert len(environment) >= 7
    secret = tmp_path / "secret"
    secret.write_text("a secret of thirty-two characters\n")
    given = {name: str(secret) if name.endswith("_FILE") else None for name in environment}
    given["PLEXUS_NODE__DRAIN_TIMEOUT"] = f"{VALUES['drain']['windowSeconds']}s"
    given["PLEXUS_NODE__MAX_CONNECTIONS"] = str(VALUES["maxConnections"])
    given["PLEXUS_LISTEN__TRUSTED_PROXIES"] = json.dumps(VALUES["trustedProxies"])
    # The one or the other.
    url = tmp_path / "url"
    url.write_text("memory:\n")
    by_file = {"PLEXUS_BACKPLANE__URL_FILE": str(url)}
    assert given.pop("PLEXUS_BACKPLANE__URL_FILE") and "PLEXUS_BACKPLANE__URL" in given
    del given["PLEXUS_BACKPLANE__URL"]
    assert None not in given.values(), given
    for way in ({"PLEXUS_BACKPLANE__URL": "memory:"}, by_file):
        node = await plexus(only=VALUES["config"] | {"listen": {"port": 0}}, environment=given | way)
        assert (await node.api.get("/health/ready")).status == 200
    with pytest.raises(DidNotStart):
        await plexus(only=VALUES["config"] | {"listen": {"port": 0}}, environment=given | {"PLEXUS_NODE__WHAT": "1"})
