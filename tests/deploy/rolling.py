"""Clients that stay while nodes are replaced under them, and what they must have seen in the end."""

import asyncio
import contextlib
import time

from support.api import Api
from support.clients import client, subscribed
from support.node import API_KEY
from support.tokens import token


class Crowd:
    """`count` official clients behind one port, each in one of `channels`; a back end that publishes to all of them."""

    def __init__(self, port, api_port, count, channels=4):
        self.port, self.api = port, Api(api_port, API_KEY)
        self.count, self.channels = count, [f"chat:roll{i}" for i in range(channels)]
        self.sent = {c: 0 for c in self.channels}
        self.members = []
        self._stack = contextlib.AsyncExitStack()
        self._publishing, self._stopping = None, False

    async def __aenter__(self):
        for i in range(self.count):
            user = f"user{i}"
            one = await self._stack.enter_async_context(client(self.port, token=token(user)))
            sub = await subscribed(one, self.channels[i % len(self.channels)])
            self.members.append((one, sub))
        return self

    async def __aexit__(self, *failed):
        if self._publishing:
            self._publishing.cancel()
        await self._stack.aclose()
        await self.api.close()

    def publish(self, per_second):
        self._publishing = asyncio.ensure_future(self._publish(1 / per_second))

    async def _publish(self, pause):
        began, number = time.monotonic(), 0
        while not self._stopping:
            channel = self.channels[number % len(self.channels)]
            await self._publish_one(channel, self.sent[channel])
            self.sent[channel] += 1
            number += 1
            await asyncio.sleep(max(0, began + number * pause - time.monotonic()))

    async def _publish_one(self, channel, number):
        """As a back end does: until it is answered, with a key that makes repeating safe."""
        data = {"n": number, "at": time.monotonic()}
        for _ in range(200):
            with contextlib.suppress(Exception):
                await self.api("publish", channel=channel, data=data, idempotency_key=f"{channel}{number}")
                return
            await asyncio.sleep(0.05)
        raise AssertionError("a publication wasn't taken for ten seconds")

    async def settle(self):
        """Ends publishing; every member must have had everything once and in order. How often each has connected."""
        self._stopping = True
        await self._publishing
        for channel in self.channels:
            await self._publish_one(channel, "last")
        connects = []
        for one, sub in self.members:
            seen = []
            while True:
                ctx = await sub.events.next("publication", timeout=20)
                if ctx.pub.data["n"] == "last":
                    break
                seen.append(ctx.pub.data["n"])
            assert seen == list(range(self.sent[sub.channel])), faults(seen, self.sent[sub.channel])
            assert not [c for c in sub.events.seen("subscribed") if c.was_recovering and not c.recovered]
            connects.append(len(one.events.seen("connecting")))
        return connects


def faults(seen, expected):
    missing = sorted(set(range(expected)) - set(seen))
    twice = sorted({n for n in seen if seen.count(n) > 1})
    return f"of {expected}: missing {missing[:20]}, twice {twice[:20]}, in order: {seen == sorted(seen)}"
