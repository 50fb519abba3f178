"""The image from the Containerfile, and a cluster of it: Redis, HAProxy, clients, and nodes that are replaced one after the
other."""

import json
import subprocess

import pytest

from balancer import Balancer
from image import Container, Image
from rolling import Crowd
from support.redis import free_port


@pytest.fixture(scope="module")
def image(debian, package):
    one = Image(debian, package)
    yield one
    one.remove()


def test_it_is_small(image, tmp_path):
    size = image.compressed_beyond_base(tmp_path)
    print(f"{size / 1e6:.1f} MB compressed beyond the base")
    assert size < 60e6


def test_what_it_says_of_itself(image):
    config = image.config
    assert config["User"] == "10001:10001" and config["Entrypoint"] == ["/usr/bin/plexus"] and config["Cmd"] == ["serve"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/plexus", "health"] and config["StopSignal"] == "SIGTERM"
    assert set(config["ExposedPorts"]) == {"8000/tcp", "8001/tcp"}
    # What the SBOM lists is what is in there.
    bom = json.loads((image.root / "usr/share/plexus/sbom.cdx.json").read_text())
    status = (image.root / "var/lib/dpkg/status").read_text()
    for part in bom["components"]:
        used = {p["name"]: p["value"] for p in part.get("properties", [])}.get("plexus:use")
        if used == "linked at run time":
            assert f"Package: {part['name']}\n" in status, part["name"]


def test_an_engine_runs_it(image):
    out = image("run", "--isolation", "chroot", "--user", "10001:10001", image.container, "--", "/usr/bin/plexus", "version")
    assert out.startswith("plexus ")


async def test_nodes_are_replaced_and_nobody_loses_anything(image, redis, tmp_path):
    places = [(free_port(), free_port()) for _ in range(2)]
    made = 0

    async def node(place):
        nonlocal made
        made += 1
        return await Container(image, tmp_path, *place, redis.url, f"node-{made}").start()

    running = [await node(place) for place in places]
    try:
        async with Balancer(tmp_path, *places) as balancer:
            async with Crowd(balancer.port, balancer.api_port, 30) as crowd:
                crowd.publish(per_second=100)
                for i, place in enumerate(places):
                    await running[i].stop()
                    running[i] = await node(place)
                    await balancer.up(2)
                moved = await crowd.settle()
                assert min(moved) >= 2, "everybody was on a node that was replaced"
        for one in running:
            lines = [json.loads(line) for line in one.log_file.read_text().splitlines()]
            assert any(line["event"] == "serving" for line in lines)
            assert not [line for line in lines if line["level"] == "error"]
    finally:
        for one in running:
            await one.stop()


def test_nothing_of_it_can_be_written(image, tmp_path):
    one = Container(image, tmp_path, 1, 1, "memory:", "writes")
    for path in ("/x", "/tmp/x", "/run/x", "/var/x"):
        done = subprocess.run([str(w) for w in one.words("/usr/bin/touch", path)], capture_output=True, text=True)
        assert done.returncode != 0 and "Read-only" in done.stderr, done.stderr
