"""The same work in another form on the wire: Protobuf. See phases.py for the form."""

from statistics import median

from phases import FANOUT_TARGETS, beside_limit, row, start_pair


def protobuf(harness, args, say):
    """Fan-out in Protobuf beside the limit with frames of that size; connect and many channels, in turn with JSON."""
    in_protobuf, options = {"protobuf": True}, {"connections": args.subscribers, "data": 64}
    plexus, limit, frame = servers = start_pair(harness, "fanout", plexus_only=in_protobuf, **options)
    rows = []
    for outstanding in FANOUT_TARGETS:
        what = f"fan-out in Protobuf, {outstanding} outstanding"
        run = {**options, "outstanding": outstanding, "seconds": args.seconds}
        rates = beside_limit(harness, say, what, "fanout", servers, args.pairs, plexus_only=in_protobuf, **run)
        rows.append(row(f"{what} ({frame}-byte frames)", "deliveries/s", *rates))
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


WIRE_PHASES = {"protobuf": protobuf}
