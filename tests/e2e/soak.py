"""A leak hunt: clients of all kinds come and go, most of them in the middle of something, and in the end the node holds
what it held at the beginning. JSON and Protobuf, compressed and not, WebSocket, http_stream and SSE; then TLS.
`make soak`, or by hand:

    PLEXUS_BIN=build/plexus build/venv/bin/python tests/e2e/soak.py --seconds 60

Under the sanitizers memory isn't compared: such a node keeps what was freed, but reports by itself, at its end, what it
lost.

    scripts/build dev plexus
    PLEXUS_BIN=build/dev/actors/node/plexus build/venv/bin/python tests/e2e/soak.py --sanitized"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest import pytest_configure  # noqa: E402  raises the limit of open files
from support.certificates import Authority  # noqa: E402
from support.node import BASE, Node, merged  # noqa: E402
from support.protobuf_wire import ProtobufWire  # noqa: E402
from support.stream import HTTP_STREAM, SSE, Stream, connecting  # noqa: E402
from support.tokens import token  # noqa: E402
from support.waiting import until  # noqa: E402
from support.wire import TEXT, CommandError, Ended, Refused, Wire, frame, handshake  # noqa: E402

CONFIG = {
    "node": {"loops": 2, "max_queue_memory": 16 * 1024 * 1024},
    "client": {
        "max_queue_size": 65536,
        "connect_timeout": "2s",
        "ping_interval": "2s",
        "pong_timeout": "1s",
        "compression": True,
        "rate": {"commands_per_second": 200, "bytes_per_second": 2_000_000, "burst": 100},
    },
    "log": {"level": "warn"},
    "channels": {
        "default": {"subscribe": "user"},
        "namespaces": {
            "chat": {"history_size": 20, "history_ttl": "2s", "presence_grace": "500ms", "join_leave": True},
            "delta": {"publish": "subscriber", "delta": True, "history_size": 10, "history_ttl": "2s"},
            "last": {"publish": "subscriber", "delta": True, "on_slow": "latest"},
            "few": {"publish": "subscriber", "max_subscribers": 3, "publications_per_second": 5},
        }
    },
}
NAMES = [f"{space}:{i}" for space in ("chat", "plain", "delta", "last", "few") for i in range(8)]


class DeflateWire(Wire):
    """Compresses whatever it says."""

    @classmethod
    async def open(cls, port, **more):
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
        return await super().open(port, headers=offer, **more)

    def send_text(self, text):
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(text.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
        self.write(frame(TEXT, packed[:-4], reserved=4))


class Visitor:
    """One client with a will of its own; `dice` decides what it does and when it goes. `tls`: the context to come with,
    None for a node that speaks plain text."""

    def __init__(self, node, dice, tls=None):
        self.node, self.dice, self.tls = node, dice, tls

    async def visit(self):
        try:
            kinds = [self.talk] * 5 + [self.be_deaf, self.break_off, self.say_rubbish]
            if self.tls is None:
                kinds += [self.listen] * 2
            await self.dice.choice(kinds)()
        except (Ended, CommandError, ConnectionError, AssertionError, asyncio.IncompleteReadError):
            pass  # refused or cut off: that is part of it
        except Refused as e:
            # No answer: it was kept from saying anything for `connect_timeout`, on a machine that has much to do.
            if e.status not in (0, 408, 503):
                raise

    async def talk(self):
        kind = self.dice.choice([Wire, Wire, DeflateWire, ProtobufWire])
        self.binary = kind is ProtobufWire
        one = await kind.open(self.node.port, ssl=self.tls)
        try:
            one.start("connect", token=token(f"user{self.dice.randrange(50)}"))
            for _ in range(self.dice.randrange(1, 25)):
                self.command(one)
                if self.dice.random() < 0.3:
                    await asyncio.sleep(self.dice.random() * 0.02)
            if self.dice.random() < 0.4:
                await one.call("rpc", method="none")
        finally:
            how = self.dice.random()
            if how < 0.4:
                one.abort()
            elif how < 0.5 and not self.binary:
                one.write(frame(1, b'{"id":99,"publish":{"channel":"chat:1","da')[:-5])
                one.abort()
            else:
                await one.close()
            await one.closed()

    def command(self, one):
        channel = self.dice.choice(NAMES)
        what = self.dice.randrange(9)
        if what < 3:
            one.start("subscribe", channel=channel, recover=self.dice.random() < 0.5, delta="fossil", join_leave=True)
        elif what == 3:
            one.start("unsubscribe", channel=channel)
        elif what < 6:
            size = self.dice.choice([10, 500, 20_000])
            one.start("publish", channel=channel, data=self.payload({"n": self.dice.random(), "pad": "x" * size}))
        elif what == 6:
            asked = self.dice.choice(["history", "presence", "presence_stats"])
            one.start(asked, channel=channel, **({"limit": 5} if asked == "history" else {}))
        elif what == 7:
            one.start("rpc", method="plexus.presence.update", data=self.payload({"channel": channel, "state": {"n": what}}))
        else:
            one.start("refresh", token=token("user1"))

    def payload(self, value):
        return json.dumps(value).encode() if self.binary else value

    async def listen(self):
        """A client on an HTTP response, which speaks by the way beside it."""
        user = token(f"user{self.dice.randrange(50)}")
        one = await Stream.open(self.node, self.dice.choice([HTTP_STREAM, SSE]), [connecting(user)])
        try:
            await one.connected()
            for number in range(2, self.dice.randrange(3, 9)):
                channel = self.dice.choice(NAMES)
                what = self.dice.choice([{"subscribe": {"channel": channel}}, {"history": {"channel": channel, "limit": 5}},
                                         {"publish": {"channel": channel, "data": "x" * 3000}}])  # fmt: skip
                await one.say({"id": number, **what})
            if self.dice.random() < 0.5:
                await one.reply(number)
        finally:
            self.dice.choice([one.close, one.reset])()

    async def be_deaf(self):
        """Subscribes and never reads again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.node.port, limit=1024, ssl=self.tls)
        writer.write(handshake(self.node.port))
        await reader.readuntil(b"\r\n\r\n")
        commands = [{"id": 1, "connect": {"token": token("deaf")}}]
        commands += [{"id": 2 + i, "subscribe": {"channel": c}} for i, c in enumerate(self.dice.sample(NAMES, 5))]
        writer.write(frame(1, "\n".join(map(json.dumps, commands)).encode()))
        await asyncio.sleep(self.dice.random() * 4)
        writer.transport.abort()

    async def break_off(self):
        """Goes in the middle of the handshake; with TLS, of the first one."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.node.port)
        raw = handshake(self.node.port)
        writer.write(raw[: self.dice.randrange(len(raw))])
        await asyncio.sleep(self.dice.random() * 0.05)
        writer.transport.abort()

    async def say_rubbish(self):
        one = await Wire.open(self.node.port, ssl=self.tls)
        rubbish = ["{", '{"id":1}', "[]", "\n", '{"id":1,"connect":{"token":"x"}}', '{"send":{}}']
        one.send_text(self.dice.choice(rubbish))
        await one.closed()


async def publish(node, dice, stop):
    """The back end, all the while."""
    while not stop.is_set():
        channel = dice.choice(NAMES)
        try:
            await node.api.publish(channel, {"n": dice.random(), "pad": "y" * dice.choice([10, 5_000, 50_000])})
            what = dice.randrange(40)
            user = f"user{dice.randrange(50)}"
            if what == 0:
                await node.api("disconnect", user=user)
            elif what == 1:
                await node.api("subscribe", user=user, channel=channel)
            elif what == 2:
                await node.api("unsubscribe", user=user, channel=channel)
        except Exception as e:
            if "error 111" not in str(e):
                raise
        await asyncio.sleep(0.002)


async def round_of(node, dice, seconds, at_once, tls):
    end, visits, stop = time.monotonic() + seconds, 0, asyncio.Event()
    back_end = asyncio.ensure_future(publish(node, dice, stop))

    async def come_and_go():
        nonlocal visits
        while time.monotonic() < end:
            visits += 1
            await asyncio.wait_for(Visitor(node, dice, tls).visit(), 30)

    try:
        await asyncio.gather(*(come_and_go() for _ in range(at_once)))
    finally:
        stop.set()
        await back_end

    async def empty():
        for name in ("plexus_clients", "plexus_channels", "plexus_queue_bytes"):
            if await node.metric(name) != 0:
                return False
        return await node.metric("plexus_connections") <= 2

    await until(empty, "a node without clients, channels and queues", timeout=30, every=0.2)
    return visits


async def hunt(args, seconds, with_tls):
    """On one node. With TLS the API is on the internal port."""
    with tempfile.TemporaryDirectory(prefix="plexus-soak-") as name:
        folder, config, tls = Path(name), merged(BASE, CONFIG), None
        if with_tls:
            authority = Authority(folder / "certificates")
            certificate, key = authority.sign()
            tls = authority.context()
            config = merged(config, {"listen": {"tls": {"certificate": str(certificate), "key": str(key)}},
                                     "internal": {"address": "127.0.0.1"}})  # fmt: skip
        node = Node(folder, config)
        await node.start()
        dice = random.Random(args.seed)
        print(f"seed {args.seed}, {'TLS' if with_tls else 'plain'}", flush=True)
        try:
            # The warm-up: until each kind of visit was made by many at once, memory still finds its height.
            await round_of(node, dice, max(seconds / 2, 3), args.at_once, tls)
            memory, files = [node.resident()], node.descriptors()
            for number in range(args.rounds):
                visits = await round_of(node, dice, 0.75 * seconds / args.rounds, args.at_once, tls)
                memory.append(node.resident())
                print(f"round {number + 1}: {visits} visits, {memory[-1] / 1e6:.2f} MB", flush=True)
            for part in ("connection", "actor", "loop"):
                assert await node.metric(f"plexus_{part}_failures_total") == 0, part
            assert node.descriptors() <= files + 2, f"{node.descriptors()} open files, {files} before"
            if not args.sanitized:
                # With several rounds the first one still belongs to the warm-up.
                grown = memory[-1] - memory[1 if args.rounds > 1 else 0]
                assert grown < args.allowed, f"grew by {grown} bytes: {memory}"
                print(f"grew by {grown / 1e6:.2f} MB since the first round")
        finally:
            await node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of all rounds together (60)")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=100, help="clients at a time (100)")
    parser.add_argument("--allowed", type=int, default=3_000_000, help="bytes that it may grow (3000000)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="repeats a run, but for its timing")
    parser.add_argument("--sanitized", action="store_true", help="the node is built with a sanitizer")
    args = parser.parse_args()
    pytest_configure()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a socket is gone is what this is about
    asyncio.run(hunt(args, 0.7 * args.seconds, with_tls=False))
    asyncio.run(hunt(args, 0.3 * args.seconds, with_tls=True))
    if not args.sanitized:
        print("under the sanitizers: scripts/build dev plexus; "
              "PLEXUS_BIN=build/dev/actors/node/plexus build/venv/bin/python tests/e2e/soak.py --sanitized")  # fmt: skip


if __name__ == "__main__":
    main()
