"""Where a history takes place, for all who do something in it or look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pfs.testing import Host, Network, Swarm
from tests.soak.membership import Membership
from tests.soak.report import Writer
from tests.soak.truth import Truth


@dataclass(frozen=True)
class Scene:
    """The network, the swarm on it, and what is known and noted of them."""

    network: Network
    swarm: Swarm
    tracker: Host
    peers: Sequence[Host]
    """The hosts of honest peers."""
    truth: Truth
    writer: Writer
    membership: Membership = field(default_factory=Membership)
    """Who may do what."""

    def problem(self, text: str) -> None:
        """Note what is wrong."""
        self.writer.problem(text)
