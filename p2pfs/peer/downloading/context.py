"""What every download of a peer works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from p2pfs.peer.announcing import Announcer
from p2pfs.peer.payloads import SpareMemory
from p2pfs.peer.policy import Experience
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import CallBacks, Incoming, Room
from p2pfs.reactor import Reactor
from p2pfs.secure import Door, OpenDoor


@dataclass(frozen=True)
class DownloadContext:
    """What every download of a peer works with."""

    reactor: Reactor
    random: Random
    patience: Patience
    max_sources: int
    incoming: Incoming
    announcer: Announcer
    call_backs: CallBacks
    gained: Callable[[], None] = lambda: None
    """Called when there is one more chunk to serve."""
    room: Room = field(default_factory=Room)
    """For connections of all downloads together."""
    experience: Experience = field(default_factory=Experience)
    """What came of asking sources so far."""
    spare: SpareMemory = field(default_factory=SpareMemory)
    """For chunks that are asked of several sources, as only one is needed."""
    door: Door = field(default_factory=OpenDoor)
    """That of the swarm."""
