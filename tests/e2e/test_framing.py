"""RFC 6455 and RFC 7692 byte by byte: what is taken, and what closes with which code."""

import asyncio
import struct
import zlib

import pytest

from support.node import BASE, Node
from support.wire import BINARY, CLOSE, PING, PONG, TEXT, Refused, Wire, frame

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
LIMIT = 65_536  # client.max_message_size


def rpc(text="", number=7):
    data = text.encode() if isinstance(text, str) else text
    return b'{"id":%d,"rpc":{"method":"none","data":"%s"}}' % (number, data)


def deflate(payload, level=6, window=15):
    made = zlib.compressobj(level, wbits=-window)
    return (made.compress(payload) + made.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def compressed(payload, opcode=TEXT):
    return frame(opcode, deflate(payload), reserved=4)


async def taken(one, number=7):
    """The node has read a message of `rpc` as such."""
    assert (await one.reply(number))["error"]["code"] == 108


@pytest.fixture(scope="module")
def deflate_node(tmp_path_factory):
    one = Node(tmp_path_factory.mktemp("deflate"), {**BASE, "client": {**BASE["client"], "compression": True}})
    asyncio.run(one.start())
    yield one
    asyncio.run(one.stop())


@pytest.fixture
def compressing(deflate_node, wire):
    """`one = await compressing()`: a connected client that agreed to permessage-deflate."""

    async def open_one(user="someone"):
        one = await wire(deflate_node, user, headers=OFFER)
        assert one.headers["sec-websocket-extensions"] == AGREED
        return one

    return open_one


@pytest.mark.parametrize("size", [0, 1, 125])
async def test_pings_of_every_size_are_answered_between_fragments(shared_node, wire, size):
    one = await wire(shared_node)
    text = rpc("x" * 100)
    one.write(frame(TEXT, text[:50], fin=False))
    one.write(frame(PING, b"p" * size) + frame(PONG, b"nobody asked"))
    one.write(frame(0, b"", fin=False) + frame(PING, b"second") + frame(0, text[50:]))
    assert await one.pongs.take() == b"p" * size
    assert await one.pongs.take() == b"second"
    await taken(one)


async def test_text_may_be_cut_at_every_byte_of_every_character(shared_node, wire):
    one = await wire(shared_node)
    text = "aé€😀\u07ff\u0800\uffff\U00010000\U0010ffff"
    for number, cut in enumerate(range(len(rpc(text)) + 1), 100):
        message = rpc(text, number)
        one.write(frame(TEXT, message[:cut], fin=False) + frame(0, message[cut:]))
    for number in range(100, number + 1):
        await taken(one, number)


@pytest.mark.parametrize(
    "bad",
    [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xff"],
    ids=repr,
)
async def test_text_that_is_none_is_1007_cut_anywhere(shared_node, wire, bystander, bad):
    await bystander(shared_node)
    message = rpc(b"before " + bad + b" after")
    begin = message.index(bad)
    for cut in range(begin - 1, begin + len(bad) + 2):
        one = await wire(shared_node, None)
        one.write(frame(TEXT, message[:cut], fin=False) + frame(0, message[cut:]))
        assert (await one.closed())[0] == 1007


async def test_text_that_can_only_become_bad_is_1007_before_its_end(shared_node, wire):
    for begin in (b"\xf4\x90", b"\xed\xa0", b"\xe0\x80", b"\xc1", b"\xf5"):
        one = await wire(shared_node, None)
        one.write(frame(TEXT, b'{"id":1' + begin, fin=False))
        assert (await one.closed())[0] == 1007


async def test_every_close_code_is_answered_with_itself_or_1002(shared_node, wire, bystander):
    await bystander(shared_node)
    codes = [0, 1, 999, *range(1000, 1017), 1100, 1999, 2000, 2999]
    codes += [3000, 3500, 3999, 4000, 4999, 5000, 32_768, 65_535]
    for code in codes:
        may = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
        one = await wire(shared_node, None)
        one.write(frame(CLOSE, struct.pack("!H", code) + b"because"))
        assert (await one.closed())[0] == (code if may else 1002), code


async def test_nothing_behind_a_close_frame_is_read(shared_node, wire):
    one = await wire(shared_node)
    one.write(frame(CLOSE, struct.pack("!H", 1000)) + frame(TEXT, rpc()) + frame(3, b"") + frame(TEXT, b"\xff"))
    assert (await one.closed())[0] == 1000
    assert not one.lines.items


async def test_masks_of_all_kinds(shared_node, wire):
    one = await wire(shared_node)
    for number, mask in enumerate((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x81\x7e\x00\x01", b"abcd"), 20):
        one.write(frame(TEXT, rpc("mask", number), mask=mask))
        await taken(one, number)


@pytest.mark.parametrize("how", ["one frame", "fragments", "compressed", "compressed in fragments", "stored"])
@pytest.mark.parametrize("over", [0, 1])
async def test_the_limit_counts_what_a_message_comes_to(compressing, how, over):
    one = await compressing()
    text = rpc("x" * (LIMIT - len(rpc()) + over))
    packed = deflate(text, level=0 if how == "stored" else 6)
    one.write(
        {
            "one frame": frame(TEXT, text),
            "fragments": frame(TEXT, text[:1000], fin=False) + frame(0, text[1000:]),
            "compressed": frame(TEXT, packed, reserved=4),
            "compressed in fragments": frame(TEXT, packed[:20], fin=False, reserved=4) + frame(0, packed[20:]),
            "stored": frame(TEXT, packed, reserved=4),
        }[how]
    )
    if over:
        assert (await one.closed())[0] == 1009
    else:
        await taken(one)


async def test_a_bomb_costs_its_sender_the_connection_and_the_node_no_memory(deflate_node, compressing, bystander):
    await bystander(deflate_node)
    bomb = deflate(b" " * 60_000_000, level=9)
    assert len(bomb) < LIMIT
    first = await compressing()
    first.write(frame(TEXT, bomb, reserved=4))
    assert (await first.closed())[0] == 1009
    before = deflate_node.resident()
    for _ in range(20):
        one = await compressing()
        one.write(frame(TEXT, bomb, reserved=4))
        assert (await one.closed())[0] == 1009
    assert deflate_node.resident() - before < 2_000_000


@pytest.mark.parametrize(
    "offer, answer",
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; client_max_window_bits=9", AGREED),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", AGREED),
        ("permessage-deflate; server_max_window_bits=10", AGREED + "; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", AGREED),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("permessage-deflate; level=9", None),
        ("permessage-bzip2; x=y", None),
    ],
)
async def test_what_is_offered_and_agreed_to(deflate_node, wire, offer, answer):
    one = await wire(deflate_node, headers={"Sec-WebSocket-Extensions": offer})
    assert one.headers.get("sec-websocket-extensions") == answer
    one.write(frame(TEXT, rpc()) if answer is None else compressed(rpc()))
    await taken(one)


@pytest.mark.parametrize("offer", ["permessage-deflate;", "=", "permessage-deflate; a=\"", "a b"])
async def test_what_is_no_list_of_extensions_is_400(deflate_node, offer):
    with pytest.raises(Refused) as refused:
        await Wire.open(deflate_node.port, headers={"Sec-WebSocket-Extensions": offer})
    assert refused.value.status == 400


async def test_without_the_setting_nothing_is_agreed_to(shared_node, wire):
    one = await wire(shared_node, None, headers=OFFER)
    assert "sec-websocket-extensions" not in one.headers
    one.write(compressed(rpc()))
    assert (await one.closed())[0] == 1002


async def test_compressed_and_plain_messages_in_turn(compressing):
    one = await compressing()
    one.write(compressed(rpc("a", 21)) + frame(TEXT, rpc("b", 22)) + compressed(rpc("c", 23), BINARY))
    packed = deflate(rpc("d" * 1000, 24))
    for i in range(len(packed)):
        last = i + 1 == len(packed)
        one.write(frame(0 if i else TEXT, packed[i : i + 1], fin=last, reserved=0 if i else 4))
        one.write(frame(PING, b"%d" % i))
    for number in (21, 22, 23, 24):
        await taken(one, number)
    for i in range(len(packed)):
        assert await one.pongs.take() == b"%d" % i


@pytest.mark.parametrize(
    "raw, code",
    [
        (frame(PING, b"", reserved=4), 1002),
        (frame(CLOSE, struct.pack("!H", 1000), reserved=4), 1002),
        (frame(TEXT, b"\xf2", fin=False, reserved=4) + frame(0, b"\x48", reserved=4), 1002),
        (frame(TEXT, b"{", fin=False) + frame(0, b"}", reserved=4), 1002),
        (frame(TEXT, deflate(b"{}"), reserved=6), 1002),
        (frame(TEXT, deflate(b"{}"), reserved=5), 1002),
        (frame(TEXT, deflate(b"{}"), reserved=2), 1002),
        (frame(TEXT, b"\xff\xff\xff\xff", reserved=4), 1007),
        (frame(TEXT, deflate(rpc("x" * 300))[:-4], reserved=4), 1007),
        (frame(TEXT, deflate(b'{"id":1,"rpc":{"data":"\xff"}}'), reserved=4), 1007),
        (frame(TEXT, b"\x06" * 1000, reserved=4), 1007),
    ],
    ids=[
        "ping",
        "close",
        "second fragment",
        "second fragment of a plain one",
        "bits 1 and 2",
        "bits 1 and 3",
        "bit 2",
        "no deflate",
        "cut off",
        "no UTF-8",
        "bad block",
    ],
)
async def test_broken_compression_closes_its_connection_alone(deflate_node, compressing, bystander, raw, code):
    await bystander(deflate_node)
    one = await compressing("bad")
    one.write(raw)
    assert (await one.closed())[0] == code
