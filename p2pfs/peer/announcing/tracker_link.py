"""A standing connection to one tracker: made again, with growing pauses, whenever it is lost."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed, P2pfsError, Refused, TrackerUnavailable
from p2pfs.listening import client_endpoint
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.tracker_client import Notice, TrackerClient
from p2pfs.peer.settings import PeerSettings
from p2pfs.reactor import Reactor
from p2pfs.secure import A_TRACKER, Door, OpenDoor
from p2pfs.tasks import end_of
from p2pfs.waiters import Waiters
from p2pfs.wire import QUIET
from p2pfs.wire.messages import Error, NoticeReachable

STALE = 1.0
"""Seconds after which an attempt to connect is better begun anew than waited for.

The system asks again in vain after 1, 3, 7, 15 s: when the network is back, it may be long
until it asks next.
"""

ROUTE_SECONDS = 2.0
"""How often a peer without a tracker looks whether its machine has another address or route."""


class TrackerLink(Factory):
    """Keeps a connection to the tracker at one endpoint, and joins the network over it.

    ``client`` is the connection while it stands and the attempt to join has been
    answered; ``address`` is what the tracker recorded, or None when it refused,
    for the reason in ``problem``.
    """

    log = Logger()
    noisy = False

    def __init__(
        self,
        reactor: Reactor,
        random: Random,
        settings: PeerSettings,
        tracker: str,
        introduction: Introduction,
        joined: Callable[[TrackerLink], None],
        noticed: Callable[[Notice | Error], None],
        wall_clock: Callable[[], float],
        routes: Callable[[], bytes] | None = None,
        door: Door | None = None,
    ) -> None:
        """``joined`` is called each time this peer has joined, ``noticed`` is that of
        `TrackerClient`. ``wall_clock`` is what the tracker's is compared with. What ``routes``
        gives is another when the network may be there again; ``door`` is that of the swarm, by
        default an open one's.

        Raises `UsageProblem` when ``tracker`` is no endpoint string.
        """
        self.tracker = tracker
        self.client: TrackerClient | None = None
        self.address: str | None = None
        self.problem = ""
        self.locked_out = ""
        """Why a private swarm's tracker did not let this peer in when it was last tried, if so."""
        self.found_reachable: bool | None = None
        """Whether the tracker could reach this peer; None as long as it has not said so."""
        self.time_offset: float | None = None
        """Seconds that the tracker's clock was ahead when it was joined; None if not known."""
        self.retry_at: float | None = None
        """When it is tried again, by the reactor's clock; None while it is not paused."""
        self._reactor = reactor
        self._settings = settings
        self._introduction = introduction
        self._joined = joined
        self._on_notice = noticed
        self._wall_clock = wall_clock
        self._waiting: Waiters[None] = Waiters()
        self._connection: TrackerClient | None = None
        patience = settings.patience
        self._pauses = backoffPolicy(
            patience.retry_tracker, patience.longest_retry_tracker, jitter=random.random
        )
        self._endpoint = client_endpoint(reactor, tracker)
        self._door = door or OpenDoor()
        self._connecting: Deferred[Any] | None = None
        self._connecting_since = 0.0
        self._pausing: Deferred[None] | None = None
        self._registered_at: float | None = None
        self._in_trouble = False
        self._failures = 0
        self._heard = True
        self._hurried = False
        self._stopped = False
        self._keeping: Deferred[None] = succeed(None)
        self._routes = routes
        self._known_routes = b""
        self._route_watch = LoopingCall(self._look_at_routes)
        self._route_watch.clock = reactor

    def start(self) -> Deferred[None]:
        """Begin, and go on until `stop`.

        The Deferred fires once the tracker has answered, and fails with
        `TrackerUnavailable` if the first attempt does; attempts go on all the same.
        """
        answered = self._waiting.wait()
        self._keeping = Deferred.fromCoroutine(self._keep()).addErrback(self._defect)
        if self._routes is not None:
            self._known_routes = self._routes()
            self._route_watch.start(ROUTE_SECONDS, now=False).addErrback(self._defect)
        return answered

    def stop(self) -> Deferred[None]:
        """Leave the tracker; fires when the connection is closed."""
        self._stopped = True
        if self._route_watch.running:
            self._route_watch.stop()
        self._waiting.fail(TrackerUnavailable(f"This peer has left the tracker at {self.tracker}."))
        for waiting in (self._connecting, self._pausing):
            if waiting is not None:
                waiting.cancel()
        if self._connection is not None:
            self._connection.abort()
        return end_of(self._keeping)

    def hurry(self) -> None:
        """Something speaks for its being there again: end the pause between two attempts."""
        if self._pausing is not None:
            self._pausing.cancel()
        elif (
            self._connecting is not None
            and self._reactor.seconds() - self._connecting_since >= STALE
        ):
            self._hurried = True
            self._connecting.cancel()

    def heard(self) -> None:
        """Another host gave a sign of life: `hurry`, if the tracker's gave none."""
        if not self.answers and self._reactor.seconds() - self._connecting_since >= STALE:
            self.hurry()

    def attempt(self) -> Deferred[None]:
        """Try at once, unless the tracker can be asked; fires, or fails, as `start` says."""
        if self.client is not None:
            return succeed(None)
        answered = self._waiting.wait()
        self.hurry()
        return answered

    @property
    def answers(self) -> bool:
        """False when its host gave no sign of life for `QUIET` seconds, or when last asked."""
        if self._connection is not None:
            return self._connection.unanswered < QUIET
        waited = self._reactor.seconds() - self._connecting_since
        return self._heard and (self._connecting is None or waited < QUIET)

    def buildProtocol(self, addr: object) -> TrackerClient:
        client = TrackerClient(
            self._reactor,
            self.tracker,
            self._settings.patience.tracker,
            self._settings.keep_alive,
            self._connected,
            self._noticed,
        )
        self._connection = client
        return client

    def _look_at_routes(self) -> None:
        if self.client is not None or self._routes is None:
            return
        known, self._known_routes = self._known_routes, self._routes()
        if known != self._known_routes:
            self.hurry()

    async def _keep(self) -> None:
        """Connect, and again after each end, until `stop`."""
        while not self._stopped:
            await self._connect()
            if not (self._hurried or self._stopped):
                await self._pause()
            self._hurried = False

    async def _connect(self) -> None:
        """One attempt, and the connection that it leads to until that ends."""
        self._registered_at = None
        self._connecting_since = self._reactor.seconds()
        connecting: Deferred[Any] = self._door.connect(self._endpoint, self, A_TRACKER)
        self._connecting = connecting
        connecting.addBoth(self._attempted)
        try:
            client: TrackerClient = await connecting
        except (CancelledError, ConnectingCancelledError):
            return
        except Exception as error:  # endpoints of all kinds have errors of their own
            self._heard = isinstance(error, ConnectionRefusedError | HandshakeFailed)
            self._unreachable(error)
            return
        await client.ended()
        self._heard = client.unanswered < QUIET

    def _attempted(self, outcome: Any) -> Any:
        self._connecting = None
        return outcome

    async def _pause(self) -> None:
        """Wait before the next attempt: longer with each in a row that came to nothing.

        So does one whose connection stood for less than the longest pause: a tracker that
        is full, or throws this peer out, is not to be asked again and again.
        """
        now = self._reactor.seconds()
        stood = 0.0 if self._registered_at is None else now - self._registered_at
        lasted = stood >= self._settings.patience.longest_retry_tracker
        self._failures = 1 if lasted else self._failures + 1
        pause = self._pauses(self._failures)
        self.retry_at = now + pause
        if self._registered_at is None:
            self._tell_trouble(pause)
        self._pausing = deferLater(self._reactor, pause)
        try:
            await self._pausing
        except CancelledError:
            pass  # it is over sooner
        finally:
            self._pausing = self.retry_at = None

    @property
    def _trouble_level(self) -> Any:
        """Trouble is news when this peer had joined before, or is new."""
        return LogLevel.debug if self._in_trouble else LogLevel.warn

    def _tell_trouble(self, pause: float) -> None:
        """An attempt came to nothing."""
        self.log.emit(
            self._trouble_level,
            "{problem} It is tried again in {seconds:.0f} s, and then less and less often.",
            problem=self.problem,
            tracker=self.tracker,
            seconds=pause,
        )
        self._in_trouble = True

    def _defect(self, failure: Failure) -> None:
        self.log.failure("Keeping to the tracker failed.", failure=failure)

    def _connected(self, client: TrackerClient) -> None:
        client.ended().addCallback(self._disconnected, client)
        registration = client.register(self._introduction)
        registration.addCallbacks(self._registered, self._not_registered, (client,), {}, (client,))
        registration.addErrback(
            lambda failure: self.log.failure("Joining the tracker failed.", failure=failure)
        )

    def _registered(self, address: str, client: TrackerClient) -> None:
        self.client, self.address, self.problem = client, address, ""
        self.locked_out = ""
        self._registered_at = self._reactor.seconds()
        shown = client.time_at_joining
        self.time_offset = None if shown is None else shown - self._wall_clock()
        self._in_trouble = False
        self.log.info("Joined the tracker at {tracker} as {me}.", tracker=self.tracker, me=address)
        self._joined(self)
        self._waiting.fire(None)

    def _noticed(self, notice: Notice | Error) -> None:
        if isinstance(notice, NoticeReachable):
            self.found_reachable = notice.reachable
        self._on_notice(notice)

    def _not_registered(self, failure: Failure, client: TrackerClient) -> None:
        failure.trap(P2pfsError)
        self.problem = str(failure.value)
        if failure.check(Refused):
            # Others cannot fetch from this peer, but it can still list and download.
            self.client = client
            self.log.emit(
                self._trouble_level,
                "The tracker at {tracker} refused this peer: {reason}",
                tracker=self.tracker,
                reason=self.problem,
            )
            self._in_trouble = True
        self._waiting.fail(failure)

    def _disconnected(self, _: None, client: TrackerClient) -> None:
        if self._connection is client:
            self._connection = None
        if self.client is client:
            self.client = self.address = self.found_reachable = self.time_offset = None
            reason = f": {client.farewell}" if client.farewell else ""
            self.problem = (
                f"The tracker at {self.tracker} is gone; it is tried again by itself, 'connect' "
                f"tries at once{reason or '.'}"
            )
            if self._stopped:
                self.log.info("Left the tracker at {tracker}.", tracker=self.tracker)
            else:
                self.log.emit(
                    self._trouble_level,
                    "Lost the tracker at {tracker}; it is tried again by itself{reason}",
                    tracker=self.tracker,
                    reason=reason or ".",
                )

    def _unreachable(self, error: Exception) -> None:
        reason = (str(error) or type(error).__name__).rstrip(".")
        self.problem = (
            f"No tracker is reachable at {self.tracker} ({reason}); check that it runs, and the "
            "address."
        )
        self.locked_out = str(error) if isinstance(error, HandshakeFailed) else ""
        self.problem = self.locked_out or self.problem
        self._waiting.fail(TrackerUnavailable(self.problem))
