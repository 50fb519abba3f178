"""The measurements. Each returns rows: dictionaries with the keys of `row`."""

import resource
import time
from statistics import median
from typing import NamedTuple

from harness import Failed, make_token
from watching import watching

FANOUT_TARGETS = {1: 0.95, 8: 0.95, 64: 0.85}
MEMORY_TARGET = 4000
IDLE_CPU_TARGET = 0.5
CONNECT_TARGETS = {"without token": 20_000, "HS256 token": 15_000}
CHURN_TARGET = 20
STORM_RATE = 5000  # publications a second
STORM_P99 = 20  # ms, or five times the calm one
STORMS = 4
STORM_GROWTH = 100


LOAD_BOUND = 0.9  # of a core that the load took, in both runs of a pair: then the ratio is the load's


class Beside(NamedTuple):
    """What pairs of runs gave: deliveries a second by the clock, medians of the pairs' ratios by the clock and by the
    servers' CPU time, and how much of a core the load took at least in a pair, the largest of them."""
    plexus: float
    limit: float
    ratio: float
    cpu_ratio: float | None  # None: whose process the other is wasn't said
    load: float


def row(name, unit, plexus, limit=None, ratio=None, target=None, met=None, cpu_ratio=None, load=None):
    return {"name": name, "unit": unit, "plexus": plexus, "limit": limit, "ratio": ratio, "target": target,
            "met": met, "cpu_ratio": cpu_ratio, "load": load}


def beside_row(name, rates, target=None):
    """A row of `beside_limit`, with the ratio to be reached."""
    if rates.load > LOAD_BOUND: name += f" (the load took {rates.load:.0%} of its core)"
    return row(name, "deliveries/s", rates.plexus, rates.limit, rates.ratio,
               f">= {target:.2f} of the limit" if target else None, rates.ratio >= target if target else None,
               rates.cpu_ratio, rates.load)


def start_pair(harness, phase, start=None, plexus_only={}, **options):
    """A node, a limit that sends frames of the node's size, and that size. Both have had a short run."""
    plexus = (start or harness.start_plexus)()
    frame = harness.load(phase, plexus, seconds=0.5, **options, **plexus_only)["frame_bytes"]
    limit = harness.start_limit(frame)
    harness.load(phase, limit, seconds=0.5, **options)
    return plexus, limit, frame


def beside_limit(harness, say, what, phase, servers, pairs, plexus_only={}, limit_only={}, **options):
    """Pairs of runs, plexus and the kernel's limit in turn, the order changing from pair to pair. `servers`: of
    start_pair, and the frame's size if it is to be the same; `plexus_only`, `limit_only`: options of its runs alone."""
    plexus, limit, frame = servers
    runs = []
    for pair in range(pairs):
        order = (plexus, limit) if pair % 2 == 0 else (limit, plexus)
        rates, per_cpu, load = {}, {}, 1
        for server in order:
            result = harness.load(phase, server, **options, **(plexus_only if server is plexus else limit_only))
            if frame and result["frame_bytes"] != frame:
                raise Failed(f"{server.name} sent frames of {result['frame_bytes']} bytes, not {frame}")
            rates[server] = result["deliveries_per_second"]
            per_cpu[server] = rates[server] / result["server_cpu"] if result["server_cpu"] else None
            load = min(load, result["load_cpu"])
        runs.append(Beside(rates[plexus], rates[limit], rates[plexus] / rates[limit], 
                           per_cpu[plexus] / per_cpu[limit] if all(per_cpu.values()) else None, load))
        by_cpu = f"{runs[-1].cpu_ratio:.3f}" if runs[-1].cpu_ratio else "unknown"
        say(f"{what}, pair {pair + 1}: plexus {rates[plexus]:,.0f}, {limit.name} {rates[limit]:,.0f}, ratio "
            f"{runs[-1].ratio:.3f} (by the server's CPU time {by_cpu}; the load took {load:.0%} of a core)")
    return Beside(*(median(values) if None not in values else None for values in zip(*runs)))._replace(
        load=max(each.load for each in runs))


