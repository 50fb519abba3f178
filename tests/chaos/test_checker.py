"""The checker sees what it is there for: a run without faults passes, and each fault planted in one is caught."""

import copy
import random

import pytest
from checker import check
from record import Attempt, Got, Life, Log, Member, Off, Outage, Position, Publication, Ready, Run, Seen, Subscribed, Track

E1, E2 = "log.first", "log.second"


def published(channel, number, offset, at, epoch=E1, publisher="p"):
    body = f"{publisher}/{channel}/{number}"
    return Publication(body, channel, publisher, number, at, at + 0.01, Position(epoch, offset))


def healthy():
    """Two subscribers of a channel with ten publications; one of them loses its connection and recovers. A room with
    three members, of whom one dies with its node."""
    run = Run(lease=2.0, ended=30.0)
    run.publications = [published("busy:0", i, i + 1, 1.0 + i) for i in range(10)]
    got = [Got(p.answered + 0.01, p.at.offset, p.body) for p in run.publications]
    ann = Track("ann", "busy:0", [Subscribed(0.0, E1, 0, False, "a1", "n1"), *got])
    lost = Subscribed(6.5, E1, 4, True, "b2", "n2")
    bob = Track("bob", "busy:0", [Subscribed(0.0, E1, 0, False, "b1", "n1"), *got[:4], Off(5.5, 1006), lost,
                                  Got(6.5, 5, got[4].body), Got(6.5, 6, got[5].body), *got[6:]])
    watch = [Subscribed(0.1, "r.1", 0, False, "a1", "n1"), Member(0.2, "join", "c1"), Member(12.5, "leave", "c1")]
    run.tracks = [ann, bob, Track("ann", "room:0", watch, room=True)]
    run.logs = {"busy:0": Log(E1, 10, {p.at.offset: p.body for p in run.publications}), "room:0": Log("r.1", 0, {})}
    run.lives = {"a1": Life("a1", "n1", ["room:0"]), "c1": Life("c1", "n2", ["room:0"], 10.0, True)}
    run.members = {("n1", "room:0"): {"a1"}}
    run.seen = [Seen(5.0, "n1", "room:0", frozenset({"a1", "c1"})), Seen(11.0, "n1", "room:0", frozenset({"a1", "c1"})),
                Seen(13.0, "n1", "room:0", frozenset({"a1"}))]
    run.outages = [Outage(15.0, 20.0, None, "Redis frozen")]
    run.ready = [Ready(i / 10, "n1", not 15.9 <= i / 10 <= 20.9) for i in range(300)]
    run.attempts = [Attempt(p.started, p.answered, "n1", "ok") for p in run.publications]
    return run


def kinds(run):
    return set(check(run).violations)


def track(run, who="ann", channel="busy:0"):
    return next(t for t in run.tracks if t.who == who and t.channel == channel)


def test_a_run_without_faults_passes():
    verdict = check(healthy())
    assert verdict.fine, dict(verdict.violations)
    assert verdict.counts["published"] == 10 and verdict.counts["deliveries"] == 20
    assert verdict.recovery == [1.0]
    assert verdict.counts["leaves due"] == 1 and verdict.ghost == 1.0


def test_a_publication_in_the_middle_never_came():
    run = healthy()
    del track(run).events[5]
    assert "lost" in kinds(run)


def test_the_last_publication_never_came_and_nothing_told_of_it():
    run = healthy()
    del track(run).events[-1]
    assert {"lost", "stale"} <= kinds(run)


def test_what_was_missed_did_not_come_with_the_recovery():
    run = healthy()
    events = track(run, "bob").events
    del events[7:9]  # 5 and 6
    assert "lost" in kinds(run)


def test_a_publication_came_twice():
    run = healthy()
    events = track(run).events
    events.insert(4, copy.copy(events[3]))
    assert "twice" in kinds(run)


def test_a_publication_came_again_behind_a_recovery():
    run = healthy()
    events = track(run, "bob").events
    events.insert(7, Got(6.5, 4, events[4].body))
    assert "twice" in kinds(run)


def test_the_same_publication_has_two_positions():
    run = healthy()
    events = track(run).events
    events.append(Got(11.5, 11, events[3].body))
    assert "twice" in kinds(run)


def test_two_came_in_the_wrong_order():
    run = healthy()
    events = track(run).events
    events[3], events[4] = events[4], events[3]
    assert {"order", "lost"} & kinds(run)


def test_a_publisher_was_overtaken_by_itself():
    run = healthy()
    run.publications[4].number, run.publications[3].number = 3, 4
    assert "order" in kinds(run)


def test_a_position_belongs_to_two_publications():
    run = healthy()
    run.publications.append(published("busy:0", 10, 7, 12.0))
    assert "position twice" in kinds(run)


def test_two_subscribers_have_different_publications_at_one_position():
    run = healthy()
    run.publications[6].answered = run.publications[6].at = None
    run.publications.append(Publication("p/busy:0/10", "busy:0", "p", 10, 7.0))
    events = track(run, "bob").events
    next(e for e in events if getattr(e, "offset", 0) == 7 and isinstance(e, Got)).body = "p/busy:0/10"
    assert "position twice" in kinds(run)


