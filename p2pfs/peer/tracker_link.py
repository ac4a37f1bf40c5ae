"""A standing connection to one tracker: made again, with growing pauses, whenever it is lost."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, Refused, TrackerUnavailable
from p2pfs.listening import client_endpoint
from p2pfs.messages import NoticeReachable
from p2pfs.peer.introduction import Introduction
from p2pfs.peer.settings import PeerSettings
from p2pfs.peer.tracker_client import Notice, TrackerClient


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
        reactor: Any,
        random: Random,
        settings: PeerSettings,
        tracker: str,
        introduction: Introduction,
        joined: Callable[[TrackerLink], None],
        noticed: Callable[[Notice], None],
    ) -> None:
        """``joined`` is called each time this peer has joined, ``noticed`` is told what the
        tracker says by itself.

        Raises `UsageProblem` when ``tracker`` is no endpoint string.
        """
        self.tracker = tracker
        self.client: TrackerClient | None = None
        self.address: str | None = None
        self.problem = ""
        self.found_reachable: bool | None = None
        """Whether the tracker could reach this peer; None as long as it has not said so."""
        self.retry_at: float | None = None
        """When it is tried again, by the reactor's clock; None while that is not known."""
        self._reactor = reactor
        self._settings = settings
        self._introduction = introduction
        self._joined = joined
        self._on_notice = noticed
        self._waiting: list[Deferred[None]] = []
        self._connection: TrackerClient | None = None
        patience = settings.patience
        self._pauses = backoffPolicy(
            patience.retry_tracker, patience.longest_retry_tracker, jitter=random.random
        )
        self._service = ClientService(
            client_endpoint(reactor, tracker), self, self._pause, clock=reactor
        )

    def start(self) -> Deferred[None]:
        """Begin, and go on until `stop`.

        The Deferred fires once the tracker has answered, and fails with
        `TrackerUnavailable` if the first attempt does; attempts go on all the same.
        """
        answered: Deferred[None] = Deferred()
        self._waiting.append(answered)
        self._service.startService()
        self._service.whenConnected(failAfterFailures=1).addErrback(self._unreachable)
        return answered

    def stop(self) -> Deferred[None]:
        """Leave the tracker; fires when the connection is closed."""
        stopped: Deferred[None] = self._service.stopService()
        if self._connection is not None:
            self._connection.abort()
        return stopped

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

    def _pause(self, failures: int) -> float:
        """Seconds until the next attempt, after so many in a row have failed."""
        pause = self._pauses(failures)
        self.retry_at = self._reactor.seconds() + pause
        return pause

    def _connected(self, client: TrackerClient) -> None:
        client.ended().addCallback(self._disconnected, client)
        registration = client.register(self._introduction)
        registration.addCallbacks(self._registered, self._not_registered, (client,), {}, (client,))
        registration.addErrback(
            lambda failure: self.log.failure("Joining the tracker failed.", failure=failure)
        )

    def _registered(self, address: str, client: TrackerClient) -> None:
        self.client, self.address, self.problem = client, address, ""
        self.log.info("Joined the tracker at {tracker} as {me}", tracker=self.tracker, me=address)
        self._joined(self)
        self._tell_waiting(None)

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, NoticeReachable):
            self.found_reachable = notice.reachable
        self._on_notice(notice)

    def _not_registered(self, failure: Failure, client: TrackerClient) -> None:
        failure.trap(P2pfsError)
        self.problem = str(failure.value)
        if failure.check(Refused):
            # Others cannot fetch from this peer, but it can still list and download.
            self.client = client
            self.log.warn("The tracker refused this peer: {reason}", reason=self.problem)
        self._tell_waiting(failure.value)

    def _disconnected(self, _: None, client: TrackerClient) -> None:
        if self._connection is client:
            self._connection = None
        if self.client is client:
            self.client = self.address = self.found_reachable = None
            reason = f": {client.farewell}" if client.farewell else ""
            self.problem = (
                f"The tracker at {self.tracker} is gone; it is tried again by itself, 'connect' "
                f"tries at once{reason or '.'}"
            )
            self.log.info(
                "Lost the tracker at {tracker}{reason}", tracker=self.tracker, reason=reason
            )

    def _unreachable(self, failure: Failure) -> None:
        reason = failure.getErrorMessage().rstrip(".")
        self.problem = (
            f"No tracker is reachable at {self.tracker} ({reason}); check that it runs, and the "
            "address."
        )
        self._tell_waiting(TrackerUnavailable(self.problem))

    def _tell_waiting(self, error: BaseException | None) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if error is None:
                deferred.callback(None)
            else:
                deferred.errback(error)
