"""Decides what a run proves. Pure: a `Run` goes in, a `Verdict` comes out.

Each subscriber's track is cut into *stretches*: a stretch begins with a subscribe answer that isn't `recovered`, so its
client was told that the past is unknown, and goes on over every recovery. Within one, offsets have no hole and nothing
comes twice. Each acknowledged publication is then looked for in each track of its channel."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from record import Got, Member, Off, Subscribed

STALE = 2.0  # seconds that a subscriber may be behind once everything it needs is back
WRONG = 2.0  # seconds that readiness may say the wrong thing
LEAVE = 2.0  # seconds beyond the lease after which a dead member must be gone
HANG = 3.0  # seconds after which an API answer is too late, whatever it says


@dataclass
class Verdict:
    violations: dict = field(default_factory=lambda: defaultdict(list))  # kind: sentences
    counts: Counter = field(default_factory=Counter)
    recovery: list = field(default_factory=list)  # seconds from disconnect to subscribed again
    stalest: float = 0.0
    ghost: float = 0.0
    unready: float = 0.0  # the longest that readiness was wrong

    def say(self, kind, sentence):
        self.violations[kind].append(sentence)

    @property
    def fine(self):
        return not self.violations


@dataclass
class Segment:
    epoch: str
    base: int
    last: int
    began: float


@dataclass
class Stretch:
    base: int
    segments: list
    bodies: dict  # body: epoch it came under
    told: bool = False  # ended with a notice

    @property
    def last(self):
        return self.segments[-1].last


def check(run):
    v = Verdict()
    known = {p.body: p for p in run.publications}
    positions = Positions(v)
    for p in run.publications:
        if p.at:
            positions.claim(p.channel, p.at.epoch, p.at.offset, p.body)
    check_keys(run, v)
    of_channel = defaultdict(list)
    for p in run.publications:
        of_channel[p.channel].append(p)
    for track in run.tracks:
        stretches, arrivals = read_track(track, known, positions, v)
        find_each(run, track, stretches, arrivals, of_channel[track.channel], v)
        check_end(run, track, stretches, v)
        time_recoveries(track, v)
    for channel, log in run.logs.items():
        for offset, body in log.bodies.items():
            positions.claim(channel, log.epoch, offset, body)
    check_attempts(run, v)
    check_readiness(run, v)
    check_members(run, v)
    v.counts["published"] = sum(p.answered is not None for p in run.publications)
    v.counts["unknown"] = sum(p.answered is None for p in run.publications)
    for sentence in run.faults:
        v.say("fault", sentence)
    if v.counts["told"] and not run.notice_allowed:
        v.say("notice", f"clients were told {v.counts['told']} times of a loss where nothing could be lost")
    return v


class Positions:
    """No position belongs to two publications, whoever says so: publishers, subscribers, the log."""

    def __init__(self, v):
        self.v, self.owner = v, {}

    def claim(self, channel, epoch, offset, body):
        first = self.owner.setdefault((channel, epoch, offset), body)
        if first != body:
            self.v.say("position twice", f"{channel} {epoch}#{offset} is {first} and {body}")


def read_track(track, known, positions, v):
    """The stretches of a track, and when each body arrived first."""
    stretches, arrivals = [], {}
    subscribed = False
    heard_of = {}  # publisher: the last number, within the stretch
    for e in track.events:
        now = stretches[-1] if stretches else None
        if isinstance(e, Subscribed):
            subscribed = True
            if now and e.recovered:
                if e.offset != now.last:
                    v.say("order", f"{track.who} {track.channel}: recovered from #{e.offset}, was at #{now.last}")
                if e.epoch != now.segments[-1].epoch:
                    v.counts["epochs"] += 1
                now.segments.append(Segment(e.epoch, now.last, now.last, e.at))
            else:
                if now:
                    now.told = True
                    v.counts["told"] += 1
                stretches.append(Stretch(e.offset, [Segment(e.epoch, e.offset, e.offset, e.at)], {}))
                heard_of = {}
        elif isinstance(e, Off):
            subscribed = False
        elif isinstance(e, Got):
            v.counts["deliveries"] += 1
            if not subscribed:
                v.say("order", f"{track.who} {track.channel}: #{e.offset} came without a subscription")
                continue
            take(track, now, e, known, positions, heard_of, v)
            arrivals.setdefault(e.body, e.at)
    return stretches, arrivals


def take(track, now, e, known, positions, heard_of, v):
    where = f"{track.who} {track.channel} {now.segments[-1].epoch}#{e.offset}"
    p = known.get(e.body)
    if p is None or p.channel != track.channel:
        return v.say("invented", f"{where}: nobody published {e.body!r} there")
    epoch = now.segments[-1].epoch
    positions.claim(track.channel, epoch, e.offset, e.body)
    if now.bodies.get(e.body) == epoch:
        return v.say("twice", f"{where}: {e.body} again")
    if e.body in now.bodies:
        v.counts["again"] += 1  # a new epoch lies between
    now.bodies[e.body] = epoch
    if e.offset <= now.last:
        return v.say("order", f"{where}: came after #{now.last}")
    if e.offset > now.last + 1:
        v.say("lost", f"{where}: came after #{now.last}, with a hole between")
    now.segments[-1].last = e.offset
    before = heard_of.get(p.publisher, -1)
    if p.number < before:
        v.say("order", f"{where}: {p.publisher} said {p.number} before {before}")
    heard_of[p.publisher] = p.number


def find_each(run, track, stretches, arrivals, publications, v):
    """Every acknowledged publication of the channel arrived in time, or the client was told."""
    if not stretches:
        return v.say("fault", f"{track.who} never subscribed to {track.channel}")
    begun = stretches[0].segments[0].began
    for p in publications:
        if p.answered is None:
            continue
        if p.body in arrivals:
            check_age(run, track, p, arrivals[p.body], v)
        elif p.started >= begun:
            fate = fate_of(p, stretches)
            if fate == "told":
                v.counts["lost and told"] += 1
                if p.channel.startswith("safe:"):
                    v.say("lost", f"{p.body} in {p.channel} was replicated, and lost for {track.who}")
            elif fate == "lost":
                v.say("lost", f"{p.body} at {p.at.epoch}#{p.at.offset} of {p.channel} never reached {track.who}")


def fate_of(p, stretches):
    """Of an acknowledged publication that didn't arrive: "told", "before" the first position, or "lost"."""
    for i, s in enumerate(stretches):
        at = [k for k, each in enumerate(s.segments) if each.epoch == p.at.epoch]
        if not at:
            continue
        if p.at.offset <= s.base:
            return "told" if i else "before"
        if p.at.offset <= s.segments[at[-1]].last:
            return "lost"  # something else came at its place, or a hole was there
        if at[-1] + 1 < len(s.segments) or s.told:
            return "told"  # by a new epoch, or `recovered: false`
        return "lost"
    # Under an epoch that this client never saw: it must have changed its own since.
    changes = [b.began for s in stretches for a, b in zip(s.segments, s.segments[1:]) if a.epoch != b.epoch]
    changes += [s.segments[0].began for s in stretches[1:]]
    return "told" if any(each >= p.started for each in changes) else "lost"


