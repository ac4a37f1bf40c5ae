"""Connections turned round: a peer that cannot be reached connects to who wants something of it.

A downloader has the tracker call such a peer, with a token. The peer connects, says the token,
and serves on that connection as if the downloader had opened it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.errors import Refused, SourceFailed, TrackerUnavailable
from p2pfs.peer.announcing import Announcer
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources.connection import SourceConnection

TOKEN_SIZE = 16
"""Bytes of a token, which is written in hexadecimal."""


class Expected:
    """A connection that a downloader waits for."""

    def __init__(self, make: Callable[[], SourceConnection], member: str | None) -> None:
        self.make = make
        """What goes on with it."""
        self.member = member
        """Which member it has to be; None for any, and in an open swarm."""
        self.arrived: Deferred[SourceConnection] = Deferred()


class CallBacks:
    """The connections that this peer has called for."""

    def __init__(
        self,
        reactor: IReactorTime,
        entropy: Callable[[int], bytes],
        patience: Patience,
        announcer: Announcer,
    ) -> None:
        """``entropy`` makes that many bytes that nobody can foresee."""
        self._reactor = reactor
        self._entropy = entropy
        self._patience = patience
        self._announcer = announcer
        self._expected: dict[str, Expected] = {}

    def get(
        self, peer: Address, make: Callable[[], SourceConnection], member: str | None = None
    ) -> Deferred[SourceConnection]:
        """Have a peer connect; fires with what ``make`` makes, on that connection.

        ``member`` is that of `Expected`. Fails with `SourceFailed`.
        """
        expected = Expected(make, member)
        wanted = Deferred.fromCoroutine(self._get(peer, expected))
        return wanted.addErrback(_give_up, expected)

    def pop(self, token: str) -> Expected | None:
        """Somebody has connected with that token; None if nobody waits for it."""
        return self._expected.pop(token, None)

    async def _get(self, peer: Address, expected: Expected) -> SourceConnection:
        if self._announcer.found_reachable is False:
            raise SourceFailed(
                f"{peer}: it cannot be reached by this peer, which cannot be reached itself"
            )
        token = self._entropy(TOKEN_SIZE).hex()
        self._expected[token] = expected
        expected.arrived.addTimeout(self._patience.call_back, self._reactor)
        try:
            await self._announcer.client().call_back(str(peer), token)
            return await expected.arrived
        except TimedOut:
            raise SourceFailed(
                f"{peer}: it cannot be reached, and did not connect when it was asked to"
            ) from None
        except (Refused, TrackerUnavailable) as error:
            raise SourceFailed(f"{peer}: it cannot be reached ({str(error).rstrip('.')})") from None
        finally:
            self._expected.pop(token, None)


def _give_up(failure: Failure, expected: Expected) -> Failure:
    """Close the connection if it came nevertheless, and wait for it no more."""
    expected.arrived.addCallbacks(_abort, lambda _: None)
    expected.arrived.cancel()
    return failure


def _abort(connection: SourceConnection | None) -> None:
    if connection is not None:
        connection.abort()
