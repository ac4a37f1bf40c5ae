"""The file that says which process a daemon is, while it runs."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.application.service import Service
from twisted.logger import Logger

from p2pfs.private_files import write_private


class PidFile(Service):
    """The number of this process, in a file of the state directory, as long as the service runs.

    It is for people and scripts. That a directory is in use is known by its lock, so the
    file of a daemon that was killed is in nobody's way, whoever has its number by now.
    """

    log = Logger()

    def __init__(self, path: Path) -> None:
        self.path = path

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        try:
            write_private(self.path, b"%d\n" % os.getpid())
        except OSError as error:
            self.log.warn(
                "The pid file {path} cannot be written ({reason}); the daemon runs without it.",
                path=self.path,
                reason=error.strerror,
            )

    def stopService(self) -> None:
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            self.log.warn(
                "The pid file {path} cannot be removed ({reason}); it is written anew at the next "
                "start.",
                path=self.path,
                reason=error.strerror,
            )
