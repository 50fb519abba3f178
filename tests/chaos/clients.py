"""Subscribers that speak the protocol themselves, so that everything they are sent is written down, and that come
again as the official clients do: back-off with full jitter, the next address in turn, recovery from the last
position, subscribing again where the answer says so."""

import asyncio
import contextlib
import json
import random

import aiohttp

from record import Got, Life, Member, Off, Subscribed, Track

FIRST_DELAY, LAST_DELAY = 0.1, 2.0  # seconds
ANSWER = 5.0  # seconds a command may take; then the client gives the connection up


class Gone(Exception):
    def __init__(self, code):
        self.code = code


def delay(step):
    return min(LAST_DELAY, FIRST_DELAY + random.uniform(0, min(LAST_DELAY, FIRST_DELAY * 2**step)))


class Subscription:
    def __init__(self, track):
        self.track = track
        self.position = None  # (epoch, offset)
        self.state = "off"  # "asked", "on"
        self.failures = 0


class Client:
    """`patience`: seconds without a ping after which it looks for another node; the node's pings say when they come."""

    def __init__(self, run, name, nodes, channels, token, patience=10.0, first=0):
        self.run, self.name, self.nodes, self.token, self.patience = run, name, nodes, token, patience
        self.turn = first  # which node is next
        self.subs = {c: Subscription(Track(name, c, room=c.startswith("room:"))) for c in channels}
        run.tracks += [s.track for s in self.subs.values()]
        self.id = self.node = self.life = self.ws = None
        self.loop = asyncio.get_running_loop()
        self._commands, self._last_id = {}, 0
        self._retries = set()

    def up(self):
        return all(s.state == "on" for s in self.subs.values())

    async def live(self):
        """Until cancelled."""
        failures = 0
        async with aiohttp.ClientSession() as self.http:
            while True:
                self.node = self.nodes[self.turn % len(self.nodes)]
                code = 1006
                try:
                    await self._connected()
                except Gone as e:
                    code = e.code
                except (aiohttp.ClientError, OSError, TimeoutError):
                    pass
                finally:
                    was_up = self.id is not None
                    self._ended(code, asyncio.current_task().cancelling() > 0)
                if 3500 <= code < 4000 or 4500 <= code < 5000:
                    return self.run.faults.append(f"{self.name} was closed with {code}, which is final")
                failures = 0 if was_up else failures + 1
                self.turn += 1
                await asyncio.sleep(delay(failures))

    # -- a connection

    async def _connected(self):
        url = f"{self.node.websocket_url}"
        async with asyncio.timeout(ANSWER):
            ws = await self.http.ws_connect(url, max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=0.1))
        self.ws = ws
        try:
            self._command(connect={"token": self.token})
            self._silence = ANSWER
            while True:
                try:
                    message = await ws.receive(self._silence)
                except TimeoutError:
                    raise Gone(1006) from None
                if message.type == aiohttp.WSMsgType.TEXT:
                    for line in message.data.split("\n"):
                        if line:
                            await self._take(json.loads(line))
                    continue
                raise Gone(ws.close_code or 1006)
        finally:
            # As a network that is gone where the node stands still: nobody waits for its close frame.
            with contextlib.suppress(Exception):
                ws._response.connection.transport.abort()

    def _command(self, **what):
        self._last_id += 1
        self._commands[self._last_id] = (*next(iter(what.items())), self.loop.time())
        self._send({"id": self._last_id, **what})

    def _send(self, value):
        self._outgoing(json.dumps(value))

    def _outgoing(self, text):
        # Written at once: `send_str` only waits where the socket is full, which these few bytes never make it.
        task = self.loop.create_task(self._write(self.ws, text))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    @staticmethod
    async def _write(ws, text):
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):
            await ws.send_str(text)

    def _ended(self, code, wished):
        at = self.loop.time()
        for sub in self.subs.values():
            if sub.state == "on":
                sub.track.events.append(Off(at, code, wished))
            sub.state = "off"
        if self.life and self.life.ended is None and not wished:
            self.life.ended = at
        self.id = self.life = self.ws = None
        self._commands.clear()
        for each in list(self._retries):
            each.cancel()

    async def _take(self, message):
        if not message:
            return self._send({})
        if push := message.get("push"):
            return self._pushed(push)
        kind, asked, _ = self._commands.pop(message["id"])
        if kind == "connect":
            if error := message.get("error"):
                if not error.get("temporary"):
                    self.run.faults.append(f"{self.name}: connect was refused: {error}")
                raise Gone(1006)
            answer = message["connect"]
            self.id = answer["client"]
            self._silence = answer.get("ping", 25) + self.patience
            self.life = self.run.lives[self.id] = Life(self.id, self.node.name, [])
            for channel in self.subs:
                self._subscribe(channel)
        elif kind == "subscribe":
            self._subscribed(asked["channel"], message)

    # -- subscriptions

    def _subscribe(self, channel):
        sub = self.subs[channel]
        sub.state = "asked"
        fields = {"channel": channel}
        if sub.track.room:
            fields["join_leave"] = True
            self.life.rooms.append(channel)
        if sub.position:
            fields |= {"recover": True, "epoch": sub.position[0], "offset": sub.position[1]}
        number = self._last_id + 1
        self._command(subscribe=fields)
        self._later(ANSWER, lambda: self._give_up(number))

    def _later(self, seconds, call):
        async def wait():
            await asyncio.sleep(seconds)
            call()

        task = self.loop.create_task(wait())
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    def _give_up(self, number):
        if number in self._commands and self.ws:
            self.ws._response.connection.transport.abort()

    def _subscribed(self, channel, message):
        at, sub = self.loop.time(), self.subs[channel]
        if error := message.get("error"):
            if sub.track.room:
                self.life.rooms.remove(channel)
            if not error.get("temporary") and error["code"] != 109:
                self.run.faults.append(f"{self.name}: subscribing to {channel} was refused: {error}")
                return
            sub.failures += 1
            sub.state = "waits"
            self.run.refused_subscribes += 1
            return self._later(delay(sub.failures), lambda: self._again(channel))
        answer = message["subscribe"]
        sub.failures, sub.state = 0, "on"
        epoch, offset = answer["epoch"], answer.get("offset", 0)
        if sub.position and not answer.get("was_recovering"):
            self.run.faults.append(f"{self.name}: {channel} asked to recover, the answer doesn't say so")
        events = sub.track.events
        events.append(Subscribed(at, epoch, offset, answer.get("recovered", False), self.id, self.node.name))
        sub.position = (epoch, offset)
        for each in answer.get("publications", []):
            self._publication(sub, at, each)

    def _again(self, channel):
        if self.id and self.subs[channel].state == "waits":
            self._subscribe(channel)

    @staticmethod
    def _publication(sub, at, pub):
        sub.track.events.append(Got(at, pub["offset"], pub["data"]))
        sub.position = (sub.position[0], pub["offset"])

    def _pushed(self, push):
        at, channel = self.loop.time(), push.get("channel", "")
        sub = self.subs.get(channel)
        if sub is None:
            self.run.faults.append(f"{self.name}: a push nobody asked for: {push}")
        elif pub := push.get("pub"):
            self._publication(sub, at, pub)
        elif "join" in push or "leave" in push:
            what = "join" if "join" in push else "leave"
            sub.track.events.append(Member(at, what, push[what]["info"]["client"]))
        elif ended := push.get("unsubscribe"):
            code = ended["code"]
            sub.track.events.append(Off(at, code))
            if sub.track.room:
                self.life.rooms.remove(channel)
            sub.state = "off"
            if code < 2500:
                self.run.faults.append(f"{self.name}: {channel} ended with {code}")
            else:
                self._subscribe(channel)
