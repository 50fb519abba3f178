"""What bench/scale says of a plan. Standard library only."""

import argparse

import scale_model as model


def kind(text):
    """room:members=50,each=2,rate=0.05,history=20,presence=1,bytes=200,publisher=member"""
    name, _, rest = text.partition(":")
    out = model.Channels(name)
    for word in filter(None, rest.split(",")):
        key, _, value = word.partition("=")
        if key == "name" or not hasattr(out, key): raise argparse.ArgumentTypeError(f"unknown: {key}")
        setattr(out, key, type(getattr(out, key))(value == "1" if key == "presence" else
                                                  float(value) if isinstance(getattr(out, key), float | int) else value))
    out.members, out.each = float(out.members), float(out.each)
    return out


def of_size(n, unit):
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= size: return f"{n / size:.1f} {letter}{unit}"
    return f"{n:.0f} {unit}"


def parts(work):
    return ", ".join(f"{k} {v / 1e6:.2f}" for k, v in sorted(work.items(), key=lambda x: -x[1])[:4])


def report(plan, found, room):
    """Lines of at most 140 characters."""
    busiest = found["busiest"]
    cores = plan.nodes * plan.cores + plan.primaries * 2
    memory = found["node_memory"] * plan.nodes + found["redis_memory"] * 2
    more = f"publishing may grow {room:.1f}-fold until it is {plan.full:.0%} full" if room > 1 else f"TOO MUCH: over {plan.full:.0%}"
    return [
        f"{plan.connections:,} connections on {plan.nodes} nodes of {plan.cores} cores; {plan.primaries} primaries, "
        f"{plan.partitions} partitions",
        f"  {found['channels']:,} channels, {found['rate']:,.0f} publications/s, each to {found['others']:.2f} other nodes, "
        f"{found['deliveries']:,.0f} deliveries/s",
        f"  {found['swept']:,.0f} registrations/s by the sweep",
        f"  a node: {plan.connections / plan.nodes:,.0f} connections, {sum(found['node_work'].values()) / 1e6:.2f} of {plan.cores} cores "
        f"({parts(found['node_work'])}),",
        f"    {of_size(found['node_memory'], 'B')}, {of_size(found['node_out_bits'], 'bit/s')} out",
        f"  the busiest primary: {busiest['partitions']} partitions, {busiest['used']:.2f} of a core ({parts(busiest['work'])}),",
        f"    batches of {busiest['batch']:.1f}, an append in {busiest['latency'] / 1000:.1f} ms, {of_size(busiest['memory'], 'B')}, "
        f"{busiest['connections']:,} connections",
        "  how full: " + ", ".join(f"{k} {v:.0%}" for k, v in sorted(found["limits"].items(), key=lambda x: -x[1])),
        f"  full first: {found['bottleneck']}; {more}",
        f"  in all: {cores} cores and {of_size(memory * 1.5, 'B')} of memory (a replica for each primary, half again for peaks)",
    ]


def table(option, plans):
    """A line for each (value, plan)."""
    out = [f"{option:>10}  node CPU  primary CPU  of it sweep  batch  us each  append ms  connections  may grow  full first"]
    for value, plan in plans:
        found = model.evaluate(plan)
        b, limits = found["busiest"], found["limits"]
        us = sum(e["used"] for e in found["primaries"]) / max(found["rate"], 1) * 1e6
        out.append(f"{value:>10}  {limits[model.NODE_CPU]:8.0%}  {b['used']:11.0%}  {b['work']['sweep'] / 1e6:11.0%}  {b['batch']:5.1f}  "
                   f"{us:7.1f}  {b['latency'] / 1000:9.1f}  {b['connections']:11,}  {model.headroom(plan):8.1f}  {found['bottleneck']}")
    return out
