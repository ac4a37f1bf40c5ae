"""The peer as a service: its state directory, its ports, its consoles; how it starts and stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.daemon import Daemon, Standing
from p2pfs.errors import P2pfsError
from p2pfs.identity import PeerKey
from p2pfs.listening import NONE, bound_address, client_endpoint
from p2pfs.membership import NameSigning
from p2pfs.peer.commands import peer_commands, place_check
from p2pfs.peer.machine import Machine, this_machine
from p2pfs.peer.peer import Peer
from p2pfs.peer.settings import PeerSettings
from p2pfs.reactor import Reactor

KEY_FILE = "peer_key"


class PeerService(Daemon):
    """A peer that listens, answers its consoles, and keeps its state in a directory."""

    log = Logger()
    role = "peer"

    def __init__(
        self,
        reactor: Reactor,
        settings: PeerSettings,
        random: Random,
        machine: Machine | None = None,
        signing: Callable[[PeerKey], NameSigning] | None = None,
    ) -> None:
        """``random`` is that of `Peer`; ``machine`` what it runs on, by default the real one.

        ``signing`` is for who has this peer's key, as of `Peer.introduce`.
        """
        super().__init__(reactor, settings.state, settings.group)
        self.settings = settings
        machine = machine or this_machine(reactor)
        self.peer = Peer(reactor, settings, random, machine, place_check)
        self._entropy = machine.entropy
        self._signing = signing
        self._port: IListeningPort | None = None
        self._begun: Deferred[None] | None = None

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        if self.settings.tracker != NONE:
            client_endpoint(self.reactor, self.settings.tracker)  # a bad one is told at once
        super().open()
        key = PeerKey.kept_in(self.state / KEY_FILE, self._entropy)
        self.peer.load()
        self._port = self.listen(self.settings.listen, self.peer.reception, "peers")
        signing = None if self._signing is None else self._signing(key)
        self.peer.introduce(key, bound_address(self._port), signing)
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

    def standing(self) -> Standing:
        """It is ready once it has joined its tracker, or does not look for one."""
        announcer, begun = self.peer.announcer, self._begun
        if begun is None or not begun.called:
            return Standing(False, "Looking after its shares.")
        if announcer.joined:
            return Standing(True, f"At the tracker {announcer.tracker} as {announcer.address}.")
        if announcer.tracker is None:
            return Standing(True, "Without a tracker; 'connect' joins one.")
        return Standing(False, announcer.problem or f"Waiting for the tracker {announcer.tracker}.")

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """Besides what every daemon ends: the peer, and last the record of what came of it."""
        yield self._has_begun
        # Nobody is let in any more while those that are in are seen off.
        if self._port is not None:
            yield partial(self.stop_listening, self._port)
        yield from self.peer.steps_of_stop()
        yield from super().steps_of_stop()
        yield self.peer.store.close

    def _start(self) -> None:
        self._begun = Deferred.fromCoroutine(self.peer.begin()).addErrback(self._not_begun)

    async def _has_begun(self) -> None:
        """What begins after the stop would never be stopped."""
        if self._begun is not None:
            await self._begun

    def _not_begun(self, failure: Failure) -> None:
        """Without its record the peer would forget what it shared: stop rather than do that."""
        if failure.check(P2pfsError):
            self.log.critical("{error}", error=str(failure.value))
        else:
            self.log.failure("The peer could not begin.", failure=failure)
        self.give_up()
