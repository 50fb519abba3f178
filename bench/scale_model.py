"""What a population of connections and channels asks of nodes and Redis primaries.

Real: which partition and primary a channel's name falls to (the engine's own hashing), and on how many nodes its members
are (each member is put on a node). Modelled: what that costs, from the measured figures in scale_costs.json. Times are
microseconds of one core unless they say otherwise.
"""

import binascii
import functools
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

SLOTS = 16_384
NODE_CPU = "a node's CPU"
SAMPLE = 30_000  # channels of a class that are really hashed and occupied
COSTS = json.loads((Path(__file__).parent / "scale_costs.json").read_text())


def cost(name):
    return COSTS[name]["value"]


# -- the engine's hashing (backplane/redis/slots.cpp, redis_backplane.cpp)

def fnv(name):
    h = 14695981039346656037
    for byte in name.encode(): h = ((h ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return h


def crc16(data):
    return binascii.crc_hqx(data.encode(), 0)  # CRC-16/XMODEM


def tag(index, partitions):
    plain = f"p{index}"
    if partitions > 1024: return plain
    first, k = crc16("p0") % SLOTS, 0
    while True:
        name = plain if k == 0 else f"{plain}.{k}"
        if (crc16(name) % SLOTS - first) % SLOTS * partitions // SLOTS == index: return name
        k += 1


@functools.cache
def primaries_of(partitions, primaries):
    """The primary of each partition, slots in equal ranges as redis-cli makes them."""
    return [crc16(tag(i, partitions)) % SLOTS * primaries // SLOTS for i in range(partitions)]


# -- what is asked for

@dataclass
class Channels:
    """One kind of channels: `members` connections in each, each connection in `each` of them."""
    name: str
    members: float = 1
    each: float = 1
    rate: float = 0.0        # publications a second in each channel
    bytes: int = 200         # of one publication's data
    history: int = 0         # publications kept
    presence: bool = False
    publisher: str = "api"   # "member": one of the channel's own connections; "api": a back end, any node

    def count(self, connections):
        return max(1, round(connections * self.each / self.members))


@dataclass
class Plan:
    connections: int
    nodes: int
    cores: int               # of a node
    primaries: int
    partitions: int
    channels: list
    session: float = 1800    # seconds that a connection lasts
    rtt: float = 300         # microseconds between a node and Redis
    full: float = 0.7        # what counts as full: leaves room for peaks and failures


# -- occupancy

SPREAD = {}


def spread(plan, kind, rng):
    key = (plan.connections, plan.nodes, plan.partitions, kind.name, kind.members, kind.each, kind.publisher)
    if key not in SPREAD: SPREAD[key] = _spread(plan, kind, rng)
    return SPREAD[key]


def _spread(plan, kind, rng):
    """Samples channels: for each its partition, how many nodes have members, how many of them others than the publisher's."""
    count = kind.count(plan.connections)
    taken = min(count, SAMPLE, max(200, int(2e6 / kind.members)))
    members = max(1, round(kind.members))
    parts, occupied, others, ends = [0.0] * plan.partitions, 0.0, 0.0, 0.0
    for i in range(taken):
        name = f"{kind.name}:{i if taken == count else rng.randrange(count)}"
        parts[fnv(name) % plan.partitions] += count / taken
        if members >= 20 * plan.nodes:
            nodes = set(range(plan.nodes))
        else:
            nodes = {rng.randrange(plan.nodes) for _ in range(members)}
        home = rng.choice(tuple(nodes)) if kind.publisher == "member" else rng.randrange(plan.nodes)
        occupied += len(nodes)
        others += len(nodes) - (home in nodes)
        # Of so many sessions that end those that were the only ones there: nobody else of the channel is on that node.
        ends += members * (1 - 1 / plan.nodes) ** (members - 1)
    return {"count": count, "parts": parts, "nodes": occupied / taken, "others": others / taken, "ends": ends / taken}


# -- one primary

SWEEP_STEP = 1     # seconds: what is due within it is registered together (tuning.hpp, sweep_step)
SWEEP = 60         # seconds: every channel of a node is registered again so often (tuning.hpp)
SWEPT_AT_ONCE = 64  # registrations in a call: half a batch (batcher.hpp, partition.cpp)
MOST = 128         # steps in a call
DISTANCE, WORTH_IT, ENOUGH = 250, 3, 48  # batch_pace.hpp


def chances(mean, share):
    """Of 0, 1 and 2 arrivals. `share` 0: they come by chance; else it is the chance of each of mean / share to be ours."""
    if not share: return [math.exp(-mean), mean * math.exp(-mean), mean**2 / 2 * math.exp(-mean)]
    n, out = mean / share, [0.0, 0.0, 0.0]
    for whole, weight in ((math.floor(n), 1 - n % 1), (math.floor(n) + 1, n % 1)):
        for k in range(min(whole, 2) + 1):
            out[k] += weight * math.comb(whole, k) * share**k * (1 - share)**(whole - k)
    return out


def batch_after(rate, time, share=0.0, tick=0.0):
    """Of a call that begins `time` after the last one: the mean of what it carries, and the chance that it is worth a distance.
    Whatever came meanwhile; if nothing did, the first that comes. `tick`: arrivals come in bunches so far apart."""
    first = [0.0, 1.0, 0.0]
    if tick: first = chances(rate * tick, share)
    # What comes alone is at least one.
    some = max(1 - first[0], 1e-9)
    alone, alone_worth = (rate * tick / some, 1 - (first[1] + first[2]) / some) if tick else (1.0, 0.0)
    mean = worth = 0.0
    ticks = time / tick if tick else 0
    for length, weight in ((math.floor(ticks) * tick, 1 - ticks % 1), (math.floor(ticks + 1) * tick, ticks % 1)) if tick else ((time, 1),):
        none, one, two = chances(rate * length, share)
        mean += weight * (rate * length + none * alone)
        worth += weight * (1 - none - one - two + none * alone_worth)
    return min(mean, MOST), max(worth, 0.0)


def batch_of(rate, cycle, share=0.0, tick=0.0):
    """Mean of what a call carries, where one takes `cycle`; the next one keeps its distance from one of three and more."""
    soon, to_far = batch_after(rate, cycle, share, tick)
    far, stays_far = batch_after(rate, max(cycle, min(DISTANCE, ENOUGH / rate)), share, tick)
    # How many of all calls come after one that was worth the distance.
    often = to_far / max(1 + to_far - stays_far, 1e-9)
    return (1 - often) * soon + often * far


def sweep_calls(registrations, pairs):
    """Calls a second for so many registrations a second, by `pairs` of nodes and partitions: what is due within a
    step goes together. Channels that are subscribed together stay together and cost less, so this is at most."""
    if registrations <= 0: return 0.0
    due = registrations / pairs * SWEEP_STEP
    return pairs / SWEEP_STEP * (1 - math.exp(-due)) * max(1, math.ceil(due / SWEPT_AT_ONCE))


def alike(partitions):
    """{their mean: how many} of those that publish about as much; what is in a call depends on that."""
    groups = {}
    for each in partitions: groups.setdefault(round(10 * math.log(each[0])) if each[0] > 0 else None, []).append(each)
    return {tuple(sum(values) / len(all_of) for values in zip(*all_of)): len(all_of) for all_of in groups.values()}


def primary_load(partitions, nodes, publishing, rtt, share=0.0, tick=0.0):
    """`partitions`: (publications a second, other nodes each, bytes each, channels swept a second, steps of sessions a second)
    of each. Returns utilization, batch, latency (us) and the parts of the load; utilization 1 and more: it can't be done."""
    same = alike(partitions)
    wait, out = 0.0, {}
    for _ in range(60):
        work = {"calls": 0.0, "publications": 0.0, "inboxes": 0.0, "reads": 0.0, "leases": cost("redis_alone"), "sweep": 0.0, "sessions": 0.0}
        calls = carried = 0.0
        # Redis wakes for a call unless it is awake.
        turn = cost("redis_turn") * max(0, 1 - out.get("used", 0))
        call, later = cost("redis_call") + turn, cost("redis_registering") + turn
        for (rate, others, size, swept, steps), many in same.items():
            work["leases"] += many * nodes * cost("redis_idle")
            service = out.get("service", call + cost("redis_publication"))
            cycle = rtt + wait + service
            work["sweep"] += many * (sweep_calls(swept, nodes) * later + swept * cost("redis_registration"))
            if steps > 0:
                made = steps / batch_of(steps / nodes / 1e6, cycle)
                work["sessions"] += many * (made * later + steps * cost("redis_registration"))
            if rate <= 0: continue
            each = rate / publishing / 1e6  # of one node, a microsecond
            batch = batch_of(each, cycle, share, tick)
            made = rate / batch
            reached = (nodes - 1) * (1 - (1 - min(1, others / max(nodes - 1, 1))) ** batch) if nodes > 1 else 0
            entries = made * reached
            # One read takes what came since the one before was answered: the node has to ask again.
            reads = entries / batch_of(entries / nodes / 1e6, rtt + wait + turn) if entries else 0
            calls += many * made
            carried += many * rate
            work["calls"] += many * made * call
            work["publications"] += many * rate * (cost("redis_publication") + size * cost("redis_byte"))
            work["inboxes"] += many * (entries * cost("redis_inbox") +
                                       rate * others * (cost("redis_handed_on") + size * cost("redis_byte")))
            # The nodes that one call reached ask together, so they cost Redis one turn, also where it is awake.
            work["reads"] += many * (reads * cost("redis_read") +
                                     min(reads, made * min(reached, 1)) * cost("redis_turn"))
        used = sum(work.values()) / 1e6
        service = (work["calls"] + work["publications"] + work["inboxes"]) / calls if calls else 0
        # Each node has one call of a partition under way, which doesn't wait for itself.
        pairs = max(publishing * sum(many for each, many in same.items() if each[0] > 0), 1)
        held = min(used * (pairs - 1) / pairs, 0.98)
        next_wait = held / (1 - held) * max(service, cost("redis_call"))
        out = {"used": used, "batch": carried / calls if calls else 0, "service": service, "work": work,
               "latency": rtt + wait + service}
        if abs(next_wait - wait) < 0.5: break
        wait += (next_wait - wait) * 0.3
    return out


# -- the whole

def evaluate(plan, seed=1):
    rng = random.Random(seed)
    where = primaries_of(plan.partitions, plan.primaries)
    # Of each partition: publications, those times other nodes and times bytes, channels swept, steps of sessions; a second.
    load = [[0.0] * 5 for _ in range(plan.partitions)]
    n = plan.nodes
    node = {"deliveries": 0.0, "publications": 0.0, "inbox": 0.0, "subscriptions": 0.0}
    node_memory = plan.connections / n * cost("node_connection_bytes")
    redis_memory = plan.partitions * n * cost("redis_inbox_bytes")
    out_bytes, channels, rate_all, others_all, swept = 0.0, 0, 0.0, 0.0, 0.0
    for kind in plan.channels:
        s = spread(plan, kind, rng)
        channels += s["count"]
        rate = s["count"] * kind.rate
        rate_all += rate
        others_all += rate * s["others"]
        for i, share in enumerate(s["parts"]):
            load[i][0] += share * kind.rate
            load[i][1] += share * kind.rate * s["others"]
            load[i][2] += share * kind.rate * kind.bytes
            load[i][3] += share * s["nodes"] / SWEEP
            # A registration where the first member on a node comes, an end where the last goes; so with members.
            load[i][4] += share * (s["ends"] + (kind.members if kind.presence else 0)) / plan.session * 2
        swept += s["count"] * s["nodes"] / SWEEP
        deliveries = rate * kind.members
        node["deliveries"] += deliveries / n
        node["publications"] += rate / n
        node["inbox"] += rate * s["others"] / n
        node["subscriptions"] += plan.connections * kind.each / plan.session / n
        out_bytes += deliveries * (kind.bytes + cost("frame_bytes")) / n
        node_memory += s["count"] * s["nodes"] / n * cost("node_channel_bytes")
        node_memory += plan.connections * kind.each / n * cost("node_subscription_bytes")
        redis_memory += s["count"] * (cost("redis_channel_bytes") + s["nodes"] * cost("redis_occupancy_bytes"))
        redis_memory += s["count"] * kind.history * (kind.bytes + cost("redis_entry_bytes"))
        if kind.presence:
            redis_memory += s["count"] * kind.members * cost("redis_member_bytes")
            node_memory += s["count"] * s["nodes"] / n * kind.members * cost("node_member_bytes")
    primaries = []
    for p in range(plan.primaries):
        mine = [(r, o / r if r else 0, b / r if r else 0, s, e) for (r, o, b, s, e), at in zip(load, where) if at == p]
        made = primary_load(mine, n, n, plan.rtt)
        made["partitions"] = len(mine)
        made["connections"] = n * (1 + len(mine))
        made["memory"] = redis_memory * len(mine) / plan.partitions
        primaries.append(made)
    node_work = {
        "deliveries": node["deliveries"] * cost("node_delivery"),
        "publications": node["publications"] * cost("node_publication"),
        "inboxes": node["inbox"] * cost("node_handed_on"),
        "pings": plan.connections / n / cost("ping_interval") * cost("node_ping"),
        "connects": plan.connections / n / plan.session * cost("node_connect"),
        "subscriptions": node["subscriptions"] * cost("node_subscription"),
        "leases": plan.partitions * cost("node_idle"),
        "sweep": swept / n * cost("node_registration"),
    }
    busiest = max(primaries, key=lambda each: each["used"])
    limits = {
        NODE_CPU: sum(node_work.values()) / 1e6 / plan.cores,
        "the busiest primary's CPU": busiest["used"],
        "a primary's connections": max(each["connections"] for each in primaries) / cost("redis_maxclients"),
        "a node's network": out_bytes * 8 / cost("network_bits"),
    }
    name = max(limits, key=limits.get)
    return {"plan": plan, "channels": channels, "rate": rate_all, "others": others_all / rate_all if rate_all else 0,
            "swept": swept, "deliveries": node["deliveries"] * n, "node_work": node_work, "node_memory": node_memory,
            "node_out_bits": out_bytes * 8, "primaries": primaries, "busiest": busiest, "limits": limits,
            "bottleneck": name, "full": limits[name] >= plan.full, "redis_memory": redis_memory}


def headroom(plan):
    """By how much publishing may grow until something is full; below 1: it already is."""
    low, high = 0.0, 64.0
    kinds = plan.channels
    for _ in range(14):
        middle = (low + high) / 2
        plan.channels = [Channels(**{**kind.__dict__, "rate": kind.rate * middle}) for kind in kinds]
        if evaluate(plan)["full"]:
            high = middle
        else:
            low = middle
    plan.channels = kinds
    return low
