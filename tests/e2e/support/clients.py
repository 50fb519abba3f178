"""The official Python client, unmodified, with what it reports kept in order."""

import contextlib

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

from support.waiting import PATIENCE, Mailbox


def _recorder(base):
    """A handler class that keeps every event as (name without `on_`, context)."""

    def record(name):
        async def handler(self, ctx):
            self.box.put((name.removeprefix("on_"), ctx))

        return handler

    class Recorder(base):
        def __init__(self):
            self.box = Mailbox()

        async def next(self, name, fits=lambda ctx: True, timeout=PATIENCE):
            return (await self.box.take(lambda e: e[0] == name and fits(e[1]), name, timeout))[1]

        def seen(self, name):
            return [ctx for n, ctx in self.box.items if n == name]

    for name in dir(base):
        if name.startswith("on_"):
            setattr(Recorder, name, record(name))
    return Recorder


ClientRecorder = _recorder(ClientEventHandler)
SubscriptionRecorder = _recorder(SubscriptionEventHandler)


@contextlib.asynccontextmanager
async def client(port, *, connect=True, **options):
    """A client of the node at `port`; connected unless `connect` is false. `.events` has what it reported."""
    events = ClientRecorder()
    one = Client(
        f"{'wss' if 'ssl_context' in options else 'ws'}://127.0.0.1:{port}/connection/websocket",
        events=events,
        proxy=None,
        **{"min_reconnect_delay": 0.05, "max_reconnect_delay": 0.2, **options},
    )
    try:
        await one.connect()
        if connect:
            one.id = (await events.next("connected")).client
        yield one
    finally:
        await one.disconnect()


async def subscribed(to, channel, **options):
    """A subscription that the node has accepted; `.events` has what it reported, `.first` how it began."""
    sub = to.new_subscription(channel, events=SubscriptionRecorder(), **options)
    await sub.subscribe()
    sub.first = await sub.events.next("subscribed")
    return sub


async def refused(to, channel, **options):
    """Subscribes where that isn't allowed: the code the subscription ended with."""
    sub = to.new_subscription(channel, events=SubscriptionRecorder(), **options)
    await sub.subscribe()
    return (await sub.events.next("unsubscribed")).code


async def publications(sub, count, timeout=PATIENCE):
    """The data of the next `count` publications."""
    return [(await sub.events.next("publication", timeout=timeout)).pub.data for _ in range(count)]
