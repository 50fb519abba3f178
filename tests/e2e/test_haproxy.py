"""A real load balancer in front, in the two ways it can say whose connection it passes on."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess

import pytest_asyncio

from support.certificates import Authority
from support.tokens import token
from support.waiting import until
from support.wire import Wire, handshake, read_response

PROGRAM = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
CLIENT = "127.0.0.5"  # another address than the proxy's, which is 127.0.0.1


@pytest_asyncio.fixture
async def haproxy(tmp_path):
    """`port = await haproxy(lines of the proxy's section)`."""
    running = []

    async def start(*lines):
        listener = socket.create_server(("127.0.0.1", 0))
        file = tmp_path / "haproxy.cfg"
        section = [f"bind fd@{listener.fileno()}", "timeout connect 5s", "timeout client 60s", "timeout server 60s", *lines]
        file.write_text("global\n  maxconn 200\n  nbthread 1\nlisten plexus\n" + "".join(f"  {line}\n" for line in section))
        with (tmp_path / "haproxy.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [PROGRAM, "-db", "-f", file], stdout=log, stderr=log, pass_fds=[listener.fileno()]
                )
            )
        port = listener.getsockname()[1]
        listener.close()
        return port

    yield start
    for one in running:
        one.terminate()
        one.wait(10)


async def through(port, user):
    """A connected client behind the proxy, from an address of its own."""

    async def opened():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(CLIENT, 0), limit=1 << 20)
        writer.write(handshake(port))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            got = await read_response(reader)
            if got and got[0] == 101:
                return Wire(reader, writer, got[1])
        writer.close()

    one = await until(opened, "a way through the proxy", every=0.1)
    await one.connect(token(user))
    return one


def peers(node):
    return {
        line.partition('peer="')[2].partition('"')[0]
        for line in node.log().splitlines()
        if "a client opened a WebSocket" in line
    }


async def talk(node, port):
    ann, bob = await through(port, "ann"), await through(port, "bob")
    for one in (ann, bob):
        await one.subscribe("chat:room")
    for n in range(50):
        number = ann.start("publish", channel="chat:room", data={"n": n, "x": "y" * (n * 1000)})
        assert (await bob.push("pub"))["data"]["n"] == n
        await ann.result(number)
    await ann.close()
    await bob.close()


async def test_with_proxy_headers(plexus, haproxy):
    node = await plexus(
        {
            "listen": {"trusted_proxies": ["127.0.0.1"], "proxy_protocol": True},
            "internal": {"address": "127.0.0.1"},
            "log": {"level": "debug"},
        }
    )
    # Its health checks come with a header too, one that names nobody.
    port = await haproxy(
        "mode tcp",
        "option httpchk GET /connection/websocket",
        "http-check expect status 400",
        f"server node 127.0.0.1:{node.port} send-proxy-v2 check inter 100ms check-send-proxy",
    )
    await talk(node, port)
    assert {p.split(":")[0] for p in peers(node)} == {CLIENT}
    assert await node.metric("plexus_proxy_headers_refused_total") == 0


async def test_with_forwarded_addresses_and_tls_to_the_node(plexus, haproxy, tmp_path):
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.sign()
    node = await plexus(
        {
            "listen": {
                "trusted_proxies": ["127.0.0.1"],
                "tls": {"certificate": str(certificate), "key": str(key)},
                "connects_per_second_per_address": 100,
            },
            "internal": {"address": "127.0.0.1"},
            "log": {"level": "debug"},
        }
    )
    port = await haproxy(
        "mode http",
        "option forwardfor",
        f"server node 127.0.0.1:{node.port} ssl verify required ca-file {authority.file} verifyhost localhost",
    )
    await talk(node, port)
    assert peers(node) == {CLIENT}
    assert await node.metric('plexus_tls_handshakes_total{kind="resumed"}') >= 1  # it keeps tickets
