"""What a checker found, and the bounds that it goes by."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

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


def covered(spans, at):
    return any(start <= at <= end for start, end in spans)


def overlap(spans, start, end):
    return any(a <= end and b >= start for a, b in spans)
