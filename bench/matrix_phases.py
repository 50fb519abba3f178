"""The rest of the matrix: sizes, many channels, rooms, the API, recovery, latency, presence. See phases.py for the form."""

import itertools
import time
from contextlib import contextmanager
from statistics import median, median_low

from harness import API_KEY, Failed
from phases import beside_limit, beside_row, row, start_pair

SIZES_SUBSCRIBERS, SIZES_OUTSTANDING = (1, 10, 100, 1000, 10_000), (1, 8, 64)
SIZES_DATA = (64, 1024, 16_384)  # bytes
MOST_WAITING = 2e9  # bytes of frames under way at a time, which kernel and servers have to hold
MIXED_TARGET = 0.85
LATENCY_FRAME = 192  # bytes, as the node's for these channels
LATENCY_LOAD = 0.3  # of what was reached
LATENCY_TARGETS = {"p50_ms": 0.1, "p99_ms": 1.0}
API_TARGETS = {1: 40_000, 100: 200_000}  # publications a second of CPU, by how many a request carries
PAGE = 1000  # publications
BACKPLANES = ("", " through Redis")
RECOVERED = {100: 2, 1000: None}  # publications that each client missed, and the seconds that all may take


def sizes(harness, args, say):
    """Each number of subscribers with each number of publications under way and each size, beside the kernel's limit
    with frames of that size. Runs of a fifth of --seconds: the whole is to take minutes."""
    def start():  # 64 publications of 16 kB are more than a client may have waiting by default
        return harness.start_plexus(client={"max_queue_size": 4 << 20})

    rows = []
    for data in SIZES_DATA:
        plexus, limit, frame = servers = start_pair(harness, "fanout", start, connections=1, data=data)
        for subscribers, outstanding in itertools.product(SIZES_SUBSCRIBERS, SIZES_OUTSTANDING):
            subscribers = min(subscribers, args.connections)
            what = f"fan-out to {subscribers:,}, {data:,} bytes, {outstanding} outstanding"
            waiting = subscribers * outstanding * frame
            if waiting > MOST_WAITING:
                why = f"not run: {waiting / 1e9:.1f} GB would be under way"
                say(f"{what}: {why}")
                rows.append(row(f"{what} ({why})", "deliveries/s", None))
                continue
            rates = beside_limit(harness, say, what, "fanout", servers, min(args.pairs, 3), connections=subscribers,
                                 data=data, outstanding=outstanding, seconds=args.seconds / 5)
            rows.append(beside_row(f"{what} ({rates.plexus * frame / 1e6:,.0f} MB/s)", rates))
        for server in (plexus, limit): harness.stop(server)
    return rows


