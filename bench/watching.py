"""What looking on costs: fan-out with many idle connections beside it, with and without admin clients that watch."""

import os
import resource
import subprocess
from statistics import median

from harness import Failed

WATCHED = ("nodes", "connections", "channels", "actors", "past", "backplane", "logs")
TARGET = 0.98
SHORT_TARGET = 0.99
SECRET = "of this measurement alone"


class Watchers:
    """One admin client for each thing there is to watch, every second."""

    def __init__(self, harness, server):
        self.harness, self.server, self.children = harness, server, []
        secret = harness.directory / "admin-secret"
        secret.write_text(SECRET + "\n")
        self.command = [harness.node, "admin", "--url", f"ws://127.0.0.1:{server.port}", "--secret-file", secret,
                        "--json", "--watch", "--every", "1s"]

    def __enter__(self):
        for what in WATCHED:
            words = (self.harness.directory / f"watch-{what}.err").open("w+")
            child = self.harness._spawn([*self.command, what], self.harness.load_core, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=words)
            os.setpriority(os.PRIO_PROCESS, child.pid, 10)  # the load's core is not what is measured
            self.children.append((what, child, words))
        return self

    def __exit__(self, failed, *_):
        """All are ended, whatever became of them; who ended by itself is told with what it said."""
        faults = []
        for what, child, words in self.children:
            if child.poll() is not None:
                words.seek(0)
                said = words.read().strip()[-300:]
                faults.append(f"the watcher of {what} ended with {child.returncode}: {said or 'it said nothing'}")
            self.harness._end(child)
            words.close()
        if faults and not failed: raise Failed("; ".join(faults) + self.harness._tail(self.server))


def slices_of(server):
    """How many slices there were, and the part that held the loop for 1 ms at most. By the clock: a busy machine takes its part."""
    counts = {float(line.split('le="')[1].split('"')[0].replace("+Inf", "inf")): int(float(line.split()[-1]))
              for line in server.metrics() if line.startswith("plexus_admin_slice_seconds_bucket")}
    if not counts or not counts[float("inf")]: raise Failed("no list was walked while watched")
    return counts[float("inf")], counts[0.001] / counts[float("inf")]


def watching(harness, args, say):
    os.environ["PLEXUS_ADMIN__SECRET"] = SECRET
    try:
        server = harness.start_plexus()
    finally:
        del os.environ["PLEXUS_ADMIN__SECRET"]
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000 - args.subscribers
    options = {"connections": args.subscribers, "data": 64, "seconds": args.seconds, "outstanding": 8}
    by_cpu = {"alone": [], "watched": []}

    def run(name):
        result = harness.load("fanout", server, **options)
        by_cpu[name].append(result["deliveries_per_second"] / max(result["server_cpu"], 0.001))
        return result["deliveries_per_second"]

    pairs = []
    with harness.hold(server, min(args.connections, room), 1):
        harness.load("fanout", server, **options | {"seconds": 0.5})
        for pair in range(args.pairs):
            rates = {}
            for name in ("alone", "watched") if pair % 2 == 0 else ("watched", "alone"):
                if name == "alone":
                    rates[name] = run(name)
                else:
                    with Watchers(harness, server): rates[name] = run(name)
            pairs.append(rates["watched"] / rates["alone"])
            say(f"watching, pair {pair + 1}: {rates['watched']:,.0f} watched, {rates['alone']:,.0f} alone, ratio {pairs[-1]:.3f}")
    slices, short = slices_of(server)
    harness.stop(server)
    # Judged by the node's own CPU time: deliveries a second swing by more than the target on most machines.
    cpu = median(by_cpu["watched"]) / median(by_cpu["alone"])
    return [{"name": f"deliveries by CPU second while {len(WATCHED)} admin clients watch {min(args.connections, room):,} connections "
                     f"(deliveries a second: {median(pairs):.3f})",
             "unit": "of them alone", "plexus": cpu, "limit": None, "ratio": None, "target": f">= {TARGET}", "met": cpu >= TARGET},
            {"name": f"slices of at most 1 ms in which their lists were walked ({slices:,} in all)", "unit": "of them", "plexus": short,
             "limit": None, "ratio": None, "target": f">= {SHORT_TARGET}", "met": short >= SHORT_TARGET}]
