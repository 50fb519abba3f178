"""Three nodes on one Redis, and the worst that can happen to them. `make chaos`, or by hand:

    PLEXUS_BIN=build/plexus build/venv/bin/python tests/chaos/run.py --seconds 60 nodes_killed failover

Prints a line for each scenario and what was proven wrong; exit code 1 if anything was."""

import argparse
import asyncio
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "e2e")]

from conftest import pytest_configure  # noqa: E402  raises the limit of open files
import cluster_scenarios  # noqa: E402, F401  adds to those of scenarios
from support.node import DidNotStart  # noqa: E402

import report  # noqa: E402
from checker import check  # noqa: E402
from scenarios import ALL  # noqa: E402
from world import Scale, World  # noqa: E402


LONG = {"scenarios": list(ALL), "seconds": 60, "lease": 10, "clients": 40, "rate": 200}
SHORT = {
    "scenarios": ["nodes_killed", "redis_killed", "connections_cut", "failover", "node_frozen", "cluster_reshard"],
    "seconds": 1,
    "lease": 3,
    "clients": 12,
    "rate": 60,
}


async def play(name, seconds, folder, lease, changes):
    does, redis, settings = ALL[name]
    scale = settings.get("scale") or Scale()
    settings = {**settings, "scale": replace(scale, **changes)}
    async with World(folder, redis(folder), lease=lease, **settings) as world:
        await asyncio.sleep(1)
        await does(world, seconds)
        await world.settle()
        for node in world.nodes:
            if node.process.poll() is not None:
                world.run.faults.append(f"{node.name} is gone: {node.process.returncode}")
        return world.run


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("scenarios", nargs="*", help=f"of {', '.join(ALL)}; none: all")
    parse.add_argument("--seconds", type=float, help="of trouble for each (60)")
    parse.add_argument("--lease", type=float, help="of a node, in seconds (10)")
    parse.add_argument("--short", action="store_true", help="some of them, one round each, on a small scale")
    parse.add_argument("--clients", type=int, help="subscribers")
    parse.add_argument("--rate", type=float, help="publications a second")
    parse.add_argument("--seed", type=int, default=None)
    parse.add_argument("--keep", action="store_true", help="the logs, also of what went well")
    args = parse.parse_args()
    if unknown := set(args.scenarios) - set(ALL):
        parse.error(f"no scenario named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    pytest_configure()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server is left behind
    usual = SHORT if args.short else LONG
    seconds, lease = args.seconds or usual["seconds"], args.lease or usual["lease"]
    scale = {k: given or usual[k] for k, given in (("clients", args.clients), ("rate", args.rate))}
    seed = args.seed if args.seed is not None else time.time_ns() % 1_000_000
    random.seed(seed)
    print(f"seed {seed}, lease {lease:g} s")
    print(report.HEAD, flush=True)
    failed = False
    for name in args.scenarios or usual["scenarios"]:
        folder = Path(tempfile.mkdtemp(prefix=f"plexus-chaos-{name}-"))
        try:
            run = asyncio.run(play(name, seconds, folder, lease, scale))
        except (AssertionError, DidNotStart) as e:
            failed = True
            print(f"{name}: could not be played to its end: {e}\n    logs: {folder}", flush=True)
            continue
        (folder / "run.pickle").write_bytes(pickle.dumps(run))
        verdict = check(run)
        print(report.line(name, run, verdict), flush=True)
        for sentence in report.violations(verdict):
            print(sentence)
        if not verdict.fine:
            failed = True
            print(f"    logs: {folder}", flush=True)
        elif not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
