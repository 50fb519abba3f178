"""Redis as the nodes meet it: one server, or a primary with a held-back replica and a Sentinel; and a proxy whose
connections can be cut or stand still."""

import asyncio
import contextlib
import signal
import subprocess

from support.redis import SERVER, free_port
from support.waiting import until


async def ask(port, *words, timeout=1.0):
    """The first piece of the answer, as it came; None while there is none to be had."""
    command = b"*%d\r\n" % len(words)
    for each in words:
        each = str(each).encode()
        command += b"$%d\r\n%s\r\n" % (len(each), each)
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                writer.write(command)
                return await reader.read(65536)
    except (OSError, TimeoutError):
        return None


class Server:
    """A redis-server on a port of its own, which it keeps over restarts."""

    def __init__(self, folder, *arguments):
        folder.mkdir(exist_ok=True)
        self.folder, self.arguments, self.port, self.process = folder, arguments, free_port(), None

    async def start(self):
        self.process = subprocess.Popen(
            [SERVER, *map(str, self.command())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )
        await until(self.answers, "redis-server", every=0.005)
        return self

    def command(self):
        return ["--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder,
                "--logfile", self.folder / "redis.log", *self.arguments]

    async def answers(self):
        return await ask(self.port, "PING") == b"+PONG\r\n"

    async def leads(self):
        return b"$6\r\nmaster" in (await ask(self.port, "ROLE") or b"")

    def stop(self):
        self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class Sentinel(Server):
    def __init__(self, folder, primary_port):
        super().__init__(folder)
        # The long time-out keeps it from leading the replica past the proxy that holds it back.
        (folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder / 'redis.log'}\n"
            f"sentinel monitor main 127.0.0.1 {primary_port} 1\nsentinel down-after-milliseconds main 500\n"
            "sentinel failover-timeout main 60000\n")

    def command(self):
        return [self.folder / "sentinel.conf", "--sentinel"]


class Proxy:
    """Carries bytes to `target`; `hold` makes everything stand still, `cut` ends all connections."""

    def __init__(self, target):
        self.target, self.pairs, self.tasks = target, set(), set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def start(self):
        self._server = await asyncio.start_server(self._spawn, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def hold(self):
        self._flows.clear()

    def flow(self):
        self._flows.set()

    def cut(self):
        for writer in list(self.pairs):
            writer.transport.abort()

    def _spawn(self, reader, writer):
        task = asyncio.ensure_future(self._accepted(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _accepted(self, reader, writer):
        try:
            await self._flows.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return writer.close()
        self.pairs |= {writer, far_writer}
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self.pairs -= {writer, far_writer}

    async def _carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                if writer.is_closing():
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    def stop(self):
        self.cut()
        self._server.close()
        for each in self.tasks:
            each.cancel()


class Standalone:
    """One server. `proxies`: each node reaches it by one of its own."""

    def __init__(self, folder, *arguments, proxies=0):
        self.server = Server(folder / "redis", *arguments)
        self.wanted, self.proxies = proxies, []

    async def start(self):
        await self.server.start()
        self.proxies = [await Proxy(self.server.port).start() for _ in range(self.wanted)]
        return self

    def url(self, node):
        port = self.proxies[node].port if self.proxies else self.server.port
        return f"redis://127.0.0.1:{port}"

    async def back(self):
        """Returns when it answers."""
        await until(self.server.answers, "Redis is back", 30, every=0.005)

    def stop(self):
        for each in self.proxies:
            each.stop()
        self.server.kill()


class Watched:
    """A primary, a replica that can be held back, and the Sentinel that fails over to it."""

    def __init__(self, folder):
        self.folder = folder
        self.primary = Server(folder / "primary", "--repl-diskless-sync-delay", "0")
        self.started = []  # in this order

    async def start(self):
        self.started.append(await self.primary.start())
        self.link = await Proxy(self.primary.port).start()
        self.started.append(self.link)
        self.replica = Server(self.folder / "replica", "--replicaof", "127.0.0.1", self.link.port)
        self.started.append(await self.replica.start())
        await until(self._attached, "the replica", 10)
        self.sentinel = await Sentinel(self._made("sentinel"), self.primary.port).start()
        self.started.append(self.sentinel)
        await until(self._noticed, "the Sentinel knows the replica", 15, every=0.05)
        return self

    def _made(self, name):
        (self.folder / name).mkdir(exist_ok=True)
        return self.folder / name

    async def _attached(self):
        return b"connected" in (await ask(self.replica.port, "ROLE") or b"")

    async def _noticed(self):
        said = await ask(self.sentinel.port, "SENTINEL", "REPLICAS", "main") or b""
        return str(self.replica.port).encode() in said and b"master-link-status\r\n$2\r\nok" in said

    def url(self, node):
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/main/0"

    async def back(self):
        """As far as anybody can know: the Sentinel says so. One that stood still for two seconds does nothing for thirty."""
        await until(self.replica.leads, "the replica leads", 90, every=0.005)

        async def known():
            said = await ask(self.sentinel.port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")
            return str(self.replica.port).encode() in (said or b"")

        await until(known, "the Sentinel knows it", 30, every=0.005)

    def stop(self):
        for each in reversed(self.started):
            each.stop()
