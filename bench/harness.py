"""Starts servers and the load, each on its core, and reads what they use. Standard library only."""

import base64
import ctypes
import hashlib
import hmac
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

PR_SET_PDEATHSIG = 1
CPUCLOCK_SCHED = 2
LIBC = ctypes.CDLL(None)
SECRET = "a secret of the benchmark alone, never of a server in use"


API_KEY = "of the benchmark alone"
PEERS = Path(__file__).resolve().parent / "peers"


class Failed(Exception):
    """A measurement that could not be made; the sentence says why."""


def make_certificate(directory):
    """Paths of a certificate that nobody verifies, and of its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if not certificate.exists():
        if not shutil.which("openssl"): raise Failed("openssl is not installed: there is no certificate")
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                               "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out",
                               certificate], capture_output=True, text=True)
        if made.returncode != 0: raise Failed(f"no certificate: {made.stderr.strip()[-300:]}")
    return str(certificate), str(key)


def make_token(user, secret=SECRET):
    """An HS256 JWT that is valid for an hour."""

    def part(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    now = int(time.time())
    header = part(b'{"alg":"HS256","typ":"JWT"}')
    claims = part(json.dumps({"sub": user, "iat": now, "exp": now + 3600}, separators=(",", ":")).encode())
    signature = hmac.new(secret.encode(), header + b"." + claims, hashlib.sha256).digest()
    return (header + b"." + claims + b"." + part(signature)).decode()


class Server:
    """A running server; `pid` and `port` are known once it accepts clients."""

    def __init__(self, name, process, port, log, pid=0):
        self.name, self.process, self.port, self.log = name, process, port, log
        self.pid = pid or (process.pid if process else 0)

    def resident(self):
        """Resident memory in bytes. Counted page by page: the figure in `status` may lag behind."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise Failed(f"{self.name}: no Rss in smaps_rollup")

    def cpu_seconds(self):
        """User and system time of all threads: the kernel's clock of that process, in nanoseconds."""
        return time.clock_gettime(~self.pid << 3 | CPUCLOCK_SCHED)

    def metrics(self):
        """A node's metrics, a line each."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            return answer.read().decode().splitlines()

    def metric(self, name):
        """Of a metric without labels."""
        return next(float(line.split()[1]) for line in self.metrics() if line.startswith(f"{name} "))


class Harness:
    """Owns the temporary directory and all children; use it in a `with`, which ends them all."""

    def __init__(self, node, tools, server_core, load_core, other_core=None, redis="redis-server"):
        """`other_core`: of Redis and of further nodes; the load's core if there is none to spare."""
        self.node, self.tools, self.redis = Path(node), Path(tools), redis
        self.server_core, self.load_core = server_core, load_core
        self.other_core = load_core if other_core is None else other_core
        self.children = []
        self.runs, self.failures = [], []  # `failures`: of parts that a phase goes on without
        self._started = 0

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="plexus-bench-")
        self.directory = Path(self._directory.name)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return self

    def __exit__(self, *_):
        for child in list(self.children):
            self._end(child)
        self._directory.cleanup()

    def _spawn(self, command, core, **streams):
        def prepare():
            os.sched_setaffinity(0, {core})
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no orphans, even if this script is killed

        child = subprocess.Popen([str(word) for word in command], preexec_fn=prepare, **streams)
        self.children.append(child)
        return child

    def _end(self, child):
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream:
                stream.close()
        if child in self.children:
            self.children.remove(child)

    def _start(self, name, command, core=None):
        self._started += 1
        ready = self.directory / f"{name}-{self._started}.ready"
        log = self.directory / f"{name}-{self._started}.log"
        with log.open("wb") as output:
            child = self._spawn([*command, "--ready-file", ready], self.server_core if core is None else core,
                                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        until = time.monotonic() + 20
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > until:
                self._end(child)
                raise Failed(f"{name} did not start: {log.read_text(errors='replace').strip()[-500:]}")
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        return Server(name, child, said["port"], log, said.get("pid", 0))

    def start_redis(self):
        """A Redis of its own, without files."""
        if not shutil.which(self.redis): raise Failed(f"{self.redis} is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = self.directory / f"redis-{port}.log"
        with log.open("wb") as output:
            child = self._spawn([self.redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                 "--dir", self.directory], self.other_core, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return Server("redis", child, port, log)
            except OSError:
                if child.poll() is not None or time.monotonic() > until:
                    raise Failed(f"redis did not start: {log.read_text(errors='replace')[-500:]}") from None
                time.sleep(0.02)

    def start_plexus(self, tokens=False, redis=None, core=None, plugins=(), tls=False, loops=1, under=(), client={}, **channel):
        """`redis`: its backplane, otherwise the node is alone; `plugins`: names of programs beside the load;
        `tls`: its port speaks TLS; `under`: words before the command, of a tool that runs it; `client`: further options of clients; `channel`: options of the channels."""
        rights = {"token": {"hmac_secret": SECRET}} if tokens else {"insecure": True}
        config = {
            "node": {"name": "bench", "loops": loops, "drain_timeout": "1s"},
            "listen": {"address": "127.0.0.1", "port": 0},
            "client": rights | client,
            "api": {"key": API_KEY},
            "log": {"level": "warn"},
            "channels": {"namespaces": {"bench": {"subscribe": "anyone", "publish": "anyone"} | channel}},
        }
        if plugins: config["plugins"] = [str(Path(self.tools).resolve() / f"lib{name}.so") for name in plugins]
        if tls:
            certificate, key = make_certificate(self.directory)
            config["listen"]["tls"] = {"certificate": str(certificate), "key": str(key)}
        if redis: config["backplane"] = {"url": f"redis://127.0.0.1:{redis.port}"}
        file = self.directory / f"bench-{self._started}.json"
        file.write_text(json.dumps(config, indent=2))
        return self._start("plexus", [*under, self.node, "serve", "--config", file], core)

    def start_limit(self, frame_bytes=None):
        frame = ["--frame", frame_bytes] if frame_bytes else []
        return self._start("limit", [self.tools / "kernel_limit", *frame])

    def has_peer(self, name):
        return (PEERS / "node_modules" / name).exists() and shutil.which("node") is not None

    def start_peer(self, name, frame_bytes):
        return self._start(name, ["node", PEERS / f"{name}.mjs", "--frame", frame_bytes])

    def outside(self, name, port, pid):
        """A server that somebody else started."""
        return Server(name, None, port, None, pid)

    def stop(self, server):
        if server.process: self._end(server.process)

    def _load_command(self, phase, server, options):
        command = [self.tools / "plexus_load", phase, "--port", server.port, "--pid", server.pid]
        for name, value in options.items():
            if value is False: continue
            option = "--" + name.replace("_", "-")
            command += [option] if value is True else [option, value]
        return command

    def load(self, phase, server, timeout=120, **options):
        """Runs one phase of the load and returns what it printed."""
        command = self._load_command(phase, server, options | {"timeout": timeout})
        child = self._spawn(command, self.load_core, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
        try:
            output, errors = child.communicate(timeout=timeout + 30)
        except subprocess.TimeoutExpired:
            raise Failed(f"{phase} against {server.name} took more than {timeout} s") from None
        finally:
            self._end(child)
        if child.returncode != 0:
            raise Failed(f"{phase} against {server.name}: {errors.strip()}{self._tail(server)}")
        result = json.loads(output)
        self.runs.append({"server": server.name, **result})
        return result

    def _tail(self, server):
        if not server.process: return ""
        text = server.log.read_text(errors="replace").strip()
        state = "" if server.process.poll() is None else f" (the server ended with {server.process.returncode})"
        return state + (f"\n  its log ends: {text[-500:]}" if text else "")

    def hold(self, server, connections, channels, **options):
        """Opens connections that stay open while the result is in use: a context manager."""
        return Held(self, server, {"connections": connections, "channels": channels} | options)


    def talk(self, phase, server, niceness=0, **options):
        """A phase that is told lines while it runs: a context manager."""
        return Talk(self, phase, server, niceness, options)


class Talk:
    """A phase that prints a line when it is ready, and one for each line that it is told."""

    def __init__(self, harness, phase, server, niceness, options):
        self.harness, self.phase, self.server, self.niceness = harness, phase, server, niceness
        self.command = harness._load_command(phase, server, options)

    def __enter__(self):
        self.child = self.harness._spawn(self.command, self.harness.load_core, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.niceness: os.setpriority(os.PRIO_PROCESS, self.child.pid, self.niceness)
        self.first = self._line()
        return self

    def tell(self):
        """Says a line; what the phase answers."""
        try:
            self.child.stdin.write("\n")
            self.child.stdin.flush()
        except OSError:
            pass  # the answer, or its absence, tells
        return self._line()

    def finish(self):
        """Ends the phase, and fails if it was not content."""
        output, errors = self.child.communicate(input="", timeout=60)
        if self.child.returncode != 0: raise Failed(f"{self.phase} against {self.server.name}: {errors.strip()}")
        return json.loads(output.splitlines()[-1]) if output.strip() else None

    def _line(self):
        line = self.child.stdout.readline()
        if line:
            result = json.loads(line)
            self.harness.runs.append({"server": self.server.name, "phase": self.phase, **result})
            return result
        errors = self.child.stderr.read().strip()
        raise Failed(f"{self.phase} against {self.server.name}: {errors}{self.harness._tail(self.server)}")

    def __exit__(self, *_):
        self.harness._end(self.child)


class Held:
    def __init__(self, harness, server, options):
        self.harness, self.server = harness, server
        self.command = harness._load_command("hold", server, options)

    def __enter__(self):
        self.child = self.harness._spawn(self.command, self.harness.load_core, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not self.child.stdout.readline():
            errors = self.child.stderr.read().strip()
            self.harness._end(self.child)
            raise Failed(f"hold against {self.server.name}: {errors}{self.harness._tail(self.server)}")
        return self

    def finish(self):
        """Ends the load: how many pings it answered. Fails if a connection was lost meanwhile."""
        output, errors = self.child.communicate(input="", timeout=30)
        if self.child.returncode != 0:
            raise Failed(f"hold against {self.server.name}: {errors.strip()}")
        result = json.loads(output)
        if result["lost"]:
            raise Failed(f"{self.server.name} lost {result['lost']} idle connections: {errors.strip()}")
        return result["pings"]

    def __exit__(self, *_):
        self.harness._end(self.child)
