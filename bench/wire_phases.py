"""The same work in another form on the wire: Protobuf, TLS. See phases.py for the form."""

import resource
from statistics import median

from harness import make_token
from phases import FANOUT_TARGETS, beside_limit, beside_row, idle, row, start_pair

RESUMED_TARGET = 4000  # connects a second of the server's CPU time
TLS_MEMORY_TARGET = 20_000  # bytes, of which OpenSSL's own SSL is 14 kB


def protobuf(harness, args, say):
    """Fan-out in Protobuf beside the limit with frames of that size; connect and many channels, in turn with JSON."""
    in_protobuf, options = {"protobuf": True}, {"connections": args.subscribers, "data": 64}
    plexus, limit, frame = servers = start_pair(harness, "fanout", plexus_only=in_protobuf, **options)
    rows = []
    for outstanding in FANOUT_TARGETS:
        what = f"fan-out in Protobuf, {outstanding} outstanding"
        run = {**options, "outstanding": outstanding, "seconds": args.seconds}
        rates = beside_limit(harness, say, what, "fanout", servers, args.pairs, plexus_only=in_protobuf, **run)
        rows.append(beside_row(f"{what} ({frame}-byte frames)", rates))
    harness.stop(limit)
    say("Protobuf: connect and 1,000 channels of one, in turn with JSON")
    kinds = {"in Protobuf": in_protobuf, "in JSON": {}}
    cases = {"connect": ("connect, subscribe in one message", "per CPU second",
                         {"connections": args.connects, "at_once": 2000}, lambda one: one["per_cpu_second"]),
             "spread": ("1,000 channels of 1, one publisher", "deliveries per CPU second",
                        {"connections": 1000, "channels": 1000, "outstanding": 64, "seconds": args.seconds},
                        lambda one: one["deliveries_per_second"] / one["cpu"][0])}
    for phase, (name, unit, run, figure) in cases.items():
        rates = {kind: [] for kind in kinds}
        for pair in range(min(args.pairs, 3)):
            for kind in kinds if pair % 2 == 0 else reversed(kinds):
                rates[kind].append(figure(harness.load(phase, plexus, **run, **kinds[kind])))
        rows += [row(f"{name}, {kind}", unit, median(rates[kind])) for kind in kinds]
    harness.stop(plexus)
    return rows


def tls(harness, args, say):
    """TLS 1.3: connect with a token and subscribe, with full handshakes and with sessions that are resumed (the load
    fails if less than 95 % were), in turn; and what an idle connection takes, on a fresh node."""
    tokens = harness.directory / "tokens"
    tokens.write_text("\n".join(make_token(f"user-{i}") for i in range(args.connects)) + "\n")
    plexus = harness.start_plexus(tokens=True, tls=True)
    kinds = {"full handshake": {}, "resumed": {"resume": True}}
    rates = {kind: [] for kind in kinds}
    options = {"at_once": 2000, "tokens": tokens, "tls": True}
    harness.load("connect", plexus, connections=1000, **options)
    for pair in range(min(args.pairs, 3)):
        for kind in kinds if pair % 2 == 0 else reversed(kinds):
            result = harness.load("connect", plexus, connections=args.connects, **options, **kinds[kind])
            rates[kind].append(result["per_cpu_second"])
            say(f"TLS, {kind}: {result['per_cpu_second']:,.0f} connects a CPU second, {result['resumed']:,} of "
                f"{result['connections']:,} resumed")
    harness.stop(plexus)
    rows = []
    for kind, target in {"full handshake": None, "resumed": RESUMED_TARGET}.items():
        rate = median(rates[kind])
        rows.append(row(f"connect, TLS 1.3, {kind}, HS256 token, subscribe", "per CPU second", rate, None, None,
                        f">= {target:,}" if target else None, rate >= target if target else None))
    connections = min(args.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000)
    plexus = harness.start_plexus(tls=True)
    each, _ = idle(harness, plexus, connections, 1, 0, tls=True)
    harness.stop(plexus)
    say(f"TLS, idle memory: {each:,.0f} bytes for each of {connections:,} connections")
    return rows + [row(f"idle memory with TLS, {connections:,} connections in one channel", "bytes each", each, None,
                       None, f"<= {TLS_MEMORY_TARGET:,}", each <= TLS_MEMORY_TARGET)]


WIRE_PHASES = {"protobuf": protobuf, "tls": tls}
