"""A peer's connection to a tracker that answers anything, in any pieces, at any time.

Steps: ``r.`` registers, ``u.`` publishes and ``w.`` unpublishes ``f``, ``k.``
registers chunks of it, ``l.`` asks who has it, ``s.`` lists all files, ``x.n``
cancels request n, ``>.…`` the tracker sends the rest, ``!.`` it hangs up, ``c.``
the peer does, ``/.n`` has bytes arrive n at a time, ``+.n`` is n seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidName
from p2pfs.identity import PeerKey
from p2pfs.names import check_filename
from p2pfs.peer.announcing import Introduction, Listing
from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import KeepAlive
from p2pfs.wire import messages as m
from tests.fuzz.content import INFO
from tests.fuzz.faults import Fault, check, no_logged_failures
from tests.fuzz.promises import Promises
from tests.fuzz.script import Step, steps
from tests.fuzz.stage import connect, peer_at
from tests.memory_transport import settle

LINE_LIMIT = 1500
"""Bytes of a line, so few that short scripts can reach the limit."""

SILENCE = 30.0
MAX_REQUESTS = 100


def run(data: bytes) -> None:
    """Play a script with a peer."""
    with no_logged_failures():
        scene = _Scene()
        for step in steps(data):
            scene.play(step)
        scene.end()


class _Client(TrackerClient):
    """Keeps the message that was read last, for `_Scene` to look at."""

    last: m.Message | None = None

    def message_received(self, message: m.Message, line: bytes) -> None:
        self.last = message
        super().message_received(message, line)


INTRODUCTION = Introduction(Address("", 6881), PeerKey.from_seed(bytes(32)))


class _Scene:
    def __init__(self) -> None:
        self.clock = InlineReactor()
        connected: list[TrackerClient] = []
        self.client = _Client(self.clock, "tracker:6880", SILENCE, KeepAlive(), connected.append)
        self.client.MAX_LENGTH = LINE_LIMIT
        self.connection = connect(self.client, self.clock, peer_at("192.0.2.9"))
        check(connected == [self.client], "who waits for the connection is told")
        self.promises = Promises()

    def play(self, step: Step) -> None:
        """One step, and all that follows from it."""
        match step.what:
            case ">":
                self.connection.deliver(step.rest)
            case "k":
                chunks = ChunkSet(INFO.totalchunknum, step.number((1 << INFO.totalchunknum) - 1))
                self.client.register_chunks("f", INFO, chunks)
            case "r" | "u" | "w" | "l" | "s" if self.promises.made < MAX_REQUESTS:
                self.promises.add(self._ask(step.what))
            case "x":
                self.promises.cancel(step.number(MAX_REQUESTS))
            case "!":
                self.connection.hang_up()
            case "c":
                self.client.hang_up()
            case "/":
                self.connection.segment = step.number(4096) or 1
            case "+":
                self.clock.advance(step.number(600))
        settle(self.clock, [self.connection])

    def end(self) -> None:
        """Close the connection: every request has an end, and nothing is left."""
        self.connection.hang_up()
        self.promises.check_kept()
        check(not self.clock.getDelayedCalls(), "no timers are left")
        self.promises.check_sent(self.connection.take())

    def _ask(self, what: str) -> Deferred[Any]:
        client = self.client
        if what == "r":
            return client.register(INTRODUCTION).addCallback(_check_text)
        if what == "u":
            return client.publish("f", INFO).addCallback(self._check_done)
        if what == "w":
            return client.unpublish("f").addCallback(self._check_done)
        if what == "l":
            return client.locate("f").addCallback(_check_location)
        return Deferred.fromCoroutine(_go_through(Listing(lambda: client, "")))

    def _check_done(self, _: None) -> None:
        reply = self.client.last
        right = isinstance(reply, m.ReplyPublish) and reply.result and reply.filename == "f"
        check(right, "only a reply about the file is its success")


def _check_text(address: str) -> None:
    check(isinstance(address, str), "an address is text")


def _check_location(reply: m.ReplyFileLocation) -> None:
    check(reply.filename == "f", "a location is that of the file asked for")


async def _go_through(listing: Listing) -> None:
    while not listing.ended:
        _check_names(await listing.next_page())


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        try:
            check_filename(name)
        except InvalidName as error:  # an error of ours would pass for the tracker's
            raise Fault("a list has no name that may not be used") from error