def mixed(harness, args, say):
    """One publisher to 1,000 channels in turn, of 1 to 50 subscribers each, 10,000 in all: run_mixed in load/phases.hpp
    has the sizes. Beside the limit, which sends to the subscribers of the channel too."""
    channels = min(1000, (args.connections // 200) * 20)
    if not channels: raise Failed("--connections must be 200 at least")
    options = {"connections": 10 * channels, "channels": channels, "data": 64, "outstanding": 64}
    servers = start_pair(harness, "mixed", **options)
    rates = beside_limit(harness, say, "mixed", "mixed", servers, args.pairs, seconds=args.seconds, **options)
    for server in servers[:2]: harness.stop(server)
    return [beside_row(f"fan-out to {10 * channels:,} in {channels:,} channels, mixed, 64 outstanding "
                       f"({servers[2]}-byte frames)", rates, MIXED_TARGET)]


def channels(harness, args, say):
    """Many channels: one publisher to all in turn, a room of 20 in which everybody speaks, one speaker each."""
    rows = []
    most = args.connections
    cases = [("1,000 channels of 1, one publisher", {"connections": 1000, "channels": 1000, "outstanding": 64}),
             ("1,000 channels of 10, one publisher", {"connections": min(10_000, most), "channels": min(1000, most // 10),
                                                      "outstanding": 64}),
             (f"{most // 20:,} rooms of 20, everyone speaks", {"connections": most // 20 * 20, "channels": most // 20, "publishers": 0,
                                               "outstanding": 256}),
             ("1,000 clients publish, 10 channels without readers but one", {"connections": 10, "channels": 10,
                                                                               "publishers": 1000, "outstanding": 1000})]
    for name, options in cases:
        server = harness.start_plexus()
        runs = []
        for _ in range(min(args.pairs, 3)):
            result = harness.load("spread", server, seconds=args.seconds, **options)
            cpu = result["cpu"][0]
            runs.append((result["deliveries_per_second"] / cpu, result["publications_per_second"] / cpu,
                         result["deliveries_per_second"], result["latency"][0]["p99_ms"]))
        harness.stop(server)
        best = median_low(runs)
        say(f"{name}: {best[2]:,.0f} deliveries a second; for each second of the node's CPU {best[0]:,.0f}, "
            f"publications {best[1]:,.0f}; p99 {best[3]:.1f} ms")
        rows += [row(name, "deliveries per CPU second", best[0]), row("  publications", "per CPU second", best[1])]
    return rows


def latency(harness, args, say):
    """At fixed rates, counted from when a publication was due: waiting for a slow server counts. The kernel's limit has
    the same rates in turn with the node: what of the wait is the machine's."""
    options = {"connections": args.subscribers, "channels": args.subscribers}
    plexus, limit = harness.start_plexus(), harness.start_limit(LATENCY_FRAME)
    full = harness.load("spread", plexus, seconds=args.seconds, outstanding=64, **options)
    # What the node can do alone, whatever else the machine does: from its CPU time.
    most = full["publications_per_second"] / max(full["cpu"][0], 0.01)
    rows = []
    for part in (0.1, LATENCY_LOAD, 0.6):
        runs = {plexus: [], limit: []}
        for _ in range(min(args.pairs, 3)):
            for server, so_far in runs.items():
                result = harness.load("spread", server, seconds=2 * args.seconds, rate=int(part * most), **options)
                so_far.append(result["latency"][0])
        middle, floor = ({name: median(run[name] for run in so_far) for name in so_far[0] if name.endswith("_ms")}
                         for so_far in runs.values())
        for server, figures in ((plexus, middle), (limit, floor)):
            say(f"latency at {part:.0%} load ({part * most:,.0f} a second), {server.name}: " +
                ", ".join(f"{name[:-3]} {value:.2f} ms" for name, value in figures.items()))
        for name, target in LATENCY_TARGETS.items():
            wanted = target if part == LATENCY_LOAD else None
            rows.append(row(f"latency at {part:.0%} load: {name[:3]}", "ms", middle[name], floor[name],
                            middle[name] / floor[name], f"<= {target}" if wanted else None,
                            middle[name] <= target if wanted else None))
    for server in runs: harness.stop(server)
    return rows


def api(harness, args, say):
    """Publications over the HTTP API on connections that stay, one a request and many."""
    rows = []
    for kind, history in (("", {}), (", with history", {"history_size": 100, "history_ttl": "5m"})):
        server = harness.start_plexus(**history)
        for batch, target in API_TARGETS.items():
            runs = []
            for _ in range(min(args.pairs, 3)):
                result = harness.load("api", server, connections=32, batch=batch, channels=100, key=API_KEY,
                                      seconds=args.seconds)
                runs.append((result["publications_per_second"] / result["server_cpu"], result["publications_per_second"]))
            best = median_low(runs)
            say(f"API, {batch} a request{kind}: {best[1]:,.0f} publications a second, {best[0]:,.0f} for each second of "
                "the node's CPU")
            wanted = target if not kind else None
            rows.append(row(f"API, {batch} a request{kind}", "per CPU second", best[0], None, None,
                            f">= {target:,}" if wanted else None, best[0] >= target if wanted else None))
        harness.stop(server)
    return rows


@contextmanager
def own_redis(harness, wanted):
    """A Redis that nobody else has, or None."""
    redis = harness.start_redis() if wanted else None
    yield redis
    if redis: harness.stop(redis)


def recovery(harness, args, say):
    """A crowd that drops, misses publications, and comes again at once, each recovering all; others go on meanwhile."""
    rows = []
    for where in BACKPLANES:
        for missed, target in RECOVERED.items():
            with own_redis(harness, where) as redis:
                rows += recover(harness, args, say, missed, None if redis else target, where, redis)
    return rows


def recover(harness, args, say, missed, target, where, redis):
    watchers, crowd_size = 20, min(args.recovering, args.connections)
    server = harness.start_plexus(redis=redis, history_size=10 * missed, history_ttl="5m")
    runs = []
    with harness.talk("pace", server, connections=watchers, channels=watchers, rate=5000) as pace:
        with harness.talk("crowd", server, 10, connections=crowd_size, in_flight=256, missed=missed) as crowd:
            pace.tell()
            time.sleep(2)
            calm = pace.tell()["p99_ms"]
            for number in range(2):
                took = crowd.tell()
                blown = pace.tell()["p99_ms"]
                say(f"recovery{where} {number + 1}: {crowd_size:,} with {missed} missed each: {took['seconds']:.2f} s, "
                    f"{took['server_cpu_seconds']:.2f} s of the node's CPU; others' p99 {blown:.2f} ms, calm {calm:.2f}")
                runs.append((took["seconds"], took["server_cpu_seconds"], blown))
            crowd.finish()
        pace.finish()
    harness.stop(server)
    longest, cpu, worst = (max(values) for values in zip(*runs))
    bound = max(5 * calm, 20)
    return [row(f"recovery{where}, {crowd_size:,} clients, {missed:,} missed each", "s", longest, None, None,
                f"<= {target}" if target else None, longest <= target if target else None),
            row("  of the node's CPU", "s", cpu),
            row(f"  p99 of others (calm {calm:.2f})", "ms", worst, None, None, f"<= {bound:.0f}" if target else None,
                worst <= bound if target else None)]


def history(harness, args, say):
    """Everybody asks for a page with all that a channel has, at the same moment."""
    readers = min(args.recovering, args.connections)
    rows = []
    for where in BACKPLANES:
        with own_redis(harness, where) as redis:
            server = harness.start_plexus(redis=redis, history_size=PAGE, history_ttl="5m")
            with harness.talk("history", server, connections=readers, missed=PAGE) as clients:
                runs = [clients.tell() for _ in range(3)]
                clients.finish()
            harness.stop(server)
        took = median_low((each["seconds"], each["server_cpu_seconds"]) for each in runs)
        say(f"history{where}: {readers:,} pages of {PAGE:,}: {took[0]:.2f} s, {took[1]:.2f} s of the node's CPU")
        rows += [row(f"history{where}, {readers:,} clients read a page of {PAGE:,} at once", "s", took[0]),
                 row("  of the node's CPU", "s", took[1])]
    return rows


def presence(harness, args, say):
    """Members that come, in process: each connect enters a channel of ten."""
    connections = args.connections // 10 * 10
    server = harness.start_plexus(presence=True)
    with harness.hold(server, 1000, 100): pass
    time.sleep(1)
    before = server.cpu_seconds()
    with harness.hold(server, connections, connections // 10) as held:
        each = connections / (server.cpu_seconds() - before)
        held.finish()
    harness.stop(server)
    say(f"presence: {each:,.0f} members a second of the node's CPU")
    return [row(f"presence, {connections:,} members in channels of 10", "connects per CPU second", each)]


def peers(harness, args, say):
    """The fan-out of other servers, beside the node in the same run."""
    plexus = harness.start_plexus()
    frame = harness.load("fanout", plexus, connections=args.subscribers, data=64, seconds=0.5)["frame_bytes"]
    found = [harness.start_peer(name, frame) for name in ("ws", "socket.io") if harness.has_peer(name)]
    ours = list(found)  # frames of the node's size; those from outside have their own
    found += [harness.outside(name, port, pid) for name, port, pid in args.peer]
    if not found:
        say("no peers: bench/peers has no node_modules and there is no --peer")
        harness.stop(plexus)
        return []
    rows = []
    for outstanding in (1, 8, 64):
        for peer in found:
            what = f"fan-out, {outstanding} outstanding, beside {peer.name}"
            same = frame if peer in ours else None
            try:
                rates = beside_limit(harness, say, what, "fanout", (plexus, peer, same), args.pairs,
                                     limit_only={"socket_io": peer.name == "socket.io"}, connections=args.subscribers,
                                     data=64, seconds=args.seconds, outstanding=outstanding)
                rows.append(beside_row(what, rates))
            except Failed as failure:
                harness.failures.append(f"{what}: {failure}")
                rows.append(row(f"{what} (failed)", "deliveries/s", None))
    for each in [plexus, *found]: harness.stop(each)
    return rows


MATRIX_PHASES = {"sizes": sizes, "mixed": mixed, "channels": channels, "latency": latency, "api": api, "recovery": recovery, "history": history,
                 "presence": presence, "peers": peers}
