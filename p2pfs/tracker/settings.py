"""What a tracker can be told: endpoints, paths, and how much peers may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from p2pfs.daemon import Descriptors, Group
from p2pfs.tracker.quotas import Quotas
from p2pfs.wire import KeepAlive

DEFAULT_LISTEN = "tcp:6880:interface=127.0.0.1"


@dataclass(frozen=True)
class TrackerSettings:
    """What a tracker can be told at start; endpoints are Twisted's endpoint strings."""

    state: Path
    listen: list[str] = field(default_factory=lambda: [DEFAULT_LISTEN])
    ssh: str | None = None
    authorized_keys: Path | None = None
    group: Group | None = None
    """Whose members may use the console; None is nobody's."""
    allow_announced_host: bool = False
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    quotas: Quotas = field(default_factory=Quotas)
    descriptors: Descriptors = field(default_factory=Descriptors)
