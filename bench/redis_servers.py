"""Redis servers for a measurement: one, or a Cluster of some primaries. Standard library only."""

import shutil
import socket
import subprocess
import tempfile
import time

SLOTS = 16_384


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, clustered, core=None):
        self.port, self.folder = free_port(), tempfile.mkdtemp(prefix="plexus-bench-redis-")
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder,
                 "--logfile", self.folder + "/log"]
        if clustered:
            self.bus = free_port()
            words += ["--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-node-timeout", "15000"]
        if core is not None: words = ["taskset", "-c", str(core)] + words
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        self.link = None
        for _ in range(500):
            try:
                self.link = socket.create_connection(("127.0.0.1", self.port), timeout=30)
                break
            except OSError:
                time.sleep(0.02)
        if self.link is None: raise Failed("redis-server doesn't start")
        self.read = self.link.makefile("rb")

    def ask(self, *words):
        parts = [str(word).encode() for word in words]
        self.link.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._answer()

    def _answer(self):
        line = self.read.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-": raise Failed(rest.decode())
        if kind == b":": return int(rest)
        if kind == b"$": return None if rest == b"-1" else self.read.read(int(rest) + 2)[:-2].decode("latin1")
        if kind == b"*": return [self._answer() for _ in range(int(rest))]
        return rest.decode()

    def info(self, section):
        pairs = (line.split(":", 1) for line in self.ask("INFO", section).splitlines() if ":" in line)
        return dict(pairs)

    def cpu(self):
        """Seconds that its main thread has used, user and system."""
        info = self.info("cpu")
        return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])

    def calls(self):
        """How often each command ran, from scripts too."""
        out = {}
        for name, text in self.info("commandstats").items():
            out[name.removeprefix("cmdstat_")] = int(text.split(",")[0].removeprefix("calls="))
        return out

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Servers:
    """`primaries` of a Cluster; 0: one server that is none."""

    def __init__(self, primaries, core=None):
        self.all = [Server(primaries > 0, core) for _ in range(max(primaries, 1))]
        if primaries == 0:
            self.url = f"redis://127.0.0.1:{self.all[0].port}"
            return
        for i, each in enumerate(self.all):
            each.ask("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // primaries, (i + 1) * SLOTS // primaries - 1)
            each.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i: each.ask("CLUSTER", "MEET", "127.0.0.1", self.all[0].port, self.all[0].bus)
        end = time.time() + 30
        while any("cluster_state:ok" not in each.ask("CLUSTER", "INFO") or
                  f"cluster_known_nodes:{primaries}" not in each.ask("CLUSTER", "INFO") for each in self.all):
            if time.time() > end: raise Failed("the servers make no Cluster")
            time.sleep(0.05)
        self.url = f"redis+cluster://127.0.0.1:{self.all[0].port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.all: each.stop()
