"""WebSocket frames and messages that aren't what the protocols say: a close code, for the sender alone."""

import os
import struct

import pytest

from support.wire import BINARY, CLOSE, PING, TEXT, Ended, frame


@pytest.mark.parametrize(
    "raw, code",
    [
        (frame(TEXT, b'{"id":9,"rpc":{"data":"\xff"}}'), 1007),
        (frame(TEXT, b"\xc0\xaf"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"\xe2\x82", fin=False) + frame(0, b"\x28"), 1007),
        (frame(TEXT, b"{}", mask=None), 1002),
        (frame(TEXT, b"{}", reserved=4), 1002),
        (frame(TEXT, b"{}", reserved=1), 1002),
        (frame(3, b"{}"), 1002),
        (frame(11, b""), 1002),
        (frame(0, b"{}"), 1002),
        (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"", fin=False), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack("!H", 1005)), 1002),
        (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
        (frame(TEXT, b" " * 65_537), 1009),
        (frame(TEXT, b" " * 40_000, fin=False) + frame(0, b" " * 40_000), 1009),
        (b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"mask", 1009),
        (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"mask", 1002),
    ],
    ids=[
        "no UTF-8",
        "overlong",
        "surrogate",
        "no UTF-8 over fragments",
        "unmasked",
        "reserved bit 1",
        "reserved bit 3",
        "unknown opcode",
        "unknown control opcode",
        "continuation of nothing",
        "message in a message",
        "long ping",
        "fragmented ping",
        "close of one byte",
        "close code 1005",
        "close reason no UTF-8",
        "over the limit",
        "over the limit in fragments",
        "a terabyte announced",
        "negative length",
    ],
)
@pytest.mark.parametrize("connected", [False, True], ids=["fresh", "connected"])
async def test_a_broken_frame_closes_its_connection_alone(shared_node, wire, bystander, raw, code, connected):
    await bystander(shared_node)
    bad = await wire(shared_node, "bad" if connected else None)
    bad.write(raw)
    assert (await bad.closed())[0] == code


async def test_a_message_of_just_the_limit_is_taken(shared_node, wire):
    one = await wire(shared_node)
    text = '{"id":7,"rpc":{"method":"none","data":""}}'
    one.send_text(text.replace('""', '"%s"' % ("x" * (65_536 - len(text)))))
    assert (await one.reply(7))["error"]["code"] == 108


async def test_fragments_with_a_ping_between_them_are_one_message(shared_node, wire):
    one = await wire(shared_node)
    text = '{"id":5,"rpc":{"method":"none","data":"größer €"}}'.encode()
    for i in range(len(text)):
        one.write(frame(TEXT if i == 0 else 0, text[i : i + 1], fin=False))
        if i % 10 == 0:
            one.write(frame(PING, b"between %d" % i))
    one.write(frame(0, b""))
    assert (await one.reply(5))["error"]["code"] == 108
    for i in range(0, len(text), 10):
        assert await one.pongs.take() == b"between %d" % i


async def test_json_in_a_binary_message_is_accepted(shared_node, wire):
    one = await wire(shared_node)
    one.write(frame(BINARY, b'{"id":5,"rpc":{"method":"none"}}'))
    assert (await one.reply(5))["error"]["code"] == 108


async def test_a_close_frame_is_answered_with_its_code(shared_node, wire):
    for code in (1000, 1001, 3333):
        one = await wire(shared_node)
        one.write(frame(CLOSE, struct.pack("!H", code)))
        assert (await one.closed())[0] == code
    one = await wire(shared_node)
    one.write(frame(CLOSE))
    assert (await one.closed())[0] == 1005


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{",
        '{"id":2,"publish"',
        '"text"',
        "5",
        "null",
        "true",
        "[]",
        '[{"id":2}]',
        '{"id":2,"rpc":{}} trailing',
        '{"id":2,"rpc":{}}{"id":3,"rpc":{}}',
        '{"rpc":{}}',
        '{"id":0,"rpc":{}}',
        '{"id":-1,"rpc":{}}',
        '{"id":"2","rpc":{}}',
        '{"id":99999999999,"rpc":{}}',
        '{"id":2}',
        '{"id":2,"dance":{}}',
        '{"id":2,"rpc":5}',
        '{"id":2,"subscribe":{"channel":7}}',
        '{"id":2,"subscribe":{"channel":""}}',
        '{"id":2,"subscribe":{}}',
        '{"id":2,"presence":{"channel":"chat:a"},"history":{"channel":"chat:a"}}',
        "",
        "\n",
        '{"id":2,"rpc":{}}\n\n{"id":3,"rpc":{}}',
        "\x00",
        "[" * 60_000,
        '{"a":' * 10_000,
    ],
    ids=lambda text: repr(text[:40]),
)
async def test_a_bad_message_ends_in_3501_or_107(shared_node, wire, bystander, text):
    await bystander(shared_node)
    bad = await wire(shared_node, "bad")
    bad.send_text(text)
    try:
        while True:
            reply = (await bad.line()).value
            # What stands before the fault may have been answered.
            if reply.get("error", {}).get("code") == 107:
                return
            assert reply.get("error", {}).get("code") == 108, reply
    except Ended as end:
        assert end.code == 3501


async def test_unknown_fields_are_ignored(shared_node, wire):
    one = await wire(shared_node)
    one.send_text(
        '{"new":{"a":[1,{"b":null}]},"id":5,"subscribe":{"channel":"plain:a","later":[1,2],"flag":1},"x":1.5}'
    )
    assert "subscribe" in await one.reply(5)


async def test_a_trailing_newline_is_accepted(shared_node, wire):
    one = await wire(shared_node)
    one.send_text('{"id":5,"rpc":{"method":"none"}}\n')
    assert (await one.reply(5))["error"]["code"] == 108


@pytest.mark.parametrize(
    "first",
    [
        '{"id":1,"subscribe":{"channel":"chat:a"}}',
        '{"id":1,"publish":{"channel":"chat:bystander","data":1}}',
        "{}",
        '{"send":{"data":1}}',
        '{"id":1,"rpc":{"method":"x"}}',
        '{"id":1,"refresh":{"token":"x"}}',
    ],
    ids=lambda text: text[:24],
)
async def test_a_command_before_connect_is_3501(shared_node, wire, bystander, first):
    await bystander(shared_node)
    bad = await wire(shared_node, None)
    bad.send_text(first)
    assert (await bad.closed())[0] == 3501


async def test_a_second_connect_is_3501(shared_node, wire, bystander):
    await bystander(shared_node)
    bad = await wire(shared_node, "bad")
    bad.start("connect", token=shared_node.token("bad"))
    assert (await bad.closed())[0] == 3501


async def test_send_has_no_handler(shared_node, wire):
    one = await wire(shared_node)
    one.send({"send": {"data": {"a": 1}}})
    assert (await one.closed())[0] == 3508


async def test_random_bytes_never_end_the_node(shared_node, wire, bystander):
    await bystander(shared_node)
    for i in range(100):
        bad = await wire(shared_node, "bad" if i % 2 else None)
        bad.write(os.urandom(300) if i % 4 < 2 else frame(TEXT, os.urandom(100).hex().encode()))
        bad.write(frame(CLOSE))
        assert (await bad.closed())[0] in (1002, 1005, 1006, 1007, 1009, 3501)
