"""A redis-server of a test's own: on a port that the kernel picked, gone with the test."""

import asyncio
import os
import signal
import socket
import subprocess

from support.waiting import until

SERVER = os.environ.get("PLEXUS_REDIS_SERVER", "redis-server")  # or another that speaks the same


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    def __init__(self, folder, *arguments):
        folder.mkdir(exist_ok=True)
        self.folder, self.arguments, self.port, self.process = folder, arguments, free_port(), None

    async def start(self):
        self.process = subprocess.Popen(
            [SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
            + ["--logfile", self.folder / "redis.log", *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        await until(self.answers, "redis-server")
        return self

    def answers(self):
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def ask(self, *words):
        """The first piece of the answer, as it came: enough for what tests ask."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            command = b"*%d\r\n" % len(words)
            for each in words:
                each = str(each).encode()
                command += b"$%d\r\n%s\r\n" % (len(each), each)
            s.sendall(command)
            return s.recv(65536)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    async def stop(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.kill()
        await asyncio.sleep(0)
