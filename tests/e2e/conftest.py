"""Fixtures of the end-to-end tests: nodes as processes, and clients that watch that nobody else notices."""

import asyncio
import inspect
import itertools
import resource

import pytest
import pytest_asyncio

from support.admin import CHANGES as WITH_INSPECTION, Admin
from support.certificates import Authority
from support.node import BASE, Node, merged
from support.redis import Redis
from support.stream import HTTP_STREAM, Stream, connecting
from support.tokens import token
from support.wire import Wire

TEST_LIMIT = 60  # seconds; every wait is shorter, this is for what waits in none of them


def pytest_configure():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _bounded(test):
    async def run(*args, **kwargs):
        async with asyncio.timeout(TEST_LIMIT):
            return await test(*args, **kwargs)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = inspect.signature(test)
    return run


def pytest_collection_modifyitems(items):
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.obj = _bounded(item.obj)


@pytest.fixture(params=[1, 2], ids=["1 loop", "2 loops"])
def loops(request):
    """For what must hold whether a channel lives beside its clients or on another loop."""
    return request.param


@pytest_asyncio.fixture
async def plexus(tmp_path):
    """Starts nodes, `await plexus(config_changes, "--set", ..., environment={...}, files=(soft, hard))`; stops and checks
    them."""
    nodes, numbers = [], itertools.count()

    async def start(changes=None, *arguments, only=None, **how):
        folder = tmp_path / f"node{next(numbers)}"
        folder.mkdir()
        one = Node(folder, only if only is not None else merged(BASE, changes or {}))
        await one.start(*arguments, **how)
        nodes.append(one)
        return one

    yield start
    faults = []
    for one in nodes:
        try:
            await one.stop()
        except Exception as e:
            faults.append(e)
        except AssertionError as e:
            faults.append(e)
    if faults:
        raise faults[0]


@pytest_asyncio.fixture
async def node(plexus):
    """A node with the usual configuration."""
    return await plexus()


@pytest.fixture(scope="module")
def module_node(tmp_path_factory):
    one = Node(tmp_path_factory.mktemp("shared"), BASE)
    asyncio.run(one.start())
    yield one
    asyncio.run(one.stop())


@pytest_asyncio.fixture
async def shared_node(module_node):
    """One node for all tests of a file that want this one: for bad input, which must leave it as it was."""
    yield module_node
    assert module_node.process.poll() is None, module_node.log()[-4000:]
    await module_node.api.close()  # it belongs to this test's event loop


@pytest_asyncio.fixture
async def wire(plexus):  # so that the connections end before the nodes
    """Opens raw connections, `await wire(node, "user")`; connected unless the user is None, closed in the end."""
    opened = []

    async def open_one(
        node, user="someone", *, headers=None, path="/connection/websocket", ssl=None, first=b"", **claims
    ):
        one = await Wire.open(node.port, path=path, headers=headers, ssl=ssl, first=first)
        opened.append(one)
        if user is not None:
            one.client = (await one.connect(token(user, **claims)))["client"]
        return one

    yield open_one
    for one in opened:
        if not one.closed_with.done():
            one.abort()
            await one.closed()


@pytest_asyncio.fixture
async def stream():
    """Opens streams, `await stream(node, path, commands)`, of "ann" unless told otherwise; closed in the end."""
    opened = []

    async def open_one(node, path=HTTP_STREAM, commands=None, **more):
        one = await Stream.open(node, path, commands or [connecting(token("ann"))], **more)
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()


@pytest_asyncio.fixture
async def redis(tmp_path):
    """A Redis without files, for the nodes of a test."""
    one = await Redis(tmp_path / "redis").start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def watched(plexus):
    """A node that can be inspected."""
    return await plexus(WITH_INSPECTION)


@pytest_asyncio.fixture
async def admin():
    """Opens admin WebSockets, `await admin(node)`; closed in the end."""
    opened = []

    async def open_one(node, *args, **kwargs):
        opened.append(await Admin.open(node, *args, **kwargs))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


class Bystander:
    """A healthy client that is there all along. Each check publishes and must get that, and nothing else."""

    def __init__(self, wire):
        self.wire = wire
        self.channel = f"chat:bystander {wire.client}"
        self.count = 0

    async def unaffected(self):
        self.count += 1
        number = self.wire.start("publish", channel=self.channel, data={"n": self.count})
        got = await self.wire.push("pub", self.channel)
        assert got["data"] == {"n": self.count} and got["offset"] == self.count
        await self.wire.result(number)
        assert not self.wire.pushes() and not self.wire.closed_with.done()


@pytest_asyncio.fixture
async def bystander(wire):
    """`b = await bystander(node)`; it is asked once more when the test is over."""
    all_of_them = []

    async def watch(node):
        one = Bystander(await wire(node, "bystander"))
        await one.wire.subscribe(one.channel)
        await one.unaffected()
        all_of_them.append(one)
        return one

    yield watch
    for one in all_of_them:
        await one.unaffected()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture
async def secure(plexus, authority):
    """Starts nodes that speak TLS; API, health and metrics are on a plain internal port unless told otherwise."""

    async def start(changes=None, internal=True, **how):
        certificate, key = authority.sign()
        changes = dict(changes or {})
        changes["listen"] = {"tls": {"certificate": str(certificate), "key": str(key)}, **changes.get("listen", {})}
        if internal:
            changes["internal"] = {"address": "127.0.0.1"}
        node = await plexus(changes, **how)
        node.certificate, node.key = certificate, key
        return node

    return start


@pytest_asyncio.fixture
async def bystander_over_tls(wire, authority):
    """As `bystander`, but over TLS."""
    watched = []

    async def watch(node):
        one = Bystander(await wire(node, "bystander", ssl=authority.context()))
        await one.wire.subscribe(one.channel)
        await one.unaffected()
        watched.append(one)
        return one

    yield watch
    for one in watched:
        await one.unaffected()
