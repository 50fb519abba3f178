"""What a second loop costs, counted instead of timed. See phases.py for the form."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from harness import Failed
from phases import row

FEW, MANY = 100, 300  # publications; what is said of one is the difference, so neither start nor connects count
QUICK = 5  # so many times fewer
MESSAGES = 4  # between two loops: to the channel, to the other's subscribers, and the answers
RATIO = 1.05  # of what one loop takes, at most
QUIET = {"ping_interval": "0s"}  # pings go by time, and tools make runs of different lengths
END_SECONDS = 60  # for a node under valgrind to end


class Calls:
    """strace on a running node, a context manager; then `counts` has the system calls by name."""

    def __init__(self, harness, server):
        self.harness, self.server = harness, server
        self.file = harness.directory / "calls"

    def __enter__(self):
        self.child = self.harness._spawn(["strace", "-f", "-c", "-o", self.file, "-p", self.server.pid],
                                         self.harness.load_core, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                         text=True)
        said = self.child.stderr.readline()
        if "attached" not in said:
            self.harness._end(self.child)
            raise Failed(f"strace can't look at the node: {said.strip()}")
        return self

    def __exit__(self, failed, *_):
        self.harness._end(self.child)  # it writes its table and leaves the node alone
        if failed: return
        lines = (line.split() for line in self.file.read_text().splitlines())
        self.counts = {words[-1]: int(words[3]) for words in lines
                       if len(words) >= 5 and words[3].isdigit() and words[-1] != "total"}


def publish(harness, server, subscribers, publications):
    """One publication under way at a time, and one connect: so each run takes the same turns."""
    harness.load("fanout", server, connections=subscribers, data=64, publications=publications, in_flight=1, timeout=300)


def open_files(server):
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def wait_for_ends(server, files):
    """Until the node has closed the connections that the load left behind: that belongs to the run."""
    until = time.monotonic() + END_SECONDS
    while open_files(server) > files:
        if time.monotonic() > until: raise Failed(f"connections were still open after {END_SECONDS} s")
        time.sleep(0.05)


def system_calls(harness, loops, subscribers, few, many):
    """For each delivery: sends, and all calls; for each publication: those that are not sends, and messages between
    the threads."""
    server = harness.start_plexus(loops=loops, client=QUIET)
    files = open_files(server)
    publish(harness, server, subscribers, few // 4)
    wait_for_ends(server, files)
    counted, messages = [], []
    for publications in (few, many):
        before = server.metric("plexus_loop_messages_total")
        with Calls(harness, server) as calls:
            publish(harness, server, subscribers, publications)
            wait_for_ends(server, files)
        counted.append(calls.counts)
        messages.append(server.metric("plexus_loop_messages_total") - before)
    harness.stop(server)
    harness.runs += [{"server": "plexus", "phase": "loops", "loops": loops, "publications": publications, "calls": counts}
                     for publications, counts in zip((few, many), counted)]
    grown = {name: counted[1].get(name, 0) - counted[0].get(name, 0) for name in counted[0] | counted[1]}
    sends = sum(grown.get(name, 0) for name in ("sendto", "sendmsg", "sendmmsg", "writev"))
    total, publications = sum(grown.values()), many - few
    return (sends / (publications * subscribers), total / (publications * subscribers), (total - sends) / publications,
            (messages[1] - messages[0]) / publications)


def instructions(harness, loops, subscribers, few, many):
    """In user mode, for each delivery; a node for each of the two runs."""
    counted = []
    for publications in (few, many):
        server = harness.start_plexus(loops=loops, client=QUIET, under=("valgrind", "--tool=cachegrind", "--cache-sim=no",
                                                          "--cachegrind-out-file=/dev/null"))
        publish(harness, server, subscribers, publications)
        server.process.terminate()
        try:
            server.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"the node under valgrind did not end within {END_SECONDS} s") from None
        found = re.search(r"I +refs: +([\d,]+)", server.log.read_text(errors="replace"))
        if not found: raise Failed(f"valgrind counted nothing{harness._tail(server)}")
        counted.append(int(found[1].replace(",", "")))
        harness.stop(server)
    harness.runs.append({"server": "plexus", "phase": "loops", "loops": loops, "instructions": counted})
    return (counted[1] - counted[0]) / ((many - few) * subscribers)


def loops(harness, args, say):
    """The same publications, one at a time, on a node with two loops and on one with one: the column of the limit is
    the node with one loop. Both loops share the server's core, which changes the time and not what is counted."""
    quick = QUICK if args.quick else 1
    subscribers, few, many = args.subscribers // quick, FEW // quick, MANY // quick
    rows = []

    def add(name, unit, two, one, judged):
        say(f"loops: {name}, {unit}: {two:,.3f} with two, {one:,.3f} with one")
        rows.append(row(f"two loops beside one: {name}", unit, two, one, two / one,
                        f"<= {RATIO} of one loop's" if judged else None, two / one <= RATIO if judged else None))

    if shutil.which("strace"):
        one, two = (system_calls(harness, count, subscribers, few, many) for count in (1, 2))
        add(f"sends, {subscribers:,} subscribers", "for each delivery", two[0], one[0], True)
        add("all system calls", "for each delivery", two[1], one[1], not args.quick)
        add("system calls but sends", "for each publication", two[2], one[2], False)
        # One loop has nobody to hand anything to, so there is no ratio; the subscribers' number is what it must not follow.
        say(f"loops: {two[3]:.2f} messages between two loops for each publication, {one[3]:.2f} with one")
        rows.append(row(f"two loops beside one: messages between loops, {subscribers:,} subscribers",
                        "for each publication", two[3], one[3], None, f"<= {MESSAGES}", two[3] <= MESSAGES))
    else:
        say("loops: strace is not installed, so system calls are not counted")
        rows.append(row("two loops beside one: system calls (not counted: no strace)", "for each delivery", None))
    if shutil.which("valgrind"):
        one, two = (instructions(harness, count, subscribers, few // 2, many // 2) for count in (1, 2))
        add("instructions in user mode", "for each delivery", two, one, not args.quick)
    else:
        say("loops: valgrind is not installed, so instructions are not counted")
        rows.append(row("two loops beside one: instructions (not counted: no valgrind)", "for each delivery", None))
    return rows


LOOP_PHASES = {"loops": loops}
