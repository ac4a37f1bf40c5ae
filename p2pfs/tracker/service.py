"""The tracker as a service: its ports, its state directory, its consoles."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort

from p2pfs.console.tracker_commands import tracker_commands
from p2pfs.daemon import Daemon
from p2pfs.descriptors import Descriptors
from p2pfs.keepalive import KeepAlive
from p2pfs.listening import NONE
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.protocol import TrackerFactory
from p2pfs.tracker.quotas import Quotas

DEFAULT_LISTEN = "tcp:6880:interface=127.0.0.1"


@dataclass(frozen=True)
class TrackerSettings:
    """What a tracker can be told at start; endpoints are Twisted's endpoint strings."""

    state: Path
    listen: list[str] = field(default_factory=lambda: [DEFAULT_LISTEN])
    ssh: str | None = None
    authorized_keys: Path | None = None
    allow_announced_host: bool = False
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    quotas: Quotas = field(default_factory=Quotas)
    descriptors: Descriptors = field(default_factory=Descriptors)


class TrackerService(Daemon):
    """A tracker: accepts peers and answers them from its directory."""

    def __init__(
        self,
        reactor: Any,
        settings: TrackerSettings,
        random: Random,
        entropy: Callable[[int], bytes] = os.urandom,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """``random`` chooses which holders are named when there are many.

        ``entropy`` makes so many bytes that nobody can foresee. ``wall_clock`` tells the time
        of day, in seconds since 1970, which is only shown: time-outs go by ``reactor``.
        """
        super().__init__(reactor, settings.state)
        self.settings = settings
        possible = min(settings.quotas.connections, settings.descriptors.connections)
        quotas = replace(settings.quotas, connections=possible)
        self.directory = Directory(quotas)
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

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        super().open()
        for description in self.settings.listen:
            if description != NONE:
                self.listen(description, self.factory)
        self.offer_consoles(
            tracker_commands(self),
            {"service": self, "tracker": self.directory},
            self.settings.ssh,
            self.settings.authorized_keys,
            self.settings.descriptors,
        )

    def listen_also(self, description: str) -> IListeningPort:
        """Accept peers at one more endpoint; raises `StartupProblem`."""
        return self.listen(description, self.factory)

    def stopService(self) -> Deferred[None]:
        self.factory.prober.stop()
        for connection in list(self.factory.connections):
            connection.abort()
        return super().stopService()
