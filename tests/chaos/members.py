"""Who was shown as present, against who was there."""

from collections import defaultdict

from record import Member, Subscribed
from deliveries import gaps
from verdict import LEAVE, overlap


def check_members(run, v):
    check_ghosts(run, v)
    check_leaves(run, v)
    living = defaultdict(set)
    for life in run.lives.values():
        if life.ended is None:
            for room in life.rooms:
                living[room].add(life.client)
    for (node, channel), clients in run.members.items():
        if clients != living[channel]:
            v.say("presence", f"in the end {node} has {len(clients - living[channel])} too many members of {channel}, "
                  f"{len(living[channel] - clients)} are missing")


def gone_by(run, life, viewer):
    """When a member whose connection ended must be gone where `viewer`, a node, shows members."""
    bound = life.ended + (run.lease if life.killed else 0) + LEAVE + run.pause
    away = [(o.start, o.end, ends_leases(run, o)) for o in run.outages if o.node in (None, life.node, viewer)]
    away += [(start, end, long_without_renewal(run, end - start)) for start, end in nobody_there(run)]
    for start, end, all_are_awaited in sorted(away):
        if start <= bound and end > life.ended:
            bound = max(bound, end + (run.lease if all_are_awaited else 0) + LEAVE + run.pause)
    return bound


def ends_leases(run, outage):
    """After it all nodes are given a lease to be back before anybody is taken for dead: else all would flap."""
    same_server = outage.what in ("connections cut", "Redis frozen", "Redis: freeze")
    return outage.node is None and (not same_server or long_without_renewal(run, outage.end - outage.start))


def long_without_renewal(run, seconds):
    """Half a lease; the last renewal was a while before, the next comes when the nodes are connected."""
    return seconds + min(run.lease / 4, 1) + 0.3 > run.lease / 2


def nobody_there(run):
    """Times without a single node."""
    spans = [(0.0, float("inf"))]
    for node in {r.node for r in run.ready} | set(run.absent):
        own = run.absent.get(node, [])
        spans = [(max(a, c), min(b, d)) for a, b in spans for c, d in own if max(a, c) < min(b, d)]
    return [s for s in spans if s[1] < float("inf")]


def check_ghosts(run, v):
    said = set()
    for s in run.seen:
        for client in s.clients:
            life = run.lives.get(client)
            if life is None or life.ended is None or s.channel not in life.rooms or s.at <= life.ended:
                continue
            v.ghost = max(v.ghost, s.at - life.ended)
            if (client, s.node) not in said and s.at > gone_by(run, life, s.node):
                said.add((client, s.node))
                v.say("ghost", f"{s.node} shows {client} in {s.channel} {s.at - life.ended:.1f} s after its end")


def check_leaves(run, v):
    """Whoever watched all the time saw each end once, and no end of the living."""
    for track in run.tracks:
        if not track.room:
            continue
        holes = gaps(track, run.ended)
        first = next((e.at for e in track.events if isinstance(e, Subscribed)), None)
        if first is None:
            continue
        left = defaultdict(list)
        present = set()
        for e in track.events:
            if isinstance(e, Subscribed):
                present.clear()  # what went on meanwhile isn't told
            if not isinstance(e, Member):
                continue
            if e.what == "join":
                present.add(e.client)
                continue
            if left[e.client] and e.client not in present and not overlap(holes, left[e.client][-1], e.at):
                v.say("leave", f"{track.who} was told twice that {e.client} left {track.channel}")
            present.discard(e.client)
            left[e.client].append(e.at)
        for client, life in run.lives.items():
            if track.channel not in life.rooms:
                continue
            for at in left[client]:
                if life.ended is None or at < life.ended - 0.5:
                    check_flap(run, track, life, at, v)
            if life.ended is None or life.ended < first:
                continue
            viewer = [e.node for e in track.events if isinstance(e, Subscribed) and e.at <= life.ended][-1]
            bound = gone_by(run, life, viewer)
            if bound > run.ended or overlap(holes, life.ended - 0.5, bound):
                continue
            v.counts["leaves due"] += 1
            last = next((e.what for e in reversed(track.events) if isinstance(e, Member) and e.client == client
                         and e.at <= bound), None)
            if last != "leave":
                v.say("leave", f"{track.who} was not told that {client} left {track.channel}")


def check_flap(run, track, life, at, v):
    """A member may only leave while it lives if its node was away past the lease."""
    v.counts["flaps"] += 1
    away = [o for o in run.outages if o.node == life.node and o.end - o.start >= run.lease * 0.5 and o.start <= at]
    # Where this program stood still so long, so did the nodes.
    if not away and run.pause < run.lease / 2:
        v.say("leave", f"{track.who} was told that {life.client} left {track.channel}, but it was there")
