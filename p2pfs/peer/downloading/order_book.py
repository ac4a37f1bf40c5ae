"""Downloads that were asked for: which runs, which is next, and which waits for its file.

Pure: a table of orders and their states. Times are in seconds, by the reactor's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from p2pfs.errors import DownloadFailed, P2pfsError
from p2pfs.peer.downloading.explanation import seconds_text
from p2pfs.peer.downloading.job import Fetched
from p2pfs.peer.downloading.tree_job import TreeJob
from p2pfs.peer.library import Order
from p2pfs.waiters import Waiters

MOST_ORDERS = 1000
"""Downloads that may be asked for and not have ended."""

MOST_OF_A_GUEST = 100
"""The same of one guest of the console, lest nobody else may ask for any."""

MOST_REMEMBERED = 64
"""Downloads that have ended, of which it is remembered how."""

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 15.0
PAUSE_GROWTH = 1.5
"""An order that waits is looked after with pauses that grow so."""

_ASKING = "asking the tracker"

Result = Fetched | TreeJob
"""What an order comes to."""


class State(StrEnum):
    """How it stands with an order that has not ended."""

    QUEUED = "queued"
    """Its turn comes when those before it have ended, or wait."""
    WAITING = "waiting"
    """Nobody offers its name, or there is no tracker to ask; that is looked at now and then."""
    RUNNING = "running"


class Work(Protocol):
    """What fetches an order's file, or its files."""

    @property
    def done(self) -> int:
        """Bytes that are there and verified."""

    @property
    def total(self) -> int:
        """All bytes; 0 while that is not known."""

    @property
    def state(self) -> str:
        """What is done now, in words that stay the same as long as it is."""

    @property
    def detail(self) -> str:
        """The numbers to that."""

    def rate(self, now: float) -> float | None:
        """Bytes a second that come; None while that is not known."""

    def seconds_left(self, now: float) -> int | None:
        """The time until all is there; None while that is not known."""

    def cancel(self) -> None:
        """Have it end as soon as it can."""


@dataclass(eq=False)
class Entry:
    """An order and how it stands. Everybody may read it; the book and the queue change it."""

    order: Order
    asked_at: float
    resumed: bool = False
    """Whether it was on record when this peer started, and has not been seen to run since."""
    state: State = State.QUEUED
    recorded: bool = False
    cancelled: bool = False
    work: Work | None = None
    reason: str = ""
    """What it waits for."""
    look_at: float = 0.0
    """When it is looked whether it need not wait any more."""
    patient_until: float | None = None
    """Until when it waits, if it does not wait for as long as it takes."""
    outcome: Result | P2pfsError | None = None
    """What it came to, once it has ended."""
    awaiting_record: Waiters[None] = field(default_factory=Waiters)
    awaiting_end: Waiters[Result] = field(default_factory=Waiters)
    pause: float = 0.0

    @property
    def done(self) -> int:
        """Bytes that are there and verified, as far as that is known."""
        return self.work.done if self.work is not None else 0

    @property
    def total(self) -> int:
        """All bytes; 0 while that is not known."""
        return self.work.total if self.work is not None else 0


@dataclass(frozen=True)
class Ended:
    """An order that has ended: when, and with what."""

    order: Order
    at: float
    outcome: Result | P2pfsError


