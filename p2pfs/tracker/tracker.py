"""A tracker: its parts put together, without ports, consoles and state directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from p2pfs.membership import NameSigning, OpenNames
from p2pfs.reactor import Reactor
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.protocol import TrackerFactory
from p2pfs.tracker.settings import TrackerSettings


class Tracker:
    """Accepts peers, and answers them from its directory."""

    def __init__(
        self,
        reactor: Reactor,
        settings: TrackerSettings,
        random: Random,
        entropy: Callable[[int], bytes],
        wall_clock: Callable[[], float],
    ) -> None:
        """``random`` chooses which holders are named when there are many.

        ``entropy`` makes that many bytes that nobody can foresee. ``wall_clock`` tells the time
        of day, in seconds since 1970, for what is shown and for signatures: time-outs go by
        ``reactor``.
        """
        self.reactor = reactor
        self.since = wall_clock()
        """The time of day when it was made, for people."""
        self.listening: list[str] = []
        """Where peers may connect: what is said by who opens its ports."""
        possible = min(settings.quotas.connections, settings.descriptors.connections)
        quotas = replace(settings.quotas, connections=possible)
        self.directory = Directory(quotas, OpenNames(wall_clock))
        self.factory = TrackerFactory(
            reactor,
            self.directory,
            random,
            settings.allow_announced_host,
            settings.keep_alive,
            quotas,
            entropy,
            wall_clock,
        )

    def go_by(self, signing: NameSigning) -> None:
        """Check signatures so from now on; it is for before anybody is let in."""
        self.directory.go_by(signing)

    def revocations_changed(self) -> None:
        """There is a newer list of revoked certificates: what they have signed is listed no more.

        What was signed before a certificate expired stays.
        """
        self.factory.drop_revoked()

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """What ends probes and the connections of peers, as of `Daemon`."""
        yield self.factory.prober.stop
        for connection in list(self.factory.connections):
            yield connection.abort
