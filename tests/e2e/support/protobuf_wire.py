"""`Wire` in Protobuf: the same calls, the same values, but for payloads, which are bytes."""

import base64
import json

from centrifuge.protocol import client_pb2
from google.protobuf.json_format import MessageToDict, ParseDict

from support.wire import BINARY, Line, Wire, frame

SUBPROTOCOL = {"Sec-WebSocket-Protocol": "centrifuge-protobuf"}


def framed(message):
    """`message` with its length before it."""
    out, size = bytearray(), len(message)
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes(out) + bytes([size]) + message


def unframed(message):
    """The messages in a frame."""
    out, at = [], 0
    while at < len(message):
        size = shift = 0
        while message[at] & 128:
            size |= (message[at] & 127) << shift
            shift, at = shift + 7, at + 1
        size |= message[at] << shift
        at += 1
        assert at + size <= len(message), "a message is cut"
        out.append(message[at : at + size])
        at += size
    return out


def _as_protobuf(value):
    """What the library that fills messages from objects wants: bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return {k: _as_protobuf(v) for k, v in value.items()} if isinstance(value, dict) else value


class ProtobufWire(Wire):
    @classmethod
    async def open(cls, port, path="/connection/websocket", headers=SUBPROTOCOL, **more):
        return await super().open(port, path, headers, **more)

    def send_bytes(self, message):
        self.write(frame(BINARY, message))

    def send(self, *commands):
        made = (ParseDict(_as_protobuf(c), client_pb2.Command()).SerializeToString() for c in commands)
        self.send_bytes(b"".join(framed(one) for one in made))

    def _take(self, kind, message):
        assert kind == BINARY
        self._messages += 1
        for one in unframed(message):
            reply = client_pb2.Reply()
            reply.ParseFromString(one)
            value = MessageToDict(reply, preserving_proto_field_name=True)
            if value:
                self.lines.put(Line(one, value, self._messages))
            else:
                self._pinged()


def payload(encoded):
    """The bytes of a payload in a value."""
    return base64.b64decode(encoded)


def json_payload(encoded):
    return json.loads(payload(encoded))
