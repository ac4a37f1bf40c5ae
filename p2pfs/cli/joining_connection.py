"""A connection to a private swarm's tracker by who is no member yet: blocking, TLS 1.3.

OpenSSL is told to take any certificate; who is there is checked here, by the invitation's
fingerprint, before anything is said. That whoever shows a certificate has its key, TLS sees to.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography import x509
from OpenSSL import SSL

from p2pfs.addresses import Address
from p2pfs.cli.client import SLICE
from p2pfs.errors import HandshakeFailed, NotAMember
from p2pfs.membership import MAX_CHAIN, Invitation, Role, swarm_fingerprint, verify
from p2pfs.printable import printable

CONNECT_SECONDS = 5.0
"""How long one address of a tracker has for accepting a connection."""

ANSWER_SECONDS = 10.0
"""How long it then may take until all is said."""

LONGEST_WELCOME = 512
"""Bytes of the line by which the listening side says whether it lets one in, with its end."""

LONGEST_LINE = 1 << 20
"""Bytes of an answer's line at the most, without its end."""

_WELCOME = b"+"
_SORRY = b"-"

_T = TypeVar("_T")


class TrackerConnection:
    """One connection to the tracker that an invitation is of."""

    def __init__(self, address: Address, connected: socket.socket, seconds: float) -> None:
        """For `reach`: over a connected socket, until so many seconds from now."""
        self._address = address
        self._socket = connected
        self._connection = SSL.Connection(_context(), connected)
        self._deadline = time.monotonic() + seconds
        self._waits = select.poll()
        self._unread = bytearray()

    @classmethod
    def reach(cls, address: Address, seconds: float = ANSWER_SECONDS) -> TrackerConnection:
        """Connect, and be secure with whoever is there.

        From then on all has to be said within ``seconds``. Raises `HandshakeFailed`.
        """
        try:
            connected = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
        except (OSError, UnicodeError) as error:
            raise failed(address, f"nobody answers ({_reason(error)})") from None
        connected.setblocking(False)
        made = cls(address, connected, seconds)
        try:
            made._shake_hands()
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def check(self, invitation: Invitation, now: float) -> x509.Certificate:
        """The authority of the invitation's swarm, if its tracker is at the other end.

        ``now`` is in seconds since 1970. Raises `HandshakeFailed`; nothing was sent then.
        """
        chain = self._connection.get_peer_cert_chain(as_cryptography=True) or []
        authority = _authority(chain, invitation.fingerprint.hex())
        if authority is None:
            raise failed(
                self._address,
                "who answers there is not of the swarm that the invitation is for, and was told "
                "nothing",
            )
        try:
            verify(chain, authority, None, now, roles={Role.TRACKER}, name=invitation.tracker)
        except NotAMember as error:
            raise failed(
                self._address,
                f"who answers there is not the tracker that the invitation is for, and was told "
                f"nothing. {str(error).rstrip('.')}",
            ) from None
        return authority

    def come_in(self) -> None:
        """Wait for the welcome; raises `HandshakeFailed`."""
        line = self.read_line(LONGEST_WELCOME)
        if line.startswith(_SORRY):
            said = printable(line[len(_SORRY) :].decode(errors="replace"))
            raise failed(self._address, f"the tracker lets nobody in: {said.rstrip('.')}")
        if line != _WELCOME:
            raise self._nonsense()

    def send_line(self, line: bytes) -> None:
        """Send a line, given without its end; raises `HandshakeFailed`."""
        rest = line + b"\n"
        while rest:
            rest = rest[self._do(self._connection.send, rest) :]

    def read_line(self, longest: int = LONGEST_LINE) -> bytes:
        """The next line, without its end; raises `HandshakeFailed`."""
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            if searched > longest:
                raise self._nonsense()
            self._unread += self._do(self._connection.recv, 1 << 14)
        if end > longest:
            raise self._nonsense()
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _nonsense(self) -> HandshakeFailed:
        return failed(
            self._address,
            "what came is not understood; check that the tracker has the same version of p2pfs",
        )

    def _shake_hands(self) -> None:
        self._connection.set_connect_state()
        self._do(self._connection.do_handshake)

    def _do(self, step: Callable[..., _T], *arguments: object) -> _T:
        """Do a step of OpenSSL's as soon as its connection has or takes what that needs."""
        while True:
            try:
                return step(*arguments)
            except SSL.WantReadError:
                self._wait(select.POLLIN)
            except SSL.WantWriteError:
                self._wait(select.POLLOUT)
            except (SSL.ZeroReturnError, SSL.SysCallError, OSError):
                raise failed(
                    self._address, "the connection ended before all was said; try again"
                ) from None
            except SSL.Error:
                raise failed(
                    self._address,
                    "who answers there does not speak TLS 1.3 as a private swarm's tracker does; "
                    "check that it runs, and was started again since 'p2pfs tracker private'",
                ) from None

    def _wait(self, event: int) -> None:
        self._waits.register(self._socket, event)
        while not self._waits.poll(1000 * SLICE):
            if time.monotonic() >= self._deadline:
                break
        if time.monotonic() >= self._deadline:
            raise failed(self._address, "it took too long to answer; try again")


def failed(address: Address, reason: str) -> HandshakeFailed:
    """The error for an address; ``reason`` has no full stop."""
    return HandshakeFailed(f"The tracker at {address} was not joined: {reason}.")


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    # See the module: nobody whom OpenSSL knows can vouch for who is there.
    context.set_verify(SSL.VERIFY_NONE)
    return context


def _authority(chain: Sequence[x509.Certificate], fingerprint: str) -> x509.Certificate | None:
    for certificate in chain[:MAX_CHAIN]:
        try:
            if swarm_fingerprint(certificate) == fingerprint:
                return certificate
        except NotAMember:
            continue
    return None


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    return (isinstance(error, OSError) and error.strerror) or "there is no such host"