def test_the_log_has_something_else_than_was_delivered():
    run = healthy()
    run.logs["busy:0"].bodies[3] = "p/busy:0/8"
    assert "position twice" in kinds(run)


def test_something_came_that_nobody_published():
    run = healthy()
    track(run).events[3].body = "made up"
    assert "invented" in kinds(run)


def told(run, who="ann"):
    """The log lost 9 and 10 with a failover; the client's last position is gone, and it is told so."""
    run.notice_allowed = run.epochs_may_change = True
    run.outages.append(Outage(10.5, 11.0, None, "failover", loses=True))
    run.publications.append(published("busy:0", 10, 9, 12.0, E2))
    for name in ("ann", "bob"):
        one = track(run, name)
        one.events += [Off(11.2, 2500), Subscribed(11.3, E2, 8, False, name + "3", "n1"),
                       Got(12.02, 9, "p/busy:0/10")]
    run.logs["busy:0"] = Log(E2, 9, {9: "p/busy:0/10"})
    return track(run, who)


def test_a_loss_that_the_client_was_told_of_is_counted():
    run = healthy()
    events = told(run).events
    del events[9:11]  # 9 and 10 didn't reach it before the failover
    verdict = check(run)
    assert verdict.fine, dict(verdict.violations)
    assert verdict.counts["lost and told"] == 2


def test_a_new_epoch_tells_of_what_was_lost_behind_a_position_that_is_still_good():
    run = healthy()
    events = told(run).events
    del events[9:11]
    next(e for e in events if isinstance(e, Subscribed) and e.epoch == E2).recovered = True
    verdict = check(run)
    assert verdict.fine, dict(verdict.violations)
    assert verdict.counts["lost and told"] == 2


def test_a_recovery_over_a_failover_that_leaves_out_what_the_client_never_had():
    run = healthy()
    events = told(run).events
    del events[9:11]
    again = next(e for e in events if isinstance(e, Subscribed) and e.epoch == E2)
    again.recovered, again.offset = True, 8
    run.publications[-1].at.offset = 10
    run.publications.append(published("busy:0", 11, 9, 11.5, E2))  # in the new log, never delivered
    events[-1].offset = 10
    run.logs["busy:0"] = Log(E2, 10, {})
    assert "lost" in kinds(run)


def test_nobody_told_the_client_that_its_position_was_lost():
    run = healthy()
    events = told(run).events
    next(e for e in events if isinstance(e, Subscribed) and e.epoch == E2).recovered = True
    assert "order" in kinds(run)  # it had 10, and goes on from 8


def test_a_publication_under_an_epoch_that_a_client_never_heard_of():
    run = healthy()
    run.notice_allowed = True
    run.publications.append(published("busy:0", 10, 9, 12.0, E2))
    assert "lost" in kinds(run)


def test_a_client_was_told_of_a_loss_where_nothing_could_be_lost():
    run = healthy()
    track(run, "bob").events[6].recovered = False
    assert "notice" in kinds(run)


def test_a_replicated_publication_was_lost_though_the_client_was_told():
    run = healthy()
    told(run)
    for name in ("ann", "bob"):
        one = track(run, name)
        one.channel = "safe:0"
        del one.events[9 if name == "ann" else -5]
    for p in run.publications:
        p.channel = "safe:0"
    run.logs["safe:0"] = run.logs.pop("busy:0")
    assert "lost" in kinds(run)


def test_a_publication_came_long_after_it_could_have():
    run = healthy()
    track(run).events[-1].at += 2.5
    assert "stale" in kinds(run)


def test_being_away_excuses_a_late_publication_and_nothing_beyond_it():
    run = healthy()
    track(run).events[-1].at = 15.5
    run.outages.append(Outage(10.1, 14.0, None, "Redis frozen"))
    assert "stale" not in kinds(run)
    run.outages[-1].end = 12.0
    assert "stale" in kinds(run)
    run.outages[-1].end, run.outages[-1].node = 14.0, "n3"  # which has nothing to do with this client
    assert "stale" in kinds(run)


def test_a_client_is_not_back_in_the_end():
    run = healthy()
    track(run).events.append(Off(20.0, 1006))
    assert "stale" in kinds(run)


def test_the_subscriber_of_a_silent_channel_is_behind_its_log():
    run = healthy()
    run.logs["busy:0"].offset = 11  # stored, though its publisher was never answered
    assert "stale" in kinds(run)


def test_a_key_got_another_answer():
    run = healthy()
    run.publications[2].again = [(5.0, Position(E1, 8))]
    assert "key" in kinds(run)
    run.publications[2].again = [(5.0, Position(E2, 3))]
    assert "key" in kinds(run)
    run.notice_allowed = True
    assert "key" not in kinds(run)


