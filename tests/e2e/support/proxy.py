"""A network between a client and a node that can fail."""

import asyncio


class Network:
    """Forwards to `port` from a port of its own."""

    def __init__(self, port):
        self._target = port
        self._writers = set()
        self.up = True

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        """Every connection is gone, and new ones get nowhere until `heal`."""
        self.up = False
        for writer in self._writers:
            writer.transport.abort()

    def heal(self):
        self.up = True

    async def _accept(self, reader, writer):
        if not self.up:
            writer.transport.abort()
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, to_writer}
        try:
            await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        finally:
            self._writers -= {writer, to_writer}

    @staticmethod
    async def _pass(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
