"""The console over SSH: the transport, who gets in, and nothing else.

What a session does is in `p2pfs.console.ssh.session`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from twisted.conch.checkers import SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import DISCONNECT_TOO_MANY_CONNECTIONS, SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from p2pfs.addresses import host_of
from p2pfs.console.command import CommandSet
from p2pfs.console.ssh.conch_log import ConchLog
from p2pfs.console.ssh.doors import Doorkeeper, Doors
from p2pfs.console.ssh.keys import AuthorizedKeysFile, fingerprint, host_key
from p2pfs.console.ssh.session import ConsoleUser
from p2pfs.waiters import Waiters
from p2pfs.wire import Notices

TURNED_AWAY = "was turned away: too many connections to the SSH console have not logged in."
"""What the log says of a host."""


def ssh_factory(
    state_dir: Path,
    authorized_keys: Path,
    commands: CommandSet,
    namespace: Mapping[str, object],
    reactor: IReactorTime,
    doors: Doors | None = None,
) -> ConsoleSSHFactory:
    """A factory for SSH servers that offer ``commands``.

    ``state_dir`` keeps the host key. The public keys in ``authorized_keys`` may
    log in, under any user name, and nobody else. ``namespace`` is what the
    Python prompt sees besides the commands, and ``doors`` are how many may come.
    Raises `StartupProblem` when a key file is unusable.
    """
    checker = _Checker(AuthorizedKeysFile(authorized_keys))
    realm = _Realm(lambda key: ConsoleUser(key, commands, namespace, reactor))
    portal = Portal(realm, [checker])
    return ConsoleSSHFactory(portal, host_key(state_dir), reactor, doors or Doors())


class _Transport(SSHServerTransport):
    """A connection that its factory knows of, until it is lost.

    It has to log in within its grace, which begins with the connection: conch's own
    begins when the other side asks for it.
    """

    factory: ConsoleSSHFactory
    _log = ConchLog()

    _grace: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.factory.connections.add(self)
        self._grace = self.factory.reactor.callLater(self.factory.doors.grace, self._too_late)
        super().connectionMade()  # type: ignore[no-untyped-call]

    def setService(self, service: SSHService) -> None:
        if service.name == b"ssh-connection":  # which is had after logging in
            self._end_grace()
            if not self.factory.keeper.admit(self):
                message = b"too many consoles are open; close one"
                self.sendDisconnect(DISCONNECT_TOO_MANY_CONNECTIONS, message)  # type: ignore[no-untyped-call]
                return
        super().setService(service)  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        """Close at once, whether the other side reads or not."""
        assert self.transport is not None
        cast(ITCPTransport, self.transport).abortConnection()

    def _too_late(self) -> None:
        self._grace = None
        self.abort()

    def _end_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

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
        self._end_grace()
        super().connectionLost(reason)
        self.factory.forget(self)


class ConsoleSSHFactory(SSHFactory):
    """SSH servers with one host key.

    Few connections may be open that have not logged in yet, and not only of one host;
    who has no room there is closed at once, without a word.

    When its port stops listening, it closes the sessions that are left.
    """

    protocol = _Transport
    log = Logger()
    _log = ConchLog()
    noisy = False

    def __init__(self, portal: Portal, key: Key, reactor: IReactorTime, doors: Doors) -> None:
        """``portal`` decides who gets in, ``doors`` how many; ``key`` is the host key."""
        self.portal = portal
        self.publicKeys = {key.sshType(): key.public()}
        self.privateKeys = {key.sshType(): key}
        self.fingerprint = fingerprint(key)
        """That of the host key, for who compares it with what their client shows."""
        self.connections: set[_Transport] = set()
        self.reactor = reactor
        self.doors = doors
        self.keeper: Doorkeeper[_Transport] = Doorkeeper(doors)
        self._offences = Notices(reactor, self.log.warn)
        self._closed: Waiters[None] = Waiters()

    def buildProtocol(self, addr: IAddress | None) -> _Transport | None:  # type: ignore[override]  # conch never turns anybody away
        host = host_of(addr)
        if not self.keeper.has_room(host):
            self._offences.note(host, TURNED_AWAY)
            return None
        connection = cast(_Transport, super().buildProtocol(addr))
        evicted = self.keeper.add(host, connection)
        if evicted is not None:
            evicted.abort()
        return connection

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
        closed = self._closed.wait()
        self._tell_if_closed()
        return closed

    def forget(self, connection: _Transport) -> None:
        """A connection is lost."""
        self.connections.discard(connection)
        self.keeper.remove(connection)
        self._tell_if_closed()

    def _tell_if_closed(self) -> None:
        if not self.connections:
            self._closed.fire(None)

    def _user_auth(self) -> SSHUserAuthServer:
        server = SSHUserAuthServer()
        # conch would take the global reactor, and allow ten hours. The connection's own
        # grace ends before this.
        server.clock = self.reactor
        server.loginTimeout = self.doors.grace
        return server


class _Checker(SSHPublicKeyChecker):
    """Knows people by their keys; conch's would go by the user name, which anybody may choose."""

    def __init__(self, keys: AuthorizedKeysFile) -> None:
        super().__init__(keys)
        self._keys = keys

    def requestAvatarId(self, credentials: SSHPrivateKey) -> Deferred[str]:
        """Check the key and its proof; what it comes to says whose key it is."""
        checked: Deferred[bytes] = super().requestAvatarId(credentials)  # type: ignore[no-untyped-call]
        return checked.addCallback(lambda _: self._keys.holder_of(Key.fromString(credentials.blob)))


@implementer(IRealm)
class _Realm:
    """Makes a user of whoever has one of the keys."""

    def __init__(self, make_user: Callable[[str], ConsoleUser]) -> None:
        self._make_user = make_user

    def requestAvatar(
        self, avatarId: Any, mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        if IConchUser not in interfaces:
            raise NotImplementedError("only IConchUser is offered")  # as IRealm documents
        return IConchUser, self._make_user(avatarId), _nothing


def _nothing() -> None:
    """Logging out needs nothing: the sessions are told that they are closed."""
