"""What a run leaves behind, for the checker: plain values, times in seconds of one monotonic clock."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Position:
    epoch: str
    offset: int

    def __eq__(self, other):
        return self.epoch == other.epoch and self.offset == other.offset


@dataclass(slots=True)
class Publication:
    """One thing that a publisher wanted to say; its body is its key and no other's."""

    body: str
    channel: str
    publisher: str
    number: int  # of this publisher in this channel, from 0; the next is only begun when this one was answered
    started: float
    answered: float | None = None  # acknowledged; None: its fate isn't known
    at: Position | None = None
    repeated: bool = False  # its key was sent once more, after the answer
    again: list = field(default_factory=list)  # (time, Position) of the answers to that


@dataclass(slots=True)
class Attempt:
    """One HTTP request of a publisher."""

    started: float
    ended: float
    node: str
    outcome: str  # "ok", "error 100", "refused", "broken", "timeout", ...


# -- what a subscriber saw, in order: a track has these


@dataclass(slots=True)
class Subscribed:
    at: float
    epoch: str
    offset: int
    recovered: bool
    client: str  # the connection's id
    node: str


@dataclass(slots=True)
class Got:
    at: float
    offset: int
    body: str


@dataclass(slots=True)
class Member:
    at: float
    what: str  # "join" or "leave"
    client: str


@dataclass(slots=True)
class Off:
    """No longer subscribed: the connection ended, or an unsubscribe push came."""

    at: float
    code: int  # close code; 1006 without a close frame; from 2000 to 2999 the push
    final: bool = False  # the client's own wish, or an end after which it doesn't come again


@dataclass(slots=True)
class Track:
    """What one client saw of one channel."""

    who: str
    channel: str
    events: list = field(default_factory=list)
    room: bool = False  # has presence, and joins and leaves were asked for


@dataclass(slots=True)
class Outage:
    """A time in which something that the nodes need, or a node itself, was away. `node` None: it concerned all."""

    start: float
    end: float
    node: str | None = None
    what: str = ""
    loses: bool = False  # writes may have been lost with it: then clients may be told so
    unready: bool = True  # the nodes concerned can't deliver meanwhile, so they must say so


@dataclass(slots=True)
class Life:
    """A connection that was a member of rooms: when it began and how it ended."""

    client: str
    node: str
    rooms: list
    ended: float | None = None
    killed: bool = False  # its node died with it, so only the lease tells


@dataclass(slots=True)
class Seen:
    """A node's list of a room's members, as the API gave it."""

    at: float
    node: str
    channel: str
    clients: frozenset


@dataclass(slots=True)
class Ready:
    at: float
    node: str
    ready: bool
    message: str = ""


@dataclass(slots=True)
class Log:
    """A channel's log in the end, as a node has it."""

    epoch: str
    offset: int
    bodies: dict  # by offset: those that are kept


@dataclass(slots=True)
class Run:
    """One scenario, start to end."""

    lease: float
    publications: list = field(default_factory=list)
    attempts: list = field(default_factory=list)
    tracks: list = field(default_factory=list)
    outages: list = field(default_factory=list)
    absent: dict = field(default_factory=dict)  # node: [(from, to)] in which it wasn't serving, by our own doing
    lives: dict = field(default_factory=dict)  # client id: Life
    seen: list = field(default_factory=list)
    ready: list = field(default_factory=list)
    logs: dict = field(default_factory=dict)  # channel: Log, in the end
    members: dict = field(default_factory=dict)  # (node, channel): client ids, in the end
    ended: float = 0.0
    pause: float = 0.0  # how long this program itself stood still, in all: bounds are wider by that
    notice_allowed: bool = False  # writes may be lost, as long as clients are told
    epochs_may_change: bool = False  # a Redis was restarted or replaced: its logs go on under new epochs
    refused_subscribes: int = 0  # answered with a temporary error
    faults: list = field(default_factory=list)  # what clients and nodes met that nobody may meet, as sentences
