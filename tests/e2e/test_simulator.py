"""bench/scale: its hashing is the engine's, its answers follow from its costs, and its check can fail."""

import json
import math
import random
import re
import sys
from pathlib import Path

import pytest
from support.redis import Redis

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import scale_fit  # noqa: E402
import scale_model as model  # noqa: E402
import scale_page  # noqa: E402

sys.path.remove(str(ROOT / "bench"))


@pytest.fixture
def costs(monkeypatch):
    """Nothing costs anything, but what a test says."""
    monkeypatch.setattr(model, "COSTS", {name: {"value": 0.0} for name in model.COSTS})
    for name in ("redis_maxclients", "network_bits", "ping_interval"): model.COSTS[name]["value"] = 1e9
    model.SPREAD.clear()

    def put(**values):
        for name, value in values.items(): model.COSTS[name]["value"] = value

    return put


async def test_slots_are_those_that_the_engines_tests_pin():
    text = (ROOT / "tests/backplane/redis/cluster_view_test.cpp").read_text()
    pinned = re.findall(r'slot_of\("([^"]*)"\) == (\d+)', text)
    assert len(pinned) >= 3
    for name, slot in pinned: assert model.crc16(name) % model.SLOTS == int(slot)
    assert model.tag(0, 48) == "p0" and model.tag(7, 16_384) == "p7"
    assert model.fnv("") == 0xCBF29CE484222325 and model.fnv("foobar") == 0x85944171F73967E8  # as FNV's authors have it


@pytest.mark.parametrize("partitions", [1, 48])
async def test_channels_are_where_the_engine_puts_them(plexus, tmp_path, partitions):
    redis = await Redis(tmp_path / "redis").start()
    try:
        node = await plexus({"backplane": {"url": redis.url, "partitions": partitions}})
        for i in range(40): await node.api.publish(f"chat:{i}", "x")
        for i in range(40):
            tag = model.tag(model.fnv(f"chat:{i}") % partitions, partitions)
            assert redis.ask("EXISTS", f"plexus:{{{tag}}}:c:chat:{i}") == b":1\r\n", i
    finally:
        await redis.stop()


def plan(nodes=1, **kind):
    return model.Plan(600, nodes, 1, 1, 1, [model.Channels("room", **kind)])


async def test_the_sweep_registers_every_channel_of_every_node_each_minute(costs):
    costs(redis_registering=100, redis_registration=10)
    found = model.evaluate(plan())  # 600 channels of one member
    assert found["swept"] == pytest.approx(10)
    assert found["busiest"]["work"]["sweep"] == pytest.approx((1 - math.exp(-10)) * 100 + 10 * 10)
    # 30 rooms of 20, each on all of three nodes but for a few.
    found = model.evaluate(plan(nodes=3, members=20))
    assert found["swept"] == pytest.approx(30 * 3 / 60, rel=0.02)
    # More than goes in a call.
    assert model.sweep_calls(64 * 3, 1) == pytest.approx(3)


async def test_publications_cost_what_they_and_their_calls_do(costs):
    costs(redis_call=50, redis_publication=5, redis_inbox=3, redis_read=7)
    found = model.evaluate(plan(rate=0.01))  # six a second: each its own call, no other node
    assert found["rate"] == pytest.approx(6)
    assert found["busiest"]["used"] * 1e6 == pytest.approx(6 * 55, rel=0.01)
    rooms = model.evaluate(plan(nodes=2, members=20, rate=0.2, publisher="member"))
    assert rooms["others"] == pytest.approx(1, abs=0.01)
    assert rooms["busiest"]["used"] * 1e6 == pytest.approx(6 * (50 + 5 + 3 + 7), rel=0.02)


