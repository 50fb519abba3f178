"""Publishers as a careful back end writes them: over HTTP, with an idempotency key, and the same request again, at
another node if need be, until there is an answer."""

import asyncio
import random

import aiohttp

from record import Attempt, Position, Publication

PATIENCE = 3.0  # seconds for one request
REPEATED = 0.05  # of what was acknowledged is sent once more later: the answer has to be the same


class Publisher:
    """Speaks in its channels in turn, one publication at a time."""

    def __init__(self, run, name, nodes, channels, key, every):
        self.run, self.name, self.nodes, self.channels, self.every = run, name, nodes, channels, every
        self.headers = {"X-API-Key": key}
        self.turn = random.randrange(len(nodes))
        self.counts = dict.fromkeys(channels, 0)
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        self.quiet = asyncio.Event()  # it speaks
        self.quiet.set()

    async def live(self):
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout, headers=self.headers) as self.http:
            while not self.stopping:
                for channel in self.channels:
                    await self.quiet.wait()
                    if self.stopping:
                        break
                    began = self.loop.time()
                    await self._publish(channel)
                    await asyncio.sleep(max(0.0, began + self.every * random.uniform(0.5, 1.5) - self.loop.time()))

    def hush(self):
        """Gives up what it is about, too: its fate stays unknown."""
        self.quiet.clear()

    def speak(self):
        self.quiet.set()

    async def _publish(self, channel):
        number = self.counts[channel]
        self.counts[channel] += 1
        what = Publication(f"{self.name}/{channel}/{number}", channel, self.name, number, self.loop.time())
        self.run.publications.append(what)
        while what.answered is None:
            at = await self._attempt(what)
            if at:
                what.answered, what.at = self.loop.time(), at
                if random.random() < REPEATED:
                    self.loop.create_task(self._repeat(what))
                return
            self.turn += 1
            if self.stopping or not self.quiet.is_set():
                return
            await asyncio.sleep(random.uniform(0.05, 0.2))

    async def _repeat(self, what):
        await asyncio.sleep(random.uniform(0, 2))
        if self.http.closed or self.stopping:
            return
        what.repeated = True
        if at := await self._attempt(what, random.choice(self.nodes)):
            what.again.append((self.loop.time(), at))

    async def _attempt(self, what, node=None):
        node = node or self.nodes[self.turn % len(self.nodes)]
        began, outcome, at = self.loop.time(), "ok", None
        body = {"channel": what.channel, "data": what.body, "idempotency_key": what.body}
        try:
            async with self.http.post(f"http://127.0.0.1:{node.port}/api/publish", json=body) as got:
                answer = await got.json(content_type=None) if got.status == 200 else None
            if answer is None:
                outcome = f"status {got.status}"
            elif error := answer.get("error"):
                outcome = f"error {error['code']}"
                if error["code"] != 100:
                    self.run.faults.append(f"{self.name}: {answer}")
            else:
                at = Position(answer["result"]["epoch"], answer["result"]["offset"])
        except TimeoutError:
            outcome = "timeout"
        except (aiohttp.ClientError, OSError, RuntimeError):
            outcome = "broken"
        self.run.attempts.append(Attempt(began, self.loop.time(), node.name, outcome))
        return at
