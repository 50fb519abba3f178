"""A client whose messages come down the body of an HTTP response, byte for byte."""

import asyncio
import json
import socket
import struct
import urllib.parse

from support.waiting import PATIENCE
from support.wire import http

HTTP_STREAM, SSE = "/connection/http_stream", "/connection/sse"


def opening(path, commands, version="1.1", headers=None):
    """The request that opens a stream; `commands` are objects, or text as it is."""
    text = commands if isinstance(commands, str) else "\n".join(map(json.dumps, commands))
    fields = {"Host": "node.example", **(headers or {})}
    if path == SSE:
        target, method, body = f"{path}?cf_connect={urllib.parse.quote(text)}", "GET", b""
    else:
        target, method, body = path, "POST", text.encode()
        fields = {"Content-Type": "application/json", "Content-Length": len(body), **fields}
    lines = [f"{method} {target} HTTP/{version}"] + [f"{k}: {v}" for k, v in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def connecting(token=None, **fields):
    return {"id": 1, "connect": {**({"token": token} if token else {}), **fields}}


def raw(method, path, body=b"", **headers):
    """The bytes of any request; `_` in a header's name stands for a dash."""
    fields = {"Host": "node.example", "Content-Length": len(body)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def emulate(port, session, node, data, headers=None):
    """One request to /emulation; its status, headers and body."""
    text = data if isinstance(data, str) else "\n".join(map(json.dumps, data))
    body = json.dumps({"session": session, "node": node, "data": text}).encode()
    return await http(port, raw("POST", "/emulation", body, Content_Type="application/json", **(headers or {})))


class Stream:
    """Reads with a time-out; what is not asked for stays in the socket."""

    @classmethod
    async def open(cls, node, path, commands, **more):
        self = cls()
        self.node, self.path = node, path
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", node.port, limit=1 << 20)
        self.writer.write(opening(path, commands, **more))
        await self.head()
        return self

    async def head(self):
        async with asyncio.timeout(PATIENCE):
            first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode()[:-4].split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
        self.messages, self.ended = [], False

    async def connected(self):
        self.connect_reply = (await self.message())["connect"]
        return self

    async def message(self, timeout=PATIENCE, pings=False):
        """The next object; None at the end of the body. Pings come at any time: only who asks gets them."""
        async with asyncio.timeout(timeout):
            while True:
                while self.messages and self.messages[0] == {} and not pings:
                    self.messages.pop(0)
                if self.messages or self.ended:
                    break
                self._take(await self._piece())
        return self.messages.pop(0) if self.messages else None

    async def reply(self, number):
        """The reply with that id; what came before it stays for `message`."""
        before = []
        while (got := await self.message()) is not None and got.get("id") != number:
            before.append(got)
        assert got is not None, f"the stream ended before reply {number}"
        self.messages[:0] = before
        return got

    async def rest(self):
        """All objects up to the end of the body."""
        out = []
        while (one := await self.message()) is not None:
            out.append(one)
        return out

    async def say(self, *commands):
        got = await emulate(self.node.port, self.connect_reply["session"], self.connect_reply["node"], list(commands))
        assert got[0] == 204, got

    def close(self):
        self.writer.close()

    def reset(self):
        """As a network that breaks: no orderly end."""
        sock = self.writer.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _piece(self):
        """One chunk, or one line of a body without chunks; empty at its end."""
        if self.headers.get("transfer-encoding") != "chunked":
            return await self.reader.readline()
        size = int((await self.reader.readuntil(b"\r\n")).decode(), 16)
        piece = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return piece

    def _take(self, piece):
        if not piece:
            self.ended = True
            return
        for line in piece.decode().split("\n"):
            if self.path == SSE and line:
                assert line.startswith("data: "), line
                line = line[len("data: ") :]
            if line:
                self.messages.append(json.loads(line))
