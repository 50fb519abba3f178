"""Fits the simulator's costs to some of bench/cluster's runs, and checks it on the others. Standard library only.

Which run is for what was decided before it was made (bench/cluster, LOADS and STILL), and stands in the record. From a run the
model is told what was asked for: servers, partitions, nodes, publications a second; never how long anything took.
"""

import json
import math
from pathlib import Path
from statistics import median

import scale_model as model

CPU_WITHIN, BATCH_WITHIN = 0.35, 0.35  # of what was measured: a held-out run that is further off fails
LEAST_HELD_OUT = 8  # that reached their rate; with fewer a check says nothing
# What is searched for, with where it begins; microseconds.
SEARCHED = {"redis_publication": 9.0, "redis_call": 30.0, "redis_turn": 30.0, "redis_read": 20.0, "loopback_rtt": 150.0,
            "load_tick": 160.0}
# An inbox's entry and what is in it, of a publication: the scripts side by side on a quiet core, batches of 1 and 64.
INBOX, HANDED_ON = 0.36, 0.11


def read(file):
    """[row with medians of its runs], in the order of the record."""
    same = {}
    for row in json.loads(Path(file).read_text())["rows"]:
        key = (row["kind"], row["use"], row["primaries"], row["partitions"], row["nodes"], row["quiet"], row.get("rate"), row["channels"])
        same.setdefault(key, []).append(row)
    out = []
    for rows in same.values():
        one = dict(rows[0], runs=len(rows))
        if one["kind"] == "sweep":
            # The second sweep writes what the first one needn't: both, or the cost is not that of a minute on the mean.
            whole = [row for row in rows if len(row["sweeps"]) >= 2]
            one["missed"] = not whole
            # Every channel of every node, each time.
            one["registrations"] = one["nodes"] * one["channels"]
            for name in ("redis_us", "client_us", "calls"):
                if whole: one[name] = median(sum(s[name] for s in row["sweeps"][:2]) / 2 for row in whole)
        elif one["kind"] == "idle":
            one |= {"missed": False, "idle_us": median(row["idle_us"] for row in rows)}
            one["client_idle_us"] = median(row["client_cpu_seconds"] / row["seconds"] / row["nodes"] / row["partitions"] * 1e6 for row in rows)
        else:
            one["missed"] = 2 * sum(row["missed"] for row in rows) >= len(rows)
            for name in ("redis_us", "batch", "per_second", "commands_each", "xadds_each"): one[name] = median(row[name] for row in rows)
            one["client_us"] = median(row["client_cpu_seconds"] / row["published"] * 1e6 for row in rows)
            one["low"], one["high"] = min(row["redis_us"] for row in rows), max(row["redis_us"] for row in rows)
        out.append(one)
    return out


def channels_in(row):
    counts = [0] * row["partitions"]
    for i in range(row["channels"]): counts[model.fnv(f"bench:{i}") % row["partitions"]] += 1
    return counts


HASHED = {}


def predicted(row):
    """(us of Redis, batch) of a publication; for still channels (us, calls) of a sweep; of nodes that stand there (us, None)."""
    parts, servers = row["partitions"], max(row["primaries"], 1)
    if row["kind"] == "idle": return servers * model.cost("redis_alone") + parts * row["nodes"] * model.cost("redis_idle"), None
    key = (parts, servers, row["channels"])
    if key not in HASHED: HASHED[key] = (channels_in(row), model.primaries_of(parts, servers) if servers > 1 else [0] * parts)
    counts, where = HASHED[key]
    if row["kind"] == "sweep":
        calls = row["nodes"] * sum(math.ceil(n / model.SWEPT_AT_ONCE) for n in counts)
        registrations = row["nodes"] * row["channels"]
        return calls * model.cost("redis_registering") + registrations * model.cost("redis_registration"), calls
    cpu = calls = 0.0
    # What was asked for, unless the machine couldn't.
    rate = row["per_second"] if row["missed"] else row["rate"]
    for p in range(servers):
        mine = [(rate * n / row["channels"], row["nodes"] - 1, 64, 0, 0) for n, at in zip(counts, where) if at == p]
        found = model.primary_load(mine, row["nodes"] + row["quiet"], 1, model.cost("loopback_rtt"), 1 / parts, model.cost("load_tick"))
        cpu += found["used"]
        calls += sum(each[0] for each in mine) / found["batch"]
    return cpu / rate * 1e6, rate / calls


