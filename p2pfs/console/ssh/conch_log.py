"""In whose name the log has what conch says in classes of this room."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

CONCH = "twisted.conch"


class ConchLog:
    """The ``_log`` of a subclass of conch's: what it says there is said by conch.

    A plain ``Logger`` would name the subclass, and every end of a session be news of p2pfs.
    """

    def __get__(self, instance: object, owner: type) -> Any:
        return Logger(CONCH, source=instance)
