"""compose.yaml, as far as it can be looked at without Docker: its nodes are started with what it says."""

import json

import pytest
import yaml

from places import ROOT
from support.node import API_KEY
from support.tokens import SECRET, token
from support.wire import Wire

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
NODES = ["plexus-1", "plexus-2"]


def seconds(text):
    assert text.endswith("s")
    return int(text[:-1])


@pytest.mark.parametrize("name", NODES)
async def test_a_node_takes_its_environment(plexus, redis, tmp_path, name):
    environment = dict(SERVICES[name]["environment"])
    assert environment["PLEXUS_NODE__NAME"] == name
    for key, value in (("CLIENT__TOKEN__HMAC_SECRET_FILE", SECRET), ("API__KEY_FILE", API_KEY)):
        secret = environment[f"PLEXUS_{key}"].removeprefix("/run/secrets/")
        assert secret in SERVICES[name]["secrets"] and secret in COMPOSE["secrets"]
        (tmp_path / secret).write_text(value + "\n")
        environment[f"PLEXUS_{key}"] = str(tmp_path / secret)
    # Where Redis and the ports are is another matter here.
    assert environment.pop("PLEXUS_BACKPLANE__URL") == "redis://redis:6379" and "redis" in SERVICES
    node = await plexus(only={"backplane": {"url": redis.url}, "listen": {"port": 0}}, environment=environment)
    assert (await node.api.get("/health/ready")).status == 200
    one = await Wire.open(node.port)
    await one.connect(token("ann"))
    await one.subscribe("chat:lobby")
    await node.api.publish("chat:lobby", 1)
    assert (await one.push("pub"))["data"] == 1
    await one.close()


@pytest.mark.parametrize("name", NODES)
def test_the_time_to_stop_is_above_that_of_a_drain(name):
    drain = seconds(SERVICES[name]["environment"]["PLEXUS_NODE__DRAIN_TIMEOUT"])
    assert seconds(SERVICES[name]["stop_grace_period"]) >= drain + 5


def test_the_balancer_stands_before_the_nodes():
    balancer = SERVICES["balancer"]
    assert sorted(balancer["environment"][f"NODE_{i}"] for i in (1, 2)) == sorted(balancer["depends_on"]) == NODES
    assert balancer["volumes"][0].startswith("./config/haproxy.cfg:")
    # What the nodes believe is what it is in.
    (subnet,) = COMPOSE["networks"]["inside"]["ipam"]["config"]
    assert json.loads(SERVICES["plexus-1"]["environment"]["PLEXUS_LISTEN__TRUSTED_PROXIES"]) == [subnet["subnet"]]
