"""A tracker with several connections that say anything, in any pieces, at any time.

Steps: ``>c…`` connection c sends the rest, ``!c`` hangs up, ``|c`` reads no more,
``~c`` reads again, ``/c n`` has its bytes arrive n at a time, ``+.n`` is n seconds.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import cast

from p2pfs.addresses import parse_address
from p2pfs.chunks import ChunkSet
from p2pfs.reactor import Reactor
from p2pfs.testing.inline import InlineReactor
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.protocol import TrackerFactory, TrackerProtocol
from p2pfs.tracker.quotas import Quotas
from p2pfs.wire import messages as m
from tests.fuzz.answers import Replies
from tests.fuzz.exchange import ON_A_CONNECTION, Side, exchange
from tests.fuzz.faults import check, no_logged_failures
from tests.fuzz.script import Step, steps
from tests.fuzz.stage import connect, peer_at

HOSTS = ("192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2", "2001:db8::3")
"""Where the connections come from: two of them from the same host."""

LINE_LIMIT = 1500
"""Bytes of a line, so few that short scripts can reach the limit."""

_REPLIES: Replies = {
    m.RequestRegister: (m.ReplyRegister, m.ReplyChallenge),
    m.RequestPublish: (m.ReplyPublish,),
    m.RequestUnpublish: (m.ReplyPublish,),
    m.RequestFileList: (m.ReplyFileList,),
    m.RequestFileLocation: (m.ReplyFileLocation,),
}


def run(data: bytes) -> None:
    """Play a script with a tracker."""
    with no_logged_failures():
        scene = _Scene()
        for step in steps(data):
            scene.play(step)
            scene.check_state()
        scene.end()


class _Peer(Side):
    """A peer's connection."""

    def __init__(self, factory: TrackerFactory, host: str) -> None:
        address = peer_at(host)
        protocol = factory.buildProtocol(address)
        assert isinstance(protocol, TrackerProtocol)
        self.protocol = protocol
        self.protocol.MAX_LENGTH = LINE_LIMIT
        super().__init__(
            connect(self.protocol, factory.reactor, address),
            _REPLIES,
            (m.Error, m.RequestChunkRegister, m.RequestReached),
            LINE_LIMIT,
        )
        self._heard_at = factory.reactor.seconds()
        self._was_silent = False

    def said(self, data: bytes, now: float) -> None:
        self._note_silence(now)
        self._heard_at = now
        super().said(data, now)

    def passed(self, now: float) -> None:
        self._note_silence(now)
        super().passed(now)

    def _note_silence(self, now: float) -> None:
        # What is said of it may wait for long to be read.
        self._was_silent |= now >= self._heard_at + Quotas.silence

    @property
    def may_be_ended(self) -> bool:
        return super().may_be_ended or self._was_silent

    def offered(self) -> set[str]:
        """The files that this connection said to hold anything of."""
        offers = m.RequestPublish | m.RequestChunkRegister
        return {request.filename for request in self.requests if isinstance(request, offers)}

    def comes_by_itself(self, message: m.Message) -> bool:
        # Whoever may say what a name means has put another content in the place of this one.
        match message:
            case m.Error("REQUEST_CHUNK_REGISTER", _, str(filename)):
                return filename in self.offered()
        return False

    def check_content(self, message: m.Message, payload: bytes) -> None:
        if isinstance(message, m.ReplyRegister):
            address = parse_address(message.address)
            check(str(address) == message.address, "an address is recorded in one spelling")
        elif isinstance(message, m.ReplyFileLocation):
            for peer, bitfield in message.chunkinfo.items():
                parse_address(peer)
                ChunkSet.from_bitfield(message.fileinfo.totalchunknum, bitfield)
            check(message.crowd is None or message.crowd > 0, "a crowd has somebody in it")
            check(message.rate is None or message.rate > 0, "what is possible is possible")


class _Scene:
    def __init__(self) -> None:
        self.clock = InlineReactor()
        self.directory = Directory()
        # Connections are for probes of those that prove a key, which chance does not.
        reactor = cast(Reactor, self.clock)
        self.factory = TrackerFactory(
            reactor, self.directory, Random(1), wall_clock=lambda: 1_700_000_000.5
        )
        self.peers: dict[int, _Peer] = {}
        self.gone: list[_Peer] = []

    def play(self, step: Step) -> None:
        """One step, and all that follows from it."""
        if step.what == "+":
            self.clock.advance(step.number(600))
        elif step.what in ON_A_CONNECTION:
            self._peer(step.whom % len(HOSTS)).play(step, self.clock.seconds())
        self._settle()

    def end(self) -> None:
        """Close all connections: nothing may be left of them."""
        for peer in self._connected():
            peer.connection.go_on()
        self._settle()
        for peer in self._connected():
            if not peer.connection.disconnecting:
                peer.finished()
            peer.connection.hang_up()
        self.check_state()
        check(not list(self.directory) and not self.directory.peers, "nothing is left behind")
        check(not self.clock.getDelayedCalls(), "no timers are left")

    def check_state(self) -> None:
        """Check who holds what: nothing but what was said on the connection that is open."""
        _check_directory(self.factory)
        for peer in self._connected():
            joined = peer.protocol.peer
            held = self.directory.held_by(joined.name) if joined is not None else {}
            check(held.keys() <= peer.offered(), "a peer holds what it said itself")

    def _settle(self) -> None:
        exchange(self.clock, self._connected())

    def _connected(self) -> list[_Peer]:
        return [peer for peer in self.peers.values() if not peer.connection.lost]

    def _peer(self, number: int) -> _Peer:
        peer = self.peers.get(number)
        if peer is None or peer.connection.lost:
            peer = self.peers[number] = _Peer(self.factory, HOSTS[number])
        return peer


def _check_directory(factory: TrackerFactory) -> None:
    """Check the invariants that `p2pfs.tracker.directory` states, and that peers are connected."""
    directory = factory.directory
    names, peers = list(directory), directory.peers
    check(names == sorted(set(names)), "every listed file is listed once, in order")
    held = {peer: directory.held_by(peer) for peer in peers}
    for name in names:
        listed = directory[name]
        check(bool(listed.holders), "a file is listed as long as somebody holds a chunk of it")
        total = listed.info.totalchunknum
        for peer, chunks in listed.holders.items():
            check(name in held.get(peer, ()), "every holder of a file has joined")
            check(chunks.total == total, "all holders hold chunks of the same content")
            check(0 < chunks.bits < 1 << total or total == 0, "a holder holds chunks of the file")
        found = factory.crowds.figures(listed, factory.reactor.seconds())
        if found is not None:
            figures = [each for each in (found.ratio, found.portion) if each is not None]
            check(all(0 <= each < inf for each in figures), "a crowd's figures are numbers")
    listed_by_peers = {name for files in held.values() for name in files}
    check({*names} == listed_by_peers, "what is held is listed, and the other way round")
    check(sorted(factory.joined) == sorted(peers), "who has joined is connected")
    for name, connection in factory.joined.items():
        joined = connection.peer
        check(joined is not None and joined.name == name, "a peer belongs to one connection")
        check(connection in factory.connections, "who has joined is connected")
        check(not connection.closed, "who has joined is connected")
