"""The parts of docs/scaling.md that are figures: all between two markers is made here, from the model, its costs and the record of
bench/cluster's runs. Standard library only."""

import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import scale_fit
import scale_model as model
from scale_model import cost
from scale_report import kind, of_size, report

ROOT = Path(__file__).resolve().parent.parent
MARKED = re.compile(r"(<!-- made by bench/scale --page: (\w+) -->\n).*?(<!-- end -->)", re.S)
# Worked through with the fewest primaries of these that leave room; partitions at least four for each.
MILLION, MILLION_ON = {"connections": 1e6, "nodes": 20, "cores": 4, "partitions": 48}, (3, 6, 12, 24)
TEN, TEN_ON = {"connections": 1e7, "nodes": 160, "cores": 4, "partitions": 192}, (48, 96, 192)
HABITS = ["user:rate=0.01,history=10", "room:members=50,each=2,rate=0.05,history=50,presence=1,publisher=member"]
LIVE = "live:members={},each=0.1,rate=5,history=20"


def plan(like, viewers, **more):
    more["partitions"] = more.get("partitions") or max(like["partitions"], 4 * more["primaries"])
    values = {**like, **more, "channels": [kind(text) for text in [*HABITS, LIVE.format(viewers)]]}
    return model.Plan(**values | {"connections": int(values["connections"])})


def million(**more):
    return plan(MILLION, 20_000, **more)


def ten(**more):
    return plan(TEN, 200_000, **more)


def with_room(make, candidates):
    """(a plan that isn't full, how many primaries it has); the largest if all are."""
    for n in candidates:
        p = make(primaries=n)
        if not model.evaluate(p)["full"]: break
    return p, n


def fenced(lines, language=""):
    return [f"```{language}", *lines, "```"]


def costs_block(**_):
    return [
        "| who | pays | for |", "|---|---|---|",
        f"| a node | {cost('node_delivery'):.1f} µs | a delivery to one client, nearly all of it the kernel's `send` |",
        f"| | {cost('node_connection_bytes') / 1000:.1f} kB | an idle connection, 4.4 kB of it the kernel's |",
        f"| | {cost('node_registration'):.0f} µs | each channel that it has subscribers of, once a minute |",
        f"| a primary | {cost('redis_publication'):.1f} µs | a publication with history |",
        f"| | {cost('redis_call'):.0f} µs | a call that publishes; whatever waits for a partition shares one |",
        f"| | {cost('redis_turn'):.0f} µs | waking up, for a call that finds it idle |",
        f"| | {cost('redis_inbox') + cost('redis_handed_on') + cost('redis_read'):.0f} µs | another node that has subscribers of the "
        "channel: its inbox, and its read of that |",
        f"| | {cost('redis_registration'):.0f} µs | **a channel of a node, once a minute**: the sweep registers it again |",
        f"| | {cost('redis_registering'):.0f} µs | a call that registers; what is due within a second shares one, up to 64 |",
        f"| | {cost('redis_idle'):.0f} µs a second | each node and partition, idle |",
    ]


def shown(found):
    """Of the busiest primary: (its core, the part that the sweep has of that)."""
    busiest = found["busiest"]
    return f"{busiest['used']:.0%}", f"{busiest['work']['sweep'] / sum(busiest['work'].values()):.0%}"


def rows_of(make, option, values):
    for value in values:
        p = make(**{option: value})
        found = model.evaluate(p)
        used, swept = shown(found)
        more = model.headroom(p)
        grows = f"{more:.1f}-fold" if more >= 1 else "too much"
        yield f"| {option}: {value} | {used} | {swept} | {found['limits'][model.NODE_CPU]:.0%} | {grows} |"


def table_of(make, p, *varied):
    """`p` as it is, and with one thing changed."""
    out = [f"| {p.nodes} nodes, {p.primaries} primaries, {p.partitions} partitions, but | the busiest primary's core | the sweep's part of that | "
           "a node's cores | publishing may grow |", "|---|---|---|---|---|"]
    for option, values in varied:
        out += rows_of(lambda **more: make(**{"primaries": p.primaries, "partitions": p.partitions, **more}), option, values)
    return out


def million_block(**_):
    p, n = with_room(million, MILLION_ON)
    words = [f"bench/scale --connections 1e6 --nodes {p.nodes} --cores {p.cores} --primaries {n} --partitions {p.partitions} \\",
             *(f"  --channels {text} \\" for text in HABITS), f"  --channels {LIVE.format(20000)}"]
    return [*fenced(words, "sh"), *fenced(report(p, model.evaluate(p), model.headroom(p))), "",
            *table_of(million, p, ("primaries", (1, 2, 3, 6, 12)), ("nodes", (5, 10, 40)), ("partitions", (12, 24, 96)))]


