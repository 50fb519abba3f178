"""The Debian package, installed where nothing of the build is."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess

import pytest

from support.api import Api
from support.redis import free_port
from support.waiting import until


@pytest.fixture(scope="module")
def installed(tree, package):
    (tree.folder / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (tree.folder / "usr/sbin/policy-rc.d").chmod(0o755)
    (tree.folder / "etc/resolv.conf").write_bytes(open("/etc/resolv.conf", "rb").read())
    (tree.folder / "plexus.deb").write_bytes(package.read_bytes())
    tree("apt-get", "update", environment={"DEBIAN_FRONTEND": "noninteractive"})
    # systemd for its verifier; the package itself does without.
    tree("apt-get", "install", "-y", "--no-install-recommends", "/plexus.deb", "systemd",
         environment={"DEBIAN_FRONTEND": "noninteractive"})  # fmt: skip
    return tree


def unit(installed):
    text = (installed.folder / "lib/systemd/system/plexus.service").read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.M))


def test_what_it_says_of_itself(package):
    fields = dict(
        line.split(": ", 1)
        for line in subprocess.run(["dpkg-deb", "-f", package], check=True, capture_output=True, text=True).stdout.splitlines()
        if ": " in line
    )
    assert fields["Package"] == "plexus" and fields["Architecture"] == "amd64"
    assert "libcaf-core0.17" in fields["Depends"] and "libssl3" in fields["Depends"]
    assert "-dev" not in fields["Depends"]
    assert int(fields["Installed-Size"]) < 20_000, "was it stripped?"


def test_the_configuration_is_the_operators(installed):
    conffiles = installed("dpkg-query", "-W", "-f", "${Conffiles}", "plexus")
    assert "/etc/plexus/plexus.json" in conffiles and "/etc/default/plexus" in conffiles
    here = (installed.folder / "etc/plexus/plexus.json").stat()
    account = installed("getent", "passwd", "plexus").split(":")
    assert here.st_mode & 0o777 == 0o640 and here.st_gid == int(account[3])
    assert account[6].strip() == "/usr/sbin/nologin"
    installed("plexus", "check", "/etc/plexus/plexus.json")


def test_the_unit_is_good(installed):
    said = {"SYSTEMD_LOG_TARGET": "console"}
    installed("systemd-analyze", "verify", "/lib/systemd/system/plexus.service", environment=said)
    assert int(unit(installed)["LimitNOFILE"]) >= 65_536
    # The time to stop is above that of a drain, with the time to end it.
    assert int(unit(installed)["TimeoutStopSec"]) >= 8 + 5


def test_licences_and_parts_of_the_program(installed):
    bom = json.loads((installed.folder / "usr/share/plexus/sbom.cdx.json").read_text())
    assert bom["bomFormat"] == "CycloneDX" and bom["specVersion"] == "1.5"
    parts = {c["name"]: c for c in bom["components"]}
    for name in ("libcaf-core0.17", "libssl3", "libhiredis0.14", "libc6", "libboost1.81-dev", "centrifuge"):
        assert parts[name]["version"] and parts[name]["purl"].startswith("pkg:"), name
    for line in installed("sh", "-c", "ldd /usr/bin/plexus").splitlines():
        assert "not found" not in line, line
    text = (installed.folder / "usr/share/doc/plexus/copyright").read_text()
    assert "Permission is hereby granted" in text and "Boost Software License" in text
    for name in parts:
        assert name in text
    assert all(c["licenses"] for c in bom["components"] if c["name"] in ("libcaf-core0.17", "centrifuge"))


async def test_it_serves_by_the_units_own_line(installed, tmp_path):
    words = shlex.split(unit(installed)["ExecStart"])
    port, internal = free_port(), free_port()
    # What systemd would listen to for "READY=1".
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(installed.folder / "run/notify"))
    os.chmod(installed.folder / "run/notify", 0o777)
    ear.settimeout(20)
    environment = {
        "NOTIFY_SOCKET": "/run/notify",
        "PLEXUS_LISTEN__PORT": port,
        "PLEXUS_INTERNAL__PORT": internal,
    }
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        installed.words(*words, user="plexus:plexus", environment=environment), stdout=log, stderr=log
    )
    try:
        assert ear.recv(100) == b"READY=1", (tmp_path / "log").read_text()
        api = Api(internal, "")
        assert (await api.get("/health/ready")).status == 200
        health = {k: v for k, v in environment.items() if k.startswith("PLEXUS")}
        installed("plexus", "health", "--ready", "--config", "/etc/plexus/plexus.json", user="plexus", environment=health)
        await api.close()
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
        os.kill(int(children), signal.SIGTERM)
        assert ear.recv(100).startswith(b"STOPPING=1\n")
        await until(lambda: process.poll() is not None, "the end")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        ear.close()


def scripts_calls(installed, *words):
    """Runs the script after an installation, `words` as dpkg would give them, where systemd seems to run; what it was told."""
    root = installed.folder
    fake, running = root / "opt/fake", root / "run/systemd/system"
    fake.mkdir(parents=True, exist_ok=True)
    running.mkdir(parents=True)
    calls = root / "calls"
    calls.write_text("")
    for name in ("systemctl", "deb-systemd-invoke"):
        (fake / name).write_text(f'#!/bin/sh\necho {name} "$@" >> /calls\n')
        (fake / name).chmod(0o755)
    try:
        installed("/var/lib/dpkg/info/plexus.postinst", *words,
                  environment={"PATH": "/opt/fake:/usr/sbin:/usr/bin:/sbin:/bin"})  # fmt: skip
    finally:
        running.rmdir()
    return calls.read_text().splitlines()


def test_an_upgrade_replaces_the_running_node_in_place(installed):
    first = scripts_calls(installed, "configure", "")
    assert "deb-systemd-invoke start plexus.service" in first and not any("kill" in call for call in first)
    upgrade = scripts_calls(installed, "configure", "0.0.9")
    assert upgrade[0] == "systemctl --system daemon-reload"  # the new unit, before anything is done with it
    assert "systemctl kill --kill-whom=main --signal=USR2 plexus.service" in upgrade
    assert not any(word in call for call in upgrade for word in ("restart", "stop", "start plexus"))


def test_a_configuration_that_was_deleted_is_no_fault(installed):
    file = installed.folder / "etc/plexus/plexus.json"
    file.rename(file.with_suffix(".away"))
    try:
        installed("dpkg", "-i", "/plexus.deb")
        assert not file.exists(), "an operator's word counts"
    finally:
        file.with_suffix(".away").rename(file)


def test_it_goes_without_a_trace_but_the_user(installed):
    installed("dpkg", "--purge", "plexus")
    assert not (installed.folder / "etc/plexus").exists() and not (installed.folder / "usr/bin/plexus").exists()
