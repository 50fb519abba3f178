"""A client of the admin WebSocket: requests with answers, watches as mailboxes."""

import asyncio
import json

import websockets

from support.waiting import PATIENCE, Mailbox

SECRET = "the secret of those who look in"
CHANGES = {"admin": {"secret": SECRET}}  # of the configuration, to have inspection


class AdminError(Exception):
    def __init__(self, error):
        super().__init__(str(error))
        self.code, self.message, self.silent = error["code"], error["message"], error.get("silent", [])
        self.refused = error.get("refused", {})


class Admin:
    def __init__(self, socket):
        self.socket = socket
        self._last = 0
        self._waiting = {}
        self._watches = {}
        self.closed_with = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, node, auth={"secret": SECRET}, port=None):
        url = f"ws://127.0.0.1:{port or node.internal_port or node.port}/admin/websocket"
        one = cls(await websockets.connect(url, max_size=None, proxy=None))
        if auth is not None:
            one.hello = await one.ask("auth", **auth)
        return one

    async def _read(self):
        try:
            async for text in self.socket:
                message = json.loads(text)
                if "watch" in message and "id" not in message:
                    self._watches[message["watch"]].put(message)
                else:
                    self._waiting.pop(message["id"]).set_result(message)
        except websockets.ConnectionClosedError:
            pass
        for one in self._waiting.values():
            if not one.done():
                one.set_exception(ConnectionError("closed"))
        if not self.closed_with.done():
            self.closed_with.set_result((self.socket.close_code, self.socket.close_reason))

    async def send(self, what):
        await self.socket.send(what if isinstance(what, str) else json.dumps(what))

    async def start(self, method, params):
        self._last += 1
        self._waiting[self._last] = asyncio.get_running_loop().create_future()
        await self.send({"id": self._last, method: params})
        return self._last

    async def answer(self, number, timeout=PATIENCE):
        async with asyncio.timeout(timeout):
            message = await self._waiting[number]
        if "error" in message:
            raise AdminError(message["error"])
        return message["result"]

    async def ask(self, method, timeout=PATIENCE, **params):
        number = await self.start(method, params)
        return await self.answer(number, timeout)

    async def error(self, method, **params):
        """The code of the error that the request must be answered with."""
        try:
            got = await self.ask(method, **params)
        except AdminError as e:
            return e.code
        raise AssertionError(f"no error but {got}")

    async def watch(self, method, interval="100ms", **params):
        number = self._last + 1
        self._watches[number] = Mailbox()
        number = await self.start("watch", {"request": {method: params}, "interval": interval})
        await self.answer(number)
        box = self._watches[number]
        box.number = number
        if method in ("trace", "logs"):
            box.first = await box.take(what="the first result: from then on everything is seen")
        return box

    async def close(self):
        await self.socket.close()


async def seen(box, fits, what="an update", timeout=PATIENCE):
    """The first result of a watch that fits."""
    message = await box.take(lambda m: "result" in m and fits(m["result"]), what, timeout)
    return message["result"]
