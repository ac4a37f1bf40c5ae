"""A download as its parts see it."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.peer.downloading.in_flight import Asked

HEARTBEAT = 0.2
"""Seconds between looks at what no event tells."""


class RunningDownload(Protocol):
    """What the parts of a download ask of it, and what they tell it."""

    def may_ask(self) -> bool:
        """Whether there is room for one more chunk."""

    def go_on(self) -> None:
        """There may be more to ask for."""

    def follow(self, chain: Deferred[None]) -> None:
        """See a request to its end; then there may be more to ask for."""

    def came(self, count: int) -> None:
        """So many bytes of chunks have come; it is not known yet whether they are right."""

    def kept(self, asked: Asked, chunknum: int) -> None:
        """A chunk is here, and right."""

    def missed(self, chunknum: int) -> None:
        """A chunk did not come, and nothing writes to its place any more."""

    def crashed(self, failure: Failure) -> None:
        """Nothing is left to try for what failed: it is the disk's fault, or a defect."""