def gaps(track, until):
    """[(from, to)] in which the client wasn't subscribed, after its first time."""
    out, since = [], None
    for e in track.events:
        if isinstance(e, Off):
            since = e.at if since is None else since
        elif isinstance(e, Subscribed) and since is not None:
            out.append((since, e.at))
            since = None
    if since is not None:
        out.append((since, until))
    return out


def outages_of(run, track):
    """[(from, to)] in which the client, or its node, waited for something that was away."""
    out = [(o.start, o.end) for o in run.outages if o.node is None]
    for o in run.outages:
        if o.node is None:
            continue
        node, since = None, 0.0
        for e in [*track.events, Off(run.ended, 0)]:
            if isinstance(e, (Subscribed, Off)):
                if node == o.node and since <= o.end and e.at >= o.start:
                    out.append((max(o.start, since), min(o.end, e.at)))
                node, since = (e.node, e.at) if isinstance(e, Subscribed) else (None, e.at)
    return out


def check_age(run, track, p, arrived, v):
    ready = p.answered
    if arrived - ready > 0.2:  # else there is nothing to excuse
        spans = outages_of(run, track) + gaps(track, run.ended)
        changed = True
        while changed:
            changed = False
            for start, end in spans:
                if start <= ready + STALE and end > ready and end <= arrived:
                    ready, changed = end, True
    late = arrived - ready
    v.stalest = max(v.stalest, late)
    if late > STALE + run.pause:
        v.say("stale", f"{p.body} of {p.channel} reached {track.who} {late:.2f} s after it could have")


def check_end(run, track, stretches, v):
    """In the end everybody is where the log is."""
    log = run.logs.get(track.channel)
    if log is None or not stretches:
        return
    last = next((e for e in reversed(track.events) if isinstance(e, (Subscribed, Off))), None)
    if isinstance(last, Off):
        if not last.final:
            v.say("stale", f"{track.who} is not subscribed to {track.channel} in the end (since code {last.code})")
        return
    segment = stretches[-1].segments[-1]
    if (segment.epoch, segment.last) != (log.epoch, log.offset):
        v.say("stale", f"{track.who} ended at {segment.epoch}#{segment.last} of {track.channel}, "
              f"the log at {log.epoch}#{log.offset}")


