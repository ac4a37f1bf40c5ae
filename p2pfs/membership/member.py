"""What a member of a private swarm may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a certificate allows; a tracker has one too."""

    READER = "reader"
    PUBLISHER = "publisher"
    TRACKER = "tracker"
