"""A subscriber that stops reading."""

import contextlib
import json
import socket

from support.tokens import token
from support.wire import TEXT, frame, handshake


class Deaf:
    """On a plain, blocking socket: asyncio would go on reading behind our back."""

    def __init__(self, node, channel, receive_buffer=4096, tls=None):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", node.port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.socket.sendall(handshake(node.port))
        commands = [{"id": 1, "connect": {"token": token("deaf")}}, {"id": 2, "subscribe": {"channel": channel}}]
        self.socket.sendall(frame(TEXT, "\n".join(map(json.dumps, commands)).encode()))
        got = b""
        while b'"subscribe":' not in got:
            got += self.socket.recv(4096)

    def rest(self):
        """Reads at last, to the end."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                got += data
        return got
