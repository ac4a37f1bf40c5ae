"""The control socket: the daemon's commands over a UNIX socket in its state directory.

`ControlService` is the service, `ControlConnection` one client. The messages
are those of `p2pfs.console.control.messages`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory

from p2pfs.console.command import CommandSet
from p2pfs.console.control.connection import ControlConnection
from p2pfs.console.control.groups import Group
from p2pfs.console.control.guests import Guests
from p2pfs.console.control.messages import MAX_SOCKET_PATH_BYTES, socket_path_fits
from p2pfs.errors import StartupProblem
from p2pfs.reactor import Reactor


class _ControlFactory(Factory):
    noisy = False

    def __init__(self, reactor: Reactor, commands: CommandSet, group: Group | None) -> None:
        self._reactor = reactor
        self._commands = commands
        self._group = group
        self._guests = Guests()
        self.connections: set[ControlConnection] = set()

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:
        connection = ControlConnection(self._reactor, self._commands, self._guests, self._group)
        self.connections.add(connection)
        ended: Deferred[None] = connection.when_ended()
        ended.addCallback(lambda _: self.connections.discard(connection))
        return connection


class ControlService(Service):
    """Offers a `CommandSet` on the UNIX socket ``path``, to this user and a group's members."""

    name = "control"

    def __init__(
        self, reactor: Reactor, path: Path, commands: CommandSet, group: Group | None = None
    ) -> None:
        """The caller holds the lock of the directory that ``path`` is in."""
        self._group = group
        self._reactor = reactor
        self._path = path
        self._factory = _ControlFactory(reactor, commands, group)
        self._port: IListeningPort | None = None
        self._socket: os.stat_result | None = None

    def startService(self) -> None:
        """Listen, unless `open` did; raises `StartupProblem` at once when that cannot be."""
        if self._port is None:
            self.open()
        super().startService()  # type: ignore[no-untyped-call]

    def open(self) -> None:
        """Listen ahead of the start, so that a problem is known before; raises `StartupProblem`."""
        if not socket_path_fits(self._path):
            raise StartupProblem(
                f"The control socket's path {self._path} is longer than the "
                f"{MAX_SOCKET_PATH_BYTES} bytes a socket's address may have; "
                "choose a state directory with a shorter path."
            )
        try:
            self._remove_stale()
            self._port = self._reactor.listenUNIX(str(self._path), self._factory, mode=0o600)
            with suppress(FileNotFoundError):  # where the network is simulated
                self._socket = self._path.stat()
                if self._group is not None:
                    self._group.let_into(self._path, 0o660)
        except CannotListenError as error:
            raise self._unusable(error.socketError) from error
        except OSError as error:
            raise self._unusable(error) from error

    def stopService(self) -> Deferred[None]:
        """Close the socket and every connection, after cancelling what they run.

        The Deferred fires when the last command has ended and nothing is open.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        pending: list[Deferred[None]] = []
        if self._port is not None:
            restore = self._make_way()
            closed: Deferred[None] = self._port.stopListening() or succeed(None)
            pending.append(closed.addCallback(lambda _: restore()))
            self._port = None
        pending += [connection.stop() for connection in list(self._factory.connections)]
        stopped: Deferred[None] = gatherResults(pending, consumeErrors=True).addCallback(
            lambda _: None
        )
        return stopped

    def _make_way(self) -> Callable[[], None]:
        """Have a file where the port removes one without asking whose, or whether it is there.

        The state directory may be gone, or another daemon's by now. Returns what puts
        everything back.
        """
        directory, aside = self._path.parent, self._path.with_suffix(".aside")
        is_made, is_other = False, False
        with suppress(OSError):
            if not directory.exists():
                directory.mkdir(mode=0o700)
                is_made = True
            if self._socket is not None and self._path.exists():
                is_other = not os.path.samestat(self._path.stat(), self._socket)
            if is_other:
                self._path.rename(aside)
            self._path.touch(mode=0o600)

        def restore() -> None:
            with suppress(OSError):
                if is_other:
                    aside.rename(self._path)
                elif is_made:
                    directory.rmdir()

        return restore

    def _remove_stale(self) -> None:
        """Remove the socket that a daemon left which was killed."""
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise StartupProblem(
                f"{self._path} is in the way of the control socket and is not a socket; move it."
            )
        self._path.unlink()

    def _unusable(self, error: OSError) -> StartupProblem:
        return StartupProblem(
            f"The control socket {self._path} cannot be opened ({error.strerror or error}); "
            "check the state directory."
        )