def ten_block(**_):
    p, n = with_room(ten, TEN_ON)
    found = model.evaluate(p)
    busiest = found["busiest"]
    return [
        f"{found['rate']:,.0f} publications a second reach {found['others']:.1f} other nodes each, {found['deliveries'] / 1e6:.1f} million "
        f"deliveries a second; the sweep adds",
        f"{found['swept']:,.0f} registrations a second. With {n} primaries the busiest uses {busiest['used']:.0%} of its core, with "
        f"{of_size(busiest['memory'], 'B')} and {busiest['connections']:,}",
        f"connections; a node {sum(found['node_work'].values()) / 1e6:.1f} of its cores, {of_size(found['node_memory'], 'B')} and "
        f"{of_size(found['node_out_bits'], 'bit/s')}; Redis holds {of_size(found['redis_memory'], 'B')} in all.", "",
        *table_of(ten, p, ("primaries", TEN_ON), ("nodes", (p.nodes // 4, p.nodes // 2)), ("partitions", (p.partitions // 2, p.partitions // 4)))]


def compared_block(**_):
    """What scripts/capacity reckons with, beside this."""
    loader = SourceFileLoader("capacity", str(ROOT / "scripts/capacity"))
    capacity = module_from_spec(spec_from_loader("capacity", loader))
    loader.exec_module(capacity)
    ping = cost("node_ping") / cost("ping_interval")
    two = cost("node_publication") + 2 * cost("node_delivery")
    return [
        "| | here | `scripts/capacity` | why |", "|---|---|---|---|",
        f"| an idle client a second | {ping:.1f} µs | {capacity.CPU_IDLE * 1e6:.1f} µs | both from `bench/capacity` (0.8), rounded up there |",
        f"| a connect with its subscribe | {cost('node_connect') + cost('node_subscription'):.0f} µs | {capacity.CPU_CONNECT * 1e6:.0f} µs | "
        "with a token to verify; `bench/capacity` measured 55 without |",
        f"| a publication with two receivers | {two:.0f} µs | {capacity.CPU_PUBLICATION * 1e6:.0f} µs | both from `bench/capacity`: 40 at 800 a "
        "second, 57 at 200, rounded up there |",
        f"| a receiver more | {cost('node_delivery'):.1f} µs | {capacity.CPU_DELIVERY * 1e6:.0f} µs | here one publication at a time "
        "(`bench/run --only fanout`, 1 outstanding); there several at once |",
        f"| an idle client, with the kernel's part | {cost('node_connection_bytes') / 1000:.1f} kB | {capacity.CLIENT_MEMORY / 1000:.1f} kB | here all that the "
        "kernel's slabs grew by (4.4 kB); there what a node reserves in a container, where `bench/capacity` saw the group charged 1.5 kB for that |",
    ]


def checked_block(rows, record):
    found = scale_fit.judged(rows)
    count, bad, cpu, batch = scale_fit.verdict(found)
    where = record["machine"]
    out = []
    if record.get("stand_in"): out += [f"**A stand-in: {record['stand_in']}.**", ""]
    out += [f"Recorded {record['date'][:10]} on {where['cores']} cores ({where['cpu']}), medians of {max(row['runs'] for row in rows)}:", "",
            "| | measured, µs of Redis | model | off | batch (sweep: calls) | model | off |", "|---|---|---|---|---|---|---|"]
    for use, title in (("fit", "fitted to these"), ("check", "**held out**")):
        out.append(f"| {title} | | | | | | |")
        for row, us, held, why in found:
            if row["use"] != use: continue
            if not us:
                out.append(f"| {scale_fit.name_of(row)} | no two sweeps seen | | | | | |")
                continue
            measured, seen = scale_fit.seen(row)
            text = f"| {scale_fit.name_of(row)} | {measured:,.1f} | {us:,.1f} | {us / measured - 1:+.0%} |"
            text += f" {seen:,.1f} | {held:,.1f} | {held / seen - 1:+.0%} |" if held else " | | |"
            if row["missed"]: text = text.replace(" |", f", reached {row['per_second']:,.0f}/s only: not judged |", 1)
            out.append(text if not why else text.replace(" |", f" **off by {why}** |", 1))
    nodes = max(row["nodes"] + row["quiet"] for row in rows)
    return out + ["", f"- {count} runs are held out, {bad} of them further off than the bounds ({scale_fit.CPU_WITHIN:.0%} of the CPU, "
                  f"{scale_fit.BATCH_WITHIN:.0%} of the batch); the worst by {cpu:.0%} and {batch:.0%}.",
                  f"- **The check covers at most {nodes} nodes and {max(row['primaries'] for row in rows)} primaries.** All beyond is "
                  f"extrapolated: {MILLION['nodes']} nodes and {TEN['nodes']}", "  follow from what one more node cost there.", "", *commands(rows)]


def commands(rows):
    """Neither more servers nor nodes that needn't hear of it make a publication dearer."""
    out = ["In commands, which no neighbour disturbs, without those of leases:", "",
           "| | commands of a publication | of them `XADD`: the history's, and one for each call that another node must hear of |", "|---|---|---|"]
    for row in rows:
        if row["kind"] != "publications" or row["rate"] != rows[0]["rate"]: continue
        out.append(f"| {scale_fit.name_of(row)} | {row['commands_each']:.1f} | {row['xadds_each']:.2f} |")
    return out


BLOCKS = {"costs": costs_block, "million": million_block, "ten": ten_block, "compared": compared_block, "checked": checked_block}


def renewed(text, rows, record, only=None):
    """`text` with its marked parts made anew; `only`: of these names."""
    def made(found):
        if only and found[2] not in only: return found[0]
        return found[1] + "\n".join(BLOCKS[found[2]](rows=rows, record=record)) + "\n" + found[3]

    return MARKED.sub(made, text)