def fanout(harness, args, say):
    """One channel, as many publications under way as each target says."""
    options = {"connections": args.subscribers, "data": 64}
    servers = start_pair(harness, "fanout", **options)
    rows = []
    for outstanding, target in FANOUT_TARGETS.items():
        what = f"fan-out, {outstanding} outstanding"
        rates = beside_limit(harness, say, what, "fanout", servers, args.pairs, outstanding=outstanding,
                             seconds=args.seconds, **options)
        rows.append(beside_row(f"{what} ({servers[2]}-byte frames)", rates, target))
    for server in servers[:2]: harness.stop(server)
    return rows


def idle(harness, server, connections, channels, seconds, **options):
    """Bytes for each connection, and per cent of a core over the time that follows (None without one)."""
    before = server.resident()
    with harness.hold(server, connections, channels, **options) as held:
        time.sleep(1)
        each = (server.resident() - before) / connections
        percent = None
        pings = 0
        if seconds:
            cpu, began = server.cpu_seconds(), time.monotonic()
            time.sleep(seconds)
            percent = 100 * (server.cpu_seconds() - cpu) / (time.monotonic() - began)
        pings = held.finish()
    harness.runs.append({"server": server.name, "phase": "idle", "connections": connections, "channels": channels,
                         **options, "bytes_each": each, "cpu_percent": percent, "seconds": seconds, "pings": pings})
    if seconds >= 60 and server.name == "plexus" and pings < connections:
        raise Failed(f"only {pings} pings in {seconds} s for {connections} connections")
    return each, percent


def memory(harness, args, say):
    """Each on a fresh server, so that nothing freed before is used again unseen."""
    connections = min(args.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000)
    figures = {}
    for name, start, channels, seconds in (("limit", harness.start_limit, 1, args.idle_seconds),
                                           ("own channel", harness.start_plexus, 0, 0),
                                           ("one channel", harness.start_plexus, 1, args.idle_seconds)):
        server = start()
        if seconds: say(f"idle memory: watching {connections:,} idle connections for {seconds} s")
        figures[name] = idle(harness, server, connections, channels, seconds)
        say(f"idle memory, {name}: {figures[name][0]:,.0f} bytes for each of {connections:,} connections")
        harness.stop(server)
    each, percent = figures["one channel"]
    limit, floor = figures["limit"]
    return [
        row(f"idle memory, {connections:,} connections in one channel", "bytes each", each, limit, None,
            f"<= {MEMORY_TARGET:,}", each <= MEMORY_TARGET),
        row("idle memory, each in a channel of its own", "bytes each", figures["own channel"][0]),
        row(f"idle CPU, {connections:,} connections, {args.idle_seconds} s", "% of a core", percent, floor,
            percent / floor, f"< {IDLE_CPU_TARGET:g}", percent < IDLE_CPU_TARGET),
    ]


def connect(harness, args, say):
    """Connections a second of the server's CPU time; closing, between the rounds, is not counted."""
    tokens = harness.directory / "tokens"
    tokens.write_text("\n".join(make_token(f"user-{i}") for i in range(args.connects)) + "\n")
    servers = {"without token": harness.start_plexus(), "HS256 token": harness.start_plexus(tokens=True),
               "limit": harness.start_limit()}
    extra = {"without token": {}, "HS256 token": {"tokens": tokens}, "limit": {}}
    steps = {"in one message": {}, "after the reply": {"two_step": True}}
    rates = {(kind, step): [] for kind in servers for step in steps}
    for kind, server in servers.items():
        harness.load("connect", server, connections=2000, **extra[kind])
    for _ in range(min(args.pairs, 3)):
        for kind, step in rates:
            result = harness.load("connect", servers[kind], connections=args.connects, at_once=2000,
                                  **extra[kind], **steps[step])
            rates[kind, step].append(result["per_cpu_second"])
            say(f"connect, {kind}, subscribe {step}: {result['per_cpu_second']:,.0f} a CPU second "
                f"({result['per_cpu_second_with_close']:,.0f} with closing)")
    for server in servers.values():
        harness.stop(server)
    rows = []
    for kind, target in CONNECT_TARGETS.items():
        for step in steps:
            rate, limit = median(rates[kind, step]), median(rates["limit", step])
            rows.append(row(f"connect, {kind}, subscribe {step}", "per CPU second", rate, limit, rate / limit,
                            f">= {target:,}", rate >= target))
    return rows


