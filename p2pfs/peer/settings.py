"""What a peer can be told: endpoints, paths, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from p2pfs.chunks import DEFAULT_CHUNK_SIZE
from p2pfs.daemon import Descriptors, Group
from p2pfs.hashing import DEFAULT_HASH, Hash
from p2pfs.wire import LEAST_RATE, KeepAlive

DEFAULT_TRACKER = "tcp:127.0.0.1:6880"
DEFAULT_LISTEN = "tcp:0:interface=127.0.0.1"


@dataclass(frozen=True)
class Patience:
    """How long a peer waits for others, in seconds."""

    connect: float = 5.0
    """For a source to accept a connection."""
    call_back: float = 10.0
    """For a source that cannot be reached to connect, when it was asked to."""
    silence: float = 10.0
    """For a source that owes an answer to send something."""
    least_rate: int = LEAST_RATE
    """Bytes a second that a source that owes answers must send, on average over ``silence``."""
    tracker: float = 30.0
    """For a tracker that owes an answer to send something."""
    no_source: float = 60.0
    """For a source of the missing chunks to turn up and to deliver, before a download ends.

    To be well above ``silence``, the time in which it is seen whether a source delivers.
    """
    refresh: float = 2.0
    """Between questions to the tracker who holds which chunks by now."""
    rest: float = 1.0
    """Before a source that failed is tried again; doubled with each failure in a row."""
    longest_rest: float = 30.0
    retry_tracker: float = 0.5
    """Before the first attempt to reach the tracker again; growing from there."""
    longest_retry_tracker: float = 15.0


@dataclass(frozen=True)
class PeerSettings:
    """What a peer is told at start; endpoints are Twisted's endpoint strings."""

    state: Path
    tracker: str | None = None
    """None is for that of the swarm that was joined, and without one for `DEFAULT_TRACKER`."""
    listen: str = DEFAULT_LISTEN
    share: list[Path] = field(default_factory=list)
    ssh: str | None = None
    authorized_keys: Path | None = None
    group: Group | None = None
    """Whose members may use the console; None is nobody's."""
    patience: Patience = field(default_factory=Patience)
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    watch_interval: float = 30.0
    """Seconds between looks whether shared files are still what they were."""
    upload_rate: int | None = None
    """Bytes a second that all uploads together may take; 0 is no limit, None what was set last."""
    download_rate: int | None = None
    """The same for all downloads together."""
    smallest_chunk: int = DEFAULT_CHUNK_SIZE
    """Bytes of a chunk of the files it publishes, unless that makes too many chunks."""
    hash: Hash = DEFAULT_HASH
    """The hash of the files it publishes, unless somebody says otherwise."""
    max_sources: int = 32
    """Connections of one download command."""
    downloads: int = 8
    """Downloads that were asked for and run at a time; a whole directory is one."""
    descriptors: Descriptors = field(default_factory=Descriptors)
    """What it may open; there are further limits on most of that."""

    @property
    def rates(self) -> dict[str, int | None]:
        """``upload_rate`` and ``download_rate``, by direction."""
        return {"upload": self.upload_rate, "download": self.download_rate}