def time_recoveries(track, v):
    since = None
    for e in track.events:
        if isinstance(e, Off) and not e.final:
            since = e.at if since is None else since
        elif isinstance(e, Subscribed) and since is not None:
            v.recovery.append(e.at - since)
            since = None


def check_keys(run, v):
    for p in run.publications:
        for _, at in p.again:
            if at.epoch == p.at.epoch and at.offset != p.at.offset:
                v.say("key", f"{p.body} was at {p.at} first, then at {at}")
            v.counts["repeated"] += 1
            if at != p.at:
                v.counts["repeated as new"] += 1
                if not run.notice_allowed:
                    v.say("key", f"{p.body} was at {p.at} first, then at {at}, and nothing was lost between")


def check_attempts(run, v):
    for a in run.attempts:
        v.counts["attempts"] += 1
        if a.outcome != "ok":
            v.counts[a.outcome] += 1
        away = run.absent.get(a.node, [])
        frozen = any(o.node == a.node and o.what == "frozen" and o.start <= a.ended and o.end >= a.started
                     for o in run.outages)
        if frozen or any(start <= a.ended and end >= a.started for start, end in away):
            continue
        if a.ended - a.started > HANG + run.pause:
            v.say("hang", f"{a.node} took {a.ended - a.started:.1f} s to answer: {a.outcome}")


def covered(spans, at):
    return any(start <= at <= end for start, end in spans)


def check_readiness(run, v):
    by_node = defaultdict(list)
    for r in run.ready:
        by_node[r.node].append(r)
    for node, all_of_it in by_node.items():
        away = run.absent.get(node, []) + [(o.start, o.end) for o in run.outages if o.node == node and o.what == "frozen"]
        down = [(o.start, o.end) for o in run.outages if o.unready and o.node in (None, node) and o.what != "frozen"]
        since = last = None
        for r in all_of_it:
            if covered(away, r.at) or (last is not None and any(last <= end and start <= r.at for start, end in away)):
                since = None  # nobody to ask; what it says is judged anew from then on
            # A change of the truth between two answers begins a new judgement too.
            elif last is not None and any(last < edge <= r.at for span in down for edge in span):
                since = r.at if r.ready == covered(down, r.at) else None
            elif r.ready == covered(down, r.at):
                since = r.at if since is None else since
            else:
                since = None
            last = r.at
            if since is None:
                continue
            v.unready = max(v.unready, r.at - since)
            if r.at - since > WRONG + run.pause:
                truth = "can" if r.ready is False else "can't"
                v.say("readiness", f"{node} said ready={r.ready} ({r.message}) {r.at - since:.1f} s while it {truth} deliver")
                since = None  # said once


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


def gone_by(run, life):
    """When a member whose connection ended must be gone everywhere."""
    bound = life.ended + (run.lease if life.killed else 0) + LEAVE + run.pause
    for o in sorted(run.outages, key=lambda o: o.start):
        # Members are only taken out after a lease of undisturbed connection: else all would flap after an outage.
        if o.start <= bound and o.end > life.ended:
            bound = max(bound, o.end + 2 * run.lease + LEAVE + run.pause)
    return bound


def check_ghosts(run, v):
    ended = {k: (life, gone_by(run, life)) for k, life in run.lives.items() if life.ended is not None}
    said = set()
    for s in run.seen:
        for client in s.clients:
            life, bound = ended.get(client, (None, 0))
            if life is None or s.channel not in life.rooms or s.at <= life.ended:
                continue
            v.ghost = max(v.ghost, s.at - life.ended)
            if s.at > bound and (client, s.node) not in said:
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
            if left[e.client] and e.client not in present and not covered_between(holes, left[e.client][-1], e.at):
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
            bound = gone_by(run, life)
            if bound > run.ended or covered_between(holes, life.ended - 0.5, bound):
                continue
            v.counts["leaves due"] += 1
            last = next((e.what for e in reversed(track.events) if isinstance(e, Member) and e.client == client
                         and e.at <= bound), None)
            if last != "leave":
                v.say("leave", f"{track.who} was not told that {client} left {track.channel}")


def covered_between(spans, start, end):
    return any(a <= end and b >= start for a, b in spans)


def check_flap(run, track, life, at, v):
    """A member may only leave while it lives if its node was away past the lease."""
    v.counts["flaps"] += 1
    away = [o for o in run.outages if o.node == life.node and o.end - o.start >= run.lease * 0.5 and o.start <= at]
    if not away:
        v.say("leave", f"{track.who} was told that {life.client} left {track.channel}, but it was there")
