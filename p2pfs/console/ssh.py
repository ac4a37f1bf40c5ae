"""The console over SSH: the transport, who gets in, and nothing else.

What a session does is in `p2pfs.console.ssh_session`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.conch.checkers import SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from p2pfs.console.command import CommandSet
from p2pfs.console.ssh_keys import AuthorizedKeysFile, host_key
from p2pfs.console.ssh_session import ConsoleUser

# Seconds a client may take to log in.
LOGIN_TIMEOUT = 60


def ssh_factory(
    state_dir: Path,
    authorized_keys: Path,
    commands: CommandSet,
    namespace: Mapping[str, object],
    reactor: IReactorTime,
) -> ConsoleSSHFactory:
    """A factory for SSH servers that offer ``commands``.

    ``state_dir`` keeps the host key. The public keys in ``authorized_keys`` may
    log in, under any user name, and nobody else. ``namespace`` is what the
    Python prompt sees besides the commands. Raises `StartupProblem` when a key
    file is unusable.
    """
    checker = SSHPublicKeyChecker(AuthorizedKeysFile(authorized_keys))
    realm = _Realm(lambda: ConsoleUser(commands, namespace, reactor))
    portal = Portal(realm, [checker])
    return ConsoleSSHFactory(portal, host_key(state_dir), reactor)


class _Transport(SSHServerTransport):
    """A connection that its factory knows of, until it is lost."""

    factory: ConsoleSSHFactory

    def connectionMade(self) -> None:
        self.factory.connections.add(self)
        super().connectionMade()  # type: ignore[no-untyped-call]

    def sendExtInfo(self, extensions: list[tuple[bytes, bytes]]) -> None:
        # conch tells the client that users' keys are to be of the host key's
        # kind, after which OpenSSH does not even try an RSA key.
        algorithms = b",".join(SSHServerTransport.supportedPublicKeys)
        super().sendExtInfo(  # type: ignore[no-untyped-call]
            [
                (name, algorithms if name == b"server-sig-algs" else value)
                for name, value in extensions
            ]
        )

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        super().connectionLost(reason)
        self.factory.forget(self)


class ConsoleSSHFactory(SSHFactory):
    """SSH servers with one host key.

    When its port stops listening, it closes the sessions that are left.
    """

    protocol = _Transport

    def __init__(self, portal: Portal, key: Key, reactor: IReactorTime) -> None:
        """``portal`` decides who gets in; ``key`` is the host key."""
        self.portal = portal
        self.publicKeys = {key.sshType(): key.public()}
        self.privateKeys = {key.sshType(): key}
        self.connections: set[_Transport] = set()
        self._reactor = reactor
        self._closed: list[Deferred[None]] = []

    def getService(self, transport: SSHServerTransport, service: bytes) -> Callable[[], Any] | None:
        """What makes the named SSH service, or None for one that is not offered."""
        if service == b"ssh-userauth":
            return self._user_auth
        found: Callable[[], Any] | None = super().getService(transport, service)  # type: ignore[no-untyped-call]
        return found

    def stopFactory(self) -> None:
        """Close what is open, which cancels what runs there."""
        for connection in list(self.connections):
            connection.loseConnection()  # type: ignore[no-untyped-call]

    def all_closed(self) -> Deferred[None]:
        """Fires when no connection is open any more."""
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        self._tell_if_closed()
        return closed

    def forget(self, connection: _Transport) -> None:
        """A connection is lost."""
        self.connections.discard(connection)
        self._tell_if_closed()

    def _tell_if_closed(self) -> None:
        if not self.connections:
            waiting, self._closed = self._closed, []
            for closed in waiting:
                closed.callback(None)

    def _user_auth(self) -> SSHUserAuthServer:
        server = SSHUserAuthServer()
        # conch would take the global reactor, and allow ten hours.
        server.clock = self._reactor
        server.loginTimeout = LOGIN_TIMEOUT
        return server


@implementer(IRealm)
class _Realm:
    """Makes a user of whoever has one of the keys."""

    def __init__(self, make_user: Callable[[], ConsoleUser]) -> None:
        self._make_user = make_user

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        if IConchUser not in interfaces:
            raise NotImplementedError("only IConchUser is offered")
        return IConchUser, self._make_user(), _nothing


def _nothing() -> None:
    """Logging out needs nothing: the sessions are told that they are closed."""