def test_a_channel_got_a_new_epoch_though_no_redis_was_restarted():
    for where in ("answer", "subscription", "log"):
        run = healthy()
        if where == "answer":
            run.publications[-1].at = Position(E2, 10)
        elif where == "subscription":
            track(run, "bob").events[6].epoch = E2
        else:
            run.logs["room:0"].epoch = "r.2"
        assert "epoch" in kinds(run)
        run.epochs_may_change = True
        assert "epoch" not in kinds(run)


def test_a_node_kept_a_publisher_waiting():
    run = healthy()
    run.attempts.append(Attempt(16.0, 19.5, "n1", "timeout"))
    assert "hang" in kinds(run)
    run.absent["n1"] = [(15.5, 18.0)]  # nobody was there to answer
    assert "hang" not in kinds(run)


@pytest.mark.parametrize("says, until", [(True, 19.0), (False, 24.0)])
def test_readiness_said_the_wrong_thing_for_too_long(says, until):
    run = healthy()
    for r in run.ready:
        if 15.0 < r.at < until:
            r.ready = says if r.at <= 20 else False
    assert "readiness" in kinds(run)


def test_a_dead_member_stayed_beyond_the_lease():
    run = healthy()
    run.outages.clear()
    run.ready.clear()
    run.seen.append(Seen(14.5, "n3", "room:0", frozenset({"a1", "c1"})))
    assert "ghost" in kinds(run)


@pytest.mark.parametrize("outage, until", [
    (Outage(11.0, 11.1, None, "connections cut"), 14.0),  # the lease and two seconds, as without it
    (Outage(13.0, 13.2, None, "connections cut"), 15.2),
    (Outage(11.0, 14.0, "n3", "cut off"), 14.0),  # neither its node nor the one that shows it
    (Outage(11.0, 14.0, "n1", "cut off"), 16.0),
    (Outage(11.0, 14.0, None, "Redis frozen"), 18.0),  # all leases are over with it
    (Outage(11.0, 11.5, None, "Redis killed"), 15.5),  # another server: all are awaited
])
def test_an_outage_excuses_a_ghost_only_as_long_as_it_has_to(outage, until):
    for later, kind in ((-0.1, set()), (0.1, {"ghost"})):
        run = healthy()
        track(run, channel="room:0").events.pop()
        run.tracks = [t for t in run.tracks if not t.room]
        run.outages = [outage]
        run.ready = [r for r in run.ready if r.ready]
        run.seen.append(Seen(until + later, "n1", "room:0", frozenset({"a1", "c1"})))
        assert kinds(run) & {"ghost"} == kind


def test_a_time_without_any_node_is_an_outage():
    for back, excused in ((12.5, False), (16.0, True)):
        run = healthy()
        run.lease, run.outages = 8.0, []
        run.lives["c1"].ended = 12.0
        run.absent = {"n1": [(12.0, back)], "n2": [(12.0, back + 1)]}
        run.seen = [Seen(23.0, "n1", "room:0", frozenset({"a1", "c1"}))]
        assert ("ghost" not in kinds(run)) == excused


def test_nobody_was_told_that_a_member_left():
    run = healthy()
    track(run, channel="room:0").events.pop()
    assert "leave" in kinds(run)


def test_a_leave_was_told_twice():
    run = healthy()
    track(run, channel="room:0").events.append(Member(13.0, "leave", "c1"))
    assert "leave" in kinds(run)


def test_a_member_was_said_to_have_left_while_it_was_there():
    run = healthy()
    track(run, channel="room:0").events.insert(2, Member(6.0, "leave", "c1"))
    track(run, channel="room:0").events.insert(3, Member(6.5, "join", "c1"))
    assert "leave" in kinds(run)


def test_the_list_of_members_is_wrong_in_the_end():
    run = healthy()
    run.members["n2", "room:0"] = {"a1", "c1"}
    assert "presence" in kinds(run)
    run.members["n2", "room:0"] = set()
    assert "presence" in kinds(run)


def test_what_clients_reported_is_a_violation():
    run = healthy()
    run.faults.append("ann was closed with 3500, which is final")
    assert "fault" in kinds(run)


def test_any_single_change_to_what_a_subscriber_got_is_seen():
    dice = random.Random(3)
    for _ in range(300):
        run = healthy()
        run.ready.clear()
        events = dice.choice(run.tracks[:2]).events
        at = dice.choice([i for i, e in enumerate(events) if isinstance(e, Got)])
        change = dice.choice(["drop", "repeat", "swap", "body"])
        if change == "drop":
            del events[at]
        elif change == "repeat":
            events.insert(dice.randrange(at, len(events)) + 1, copy.copy(events[at]))
        elif change == "body":
            events[at].body = f"p/busy:0/{(events[at].offset + dice.randrange(8)) % 10}"
            if events[at].body.endswith(f"/{events[at].offset - 1}"):
                continue
        else:
            other = dice.choice([i for i, e in enumerate(events) if isinstance(e, Got) and i != at])
            events[at], events[other] = events[other], events[at]
        assert not check(run).fine, (change, at)
