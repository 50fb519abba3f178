"""SIGUSR2: the program starts its successor, which takes the listening sockets over; nobody's connect is refused."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.admin import CHANGES as WITH_INSPECTION
from support.node import PROGRAM, clean_environment
from support.redis import free_port
from support.tokens import token
from support.waiting import until
from support.wire import Wire, handshake


def gone(pid):
    """Ended, whoever is to take note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Chain:
    """A node and its successors; what is left of them is ended in the end."""

    def __init__(self, node):
        self.node, self.pids = node, [node.pid]

    async def upgrade(self):
        """Until the successor serves; its process id."""
        os.kill(self.pids[-1], signal.SIGUSR2)
        file = self.node.folder / "ready.json"
        pid = await until(lambda: (p := json.loads(file.read_text())["pid"]) not in self.pids and p, "a successor")
        self.pids.append(pid)
        return pid

    async def end(self):
        for pid in self.pids[1:]:
            if not gone(pid):
                os.kill(pid, signal.SIGTERM)
            await until(lambda pid=pid: gone(pid), f"the end of {pid}", 20)


async def test_not_one_connect_is_refused(plexus, wire, loops):
    node = await plexus({"node": {"loops": loops, "drain_timeout": "2s"}, "internal": {"address": "127.0.0.1"}})
    chain = Chain(node)
    held = [await wire(node, f"user{i}") for i in range(10)]
    for one in held:
        await one.subscribe("chat:room")
    served, finished = 0, asyncio.Event()

    async def knock():
        """Connects without a pause, all the way to an answer of the protocol."""
        nonlocal served
        while not finished.is_set():
            one = await Wire.open(node.port)
            await one.connect(token("knocking"))
            served += 1
            await one.close()

    knocking = [asyncio.ensure_future(knock()) for _ in range(4)]
    await until(lambda: served > 20, "connects before")
    first = node.process
    try:
        await chain.upgrade()
        await chain.upgrade()
        assert node.process is first
        before = served
        await until(lambda: served > before + 20, "connects after")
        finished.set()
        # A refusal of any kind is an exception here.
        await asyncio.wait_for(asyncio.gather(*knocking), 20)
        assert await node.exit_code() == 0
        for one in held:
            assert (await one.closed())[0] == 3001
        # The internal port has moved too.
        assert (await node.api.get("/health/ready")).status == 200
        assert (await node.api("info"))["nodes"]
    finally:
        finished.set()
        await chain.end()
    assert node.log().count("the successor serves") == 2


async def test_who_was_accepted_by_the_former_process_is_served_by_it(plexus):
    node = await plexus({"node": {"drain_timeout": "4s"}, "internal": {"address": "127.0.0.1"}})
    chain = Chain(node)
    one = await asyncio.open_connection("127.0.0.1", node.port)

    async def accepted():
        return await node.metric("plexus_connections") >= 2  # it, and the one that asks

    await until(accepted, "the connection")
    try:
        await chain.upgrade()
        await node.logged("draining")
        # It says its first word to a process that has handed its port over.
        late = await Wire.open_on(*one, handshake(node.port))
        assert (await late.connect(token("late")))["client"]
        assert (await late.closed(6))[0] == 3001
        assert await node.exit_code() == 0
    finally:
        await chain.end()


async def test_a_successor_that_cannot_start_changes_nothing(plexus, wire):
    node = await plexus()
    node.errors_expected = True
    one = await wire(node)
    good = node.config_file.read_text()
    node.config_file.write_text('{"nod": 1}')
    node.signal(signal.SIGUSR2)
    await node.logged("the successor doesn't serve; this node goes on")
    assert "exit code 2" in node.log()
    await one.subscribe("chat:room")
    await wire(node)
    node.config_file.write_text(good)
    chain = Chain(node)
    await chain.upgrade()
    assert await node.exit_code() == 0
    await chain.end()


