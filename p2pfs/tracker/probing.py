"""Finding out which peers can be reached where they say: bounded, and only at their own hosts.

The tracker connects to an address and sends a ping with a token. Who was pinged passes the
token on over its own connection to the tracker: so it is known which peer is there, and not
only that somebody is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import parse_address
from p2pfs.errors import HandshakeFailed, Refused
from p2pfs.listening import address_endpoint
from p2pfs.reactor import Reactor
from p2pfs.secure import A_PEER, Door, OpenDoor
from p2pfs.tracker.peers import Peer
from p2pfs.wire import MessageProtocol
from p2pfs.wire import messages as m

PROBE_SECONDS = 5.0
"""How long it may take until a peer that was pinged says so."""

MOST_PROBES = 16
"""Probes under way at a time, of all hosts."""

MOST_OF_A_HOST = 2
"""The same of one host."""

TRY_AGAIN_SECONDS = 60.0
"""How long after a probe that found nobody there is another; twice as long each time."""

LONGEST_TRY_AGAIN = 3600.0

ASKED_SECONDS = 5.0
"""Between two probes of a host that its peers asked for."""

TOKEN_SIZE = 16
"""Bytes of a token, which is written in hexadecimal."""


@dataclass(eq=False, slots=True)
class _Target:
    """An address that peers have registered."""

    address: str
    host: str
    peers: dict[Peer, None] = field(default_factory=dict)
    probe: Deferred[Any] | None = None
    told: Deferred[Peer | None] | None = None
    """While it is probed: fires with who says that it was pinged."""
    asking: dict[Peer, None] = field(default_factory=dict)
    """Those who asked for the probe that is under way, or comes next."""
    again: bool = False
    """Whether somebody has come too late for the probe under way."""
    timer: IDelayedCall | None = None
    pause: float = TRY_AGAIN_SECONDS


class Prober:
    """Probes addresses as peers register them, and now and then while nobody is found there.

    Hosts take turns.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        entropy: Callable[[int], bytes],
        concluded: Callable[[str, Peer | None, Iterable[Peer]], None],
        door: Callable[[], Door] = OpenDoor,
    ) -> None:
        """``entropy`` makes that many bytes that nobody can foresee.

        ``concluded`` is told of each address that was tried, which peer is there, and who has
        asked. ``door`` gives that of the swarm.
        """
        self._reactor = reactor
        self._entropy = entropy
        self._concluded = concluded
        self._door = door
        self._targets: dict[str, _Target] = {}
        self._at_work: dict[str, int] = {}
        self._tokens: dict[str, _Target] = {}
        # When the peers of a host last asked for a probe; who did last is last.
        self._asked: dict[str, float] = {}
        # What is to be probed, by host; the host whose turn it is comes first.
        self._waiting: dict[str, dict[_Target, None]] = {}

    def look(self, peer: Peer) -> None:
        """Find out whether a peer that has just registered is at its address."""
        target = self._targets.get(peer.address)
        if target is None:
            target = self._targets[peer.address] = _Target(peer.address, peer.host)
        target.peers[peer] = None
        target.pause = TRY_AGAIN_SECONDS
        if target.probe is None:
            self._enqueue(target)
        else:
            target.again = True

    def look_now(self, peer: Peer) -> None:
        """A peer asks to be looked for now; raises `Refused` when it may not, or not so soon."""
        target, now = self._targets.get(peer.address), self._reactor.seconds()
        if target is None or peer not in target.peers:
            raise Refused("Only a peer with a key is tried, and only at its own host.")
        while self._asked and now - next(iter(self._asked.values())) >= ASKED_SECONDS:
            del self._asked[next(iter(self._asked))]
        if peer.host in self._asked:
            left = self._asked[peer.host] + ASKED_SECONDS - now
            raise Refused(f"Your host has just been tried; ask again in {ceil(left)} s.")
        self._asked[peer.host] = now
        target.asking[peer] = None
        target.pause = TRY_AGAIN_SECONDS
        if target.probe is None:
            self._enqueue(target)

    def forget(self, peer: Peer) -> None:
        """A peer has left."""
        target = self._targets.get(peer.address)
        if target is None or peer not in target.peers:
            return
        del target.peers[peer]
        target.asking.pop(peer, None)
        if target.peers:
            if target.probe is None and target.timer is None:
                self._try_later(target)  # whoever was there may have gone
            return
        del self._targets[target.address]
        self._stop_timer(target)
        self._dequeue(target)
        if target.probe is not None:
            target.probe.cancel()

    def reached(self, peer: Peer, token: str) -> None:
        """A peer says that it was pinged with a token: it is where that was sent to."""
        target = self._tokens.get(token)
        if target is not None and target.told is not None and peer in target.peers:
            told, target.told = target.told, None
            told.callback(peer)

    def stop(self) -> None:
        """Probe nothing any more."""
        targets, self._targets = self._targets, {}
        self._waiting.clear()
        for target in targets.values():
            self._stop_timer(target)
            if target.probe is not None:
                target.probe.cancel()

    # Whose turn it is

    def _enqueue(self, target: _Target) -> None:
        self._stop_timer(target)
        self._waiting.setdefault(target.host, {})[target] = None
        self._go_on()

    def _go_on(self) -> None:
        """Begin what may be under way beside what is."""
        while sum(self._at_work.values()) < MOST_PROBES:
            # Few are passed over: those that have as many under way as they may.
            able = (h for h in self._waiting if self._at_work.get(h, 0) < MOST_OF_A_HOST)
            host = next(able, None)
            if host is None:
                return
            waiting = self._waiting.pop(host)
            target = next(iter(waiting))
            del waiting[target]
            if waiting:
                self._waiting[host] = waiting  # behind the others
            self._begin(target)

    def _dequeue(self, target: _Target) -> None:
        waiting = self._waiting.get(target.host, {})
        waiting.pop(target, None)
        if not waiting:
            self._waiting.pop(target.host, None)

    def _begin(self, target: _Target) -> None:
        self._at_work[target.host] = self._at_work.get(target.host, 0) + 1
        probe = target.probe = Deferred.fromCoroutine(self._probe(target))
        probe.addTimeout(PROBE_SECONDS, self._reactor)
        probe.addErrback(self._broken).addCallback(self._ended, target)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Probing a peer failed.", failure=failure)

    def _ended(self, found: Peer | None, target: _Target) -> None:
        target.probe = None
        self._at_work[target.host] -= 1
        if not self._at_work[target.host]:
            del self._at_work[target.host]
        if target.address in self._targets:
            again, target.again = target.again, False
            if found is None and again:
                self._enqueue(target)
            elif found is None:
                self._try_later(target)
            asking, target.asking = target.asking, {}
            self._concluded(target.address, found, asking)
        self._go_on()

    def _try_later(self, target: _Target) -> None:
        target.timer = self._reactor.callLater(target.pause, self._due, target)
        target.pause = min(2 * target.pause, LONGEST_TRY_AGAIN)

    def _due(self, target: _Target) -> None:
        target.timer = None
        self._enqueue(target)

    @staticmethod
    def _stop_timer(target: _Target) -> None:
        if target.timer is not None:
            target.timer.cancel()
            target.timer = None

    # One probe

    async def _probe(self, target: _Target) -> Peer | None:
        """Who is at an address; None if nobody says so."""
        token = self._entropy(TOKEN_SIZE).hex()
        told: Deferred[Peer | None] = Deferred()
        connection: _ProbeConnection | None = None
        self._tokens[token], target.told = target, told
        try:
            endpoint = address_endpoint(self._reactor, parse_address(target.address), PROBE_SECONDS)
            factory = _ProbeFactory(partial(_ProbeConnection, self._reactor, target))
            connecting = self._door().connect(endpoint, factory, A_PEER)
            connection = cast(_ProbeConnection, await connecting)
            connection.send(m.PeerPingPong(probe=token))
            return await told
        except (
            ConnectError,
            ConnectingCancelledError,
            HandshakeFailed,
            OSError,
            CancelledError,
        ):
            return None
        finally:
            del self._tokens[token]
            target.told = None
            if connection is not None:
                connection.abort()


class _ProbeConnection(MessageProtocol):
    """A connection to a peer that is pinged; what it answers proves nothing."""

    MAX_LENGTH = m.SERVING_LINE_LIMIT

    def __init__(self, reactor: IReactorTime, target: _Target) -> None:
        super().__init__(reactor)
        self._target = target

    def message_received(self, message: m.Message, line: bytes) -> None:
        """Whoever is there says so elsewhere."""

    def undecodable_received(self, error: m.UndecodableMessage) -> None:
        """It need not be a peer at all."""

    def closing(self, reason: Failure) -> None:
        told, self._target.told = self._target.told, None
        if told is not None:
            told.callback(None)


class _ProbeFactory(Factory):
    noisy = False

    def __init__(self, make: Callable[[], _ProbeConnection]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> _ProbeConnection:
        return self._make()
