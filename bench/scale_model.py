"""What a population of connections and channels asks of nodes and Redis primaries.

Real: which partition and primary a channel's name falls to (the engine's own hashing), and on how many nodes its members
are (each member is put on a node). Modelled: what that costs, from the measured figures in scale_costs.json. Times are
microseconds of one core unless they say otherwise.
"""

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
    crc = 0
    for byte in data.encode():
        crc ^= byte << 8
        for _ in range(8): crc = ((crc << 1) ^ 0x11021) if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


def tag(index, partitions):
    plain = f"p{index}"
    if partitions > 1024: return plain
    first, k = crc16("p0") % SLOTS, 0
    while True:
        name = plain if k == 0 else f"{plain}.{k}"
        if (crc16(name) % SLOTS - first) % SLOTS * partitions // SLOTS == index: return name
        k += 1


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
    parts, occupied, others = [0.0] * plan.partitions, 0.0, 0.0
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
    return {"count": count, "parts": parts, "nodes": occupied / taken, "others": others / taken}


# -- one primary

def batch_of(rate, cycle):
    """Mean of what a call carries: what came during the last one, or the first that comes."""
    return rate * cycle + math.exp(-rate * cycle)


def primary_load(partitions, nodes, publishing, rtt, measured=False):
    """`partitions`: (publications a second, other nodes each, bytes each) of each. Returns utilization, batch, latency (us)
    and the parts of the load; utilization 1 and more: it can't be done. `measured`: `rtt` is the whole time from asking to
    the answer; publications wait half a cycle on the mean before theirs begins."""
    wait, out = 0.0, {}
    if measured: rtt = rtt * 2 / 3
    for _ in range(60):
        work = {"calls": 0.0, "publications": 0.0, "inboxes": 0.0, "reads": 0.0, "leases": 0.0}
        calls = carried = 0.0
        for rate, others, size in partitions:
            work["leases"] += nodes * cost("redis_idle")
            if rate <= 0: continue
            each = rate / publishing / 1e6  # of one node, a microsecond
            service = out.get("service", cost("redis_call") + cost("redis_publication"))
            batch = min(batch_of(each, rtt if measured else rtt + wait + service), 128)
            made = rate / batch
            reached = (nodes - 1) * (1 - (1 - min(1, others / max(nodes - 1, 1))) ** batch) if nodes > 1 else 0
            entries = made * reached
            per_reader = entries / max(nodes, 1) / 1e6
            reads = entries / batch_of(per_reader, rtt + wait) if entries else 0
            calls += made
            carried += rate
            work["calls"] += made * cost("redis_call")
            work["publications"] += rate * (cost("redis_publication") + size * cost("redis_byte"))
            work["inboxes"] += entries * cost("redis_inbox") + rate * others * (cost("redis_handed_on") + size * cost("redis_byte"))
            work["reads"] += reads * cost("redis_read")
        used = sum(work.values()) / 1e6
        service = (work["calls"] + work["publications"] + work["inboxes"]) / calls if calls else 0
        held = min(used, 0.98)
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
    load = [[0.0, 0.0, 0.0] for _ in range(plan.partitions)]  # rate, rate * others, rate * bytes
    n = plan.nodes
    node = {"deliveries": 0.0, "publications": 0.0, "inbox": 0.0, "subscriptions": 0.0}
    node_memory = plan.connections / n * cost("node_connection_bytes")
    redis_memory = plan.partitions * n * cost("redis_inbox_bytes")
    out_bytes, channels, rate_all, others_all = 0.0, 0, 0.0, 0.0
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
    # Channels begin and end with sessions: a registration where the first member on a node comes, an end where the last goes.
    steps = plan.connections / plan.session * sum(k.each * (2 if k.presence else 1) for k in plan.channels) * 2
    primaries = []
    for p in range(plan.primaries):
        mine = [(r, o / r if r else 0, b / r if r else 0) for (r, o, b), at in zip(load, where) if at == p]
        made = primary_load(mine, n, n, plan.rtt)
        made["work"]["registrations"] = steps * len(mine) / plan.partitions * cost("redis_step")
        made["used"] += made["work"]["registrations"] / 1e6
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
            "deliveries": node["deliveries"] * n, "node_work": node_work, "node_memory": node_memory,
            "node_out_bits": out_bytes * 8, "primaries": primaries, "busiest": busiest, "limits": limits,
            "bottleneck": name, "full": limits[name] >= plan.full, "redis_memory": redis_memory}


def headroom(plan):
    """By how much publishing may grow until something is full; below 1: it already is."""
    low, high = 0.0, 64.0
    kinds = plan.channels
    for _ in range(24):
        middle = (low + high) / 2
        plan.channels = [Channels(**{**kind.__dict__, "rate": kind.rate * middle}) for kind in kinds]
        if evaluate(plan)["full"]:
            high = middle
        else:
            low = middle
    plan.channels = kinds
    return low
