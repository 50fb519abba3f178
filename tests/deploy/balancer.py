"""HAProxy with the configuration that comes with Plexus, on ports of a test's own."""

import subprocess

from places import HAPROXY, ROOT
from support.node import clean_environment
from support.redis import free_port
from support.waiting import until


class Balancer:
    def __init__(self, folder, *nodes, **environment):
        """`nodes`: pairs of public and internal port."""
        self.log = folder / "haproxy.log"
        self.port, self.api_port, self.stats_port = free_port(), free_port(), free_port()
        self.environment = {
            "PUBLIC": f"127.0.0.1:{self.port}", "API": f"127.0.0.1:{self.api_port}",
            "STATS": f"127.0.0.1:{self.stats_port}", **environment,
        }  # fmt: skip
        for i, (public, internal) in enumerate(nodes, 1):
            self.environment |= {f"NODE_{i}_PORT": str(public), f"NODE_{i}_INTERNAL_PORT": str(internal)}

    async def __aenter__(self):
        # Small: the tests have no 50,000 descriptors.
        text = (ROOT / "config/haproxy.cfg").read_text().replace("maxconn 50000", "maxconn 2000")
        file = self.log.with_suffix(".cfg")
        file.write_text(text)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [HAPROXY, "-db", "-f", file], stdout=log, stderr=log, env=clean_environment(self.environment)
            )
        await self.up(2)
        return self

    async def __aexit__(self, *failed):
        self.process.terminate()
        self.process.wait(20)

    def rows(self):
        """Of the servers of clients: {name: {column: value}}."""
        import urllib.request

        with urllib.request.urlopen(f"http://127.0.0.1:{self.stats_port}/;csv", timeout=5) as got:
            head, *lines = got.read().decode().lstrip("# ").splitlines()
        names = head.split(",")
        all_rows = [dict(zip(names, line.split(","))) for line in lines]
        return {r["svname"]: r for r in all_rows if r["pxname"] == "nodes" and r["svname"].startswith("node")}

    async def up(self, count):
        def enough():
            try:
                return sum(r["status"] == "UP" for r in self.rows().values()) == count
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                return False

        await until(enough, f"{count} nodes that are up: {self.log.read_text()[-1000:]}", 30, every=0.05)
