"""config/haproxy.cfg in front of two nodes."""

import asyncio
import contextlib
import re
import signal

import pytest

from balancer import Balancer
from rolling import Crowd
from support.api import Api
from support.node import API_KEY
from support.redis import free_port
from support.tokens import token
from support.wire import Refused, Wire


def settings(redis, **node):
    return {
        "node": {"drain_timeout": "2s", **node},
        "listen": {"port": free_port(), "trusted_proxies": ["127.0.0.1"]},
        "internal": {"address": "127.0.0.1", "port": free_port()},
        "backplane": {"url": redis.url},
        "log": {"level": "debug"},
    }


async def pair(plexus, redis):
    return [await plexus(settings(redis, name=f"n{i}")) for i in (1, 2)]


def ports(nodes):
    return [(n.port, n.internal_port) for n in nodes]


async def test_the_node_with_the_fewest_connections_gets_the_next(plexus, redis, tmp_path):
    nodes = await pair(plexus, redis)
    async with Balancer(tmp_path, *ports(nodes)) as balancer:
        held = [await Wire.open(balancer.port) for _ in range(20)]
        for i, one in enumerate(held):
            await one.connect(token(f"user{i}"))
        assert [await n.metric("plexus_clients") for n in nodes] == [10, 10]
        for one in held:
            await one.close()


async def test_nobody_waits_in_the_proxys_queue_where_all_nodes_are_full(plexus, redis, tmp_path):
    nodes = [await plexus(settings(redis, name=f"n{i}", max_connections=1)) for i in (1, 2)]
    async with Balancer(tmp_path, *ports(nodes)) as balancer:
        # No limit of the proxy's own for a node.
        assert {row["slim"] for row in balancer.rows().values()} == {""}
        held = [await Wire.open(balancer.port) for _ in nodes]
        with pytest.raises(Refused) as refusal:
            await Wire.open(balancer.port)
        assert refusal.value.status == 503
        for one in held:
            await one.close()


async def test_what_is_inside_stays_inside(plexus, redis, tmp_path):
    nodes = await pair(plexus, redis)
    async with Balancer(tmp_path, *ports(nodes)) as balancer:
        outside, inside = Api(balancer.port, API_KEY), Api(balancer.api_port, API_KEY)
        for path in ("/api/info", "/metrics", "/health/ready"):
            assert (await outside.get(path)).status == 404
        assert len((await inside("info"))["nodes"]) >= 1
        for one in (outside, inside):
            await one.close()


async def addresses(plexus, redis, tmp_path, **environment):
    nodes = await pair(plexus, redis)
    async with Balancer(tmp_path, *ports(nodes), **environment) as balancer:
        one = await Wire.open(balancer.port, headers={"X-Forwarded-For": "203.0.113.9"})
        await one.connect(token("ann"))
        await one.close()
    return [line for n in nodes for line in n.log().splitlines() if "a client opened a WebSocket" in line]


async def test_an_address_that_a_client_invents_is_not_believed(plexus, redis, tmp_path):
    (line,) = await addresses(plexus, redis, tmp_path)
    assert 'peer="127.0.0.1' in line and "203.0.113.9" not in line


async def test_an_address_from_a_trusted_network_is(plexus, redis, tmp_path):
    (line,) = await addresses(plexus, redis, tmp_path, TRUSTED="127.0.0.0/8")
    assert 'peer="203.0.113.9' in line


async def test_nobody_is_refused_while_a_node_drains(plexus, redis, tmp_path):
    """Also in the moment in which the proxy doesn't know yet."""
    nodes = await pair(plexus, redis)
    async with Balancer(tmp_path, *ports(nodes)) as balancer:
        async with Crowd(balancer.port, balancer.api_port, 12) as crowd:
            crowd.publish(per_second=60)
            refused, finished = [], False

            async def knock():
                while not finished:
                    try:
                        one = await Wire.open(balancer.port)
                        await one.close()
                    except (Refused, ConnectionError) as e:
                        refused.append(e)

            knocking = asyncio.ensure_future(knock())
            nodes[0].signal(signal.SIGTERM)
            assert await nodes[0].exit_code() == 0
            await balancer.up(1)
            finished = True
            await knocking
            assert not refused
            moved = await crowd.settle()
            assert sum(m > 1 for m in moved) >= 5  # those of the node that went


class Refusing:
    """A node that says that it is ready, and answers all else with 503; what it was asked is counted."""

    def __init__(self):
        self.asked = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *failed):
        self.server.close()

    async def _serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if length := re.search(r"content-length: (\d+)", head, re.I):
                await reader.readexactly(int(length[1]))
            method, path, _ = head.split(" ", 2)
            ready = path == "/health/ready"
            if not ready:
                self.asked.append((method, path))
            status = "200 OK" if ready else "503 Service Unavailable"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()


async def test_a_connect_is_asked_again_of_another_node_but_a_command_is_not(tmp_path):
    """A command that came to a node once may have been carried out, whatever the answer."""
    async with Refusing() as node:
        async with Balancer(tmp_path, *[(node.port, node.port)] * 2) as balancer:
            outside = Api(balancer.port, API_KEY)
            assert (await outside.request("POST", "/connection/http_stream", data=b"{}")).status == 503
            assert len(node.asked) == 4
            node.asked.clear()
            assert (await outside.request("POST", "/emulation", data=b"{}")).status == 503
            assert node.asked == [("POST", "/emulation")]
            await outside.close()
