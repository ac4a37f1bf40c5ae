"""Word to the service manager, by the protocol of ``sd_notify``: ready, how it stands, stopping."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.printable import printable

LOOK_SECONDS = 0.5
"""How often it is looked how the daemon stands."""

VARIABLE = "NOTIFY_SOCKET"
"""The variable of the environment that has the manager's address."""


@dataclass(frozen=True)
class Standing:
    """How a daemon stands: whether it does what it was started for, and a line on that."""

    ready: bool
    text: str


class Notifier:
    """Tells the service manager how the daemon stands, whenever that is news.

    Ready is said once: the manager takes it for the end of the start.
    """

    log = Logger()

    def __init__(
        self, reactor: IReactorTime, address: str, standing: Callable[[], Standing]
    ) -> None:
        """``address`` is that of the manager's socket; a first ``@`` stands for an abstract one."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._standing = standing
        self._ready = False
        self._text = ""
        self._warned = False
        self._look = LoopingCall(self._tell)
        self._look.clock = reactor

    def start(self) -> None:
        """Begin to tell."""
        self._look.start(LOOK_SECONDS).addErrback(self._defect)

    def stop(self) -> None:
        """Say that the daemon stops, which is its last word."""
        if self._look.running:
            self._look.stop()
            self._send("STOPPING=1", "STATUS=Stopping.")

    def _tell(self) -> None:
        standing = self._standing()
        news = []
        if standing.ready and not self._ready:
            news.append("READY=1")
        if standing.text != self._text:
            news.append(f"STATUS={printable(standing.text)}")
        # What could not be sent is news at the next look.
        if news and self._send(*news):
            self._ready = self._ready or standing.ready
            self._text = standing.text

    def _send(self, *lines: str) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except OSError as error:
                if not self._warned:
                    self._warned = True
                    self.log.warn(
                        "The service manager cannot be told how this daemon stands ({reason}); "
                        "it is tried again.",
                        reason=str(error),
                    )
                return False
        return True

    def _defect(self, failure: Failure) -> None:
        self.log.failure("Telling the service manager failed.", failure=failure)