def put(name, value):
    model.COSTS[name]["value"] = value


def use_searched(values):
    for name, value in values.items(): put(name, value)
    put("redis_inbox", INBOX * values["redis_publication"])
    put("redis_handed_on", HANDED_ON * values["redis_publication"])


def solved(matrix, right):
    """Gauss: x of matrix * x = right."""
    rows = [[*row, value] for row, value in zip(matrix, right)]
    for i in range(len(rows)):
        top = max(range(i, len(rows)), key=lambda k: abs(rows[k][i]))
        rows[i], rows[top] = rows[top], rows[i]
        for k in range(len(rows)):
            if k == i: continue
            factor = rows[k][i] / rows[i][i]
            rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i])]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def least(off, x):
    """The x nearby with the least sum of squares of off(x): Levenberg and Marquardt."""
    damping, now = 0.1, off(x)
    for _ in range(60):
        slopes = []
        for i in range(len(x)):
            moved = off([v + 0.01 * (k == i) for k, v in enumerate(x)])
            slopes.append([(b - a) / 0.01 for a, b in zip(now, moved)])
        square = [[sum(a * b for a, b in zip(p, q)) for q in slopes] for p in slopes]
        down = [-sum(a * b for a, b in zip(p, now)) for p in slopes]
        for i in range(len(x)): square[i][i] *= 1 + damping
        step = [max(-0.5, min(0.5, each)) for each in solved(square, down)]
        trial = [a + b for a, b in zip(x, step)]
        then = off(trial)
        gain = sum(v * v for v in now) - sum(v * v for v in then)
        if gain > 0:
            x, now, damping = trial, then, damping / 3
            if gain < 1e-7: break
        else:
            damping *= 4
            if damping > 1e6: break
    return x


def fit(rows):
    """Sets the costs. Returns [their names]. A run that missed its rate says more of the machine than of Redis: left out."""
    told = [row for row in rows if row["use"] == "fit" and not row["missed"]]
    idle = [row for row in told if row["kind"] == "idle"]
    still = [row for row in told if row["kind"] == "sweep"]
    load = [row for row in told if row["kind"] == "publications"]
    if len(idle) < 2 or len(still) < 2 or len(load) < 4:
        raise ValueError("too few runs to fit to that reached their rate: bench/cluster --record, on a quieter machine")
    less, more = sorted(idle, key=lambda row: row["nodes"] * row["partitions"])[:: len(idle) - 1]
    pairs = [row["nodes"] * row["partitions"] for row in (less, more)]
    each = max((more["idle_us"] - less["idle_us"]) / (pairs[1] - pairs[0]), 0.0)
    put("redis_idle", each)
    put("redis_alone", max(less["idle_us"] - pairs[0] * each, 0.0))
    put("node_idle", median(row["client_idle_us"] for row in idle))
    # Two unknowns, a call and what is in it; the two kinds of runs differ in how much a call carries.
    few, many = sorted(still, key=lambda row: row["registrations"] / row["calls"])[:: len(still) - 1]
    for field, call, each in (("redis_us", "redis_registering", "redis_registration"), ("client_us", None, "node_registration")):
        det = few["calls"] * many["registrations"] - many["calls"] * few["registrations"]
        a = (few[field] * many["registrations"] - many[field] * few["registrations"]) / det
        b = (few["calls"] * many[field] - many["calls"] * few[field]) / det
        # A node's calls carry one or two registrations, so each pays for one of its own.
        if call: put(call, max(a, 0.0)), put(each, max(b, 0.0))
        else: put(each, max(a, 0.0) + max(b, 0.0))

    def off(logs):
        use_searched({name: math.exp(x) for name, x in zip(SEARCHED, logs)})
        out = []
        for row in load:
            us, batch = predicted(row)
            out += [math.log(us / row["redis_us"]), math.log(batch / row["batch"])]
        # What the runs say nothing of stays near where it began.
        return out + [0.03 * (x - math.log(start)) for x, start in zip(logs, SEARCHED.values())]

    use_searched({name: math.exp(x) for name, x in zip(SEARCHED, least(off, [math.log(x) for x in SEARCHED.values()]))})
    one = {row["nodes"]: row["client_us"] for row in load if row["primaries"] == 1 and row["rate"] == load[0]["rate"]}
    if 2 in one: put("node_handed_on", max(one[2] - one[1], 0.0))
    return [*SEARCHED, "redis_inbox", "redis_handed_on", "redis_idle", "redis_alone", "redis_registering", "redis_registration", "node_idle",
            "node_registration"] + (["node_handed_on"] if 2 in one else [])


