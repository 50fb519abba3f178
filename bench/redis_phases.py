"""The measurements of a cluster: nodes on a Redis of their own. See phases.py for the form."""

import time
from statistics import median, median_low

from phases import row

CHANNELS = 1000  # with one subscriber each, and history
HISTORY = {"history_size": 100, "history_ttl": "5m"}
RATE_TARGET = 75_000  # publications for each second of the server's CPU
COST_RATE = 20_000
COST_TARGETS = {1: 8, 2: 11}  # µs of Redis, by the number of nodes that need each publication
LATENCY_RATE = 5000
LATENCY_TARGETS = {"p50_ms": 0.3, "p99_ms": 1.5}
PRESENCE_CHANNEL = 10  # members
PRESENCE_TARGET = 8000
STILL_TARGET = 2.0  # % of a core
FANOUT_TARGET = 0.9
PEER_TARGET, PEER_REDIS_TARGET = 4, 0.5  # times its publications, and its CPU time of Redis for each


class Cluster:
    """A Redis and nodes: the first on the server's core, what else there is beside the load."""

    def __init__(self, harness, nodes, **channel):
        self.harness = harness
        self.redis = harness.start_redis()
        self.nodes = [harness.start_plexus(redis=self.redis, core=None if i == 0 else harness.other_core, **channel)
                      for i in range(nodes)]

    def spread(self, **options):
        """The load's result; `node_cpu`, `redis_cpu`: parts of a core."""
        if len(self.nodes) > 1: options["ports"] = ",".join(str(each.port) for each in self.nodes)
        options["other_pids"] = ",".join(str(each.pid) for each in [*self.nodes[1:], self.redis])
        result = self.harness.load("spread", self.nodes[0], **options)
        *result["node_cpu"], result["redis_cpu"] = result["cpu"]
        return result

    def stop(self):
        for each in [*self.nodes, self.redis]: self.harness.stop(each)


def micros(part_of_core, a_second):
    return 1e6 * part_of_core / a_second


def redis_rate(harness, args, say):
    """As many publications as one node takes, delivered. Its CPU time counts: Redis and the load share a core."""
    cluster = Cluster(harness, 1, **HISTORY)
    rows = []
    for outstanding in (64, 512):
        runs = []
        for _ in range(min(args.pairs, 3)):
            result = cluster.spread(connections=CHANNELS, channels=CHANNELS, outstanding=outstanding,
                                    seconds=args.seconds)
            rate, cpu = result["deliveries_per_second"], result["node_cpu"][0]
            runs.append((rate / cpu, rate, micros(result["redis_cpu"], rate)))
            say(f"Redis, {outstanding} outstanding: {rate:,.0f} a second delivered, {rate / cpu:,.0f} for each second "
                f"of the node's CPU ({cpu:.2f} of a core), {runs[-1][2]:.1f} us of Redis each, "
                f"p99 {result['latency'][0]['p99_ms']:.1f} ms")
        best = median_low(runs)
        rows += [row(f"Redis: publications with history, {outstanding} outstanding", "per CPU second", best[0], None,
                     None, f">= {RATE_TARGET:,}" if outstanding > 64 else None,
                     best[0] >= RATE_TARGET if outstanding > 64 else None),
                 row("  delivered, by the clock", "a second", best[1]),
                 row("  Redis", "us of CPU each", best[2])]
    cluster.stop()
    return rows


def redis_cost(harness, args, say):
    """What Redis pays for a publication at a fixed rate that one node or two need."""
    rows = []
    for nodes, target in COST_TARGETS.items():
        cluster = Cluster(harness, nodes, **HISTORY)
        costs = []
        for _ in range(min(args.pairs, 3)):
            result = cluster.spread(connections=CHANNELS, channels=CHANNELS, rate=COST_RATE, seconds=args.seconds)
            costs.append(micros(result["redis_cpu"], result["publications_per_second"]))
            own = ", ".join(f"{micros(each, result['publications_per_second']):.1f}" for each in result["node_cpu"])
            say(f"Redis at {COST_RATE:,} a second, {nodes} node(s): {result['publications_per_second']:,.0f} done, "
                f"{costs[-1]:.1f} us of Redis each; the nodes {own} us; p99 {result['latency'][0]['p99_ms']:.1f} ms")
        cluster.stop()
        rows.append(row(f"Redis at {COST_RATE:,} a second that {nodes} node{'s need' if nodes > 1 else ' needs'}",
                        "us of CPU each", median(costs), None, None, f"<= {target}", median(costs) <= target))
    return rows


def redis_latency(harness, args, say):
    """From when a publication was due to the subscriber's socket, on the publishing node and on another one."""
    cluster = Cluster(harness, 2, **HISTORY)
    runs = []
    for _ in range(min(args.pairs, 3)):
        result = cluster.spread(connections=CHANNELS, channels=CHANNELS, rate=LATENCY_RATE,
                                seconds=2 * args.seconds)
        runs.append(result["latency"])
        for where, each in zip(("own node", "other node"), result["latency"]):
            say(f"Redis at {LATENCY_RATE:,} a second, {where}: p50 {each['p50_ms']:.2f} ms, p99 {each['p99_ms']:.2f}, "
                f"p99.9 {each['p999_ms']:.2f}, max {each['max_ms']:.1f}")
    cluster.stop()
    rows = []
    for i, where in enumerate(("publishing node", "another node")):
        for name, target in LATENCY_TARGETS.items():
            value = median(run[i][name] for run in runs)
            rows.append(row(f"Redis at {LATENCY_RATE:,} a second: {name[:3]} to a socket of the {where}".replace(
                "the another", "another"), "ms", value, None, None, f"<= {target}", value <= target))
    return rows


