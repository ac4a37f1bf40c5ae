"""What comes in over all connections to sources together, whichever downloads it is for."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pfs.peer.payloads import Lender
from p2pfs.peer.policy import Intake
from p2pfs.peer.rates import Bandwidth, RateLimit


@dataclass(frozen=True)
class Incoming:
    """What all connections to sources of a peer share."""

    limit: RateLimit = field(default_factory=RateLimit)
    """On what all of them send together."""
    bandwidth: Bandwidth = field(default_factory=lambda: Bandwidth(RateLimit()))
    """How fast all of them together were seen to send; told of each chunk."""
    intake: Intake = field(default_factory=Intake)
    """The chunks on their way to this peer."""
    lender: Lender | None = None
    """Lends their input to threads that read payloads; without one, the reactor reads all."""
