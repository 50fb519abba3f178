"""A node as a process: its configuration, its start, what can be seen of it from outside, its stop."""

import copy
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from support.api import Api
from support.tokens import SECRET, token
from support.waiting import until

API_KEY = "the key of the end-to-end tests"
PROGRAM = Path(os.environ.get("PLEXUS_BIN") or Path(__file__).parents[3] / "build" / "plexus").absolute()

# What most tests need; a test names only what it wants otherwise.
BASE = {
    "node": {"name": "e2e", "loops": 1, "drain_timeout": "1s"},
    "listen": {"port": 0},
    "client": {"token": {"hmac_secret": SECRET}},
    "api": {"key": API_KEY},
    "channels": {
        "namespaces": {
            # A room with all that a room has.
            "chat": {
                "subscribe": "user",
                "publish": "subscriber",
                "presence": True,
                "join_leave": "asked",
                "history_size": 2000,
                "history_ttl": "1h",
            },
            "plain": {"subscribe": "user", "publish": "subscriber"},  # neither history nor presence
            "private": {"history_size": 100, "history_ttl": "1h", "presence": True},  # by tokens alone
        }
    },
}


def merged(base, changes):
    """`changes` laid over `base`, level by level."""
    out = copy.deepcopy(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def clean_environment(extra=None):
    """The environment of whoever runs the tests must not configure the node."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLEXUS_")}
    # Nor may a proxy come between the node and what a test serves.
    return {**kept, "no_proxy": "127.0.0.1", **(extra or {})}


class DidNotStart(Exception):
    def __init__(self, code, output):
        super().__init__(f"exit code {code}: {output}")
        self.code, self.output = code, output


class Node:
    def __init__(self, folder, config):
        self.folder = folder
        self.config = config
        self.config_file = folder / "plexus.json"
        self.log_file = folder / "plexus.log"
        self.errors_expected = False  # a test that provokes error lines says so
        self.process = self.api = None
        self.write_config(config)

    def write_config(self, config):
        self.config = config
        self.config_file.write_text(json.dumps(config))

    async def start(self, *arguments, environment=None, files=None):
        """`files`: soft and hard limit of open files."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [PROGRAM, "serve", "--config", self.config_file, "--ready-file", ready, *arguments]
        if files:
            command = ["prlimit", "--nofile={}:{}".format(*files), *command]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(environment),
                cwd=self.folder,
            )
        await until(lambda: ready.exists() or self.process.poll() is not None, "the node's ready file")
        if not ready.exists():
            raise DidNotStart(self.process.returncode, self.log())
        self.ready = json.loads(ready.read_text())
        self.pid, self.port = self.process.pid, self.ready["port"]
        self.internal_port = self.ready["internal_port"]
        self.api = Api(self.internal_port or self.port, API_KEY)
        return self

    @property
    def websocket_url(self):
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    def log(self):
        return self.log_file.read_text(errors="replace")

    async def logged(self, text, timeout=10.0):
        await until(lambda: text in self.log(), f"{text!r} in the log", timeout)

    def resident(self):
        """Resident memory in bytes, counted page by page: the figure in `status` may lag behind."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def metric(self, name):
        """A sample's value by its full name, labels included as the node writes them."""
        for line in (await self.api.get("/metrics")).text.splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"no metric {name}")

    def signal(self, which):
        self.process.send_signal(which)

    async def exit_code(self, timeout=15.0):
        await until(lambda: self.process.poll() is not None, "the node's end", timeout)
        return self.process.returncode

    async def stop(self):
        """Stops as an operator does; nothing may have gone wrong meanwhile."""
        if self.api:
            await self.api.close()
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                await self.exit_code()
            except AssertionError:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the node did not stop; its log:\n{self.log()[-4000:]}") from None
        assert self.process.returncode == 0, f"exit code {self.process.returncode}, log:\n{self.log()[-4000:]}"
        if not self.errors_expected:
            faults = [line for line in self.log().splitlines() if re.search(r'^\S+ error |"level":"error"', line)]
            assert not faults, "\n".join(faults[:20])

    def token(self, user, **claims):
        return token(user, **claims)