def redis_presence(harness, args, say):
    """Members that come up, then stand still: nothing of what keeps them alive may grow with their number."""
    connections = args.connections // PRESENCE_CHANNEL * PRESENCE_CHANNEL
    cluster = Cluster(harness, 1, presence=True)
    node, redis = cluster.nodes[0], cluster.redis
    with harness.hold(node, 1000, 100): pass  # what a first use costs
    time.sleep(2)
    before, redis_before = node.cpu_seconds(), redis.cpu_seconds()
    with harness.hold(node, connections, connections // PRESENCE_CHANNEL) as held:
        time.sleep(1)
        opening, redis_opening = node.cpu_seconds() - before, redis.cpu_seconds() - redis_before
        say(f"Redis, {connections:,} members: {connections / opening:,.0f} connects for each second of the node's CPU, "
            f"{1e6 * redis_opening / connections:.1f} us of Redis each")
        began, before, redis_before = time.monotonic(), node.cpu_seconds(), redis.cpu_seconds()
        time.sleep(args.idle_seconds)
        took = time.monotonic() - began
        still = [100 * spent / took for spent in (node.cpu_seconds() - before, redis.cpu_seconds() - redis_before)]
        held.finish()
    cluster.stop()
    each = connections / opening
    return [row(f"Redis: {connections:,} members in {connections // PRESENCE_CHANNEL:,} channels connect",
                "per CPU second", each, None, None, f">= {PRESENCE_TARGET:,}", each >= PRESENCE_TARGET),
            *(row(f"  standing still for {args.idle_seconds} s: {who}", "% of a core", spent, None, None,
                  f"< {STILL_TARGET:g}", spent < STILL_TARGET) for who, spent in zip(("node", "Redis"), still))]


def redis_fanout(harness, args, say):
    """A second node with subscribers of its own: what it delivers for its CPU time, beside a node that is alone."""
    ratios, rates = [], []
    options = {"connections": args.subscribers, "channels": 1, "outstanding": 64, "seconds": args.seconds}
    alone, both = Cluster(harness, 1, **HISTORY), Cluster(harness, 2, **HISTORY)
    for _ in range(args.pairs):
        one, two = alone.spread(**options), both.spread(**options)
        of_one = one["deliveries_per_second"] / one["node_cpu"][0]
        of_second = two["deliveries_per_second"] / 2 / two["node_cpu"][1]
        ratios.append(of_second / of_one)
        rates.append(of_second)
        say(f"Redis, fan-out to {args.subscribers:,} on each node: the second delivers {of_second:,.0f} for each second "
            f"of its CPU, a node alone {of_one:,.0f}: {ratios[-1]:.2f}")
    alone.stop()
    both.stop()
    ratio = median(ratios)
    return [row("Redis: fan-out of a second node, beside one alone", "per CPU second", median(rates), None, ratio,
                f">= {FANOUT_TARGET} of it", ratio >= FANOUT_TARGET)]


def redis_peer(harness, args, say):
    """Another engine that keeps its history in a Redis of its own, in turn with the node: 64 publications under way."""
    if not args.redis_peer:
        say("no --redis-peer: nothing to compare with")
        return []
    name, port, pid, redis_pid = args.redis_peer
    peer = harness.outside(name, port, pid)
    options = {"connections": CHANNELS, "channels": CHANNELS, "outstanding": 64, "seconds": args.seconds}
    cluster = Cluster(harness, 1, **HISTORY)
    pairs = []
    for number in range(args.pairs):
        run = {}
        for ours in ((True, False) if number % 2 == 0 else (False, True)):
            result = cluster.spread(**options) if ours else harness.load("spread", peer, other_pids=str(redis_pid), **options)
            rate, (server, redis) = result["publications_per_second"], result["cpu"]
            run[ours] = {"rate": rate, "per_cpu": rate / server, "redis": micros(redis, rate)}
            say(f"{'plexus' if ours else name} through Redis: {rate:,.0f} a second, {rate / server:,.0f} for each second of "
                f"the server's CPU, {micros(redis, rate):.1f} us of Redis each")
        pairs.append(run)
    cluster.stop()

    def middle(ours, what): return median(run[ours][what] for run in pairs)

    def ratio(what): return median(run[True][what] / run[False][what] for run in pairs)

    return [row(f"Redis: publications with history beside {name}", "a second", middle(True, "rate"), middle(False, "rate"),
                ratio("rate"), f">= {PEER_TARGET} of it, by CPU time", ratio("per_cpu") >= PEER_TARGET,
                ratio("per_cpu")),
            row("  Redis", "us of CPU each", middle(True, "redis"), middle(False, "redis"), ratio("redis"),
                f"<= {PEER_REDIS_TARGET} of it", ratio("redis") <= PEER_REDIS_TARGET)]


REDIS_PHASES = {"redis_rate": redis_rate, "redis_cost": redis_cost, "redis_latency": redis_latency,
                "redis_presence": redis_presence, "redis_fanout": redis_fanout, "redis_peer": redis_peer}
