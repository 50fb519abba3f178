"""What a node does for those who run it in a container: its limits, its health without a shell, its log."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.certificates import Authority
from support.node import PROGRAM, clean_environment
from support.waiting import until

MEGABYTE = 1 << 20


class Group:
    """A control group, of whichever version this machine has."""

    def __init__(self, name, cores, memory):
        top = Path("/sys/fs/cgroup")
        if (top / "cgroup.controllers").exists():
            self.folders = [top / name]
            (top / "cgroup.subtree_control").write_text("+cpu +memory")
            limits = {"cpu.max": f"{int(cores * 100_000)} 100000", "memory.max": str(memory)}
        else:
            self.folders = [top / "cpu" / name, top / "memory" / name]
            limits = {"cpu.cfs_quota_us": str(int(cores * 100_000)), "memory.limit_in_bytes": str(memory)}
        for folder in self.folders:
            folder.mkdir()
        for file, value in limits.items():
            next(f / file for f in self.folders if (f / file).exists()).write_text(value)

    def remove(self):
        for folder in self.folders:
            folder.rmdir()


@pytest.fixture
def group():
    try:
        one = Group(f"plexus_e2e_{os.getpid()}", 0.25, 128 * MEGABYTE)
    except (OSError, StopIteration) as e:
        pytest.skip(f"this machine makes no control groups: {e}")
    yield one
    one.remove()


async def test_the_limits_of_a_control_group_hold(group, tmp_path):
    ready = tmp_path / "ready.json"
    enter = " && ".join(f"echo $$ > {f}/cgroup.procs" for f in group.folders)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", enter + ' && exec "$@"', "sh", PROGRAM, "--ready-file", ready, "--set", "listen.port=0"],
            stdout=log, stderr=log, env=clean_environment(),
        )  # fmt: skip
    try:
        await until(lambda: ready.exists() or process.poll() is not None, "the ready file")
        line = next(x for x in (tmp_path / "log").read_text().splitlines() if "serving" in x)
        assert re.search(r" loops=1\b", line)
        assert re.search(r' allocator="jemalloc"', line)
        # Half of what is left beside the program, in pieces of a client's size.
        assert re.search(r" max_clients=3413\b", line)
    finally:
        process.terminate()
        assert process.wait(20) == 0
    await until(lambda: not any((f / "cgroup.procs").read_text() for f in group.folders), "empty groups")


async def test_few_open_files_are_told_with_what_to_set(plexus):
    node = await plexus(files=(1024, 1024))
    assert 'warn node: 1024 open files allow only 824 clients set="LimitNOFILE=' in node.log()


async def test_a_low_soft_limit_of_open_files_is_raised_to_the_hard_one(plexus):
    node = await plexus(files=(1024, 5000))
    assert await node.metric("plexus_clients_max") == 4800
    assert "open files" not in node.log()


def health(node, *words):
    return subprocess.run(
        [PROGRAM, "health", "--config", node.config_file, *words],
        capture_output=True, text=True, env=clean_environment(), timeout=20,
    )  # fmt: skip


def settled(node):
    """With the ports that the kernel picked written down."""
    node.config["listen"]["port"] = node.port
    if node.internal_port:
        node.config["internal"]["port"] = node.internal_port
    node.write_config(node.config)
    return node


async def test_health_without_a_shell(plexus, wire):
    node = settled(await plexus({"node": {"drain_timeout": "20s"}, "internal": {"address": "127.0.0.1"}}))
    assert health(node).returncode == 0
    assert health(node, "--ready").returncode == 0
    held = [await wire(node, f"user{i}") for i in range(5)]
    node.signal(signal.SIGTERM)
    await node.logged("draining")
    not_ready = health(node, "--ready")
    assert not_ready.returncode == 1 and "draining" in not_ready.stderr
    assert health(node).returncode == 0
    node.signal(signal.SIGTERM)
    assert await node.exit_code() == 0
    away = health(node)
    assert away.returncode == 1 and away.stderr.startswith("plexus: ")
    for one in held:
        await one.closed()


async def test_health_of_a_public_port_with_tls_and_a_proxy_header(plexus, tmp_path):
    certificate, key = Authority(tmp_path / "authority").sign()
    tls = {"certificate": str(certificate), "key": str(key)}
    node = settled(await plexus({"listen": {"tls": tls}}))
    assert health(node, "--ready").returncode == 0
    behind = settled(await plexus({"listen": {"tls": tls, "proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}}))
    assert health(behind, "--ready").returncode == 0


async def test_health_needs_a_port_that_is_known(node):
    got = health(node)
    assert got.returncode == 1 and "port is 0" in got.stderr


async def test_the_log_on_standard_output(tmp_path):
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [PROGRAM, "--ready-file", ready, "--set", "listen.port=0", "--set", "log.output=stdout", "--set", "log.format=json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    await until(lambda: ready.exists() or process.poll() is not None, "the ready file")
    process.terminate()
    out, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == b""
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert "serving" in events and events[-1] == "stopped"
