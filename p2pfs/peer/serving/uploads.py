"""What is being sent to whom, and how fast. Pure, and only for show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from p2pfs.addresses import Address
from p2pfs.peer.rates import RateMeter

MOST_OF_A_HOST = 16
"""Uploads to one host that are remembered; of more, those to which something was sent last."""


class Downloader(Protocol):
    """A downloader's connection."""

    @property
    def host(self) -> str:
        """For whom it counts where hosts share something."""

    @property
    def remote(self) -> Address | None:
        """The other end of the connection, where there is such a thing."""


@dataclass(frozen=True)
class Upload:
    """A file that is being sent to a peer; ``rate`` is in bytes a second, None while not known."""

    peer: str
    name: str
    rate: float | None
    sent: int


@dataclass(eq=False)
class _Sent:
    """What was sent of one file over one connection."""

    peer: str
    meter: RateMeter
    count: int = 0


@dataclass(eq=False)
class Uploads:
    """Counts what is sent. Times are in seconds."""

    total: int = 0
    """Bytes that were sent, in all."""
    meter: RateMeter = field(default_factory=RateMeter)
    """How fast all of it goes."""
    # For each host, by connection and file: what was sent last is last.
    _hosts: dict[str, dict[tuple[Downloader, str], _Sent]] = field(default_factory=dict)

    def count(self, receiver: Downloader, name: str, size: int, now: float) -> None:
        """So many bytes of a file were sent."""
        self.total += size
        files = self._hosts.setdefault(receiver.host, {})
        sent = files.pop((receiver, name), None)
        if sent is None:
            sent = _Sent(str(receiver.remote or receiver.host), RateMeter(self.meter))
            if len(files) >= MOST_OF_A_HOST:
                del files[next(iter(files))]
        sent.count += size
        sent.meter.count(size, now)
        files[receiver, name] = sent

    def forget(self, receiver: Downloader) -> None:
        """A connection has ended."""
        files = self._hosts.pop(receiver.host, {})
        left = {key: sent for key, sent in files.items() if key[0] is not receiver}
        if left:
            self._hosts[receiver.host] = left

    def under_way(self, now: float) -> list[Upload]:
        """Those of which something was sent within the last seconds, the fastest first."""
        uploads = [
            Upload(sent.peer, name, sent.meter.rate(now), sent.count)
            for files in self._hosts.values()
            for (_, name), sent in files.items()
            if not sent.meter.is_idle(now)
        ]
        return sorted(uploads, key=lambda upload: -(upload.rate or 0.0))
