"""What subscribers were given, against what publishers were promised.

Each subscriber's track is cut into *stretches*: a stretch begins with a subscribe answer that isn't `recovered`, so its
client was told that the past is unknown, and goes on over every recovery. Within one, offsets have no hole and nothing
comes twice. Each acknowledged publication is then looked for in each track of its channel."""

from collections import defaultdict
from dataclasses import dataclass

from record import Got, Off, Subscribed
from verdict import STALE


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


def check_deliveries(run, v):
    known = {p.body: p for p in run.publications}
    of_channel = defaultdict(list)
    positions = Positions(v)
    for p in run.publications:
        of_channel[p.channel].append(p)
        if p.at:
            positions.claim(p.channel, p.at.epoch, p.at.offset, p.body)
    for track in run.tracks:
        stretches, arrivals = read_track(track, known, positions, v)
        find_each(run, track, stretches, arrivals, of_channel[track.channel], v)
        check_end(run, track, stretches, v)
        time_recoveries(track, v)
    for channel, log in run.logs.items():
        for offset, body in log.bodies.items():
            positions.claim(channel, log.epoch, offset, body)
    if v.counts["told"] and not run.notice_allowed:
        v.say("notice", f"clients were told {v.counts['told']} times of a loss where nothing could be lost")


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
    if p.number >= before:
        heard_of[p.publisher] = p.number
    elif not p.repeated:  # lost with its key, then repeated: that is a new publication, later than others
        v.say("order", f"{where}: {p.publisher} said {p.number} before {before}")


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