def write(names, file, date):
    """The costs, with the record as the source of those that were fitted."""
    for name in names:
        entry = model.COSTS[name]
        entry["value"] = float(f"{entry['value']:.3g}")
        entry["fitted"] = date
    Path(file).write_text(json.dumps(model.COSTS, indent=1) + "\n")


def judged(rows):
    """[(row, model's us, model's batch, why it fails or '')]"""
    out = []
    for row in rows:
        if row["missed"] and row["kind"] == "sweep":
            out.append((row, 0.0, None, ""))
            continue
        us, batch = predicted(row)
        why = []
        if row["use"] == "check" and not row["missed"]:
            measured, held = seen(row)
            if abs(us / measured - 1) > CPU_WITHIN: why.append("CPU")
            if batch and abs(batch / held - 1) > BATCH_WITHIN: why.append("calls" if row["kind"] == "sweep" else "batch")
        out.append((row, us, batch, " and ".join(why)))
    return out


def seen(row):
    """What was measured, as `predicted` has it."""
    if row["kind"] == "idle": return row["idle_us"], None
    return row["redis_us"], row["calls"] if row["kind"] == "sweep" else row["batch"]


def name_of(row):
    what = "one server" if row["primaries"] == 0 else f"Cluster of {row['primaries']}"
    nodes = f"{row['nodes']} node{'s' * (row['nodes'] > 1)}" + (f" and {row['quiet']} quiet" if row["quiet"] else "")
    end = {"idle": "nobody publishes", "sweep": f"{row['channels']:,} still channels"}.get(row["kind"]) or f"{row['rate']:,.0f}/s"
    return f"{what}, {row['partitions']} partition{'s' * (row['partitions'] > 1)}, {nodes}, {end}"


def verdict(found):
    """(how many held-out runs count, how many of them fail, the largest errors of CPU and batch), as shares"""
    held = [each for each in found if each[0]["use"] == "check" and not each[0]["missed"]]
    cpu = [abs(us / seen(row)[0] - 1) for row, us, _, _ in held]
    batch = [abs(b / seen(row)[1] - 1) for row, _, b, _ in held if b]
    return len(held), sum(bool(why) for *_, why in held), max(cpu, default=0), max(batch, default=0)


def check(rows):
    """Prints all runs. 1 if one that the costs weren't fitted to is further off than the bounds, or too few of those are left."""
    found = judged(rows)
    print(f"{'':62}{'us of Redis':>26}{'batch (sweep: calls)':>28}")
    print(f"{'':62}{'measured':>10}{'model':>10}{'off':>6}{'measured':>14}{'model':>8}{'off':>6}")
    for use, title in (("fit", "fitted to"), ("check", "held out")):
        print(title)
        for row, us, batch, why in found:
            if row["use"] != use: continue
            if not us:
                print(f"  {name_of(row):60}no two sweeps were seen: not judged")
                continue
            measured, held = seen(row)
            text = f"  {name_of(row):60}{measured:10,.1f}{us:10,.1f}{us / measured - 1:6.0%}"
            if batch: text += f"{held:14,.1f}{batch:8,.1f}{batch / held - 1:6.0%}"
            if row["missed"]: text += f"   reached {row['per_second']:,.0f}/s only: not judged"
            print(text + (f"   OFF by {why}" if why else ""))
    count, bad, cpu, batch = verdict(found)
    print(f"{count} held out, {bad} of them off; CPU by up to {cpu:.0%} (bound {CPU_WITHIN:.0%}), batch by up to {batch:.0%} "
          f"(bound {BATCH_WITHIN:.0%})")
    if count < LEAST_HELD_OUT:
        print(f"fewer than {LEAST_HELD_OUT} held-out runs reached their rate: this says nothing")
        return 1
    return 1 if bad else 0
