"""The sources of a download: connections to them, and what experience was made with each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    UnknownHostError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure

from p2pfs.addresses import Address, host_of
from p2pfs.errors import HandshakeFailed, Refused, SourceFailed
from p2pfs.listening import address_endpoint
from p2pfs.peer.policy import Trial
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources.call_backs import CallBacks
from p2pfs.peer.sources.connection import OutOfReach, SourceConnection, SourceFactory
from p2pfs.peer.sources.incoming import Incoming
from p2pfs.peer.sources.room import Room
from p2pfs.reactor import Reactor
from p2pfs.secure import A_PEER, Door, OpenDoor
from p2pfs.waiters import Waiters
from p2pfs.wire import QUIET

DENIAL_SECONDS = 10.0
"""How long a source's word that it lacks something outweighs the tracker's that it does not."""

FAILURES_IN_A_ROW = 4
"""After that many failures, bytes count as progress only once they make a whole chunk."""


@dataclass(eq=False)
class Source:
    """A peer that is said to hold chunks of a download, and how it did so far.

    ``chunks`` are those the tracker names, ``denied`` those the source itself
    said it does not have; both are bits. ``rests_until`` is a time of the
    reactor's clock.
    """

    address: Address
    chunks: int = 0
    denied: int = 0
    denied_until: float = 0.0
    connection: SourceConnection | None = None
    attempt: Deferred[Any] | None = None
    """The attempt at a connection that is under way."""
    attempt_at: float = 0.0
    trial: Trial = field(default_factory=Trial)
    """What its connection was asked for and brought."""
    failures: int = 0
    rests_until: float = 0.0
    banned: bool = False
    no_hash_list_until: float = 0.0
    last_delivery: float = 0.0
    brought_then: int = 0
    """What its connection had brought at its last delivery, in bytes."""
    last_error: str = ""
    last_error_at: float = 0.0
    named_at: float = 0.0
    """When the tracker last named it."""
    vouched_for: bool = False
    """Whether it then said that others had chunks from it."""
    answered: bool = False
    """Whether its host gave a sign of life when it was last tried."""

    @cached_property
    def host(self) -> str:
        """Whom it counts for, whatever its port."""
        return host_of(self.address)

    @property
    def usable_chunks(self) -> int:
        """The chunks (bits) that it is worth being asked for."""
        return 0 if self.banned else self.chunks & ~self.denied

    @property
    def connecting(self) -> bool:
        """True while there is an attempt at a connection."""
        return self.attempt is not None

    @property
    def connected(self) -> bool:
        """True while a connection stands."""
        return self.connection is not None and not self.connection.closed

    @property
    def answers(self) -> bool:
        """True unless its host was asked for a sign of life, and gave none lately."""
        if self.connection is not None and self.connected:
            return self.connection.unanswered < QUIET
        return self.answered and not self.banned

    @property
    def at_work(self) -> bool:
        """True while there is a connection to it, or an attempt at one."""
        return self.connected or self.connecting

    @property
    def trusted(self) -> bool:
        """True unless it failed time and again without delivering anything between."""
        return not self.banned and self.failures < FAILURES_IN_A_ROW

    def may_connect(self, now: float) -> bool:
        """True when it is time to open a connection to it."""
        return not (self.connecting or self.connected or self.banned or now < self.rests_until)

    def delivered(self, now: float) -> None:
        """Note a verified chunk from it."""
        self.last_delivery = now
        self.failures = 0
        if self.connection is not None:
            self.brought_then = self.connection.brought

    def deny(self, chunks: int, error: str, now: float) -> None:
        """Note that it says it does not have these chunks (bits): believe it for a while."""
        self.denied |= chunks
        self.denied_until = now + DENIAL_SECONDS
        self._note(f"{self.address}: {error}", now)

    def deny_hash_list(self, error: str, now: float) -> None:
        """Note that it says it does not have the hash list: believe it for a while."""
        self.no_hash_list_until = now + DENIAL_SECONDS
        self._note(f"{self.address}: {error}", now)

    def failed(self, error: str, now: float, patience: Patience) -> None:
        """Note a failure: the source rests, longer each time in a row."""
        self._note(error, now)
        self.rests_until = now + min(patience.rest * 2**self.failures, patience.longest_rest)
        self.failures = min(self.failures + 1, 16)
        self.connection = None

    def dismissed(self, error: str, now: float, patience: Patience) -> None:
        """Note that its trial came to nothing: it rests, but may only be busy."""
        self._note(error, now)
        self.rests_until = now + patience.rest
        self.connection = None

    def ban(self, error: str, now: float) -> None:
        """Never ask it for this file again."""
        self.banned = True
        self._note(error, now)
        self.connection = None

    def _note(self, error: str, now: float) -> None:
        self.last_error, self.last_error_at = error, now


@dataclass
class ReadySource:
    """A connection that stands, and its round trip time in seconds."""

    connection: SourceConnection
    round_trip: float


class SourcePool:
    """Connections to sources, shared by the files of one download command."""

    def __init__(
        self,
        reactor: Reactor,
        patience: Patience,
        incoming: Incoming,
        call_backs: CallBacks,
        room: Room | None = None,
        door: Door | None = None,
    ) -> None:
        """``incoming`` is what comes over them, and those of all other pools.

        ``call_backs`` brings connections of those that cannot be reached. ``room`` is what they
        share with other pools, and ``door`` that of the swarm, by default an open one's.
        """
        self._door = door or OpenDoor()
        self._members: dict[Address, str] = {}
        self._call_backs = call_backs
        self._room = room or Room()
        self._incoming = incoming
        self._reactor = reactor
        self._patience = patience
        self._ready: dict[Address, ReadySource] = {}
        self._attempts: dict[Address, Deferred[Any]] = {}
        self._waiters: dict[Address, Waiters[ReadySource]] = {}

    def get(self, address: Address) -> Deferred[ReadySource]:
        """A connection to that address, opened and pinged if there is none yet.

        Fails with `SourceFailed`. An attempt that nobody waits for any more is given up.
        """
        ready = self._ready.get(address)
        if ready is not None and not ready.connection.closed:
            return succeed(ready)
        if address not in self._waiters:
            self._waiters[address] = Waiters(partial(self._not_waited_for, address))
        waiter = self._waiters[address].wait()
        if address not in self._attempts:
            attempt = Deferred.fromCoroutine(self._open(address))
            # Noted first: it may have failed at once, as for a host name that cannot be one.
            self._attempts[address] = attempt
            attempt.addBoth(self._opened, address)
        return waiter

    def learn(self, members: Mapping[Address, str]) -> None:
        """Note who the tracker says that sources are: nobody else is talked to there."""
        self._members.update(members)

    def close(self) -> Deferred[None]:
        """Give up all attempts and close all connections; fires when they are closed."""
        for attempt in list(self._attempts.values()):
            attempt.cancel()
        ended = []
        for ready in self._ready.values():
            ended.append(ready.connection.ended())
            ready.connection.hang_up()
        self._ready.clear()
        return DeferredList(ended).addCallback(lambda _: None)

    async def _open(self, address: Address) -> ReadySource:
        if not self._room.take():
            raise SourceFailed(
                f"{address}: there is no room for more than {self._room.most} connections to "
                "sources; raise this peer's limit of open files"
            )
        try:
            ready = await self._connect(address)
        except BaseException:
            self._room.give_back()
            raise
        ready.connection.ended().addCallback(lambda _: self._room.give_back())
        return ready

    async def _connect(self, address: Address) -> ReadySource:
        patience = self._patience
        make = partial(SourceConnection, self._reactor, address, patience, self._incoming)
        try:
            if address.peer:
                connection = await self._call_backs.get(address, make, self._members.get(address))
            else:
                endpoint = address_endpoint(self._reactor, address, patience.connect)
                expected = A_PEER.named(self._members.get(address))
                connecting = self._door.connect(endpoint, SourceFactory(make), expected)
                connection = cast(SourceConnection, await connecting)
        except HandshakeFailed as error:
            raise SourceFailed(f"{address}: {str(error).rstrip('.')}") from None
        except ConnectingCancelledError:
            raise CancelledError from None  # as when it is cancelled at any other moment
        except (ConnectError, DNSLookupError, OSError, ValueError) as error:
            raise _unreachable(address, error, patience.connect) from None
        try:
            return ReadySource(connection, await connection.ping())
        except Refused as error:
            # Whoever listens there, it is no peer: every peer answers a ping.
            connection.abort()
            raise SourceFailed(f"{address}: it does not answer a ping ({error})") from None
        except BaseException:
            connection.abort()
            raise

    def _not_waited_for(self, address: Address) -> None:
        self._attempts[address].cancel()

    def _opened(self, result: ReadySource | Failure, address: Address) -> None:
        del self._attempts[address]
        if isinstance(result, ReadySource):
            self._ready[address] = result
        waiters = self._waiters.pop(address)
        if isinstance(result, Failure):
            waiters.fail(result)
        else:
            waiters.fire(result)


def _unreachable(address: Address, error: Exception, patience: float) -> SourceFailed:
    """The error for a connection that could not be made; ``patience`` is in seconds."""
    if isinstance(error, ConnectionRefusedError):
        return SourceFailed(f"{address}: it refused the connection; nothing listens there")
    if isinstance(error, ConnectTimeout):
        reason = f"it did not accept a connection within {patience:g} s"
    elif isinstance(error, NoRouteError):
        reason = "there is no route to it"
    elif isinstance(error, DNSLookupError | UnknownHostError):
        reason = "no host of that name is known"
    else:
        number = getattr(error, "osError", None)
        words = os.strerror(number) if isinstance(number, int) else str(error)
        reason = f"it cannot be reached ({words})"
    return OutOfReach(f"{address}: {reason}")
