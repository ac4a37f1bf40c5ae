"""The peer as a service: its state directory, its ports, its consoles; how it starts and stops."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.console.peer_commands import peer_commands
from p2pfs.daemon import Daemon
from p2pfs.errors import P2pfsError
from p2pfs.identity import PeerKey
from p2pfs.listening import NONE, bound_address, client_endpoint
from p2pfs.peer.machine import Machine, this_machine
from p2pfs.peer.peer import Peer
from p2pfs.peer.settings import PeerSettings

KEY_FILE = "peer_key"


class PeerService(Daemon):
    """A peer that listens, answers its consoles, and keeps its state in a directory."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: PeerSettings,
        random: Random,
        machine: Machine | None = None,
    ) -> None:
        """``random`` is that of `Peer`; ``machine`` what it runs on, by default the real one."""
        super().__init__(reactor, settings.state)
        self.settings = settings
        machine = machine or this_machine(reactor)
        self.peer = Peer(reactor, settings, random, machine)
        self._entropy = machine.entropy
        self._begun: Deferred[None] | None = None

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        if self.settings.tracker != NONE:
            client_endpoint(self.reactor, self.settings.tracker)  # a bad one is told at once
        super().open()
        key = PeerKey.kept_in(self.state / KEY_FILE, self._entropy)
        self.peer.load()
        self.peer.introduce(
            key, bound_address(self.listen(self.settings.listen, self.peer.serving))
        )
        self.offer_consoles(
            peer_commands(self.peer),
            {"service": self, "peer": self.peer},
            self.settings.ssh,
            self.settings.authorized_keys,
            self.settings.descriptors,
        )

    def startService(self) -> None:
        super().startService()
        # Work that waits for the reactor's threads to begin would not learn that none can.
        self.reactor.callWhenRunning(self._start)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    def _start(self) -> None:
        self._begun = Deferred.fromCoroutine(self.peer.begin()).addErrback(self._not_begun)

    async def _stop(self) -> None:
        if self._begun is not None:
            await self._begun  # what begins after the stop would never be stopped
        await self.peer.stop()
        await super().stopService()
        await self.peer.records.close()

    def _not_begun(self, failure: Failure) -> None:
        """Without its record the peer would forget what it shared: stop rather than do that."""
        if failure.check(P2pfsError):
            self.log.critical("{error}", error=str(failure.value))
        else:
            self.log.failure("The peer could not begin.", failure=failure)
        self.reactor.stop()
