"""A WebSocket client that does exactly what it is told, also what no client may do."""

import asyncio
import base64
import contextlib
import json
import os
import struct
import zlib
from collections import namedtuple

from support.waiting import PATIENCE, Mailbox

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# One JSON object of the protocol: its text, its value, and the number of the WebSocket message it came in.
Line = namedtuple("Line", "text value message")


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status}: {body!r}")
        self.status, self.headers, self.body = status, headers, body


class Ended(Exception):
    """The connection is over; code 1006 stands for an end without a close frame."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class CommandError(Exception):
    def __init__(self, error):
        super().__init__(str(error))
        self.code, self.temporary = error["code"], error.get("temporary", False)


def frame(opcode, payload=b"", fin=True, mask=b"\x01\x02\x03\x04", reserved=0):
    """One frame; `mask` None sends it as no client may."""
    out = bytearray([(0x80 if fin else 0) | reserved << 4 | opcode])
    flag = 0x80 if mask is not None else 0
    if len(payload) < 126:
        out.append(flag | len(payload))
    elif len(payload) < 65536:
        out += struct.pack("!BH", flag | 126, len(payload))
    else:
        out += struct.pack("!BQ", flag | 127, len(payload))
    if mask is None:
        return bytes(out) + payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
    return bytes(out) + mask + masked


def handshake(port, path="/connection/websocket", headers=None):
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    lines = [f"GET {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_response(reader):
    """Status, headers (lower case) and body of an HTTP answer; None when the peer closed without one."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError as e:
        if e.partial:
            raise
        return None
    first, *rest = head[:-4].split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
    status = int(first.split()[1])
    body = b"" if status == 101 else await reader.readexactly(int(headers.get("content-length", 0)))
    return status, headers, body.decode()


async def http(port, raw, timeout=PATIENCE, ssl=None):
    """Sends the bytes of a request on a connection of its own; `read_response`'s answer."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl)
        with contextlib.closing(writer):
            # The node may answer and close before it has all of it.
            with contextlib.suppress(ConnectionError):
                writer.write(raw)
                await writer.drain()
            return await read_response(reader)


class Wire:
    def __init__(self, reader, writer, headers):
        self._reader, self._writer = reader, writer
        self.headers = headers  # of the handshake's answer
        self.deflate = "permessage-deflate" in headers.get("sec-websocket-extensions", "")
        self.lines = Mailbox()
        self.answers_pings = True
        self.pings = 0  # of the protocol, `{}`
        self.pongs = Mailbox()  # payloads of WebSocket pongs
        self.closed_with = asyncio.get_running_loop().create_future()
        self._last_id = 0
        self._messages = 0
        self._task = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, port, path="/connection/websocket", headers=None, timeout=PATIENCE, ssl=None, first=b""):
        """`first` goes before the handshake: what a proxy would say."""
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20, ssl=ssl)
            return await cls.open_on(reader, writer, first + handshake(port, path, headers))

    @classmethod
    async def open_on(cls, reader, writer, words, timeout=PATIENCE):
        """Over a connection that is there already."""
        async with asyncio.timeout(timeout):
            try:
                writer.write(words)
                got = await read_response(reader)
                if got is None or got[0] != 101:
                    raise Refused(*(got or (0, {}, "closed without an answer")))
            except BaseException:
                writer.close()
                raise
        return cls(reader, writer, got[1])

    def write(self, raw):
        """Dropped when the connection is over, as the kernel would."""
        if not self._writer.is_closing():
            self._writer.write(raw)

    def send_text(self, text):
        self.write(frame(TEXT, text if isinstance(text, bytes) else text.encode()))

    def send(self, *commands):
        """Commands in one message, a line each."""
        self.send_text("\n".join(json.dumps(c) for c in commands))

    def next_id(self):
        self._last_id += 1
        return self._last_id

    def start(self, kind, **fields):
        """Sends one command and returns its id, to be given to `reply` or `result`."""
        number = self.next_id()
        self.send({"id": number, kind: fields})
        return number

    async def line(self, timeout=PATIENCE):
        """Whatever comes next."""
        return await self.lines.take(what="line", timeout=timeout)

    async def reply(self, number, timeout=PATIENCE):
        return (await self.lines.take(lambda x: x.value.get("id") == number, f"reply {number}", timeout)).value

    async def result(self, number, timeout=PATIENCE):
        """The body of a reply; CommandError when the command was refused."""
        reply = await self.reply(number, timeout)
        if "error" in reply:
            raise CommandError(reply["error"])
        return next((v for k, v in reply.items() if k != "id"), {})

    async def call(self, kind, **fields):
        return await self.result(self.start(kind, **fields))

    async def push(self, kind, channel=None, timeout=PATIENCE):
        """The next push of a kind: its body."""
        found = await self.push_line(kind, channel, timeout)
        return found.value["push"][kind]

    async def push_line(self, kind, channel=None, timeout=PATIENCE):
        def fits(x):
            push = x.value.get("push", {})
            return kind in push and channel in (None, push.get("channel"))

        return await self.lines.take(fits, f"{kind} push in {channel}", timeout)

    def pushes(self):
        """What was pushed and not taken yet."""
        return [x.value["push"] for x in self.lines.items if "push" in x.value]

    async def connect(self, token="", **fields):
        return await self.call("connect", **({"token": token} if token else {}), **fields)

    async def subscribe(self, channel, **fields):
        return await self.call("subscribe", channel=channel, **fields)

    async def closed(self, timeout=PATIENCE):
        """Waits for the node to close; code and reason."""
        return await asyncio.wait_for(asyncio.shield(self.closed_with), timeout)

    def abort(self):
        """The network is gone: no close frame, a reset."""
        self._writer.transport.abort()

    async def close(self, code=1000):
        """A clean end from this side; returns when the node has answered it."""
        if not self.closed_with.done():
            self.write(frame(CLOSE, struct.pack("!H", code)))
            await self.closed()
        self._writer.close()
        self._task.cancel()

    async def _read(self):
        code, reason = 1006, ""
        try:
            message = b""
            while True:
                first, second = await self._reader.readexactly(2)
                size = second & 127
                if size == 126:
                    (size,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
                reserved = first & 0x70
                assert not second & 128 and (not reserved or reserved == 0x40 and self.deflate), (
                    "a server's frames are unmasked, without reserved bits"
                )
                payload = await self._reader.readexactly(size)
                opcode = first & 15
                if reserved:
                    payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
                if opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                    reason = payload[2:].decode()
                    return
                if opcode == PING:
                    self.write(frame(PONG, payload))
                elif opcode == PONG:
                    self.pongs.put(payload)
                else:
                    message += payload
                    if opcode:
                        kind = opcode
                    if first & 128:
                        self._take(kind, message)
                        message = b""
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.lines.end(Ended(code, reason))
            self.pongs.end(Ended(code, reason))
            if not self.closed_with.done():
                self.closed_with.set_result((code, reason))
            self._writer.close()

    def _take(self, kind, message):
        assert kind == TEXT
        self._messages += 1
        for text in message.decode().removesuffix("\n").split("\n"):
            value = json.loads(text)
            if value:
                self.lines.put(Line(text, value, self._messages))
            else:
                self._pinged()

    def _pinged(self):
        self.pings += 1
        if self.answers_pings:
            self.send({})
