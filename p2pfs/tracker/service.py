"""The tracker as a service: its ports, its state directory, its consoles."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from random import Random

from twisted.internet.interfaces import IListeningPort

from p2pfs.daemon import Daemon, Standing
from p2pfs.errors import StartupProblem
from p2pfs.listening import NONE, bound_address
from p2pfs.reactor import Reactor
from p2pfs.secure import MakeDoor, TlsDoor
from p2pfs.tracker.commands import tracker_commands
from p2pfs.tracker.private_tracker import PrivateTracker
from p2pfs.tracker.settings import TrackerSettings
from p2pfs.tracker.tracker import Tracker


class TrackerService(Daemon):
    """A tracker that listens, and answers its consoles."""

    role = "tracker"

    def __init__(
        self,
        reactor: Reactor,
        settings: TrackerSettings,
        random: Random,
        entropy: Callable[[int], bytes] = os.urandom,
        wall_clock: Callable[[], float] = time.time,
        make_door: MakeDoor = TlsDoor,
    ) -> None:
        """``random``, ``entropy`` and ``wall_clock`` are those of `Tracker`.

        ``make_door`` makes the door of a private swarm.
        """
        super().__init__(reactor, settings.state, settings.group)
        self.settings = settings
        self.tracker = Tracker(reactor, settings, random, entropy, wall_clock)
        self.private: PrivateTracker | None = None
        """Its private swarm; None in an open one."""
        self._entropy = entropy
        self._wall_clock = wall_clock
        self._make_door = make_door

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        super().open()
        if PrivateTracker.is_in(self.state):
            self.private = PrivateTracker(
                self.reactor,
                self.state,
                self.tracker.factory,
                self._entropy,
                self._wall_clock,
                self._make_door,
            )
            self.swarm = self.private.swarm
        for description in self.settings.listen:
            if description != NONE:
                self.listen_also(description)
        self.offer_consoles(
            tracker_commands(
                self.tracker,
                self.listen_also,
                None if self.private is None else self.private.enrolment,
            ),
            {"service": self, "tracker": self.tracker},
            self.settings.ssh,
            self.settings.authorized_keys,
            self.settings.descriptors,
        )

    def listen_also(self, description: str) -> IListeningPort:
        """Accept peers at one more endpoint; raises `StartupProblem`."""
        strangers = None if self.private is None else self.private.strangers
        port = self.listen_for_peers(description, self.tracker.factory, strangers)
        try:
            self.tracker.listening.append(str(bound_address(port)))
        except StartupProblem:  # such as a UNIX socket, which has no address for other machines
            self.tracker.listening.append(description)
        return port

    def startService(self) -> None:
        super().startService()
        if self.private is not None:
            self.private.start()

    def standing(self) -> Standing:
        """Once it is started it listens; peers may come."""
        peers = len(self.tracker.directory.peers)
        return Standing(True, f"{peers} peers." if peers != 1 else "1 peer.")

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """Besides what every daemon ends: the tracker."""
        yield from self.tracker.steps_of_stop()
        if self.private is not None:
            yield self.private.close
        yield from super().steps_of_stop()
