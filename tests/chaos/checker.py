"""Decides what a run proves. Pure: a `Run` goes in, a `Verdict` comes out."""

from collections import defaultdict

from deliveries import check_deliveries
from members import check_members
from record import Subscribed
from verdict import HANG, WRONG, Verdict, covered


def check(run):
    v = Verdict()
    check_deliveries(run, v)
    check_epochs(run, v)
    check_keys(run, v)
    check_attempts(run, v)
    check_readiness(run, v)
    check_members(run, v)
    v.counts["published"] = sum(p.answered is not None for p in run.publications)
    v.counts["unknown"] = sum(p.answered is None for p in run.publications)
    for sentence in run.faults:
        v.say("fault", sentence)
    return v


def check_epochs(run, v):
    if run.epochs_may_change:
        return
    epochs = defaultdict(set)
    for p in run.publications:
        epochs[p.channel].update(at.epoch for at in [p.at, *(at for _, at in p.again)] if at)
    for track in run.tracks:
        epochs[track.channel].update(e.epoch for e in track.events if isinstance(e, Subscribed))
    for channel, log in run.logs.items():
        epochs[channel].add(log.epoch)
    for channel, all_of_them in epochs.items():
        if len(all_of_them - {""}) > 1:
            v.say("epoch", f"{channel} had {', '.join(sorted(all_of_them))}, and no Redis was restarted or replaced")


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
