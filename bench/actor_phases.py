"""The measurements of plugins: hooks that do nothing, and channel actors. See phases.py for the form."""

import json
import resource
import subprocess
from statistics import median, median_low

from harness import Failed
from phases import idle, row

HOOK_TARGET = 0.98
RATE_TARGETS = {"in process": 50_000, "Redis": 20_000}
ACTORS = 10_000
MEMORY_TARGET = 8000


def hooks(harness, args, say):
    """Fan-out of two nodes in turn, one with a plugin whose hooks do nothing."""
    nodes = {"without": harness.start_plexus(), "with": harness.start_plexus(plugins=["bench_hooks"])}
    options = {"connections": args.subscribers, "data": 64, "seconds": args.seconds, "outstanding": 8}
    for each in nodes.values(): harness.load("fanout", each, **options | {"seconds": 0.5})
    by_clock, by_cpu = [], []
    for pair in range(args.pairs):
        rates, per_cpu = {}, {}
        for name in ("without", "with") if pair % 2 == 0 else ("with", "without"):
            result = harness.load("fanout", nodes[name], **options)
            rates[name] = result["deliveries_per_second"]
            per_cpu[name] = rates[name] / max(result["server_cpu"], 0.001)
        by_clock.append(rates["with"] / rates["without"])
        by_cpu.append(per_cpu["with"] / per_cpu["without"])
        say(f"empty hooks, pair {pair + 1}: {rates['with']:,.0f} with, {rates['without']:,.0f} without, ratio "
            f"{by_clock[-1]:.3f} (by CPU time {by_cpu[-1]:.3f})")
    for each in nodes.values(): harness.stop(each)
    return [row("fan-out with empty hooks, by the node's CPU time", "of it without", median(by_cpu), None, None,
                f">= {HOOK_TARGET}", median(by_cpu) >= HOOK_TARGET),
            row("  by the clock", "of it without", median(by_clock))]


def through_one(harness, address, commands, under_way, actors):
    """What the program `actors` says: one loop and no clients."""
    child = harness._spawn([harness.tools / "actors", address, commands, under_way, actors], harness.server_core,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = child.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        raise Failed("actors took more than 300 s") from None
    finally:
        harness._end(child)
    if child.returncode != 0: raise Failed(f"actors: {errors.strip()}")
    result = json.loads(output)
    if result["failed"]: raise Failed(f"actors: {result['failed']} commands failed")
    harness.runs.append({"server": "actors", "phase": "actors", "backplane": address.split(":")[0], **result})
    return result


def actors(harness, args, say):
    """Commands through one actor, in process and with Redis behind; and what an actor takes beside its channel."""
    rows, commands = [], 20_000 if args.quick else 200_000

    def once(name):
        if name == "in process": return through_one(harness, "memory:", commands, 200, 0)["commands_per_second"]
        redis = harness.start_redis()  # a new one: the lease of the run before would still be running
        try:
            return through_one(harness, f"redis://127.0.0.1:{redis.port}", commands, 400, 0)["commands_per_second"]
        finally:
            harness.stop(redis)

    for name in RATE_TARGETS:
        middle = median_low([once(name) for _ in range(min(args.pairs, 3))])
        say(f"commands through one actor, {name}: {middle:,.0f} a second")
        rows.append(row(f"commands through one actor, {name}", "a second", middle, None, None,
                        f">= {RATE_TARGETS[name]:,}", middle >= RATE_TARGETS[name]))
    alone = through_one(harness, "memory:", 1, 1, ACTORS)["bytes_each"]
    count = min(ACTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000)
    each = {}
    for name, channel in (("plain", {}), ("actor", {"plugins": ["bench_actor"], "actor": "bidding"})):
        server = harness.start_plexus(**channel)
        each[name] = idle(harness, server, count, 0, 0)[0]
        harness.stop(server)
    more = each["actor"] - each["plain"]
    say(f"memory: an actor takes {more:,.0f} bytes beside its channel, {alone:,.0f} in a program of its own")
    return rows + [row(f"memory of one of {count:,} actors with a member, beside its channel and connection", "bytes",
                       more, None, None, f"<= {MEMORY_TARGET:,}", more <= MEMORY_TARGET),
                   row("  in a program without clients", "bytes", alone)]


ACTOR_PHASES = {"hooks": hooks, "actors": actors}
