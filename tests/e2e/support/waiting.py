"""Waiting for things that happen elsewhere: always with a time-out, never by a sleep of a guessed length."""

import asyncio
import time

PATIENCE = 10.0  # seconds; generous, since a loaded machine is no defect


class Mailbox:
    """Keeps what arrived, in order; `take` removes the first thing that fits, and waits for it if need be."""

    def __init__(self):
        self.items = []
        self.ended = None  # an exception, once nothing more can come
        self._changed = asyncio.Event()

    def put(self, item):
        self.items.append(item)
        self._changed.set()

    def end(self, why):
        self.ended = why
        self._changed.set()

    async def take(self, fits=lambda item: True, what="something", timeout=PATIENCE):
        seen = 0  # what doesn't fit now never will
        deadline = time.monotonic() + timeout
        while True:
            for i in range(seen, len(self.items)):
                if fits(self.items[i]):
                    return self.items.pop(i)
            seen = len(self.items)
            if self.ended is not None:
                raise self.ended
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except asyncio.TimeoutError:
                raise AssertionError(f"no {what} within {timeout} s; there is: {self.items!r:.2000}") from None


async def until(condition, what, timeout=PATIENCE, every=0.01):
    """Polls what announces itself in no other way (a file, a counter, a process's memory); returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        await asyncio.sleep(every)