def children(pid):
    """Of all of its threads, those that have ended and wait to be noted left out."""
    found = [int(c) for file in Path(f"/proc/{pid}/task").glob("*/children") for c in file.read_text().split()]
    return [child for child in found if not gone(child)]


@pytest.mark.parametrize("at", ["its first moment", "its wait for Redis"])
async def test_a_stop_while_the_successor_starts_stops_both(plexus, at):
    node = await plexus({"backplane": {"connect_timeout": "50s"}})
    if at == "its wait for Redis":
        node.write_config(node.config | {"backplane": {"url": f"redis://127.0.0.1:{free_port()}", "connect_timeout": "50s"}})
    node.signal(signal.SIGUSR2)
    (child,) = await until(lambda: children(node.pid), "a successor", every=0.001)
    try:
        if at == "its wait for Redis":
            # It has handlers by then.
            caught = 1 << (signal.SIGTERM - 1)
            status = Path(f"/proc/{child}/status")
            await until(
                lambda: b"--inherit" in Path(f"/proc/{child}/cmdline").read_bytes()
                and int(re.search(r"SigCgt:\s+(\w+)", status.read_text())[1], 16) & caught,
                "the successor's handlers",
            )
        node.signal(signal.SIGTERM)
        assert await node.exit_code() == 0
        await until(lambda: gone(child), "the successor's end")
    finally:
        if not gone(child):
            os.kill(child, signal.SIGKILL)
    assert "the successor that is being started is told too" in node.log()
    assert "the successor serves" not in node.log()


async def test_a_drained_node_has_no_successor(plexus, admin, wire):
    """It would take the clients that the operator doesn't want there."""
    node = await plexus(WITH_INSPECTION)
    one = await admin(node)
    await one.ask("drain", node="e2e", reason="test")
    node.signal(signal.SIGUSR2)
    await node.logged("drained by an operator, and a successor would take clients: undo the drain first")
    assert not children(node.pid)
    await one.ask("undrain", node="e2e", reason="test")
    await wire(node, "ann")


async def test_another_address_in_the_successors_configuration_holds(plexus):
    node = await plexus({"internal": {"address": "127.0.0.1"}})
    chain = Chain(node)
    node.config["internal"] = {"address": "127.0.0.2"}
    node.write_config(node.config)
    await chain.upgrade()
    ready = json.loads((node.folder / "ready.json").read_text())
    assert ready["port"] == node.port
    with socket.create_connection(("127.0.0.2", ready["internal_port"])):
        pass
    assert await node.exit_code() == 0
    await chain.end()


async def test_a_service_manager_listens_for_the_node(tmp_path):
    """As systemd does with a socket unit: connects wait while no process is there."""
    public, internal = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    waiting = asyncio.ensure_future(Wire.open(public.getsockname()[1]))
    ready = tmp_path / "ready.json"
    # What systemd does between fork and exec.
    script = (
        "import fcntl, os, sys; high = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 50) for n in sys.argv[1:3]];"
        "[os.dup2(h, 3 + i) for i, h in enumerate(high)]; os.environ['LISTEN_PID'] = str(os.getpid());"
        "os.execv(sys.argv[3], sys.argv[3:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(public.fileno()), str(internal.fileno()), PROGRAM, "--ready-file", ready, "--set", "internal.address=127.0.0.1"],
        pass_fds=[public.fileno(), internal.fileno()],
        env=clean_environment({"LISTEN_FDS": "2", "LISTEN_FDNAMES": "public:internal"}),
    )
    try:
        one = await asyncio.wait_for(waiting, 20)
        await until(ready.exists, "the ready file")
        told = json.loads(ready.read_text())
        assert told["port"] == public.getsockname()[1] and told["internal_port"] == internal.getsockname()[1]
        await one.close()
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize("text", ["public=999", "public", "who=3"])
def test_what_is_no_descriptor_of_a_former_process_stops_the_start(text):
    done = subprocess.run([PROGRAM, "--inherit", text], capture_output=True, text=True, env=clean_environment(), timeout=20)
    assert done.returncode == 1 and "--inherit" in done.stderr
