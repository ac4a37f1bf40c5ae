"""The listening side of a serving peer: who is let in, and how much of its attention a host has."""

from __future__ import annotations

from random import Random

from p2pfs.peer.rates import Bandwidth, RateLimit
from p2pfs.peer.serving.deliveries import Deliveries
from p2pfs.peer.serving.protocol import ServingProtocol
from p2pfs.peer.serving.served_files import ServedFiles
from p2pfs.peer.serving.serving import Serving, ServingHooks
from p2pfs.reactor import ThreadedReactor
from p2pfs.wire import HostRates, Reception

MAX_CONNECTIONS = 256
"""Connections served at the same time; when there are more, hosts share them."""

MESSAGE_RATE = 1000
"""Messages a second that each host may have handled, beside those it earned by chunks."""

MESSAGE_BURST = 2000
"""Messages that it may have handled at once."""


class ServingFactory(Reception[ServingProtocol]):
    """Takes the connections of downloaders, and those to them; all are served alike."""

    def __init__(
        self,
        reactor: ThreadedReactor,
        files: ServedFiles,
        limit: RateLimit,
        random: Random,
        deliveries: Deliveries | None = None,
        hooks: ServingHooks | None = None,
        possible: int = MAX_CONNECTIONS,
    ) -> None:
        """What is not named here is for `Serving`.

        ``possible`` are as many connections as the system allows.
        """
        rates = HostRates(MESSAGE_RATE, MESSAGE_BURST)
        super().__init__(reactor, min(MAX_CONNECTIONS, possible), rates)
        self.serving = Serving(
            reactor,
            self,
            rates,
            files,
            limit,
            random,
            deliveries or Deliveries(Bandwidth(limit), lambda name: None),
            hooks or ServingHooks(),
        )

    def receive(self, host: str) -> ServingProtocol:
        self.serving.heard(host)
        return ServingProtocol(self.serving, host)

    def in_use(self, connection: ServingProtocol) -> bool:
        return self.serving.offers.waits(connection)
