"""The peer as a service: its state directory, its ports, its consoles; how it starts and stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.daemon import Daemon, Standing
from p2pfs.errors import P2pfsError
from p2pfs.identity import KEY_FILE, PeerKey
from p2pfs.listening import bound_address, client_endpoint
from p2pfs.membership import Joined
from p2pfs.peer.commands import peer_commands, place_check
from p2pfs.peer.machine import Machine, this_machine
from p2pfs.peer.membership import Membership
from p2pfs.peer.peer import Peer
from p2pfs.peer.settings import DEFAULT_TRACKER, PeerSettings
from p2pfs.reactor import Reactor
from p2pfs.secure import MakeDoor, TlsDoor


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
        make_door: MakeDoor = TlsDoor,
    ) -> None:
        """``random`` is that of `Peer`; ``machine`` what it runs on, by default the real one.

        ``make_door`` makes the door of a private swarm. Raises `StartupProblem` when what is
        kept of one cannot be used.
        """
        super().__init__(reactor, settings.state, settings.group)
        machine = machine or this_machine(reactor)
        self._entropy = machine.entropy
        membership = self._membership(machine, make_door)
        if membership is not None:
            self.swarm = membership.swarm
        if settings.tracker is None:
            tracker = DEFAULT_TRACKER if membership is None else membership.tracker
            settings = replace(settings, tracker=tracker)
        self.settings = settings
        self.peer = Peer(reactor, settings, random, machine, place_check, membership)
        self._port: IListeningPort | None = None
        self._begun: Deferred[None] | None = None

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        tracker = self.peer.tracker
        if tracker is not None:
            client_endpoint(self.reactor, tracker)  # a bad one is told at once
        super().open()
        key = self._key()
        self.peer.load()
        self._port = self.listen_for_peers(self.settings.listen, self.peer.reception)
        self.peer.introduce(key, bound_address(self._port))
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

    def _key(self) -> PeerKey:
        return PeerKey.kept_in(self.state / KEY_FILE, self._entropy)

    def _membership(self, machine: Machine, make_door: MakeDoor) -> Membership | None:
        joined = Joined.kept_in(self.state)
        if joined is None:
            return None
        clock = machine.wall_clock
        return Membership(self.reactor, self.state, joined, self._key(), clock, make_door)

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
