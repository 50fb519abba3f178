"""The runs of bench/cluster: publications at a rate, nodes that only stand there, and the sweep over still channels.
Standard library only."""

import re
import select
import subprocess
import threading
import time
from pathlib import Path

from redis_servers import Failed, Servers

# The commands of the scripts that append (backplane/redis/scripts: gate, append_batch, append). What is left of a run are
# leases, reads of inboxes and the greeting. A script's own calls are counted beside the EVALSHA that ran it.
OF_A_PUBLICATION = ("evalsha", "time", "hmget", "get", "xadd", "setrange", "set", "hset")
EVERY = 0.5  # seconds between looks at a Redis that sweeps
REACHED = 0.95  # of the rate that was asked for; less says more of the machine than of Redis


class Tool:
    """backplane_redis on servers of its own: everything is subscribed, and it has been told to begin."""

    def __init__(self, tool, servers, seconds, channels, nodes, rate, partitions, quiet):
        words = [tool, servers.url, seconds, 512, channels, nodes, rate, partitions, quiet]
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        if b"ready" not in self.process.stdout.readline(): raise Failed("backplane_redis didn't get ready")

    def begin(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def done_within(self, seconds):
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def figures(self):
        text = self.process.stdout.readline().decode()
        found = {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", text)}
        if "done" not in found: raise Failed(f"no figures: {text!r}")
        return found

    def cpu(self):
        """Seconds that its threads have used: exact, while /proc/PID/stat counts hundredths."""
        return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")) / 1e9

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def publications(tool, seconds, channels, use, primaries, rate, nodes, quiet, partitions):
    """One run; `rate` below 0: nobody publishes."""
    with Servers(primaries) as servers:
        running = Tool(tool, servers, seconds, channels, nodes, rate, partitions, quiet)
        try:
            before = [(each.cpu(), each.calls()) for each in servers.all]
            running.begin()
            found = running.figures()
            after = [(each.cpu(), each.calls()) for each in servers.all]
            links = sum(int(each.info("clients")["connected_clients"]) - 1 for each in servers.all)
        finally:
            running.end()
    done = found["done"]
    cpu = [b[0] - a[0] for a, b in zip(before, after)]
    calls = {name: sum(b[1].get(name, 0) - a[1].get(name, 0) for a, b in zip(before, after))
             for name in sorted({name for _, each in after for name in each})}
    row = {"kind": "publications" if rate > 0 else "idle", "use": use, "primaries": primaries, "nodes": nodes, "quiet": quiet,
           "partitions": int(found["partitions"]), "channels": channels, "rate": rate, "seconds": found["seconds"],
           "client_cpu_seconds": found["cpu"], "redis_cpu_seconds": cpu, "connections": links,
           "commands": {name: n for name, n in calls.items() if n}}
    if rate <= 0:
        row["idle_us"] = sum(cpu) / found["seconds"] * 1e6
        return row
    if not done: raise Failed("nothing was published")
    row |= {"published": done, "failed": found["failed"], "per_second": done / found["seconds"], "mean_ms": found["mean_ms"],
            "heard_elsewhere": found["heard"], "redis_us": sum(cpu) / done * 1e6, "busiest_us": max(cpu) / done * 1e6,
            "xadds_each": calls.get("xadd", 0) / done}
    # Renewals are EVALSHA too: each trims its inbox, which nothing else does, and has six of these commands.
    renewals = calls.get("xtrim", 0)
    row["batch"] = done / max(calls.get("evalsha", 0) - renewals, 1)
    row["commands_each"] = (sum(calls.get(name, 0) for name in OF_A_PUBLICATION) - 6 * renewals) / done
    row["missed"] = row["per_second"] < REACHED * rate
    return row


def sweep(tool, seconds, use, primaries, nodes, partitions, channels):
    """Watches still channels being registered again. Whatever a second costs without that is taken off."""
    samples = []
    with Servers(primaries) as servers:
        running = Tool(tool, servers, seconds, channels, nodes, -1, partitions, 0)
        try:
            running.begin()
            due = began = time.monotonic()
            while True:
                # Registrations ask for the inbox's last entry once a call, and read each channel.
                calls = [each.calls() for each in servers.all]
                samples.append((time.monotonic() - began, sum(each.cpu() for each in servers.all), running.cpu(),
                                sum(each.get("xinfo|stream", 0) for each in calls), sum(each.get("get", 0) for each in calls)))
                due += EVERY
                if running.done_within(max(0, due - time.monotonic())): break
            running.figures()
        finally:
            running.end()
    pieces = [tuple(b - a for a, b in zip(x, y)) for x, y in zip(samples, samples[1:])]
    still = [each for each in pieces if not each[3]]
    quiet_seconds = max(sum(each[0] for each in still), EVERY)
    redis_rate, client_rate = (sum(each[i] for each in still) / quiet_seconds for i in (1, 2))
    found, gap = [], 99
    for took, redis, client, calls, gets in pieces:
        gap += 1
        if not calls: continue
        # Pieces of one sweep lie together; a minute is between two.
        if gap > 10 / EVERY: found.append({"redis_us": 0.0, "client_us": 0.0, "calls": 0, "registrations": 0})
        gap = 0
        now = found[-1]
        now["redis_us"] += (redis - redis_rate * took) * 1e6
        now["client_us"] += (client - client_rate * took) * 1e6
        now["calls"] += calls
        now["registrations"] += gets
    return {"kind": "sweep", "use": use, "primaries": primaries, "nodes": nodes, "quiet": 0, "partitions": partitions,
            "channels": channels, "seconds": seconds, "idle_us": redis_rate * 1e6, "sweeps": found}


def sweeps(tool, loads, seconds):
    """All at once, since they stand still nearly all the time; begun a moment apart, so that they don't sweep together."""
    rows, faults = [None] * len(loads), []

    def one(i, each):
        try:
            rows[i] = sweep(tool, seconds, **each)
        except (Failed, OSError) as failure:
            faults.append(f"no figures for {each}: {failure}")

    threads = []
    for i, each in enumerate(loads):
        threads.append(threading.Thread(target=one, args=(i, each)))
        threads[-1].start()
        time.sleep(4)
    for each in threads: each.join()
    for fault in faults: print(fault, flush=True)
    return [row for row in rows if row]