class OrderBook:
    """The orders of one peer, in the order in which they were given.

    ``at_once`` of them run at a time, and all others wait in line for that; an order
    whose file nobody offers keeps its place meanwhile, but nobody from going ahead.
    """

    def __init__(self, at_once: int, most: int = MOST_ORDERS) -> None:
        """``most`` can be there that have not ended."""
        self.at_once = at_once
        self._most = most
        self._entries: dict[str, Entry] = {}
        self._ended: dict[str, Ended] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, name: str) -> Entry | None:
        """The order of that name, if there is one that has not ended."""
        return self._entries.get(name)

    def ended(self, name: str) -> Ended | None:
        """How the last order of that name ended, if that is remembered."""
        return self._ended.get(name)

    # From the beginning to the end

    def add(self, order: Order, now: float) -> Entry:
        """Take an order, which waits to be put on record; raises `DownloadFailed` if too many do.

        None of its name may be there.
        """
        if len(self._entries) >= self._most:
            raise DownloadFailed(
                f"{self._most} downloads are asked for, which is the most; wait for one, or cancel "
                "one."
            )
        if order.is_guest and self._asked_by_guest(order.uid) >= MOST_OF_A_GUEST:
            raise DownloadFailed(
                f"{order.who} asks for {MOST_OF_A_GUEST} downloads already, which is the most of "
                "one user; wait for one, or cancel one."
            )
        return self._add(Entry(order, now))

    def resume(self, order: Order, now: float) -> Entry:
        """Take an order that is on record."""
        entry = self._add(Entry(order, now, resumed=True))
        self.recorded(entry, now)
        return entry

    def recorded(self, entry: Entry, now: float) -> None:
        """It is on record, and its turn may come; what is waited for is looked for first."""
        entry.recorded = True
        if entry.order.wait_for:
            entry.state, entry.look_at = State.WAITING, now

    def next(self) -> Entry | None:
        """Have the next one run, if one may; None if not."""
        running = sum(entry.state is State.RUNNING for entry in self._entries.values())
        if running >= self.at_once:
            return None
        for entry in self._entries.values():
            if entry.state is State.QUEUED and entry.recorded and not entry.cancelled:
                entry.state = State.RUNNING
                return entry
        return None

    def put_off(self, entry: Entry, reason: str, now: float) -> None:
        """It cannot run for that reason: look at it again after a pause, longer each time."""
        entry.pause = min(LONGEST_PAUSE, entry.pause * PAUSE_GROWTH or FIRST_PAUSE)
        entry.state, entry.reason, entry.work = State.WAITING, reason, None
        entry.look_at = now + entry.pause

    def put_back(self, entry: Entry) -> None:
        """What it waited for is there: it is in line again, at its old place."""
        entry.state, entry.reason, entry.pause = State.QUEUED, "", 0.0

    def end(self, entry: Entry, outcome: Result | P2pfsError, now: float) -> None:
        """It has come to that."""
        name = entry.order.name
        del self._entries[name]
        entry.outcome = outcome
        self._ended.pop(name, None)
        self._ended[name] = Ended(entry.order, now, outcome)
        if len(self._ended) > MOST_REMEMBERED:
            del self._ended[next(iter(self._ended))]

    # Looking at those that wait

    @property
    def next_look(self) -> float | None:
        """When the next one is to be looked at; None if none waits."""
        return min((entry.look_at for entry in self._waiting()), default=None)

    def due(self, now: float) -> Entry | None:
        """One that is to be looked at now, of several the one that is so for longest."""
        due = [entry for entry in self._waiting() if entry.look_at <= now]
        return min(due, key=lambda entry: entry.look_at, default=None)

    def _waiting(self) -> Iterator[Entry]:
        return (
            entry
            for entry in self._entries.values()
            if entry.state is State.WAITING and not entry.cancelled
        )

    # What is said of them

    def before(self, entry: Entry) -> int:
        """How many are in line before one that is queued."""
        count = 0
        for other in self._entries.values():
            if other is entry:
                break
            count += other.state is State.QUEUED
        return count

    def note(self, entry: Entry) -> str:
        """What is done for it, or what it waits for, in words that stay as long as that is."""
        match entry.state:
            case State.QUEUED:
                return "queued"
            case State.WAITING:
                return entry.reason or _ASKING
        return entry.work.state if entry.work is not None else _ASKING

    def detail(self, entry: Entry, now: float) -> str:
        """The numbers to that, if there are any."""
        match entry.state:
            case State.QUEUED:
                return f"{self.before(entry)} before it"
            case State.WAITING:
                return f"looked for again in {seconds_text(max(0.0, entry.look_at - now))}"
        return entry.work.detail if entry.work is not None else ""

    def remark(self, entry: Entry, now: float) -> str:
        """Both."""
        note, detail = self.note(entry), self.detail(entry, now)
        return f"{note}, {detail}" if detail else note

    def _asked_by_guest(self, uid: int | None) -> int:
        orders = (entry.order for entry in self._entries.values())
        return sum(order.is_guest and order.uid == uid for order in orders)

    def _add(self, entry: Entry) -> Entry:
        self._entries[entry.order.name] = entry
        return entry
