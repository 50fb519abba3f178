"""Nodes, a Redis, the load's clients that stay, and a back end that publishes to them: for measurements of several nodes.
Standard library only."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

KEY = "the key of a measurement"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def port_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end: raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Node:
    """`before`: shell words that run in the node's process before it is the node."""

    def __init__(self, program, folder, number, drain=1, before="", **settings):
        self.program, self.drain, self.before = program, drain, before
        self.port, self.name = free_port(), f"node-{number}"
        self.ready, self.log = folder / f"{number}.ready", folder / f"{number}.log"
        self.file = folder / f"{number}.json"
        self.file.write_text(json.dumps({
            "node": {"name": self.name, "drain_timeout": f"{drain}s"}, "listen": {"port": self.port} | settings.pop("listen", {}),
            "client": {"insecure": True}, "api": {"key": KEY}, "internal": {"address": "127.0.0.1"},
            "channels": {"namespaces": {"bench": {"history_size": 500, "history_ttl": "10m"}}}} | settings))

    def start(self):
        self.ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", self.before + 'exec "$@"', "sh", self.program, "serve", "--config", self.file,
                 "--ready-file", self.ready], stdout=log, stderr=log)
        wait_for(self.ready.exists, f"{self.name} to serve")
        self.pid = self.process.pid
        self.api_port = json.loads(self.ready.read_text())["internal_port"]

    def restart(self):
        os.kill(self.pid, signal.SIGTERM)
        self.process.wait(self.drain + 30)
        self.start()

    def upgrade(self):
        """In place: the successor takes the port over while this one drains."""
        os.kill(self.pid, signal.SIGUSR2)
        former, before = self.process, self.pid
        wait_for(lambda: json.loads(self.ready.read_text())["pid"] != before, f"the successor of {self.name}")
        self.pid = json.loads(self.ready.read_text())["pid"]
        if former: former.wait(self.drain + 30)
        self.process = None

    def cpu_seconds(self):
        """User and system time of all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return next(int(x.split()[1]) * 1024 for x in text.splitlines() if x.startswith("Rss:"))

    def end(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (OSError, AttributeError):
            pass


class Publisher(threading.Thread):
    """A back end: batches with idempotency keys, repeated on the next node until they are answered."""

    def __init__(self, nodes, channels, rate):
        super().__init__(daemon=True)
        self.nodes, self.channels, self.rate = nodes, channels, rate
        self.stopping, self.rounds, self.repeated, self.failed = False, 0, 0, None
        self.connections = {}

    def run(self):
        try:
            step = max(1, min(self.channels, int(self.rate / 20)))
            began, published = time.monotonic(), 0
            while not self.stopping:
                for first in range(0, self.channels, step):
                    last = min(first + step, self.channels)
                    self.batch(range(first, last), self.rounds + 1)
                    published += last - first
                    time.sleep(max(0, began + published / self.rate - time.monotonic()))
                self.rounds += 1
            self.took = time.monotonic() - began
            self.published = published
        except Exception as e:
            self.failed = e

    def stop(self):
        """Ends after a whole round: every channel has had as much."""
        self.stopping = True
        self.join(60)
        if self.failed: raise self.failed

    def batch(self, channels, number):
        commands = [{"publish": {"channel": f"bench:room{c}", "data": {"number": number},
                                 "idempotency_key": f"{c}.{number}"}} for c in channels]
        body = json.dumps({"commands": commands}, separators=(",", ":"))
        for attempt in range(400):
            try:
                replies = self.ask(self.nodes[attempt % len(self.nodes)].api_port, body)["replies"]
                if all("publish" in r for r in replies):
                    return
            except (OSError, http.client.HTTPException, KeyError, ValueError):
                time.sleep(0.01)
            self.repeated += 1
        raise RuntimeError("a batch wasn't taken")

    def ask(self, port, body):
        one = self.connections.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connections[port] = None
        one.request("POST", "/api/batch", body, {"X-API-Key": KEY, "Content-Type": "application/json"})
        got = one.getresponse()
        out = json.loads(got.read())
        self.connections[port] = one
        return out


class Load:
    """`plexus_load roll`: clients that come again."""

    def __init__(self, program, ports, clients, channels, sources=64, tls=False):
        self.process = subprocess.Popen(
            [program, "roll", "--ports", ",".join(map(str, ports)), "--connections", str(clients),
             "--channels", str(channels), "--timeout", "900", "--sources", str(sources), *(["--tls"] if tls else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline(): raise RuntimeError("the load didn't start")

    def report(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def until(self, rounds, clients, seconds=60):
        """Waits until every client has all; the last report."""
        end = time.monotonic() + seconds
        while True:
            got = self.report()
            if (got["least"] >= rounds and got["subscribed"] == clients) or time.monotonic() > end: return got
            time.sleep(0.1)

    def end(self):
        self.process.kill()
        self.process.wait()