def churn(harness, args, say):
    """Growth over many short connections, each with a channel of its own, after a tenth of them as a warm-up."""
    server = harness.start_plexus()
    fresh = server.resident()
    options = {"channels": 0, "in_flight": 256, "timeout": max(120, args.churn // 500)}
    harness.load("churn", server, connections=max(1000, args.churn // 10), **options)
    time.sleep(1)
    warm = server.resident()
    result = harness.load("churn", server, connections=args.churn, **options)
    time.sleep(1)
    after = server.resident()
    harness.stop(server)
    each = (after - warm) / args.churn
    harness.runs.append({"server": "plexus", "phase": "churn memory", "fresh": fresh, "warm": warm, "after": after})
    say(f"churn: {args.churn:,} at {result['per_second']:,.0f} a second; resident {fresh / 1e6:.1f} MB fresh, "
        f"{warm / 1e6:.1f} MB warm, {after / 1e6:.1f} MB after")
    return [row(f"churn, {args.churn:,} connections: growth (to {after / 1e6:.1f} MB)", "bytes each", each, None,
                None, f"<= {CHURN_TARGET}", each <= CHURN_TARGET)]


def storms(harness, server, args, say):
    """The calm 99th percentile in milliseconds, the worst one of the storms, and bytes that the server has grown by
    from the first to the last."""
    watchers, calm_seconds = 20, 3
    # The crowd gives way to the watchers on the core that they share; how quickly it is served is the server's matter.
    with harness.talk("pace", server, connections=watchers, channels=watchers, rate=STORM_RATE) as pace:
        with harness.talk("crowd", server, 10, connections=args.storm, in_flight=256) as crowd:
            pace.tell()
            time.sleep(calm_seconds)
            calm = pace.tell()["p99_ms"]
            worst, first = 0, None
            for number in range(STORMS):
                took = crowd.tell()["seconds"]
                blown = pace.tell()
                say(f"storm {number + 1}, {server.name}: {args.storm:,} again after {took:.2f} s; p99 "
                    f"{blown['p99_ms']:.2f} ms, calm {calm:.2f} ms, max {blown['max_ms']:.1f} ms, "
                    f"{blown['publications']:,} publications")
                worst = max(worst, blown["p99_ms"])
                time.sleep(1)
                if number == 0: first = server.resident()
                pace.tell()
            grown = server.resident() - first
            crowd.finish()
        pace.finish()
    harness.stop(server)
    return calm, worst, grown


def storm(harness, args, say):
    """All connections of a crowd drop and come again at once, while others publish and read at a steady rate. Then the
    same with the kernel's limit: what of the wait is the machine's."""
    calm, worst, grown = storms(harness, harness.start_plexus(), args, say)
    limit_calm, limit_worst, _ = storms(harness, harness.start_limit(), args, say)
    bound = max(5 * calm, STORM_P99)
    return [
        row(f"storm, {args.storm:,} again at once: p99 of others (calm {calm:.2f}, the limit's {limit_calm:.2f})", "ms",
            worst, limit_worst, worst / limit_worst, f"<= {bound:.0f}", worst <= bound),
        row(f"storm, growth from the first to number {STORMS}", "bytes each", grown / args.storm, None, None,
            f"<= {STORM_GROWTH}", grown / args.storm <= STORM_GROWTH),
    ]


PHASES = {"fanout": fanout, "memory": memory, "connect": connect, "churn": churn, "storm": storm, "watching": watching}
