"""A subscriber that reads nothing until it is told to, and then looks at all that comes."""

import json
import socket

from centrifuge.fossil import apply_delta

from support.tokens import token
from support.wire import TEXT, frame, handshake


class Slow:
    """On a plain, blocking socket with small buffers. Publications are `{"n": number, ...}`."""

    def __init__(self, node, *channels, receive_buffer=32768, user="slow", **subscribe):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", node.port))
        self.socket.sendall(handshake(node.port))
        self._held = b""
        while b"\r\n\r\n" not in self._held:
            self._held += self.socket.recv(4096)
        self._held = self._held.partition(b"\r\n\r\n")[2]
        self._bases = {}
        self._deltas = "delta" in subscribe
        commands = [{"id": 1, "connect": {"token": token(user)}}]
        commands += [{"id": 2 + i, "subscribe": {"channel": c, **subscribe}} for i, c in enumerate(channels)]
        self.socket.sendall(frame(TEXT, "\n".join(map(json.dumps, commands)).encode()))
        replies = 0
        while replies < len(commands):
            replies += "id" in self.message()

    def message(self):
        """The next object of the node."""
        while True:
            self._fill(2)
            size, at = self._held[1], 2
            if size == 126:
                self._fill(4)
                size, at = int.from_bytes(self._held[2:4], "big"), 4
            elif size == 127:
                self._fill(10)
                size, at = int.from_bytes(self._held[2:10], "big"), 10
            self._fill(at + size)
            kind, body = self._held[0], self._held[at : at + size]
            self._held = self._held[at + size :]
            assert kind == 0x80 | TEXT, (kind, body)
            value = json.loads(body)
            if value:
                return value

    def publication(self):
        """Channel, publication and its value, deltas applied."""
        while True:
            push = self.message().get("push", {})
            if "pub" not in push:
                continue
            channel, pub = push["channel"], push["pub"]
            if not self._deltas:
                return channel, pub, pub["data"]
            data = pub["data"].encode()
            self._bases[channel] = apply_delta(self._bases[channel], data) if pub.get("delta") else data
            return channel, pub, json.loads(self._bases[channel])

    def read_until(self, last):
        """The numbers of the publications up to `last`."""
        numbers = []
        while not numbers or numbers[-1] != last:
            numbers.append(self.publication()[2]["n"])
        return numbers

    def _fill(self, size):
        while len(self._held) < size:
            data = self.socket.recv(65536)
            assert data, "the node closed"
            self._held += data

    def close(self):
        self.socket.close()