@pytest.mark.parametrize("rate, cycle", [(0.0005, 200), (0.005, 200), (0.01, 150), (0.02, 300)])
async def test_batches_are_those_of_the_engines_rules(rate, cycle):
    """The same, played through: one call at a time, a distance after one of three and more, 48 go at once."""
    rng, now, next_at, carried, calls, last = random.Random(1), 0.0, 0.0, 0, 0, 0
    waiting, sent = 0, -1e9
    while calls < 20_000:
        # What came by now; if nothing did, the next one begins the call.
        while next_at <= now:
            waiting += 1
            next_at += rng.expovariate(rate)
        if not waiting:
            now = next_at
            continue
        if last >= model.WORTH_IT and waiting < model.ENOUGH and now < sent + model.DISTANCE:
            now = min(sent + model.DISTANCE, max(next_at, now + 1))
            continue
        last, waiting, sent = min(waiting, model.MOST), max(0, waiting - model.MOST), now
        carried, calls, now = carried + last, calls + 1, now + cycle
    assert model.batch_of(rate, cycle) == pytest.approx(carried / calls, rel=0.15)


def made_record():
    """What bench/cluster would measure if the model were the truth."""
    out = []
    for primaries, rate, nodes in ((0, 5000, 1), (1, 5000, 1), (1, 5000, 2), (0, 10_000, 1), (0, 30_000, 1), (2, 5000, 1),
                                   (3, 10_000, 1), (3, 5000, 3)):
        row = {"kind": "publications", "use": "fit" if primaries < 2 else "check", "primaries": primaries, "nodes": nodes, "quiet": 0,
               "partitions": 48 if primaries else 1, "rate": rate, "channels": 1000, "missed": False, "client_us": 30.0 * nodes}
        row["redis_us"], row["batch"] = scale_fit.predicted(row)
        out.append(row)
    return out


async def test_the_check_fails_for_a_held_out_run_that_is_off(monkeypatch, capsys):
    monkeypatch.setattr(scale_fit, "LEAST_HELD_OUT", 3)
    rows = made_record()
    assert scale_fit.check(rows) == 0
    rows[5]["redis_us"] *= 2
    assert scale_fit.check(rows) == 1 and "OFF by CPU" in capsys.readouterr().out
    rows[5]["missed"], rows[5]["per_second"] = True, 3000.0  # not judged, and then too few are left
    assert scale_fit.check(rows) == 1 and "says nothing" in capsys.readouterr().out


async def test_a_fit_finds_the_costs_that_made_the_runs(monkeypatch):
    monkeypatch.setattr(model, "COSTS", json.loads(json.dumps(model.COSTS)))
    truth = {"redis_publication": 8.0, "redis_call": 20.0, "redis_turn": 35.0, "redis_read": 18.0, "loopback_rtt": 120.0, "load_tick": 165.0}
    scale_fit.use_searched(truth)
    rows = made_record()
    told = dict(use="fit", missed=False)
    rows += [dict(told, kind="idle", nodes=n, partitions=48, primaries=1, idle_us=2000 + 48 * n * 30, client_idle_us=50.0) for n in (1, 4)]
    rows += [dict(told, kind="sweep", registrations=r, calls=c, redis_us=c * 60 + r * 12, client_us=c * 10 + r * 5)
             for r, c in ((20_000, 313), (256, 165))]
    scale_fit.fit(rows)
    for name, value in (("redis_idle", 30), ("redis_alone", 2000), ("redis_registering", 60), ("redis_registration", 12)):
        assert model.cost(name) == pytest.approx(value, rel=0.01)
    for row in rows[:8]:  # those too that it wasn't told of
        us, batch = scale_fit.predicted(row)
        assert us == pytest.approx(row["redis_us"], rel=0.1) and batch == pytest.approx(row["batch"], rel=0.1)


async def test_the_page_says_what_the_record_and_the_costs_do():
    file = ROOT / "bench/scale_runs.json"
    page = (ROOT / "docs/scaling.md").read_text()
    assert set(scale_page.BLOCKS) == {name for _, name, _ in scale_page.MARKED.findall(page)}
    now = scale_page.renewed(page, scale_fit.read(file), json.loads(file.read_text()), only=("costs", "checked", "compared"))
    assert now == page, "bench/scale --page renews it"
