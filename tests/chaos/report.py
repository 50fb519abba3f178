"""A run and its verdict as text."""

SHOWN = 5  # violations of a kind

COLUMNS = ("scenario", 20), ("acked", 7), ("delivered", 10), ("told", 6), ("lost", 6), ("twice", 6), ("order", 6), \
    ("position", 9), ("stale", 7), ("ghost", 7), ("leaves", 7), ("unready", 8), ("back p50", 9), ("p99", 7), ("max", 7), \
    ("paused", 8)
HEAD = "".join(f"{name:<{width}}" if i == 0 else f"{name:>{width}}" for i, (name, width) in enumerate(COLUMNS))


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def line(name, run, v):
    """`told`: deliveries that were lost with the client told; `stale`, `ghost`, `unready`: the longest, in seconds."""
    count = {kind: len(sentences) for kind, sentences in v.violations.items()}
    cells = [
        name, v.counts["published"], v.counts["deliveries"], v.counts["lost and told"], count.get("lost", 0),
        count.get("twice", 0), count.get("order", 0), count.get("position twice", 0), f"{v.stalest:.2f}",
        f"{v.ghost:.1f}", v.counts["leaves due"], f"{v.unready:.2f}",
        *(f"{percentile(v.recovery, part):.2f}" for part in (0.5, 0.99, 1.0)), f"{run.pause:.2f}",
    ]
    return "".join(f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}" for i, (cell, (_, width)) in
                   enumerate(zip(cells, COLUMNS)))


def violations(v):
    for kind, sentences in v.violations.items():
        yield f"    VIOLATION {kind}: {len(sentences)}"
        yield from (f"        {each}" for each in sentences[:SHOWN])
