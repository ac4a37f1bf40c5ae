"""A tracker's side of joining, over real TLS in a thread; as right or as wrong as a test wants."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.task import Clock

from p2pfs.addresses import Address
from p2pfs.errors import P2pfsError
from p2pfs.identity import PeerKey
from p2pfs.membership import Authority, Invitation, Role, read_request
from p2pfs.tracker.enrolment import Applicant, Invitations, Records
from p2pfs.wire.messages import Error, ReplyJoin, RequestJoin, decode, encode

NAME = "tracker.hq"
DAY = 86_400.0


class SwarmTracker:
    """A private swarm's tracker, as far as those see it who join."""

    def __init__(
        self,
        directory: Path,
        authority: Authority | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``directory`` is where its authority and its records are made."""
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._clock = clock
        self.authority = authority or Authority.create(
            directory / "authority", os.urandom, lambda: clock() - 60 * DAY
        )
        self.records = Records(directory / "db")
        self.invitations = Invitations(
            self.records, clock=Clock(), time=clock, entropy=os.urandom, say=_say
        )
        self.key = PeerKey.from_seed(os.urandom(32))
        self.chain: Sequence[x509.Certificate] = (
            self.issued(self.key.public, NAME, Role.TRACKER),
            *self.authority.chain,
        )
        """What it shows."""
        self.version = SSL.TLS1_3_VERSION
        """The TLS that it speaks, and no later one."""
        self.welcome = b"+\n"
        """What it says first."""
        self.answer: Callable[[RequestJoin], bytes] = self.let_in
        """What it says to a request; nothing has it hang up."""
        self.met = Event()
        """Set once somebody has shaken hands."""
        self.heard = b""
        """All that was said to it."""

    def issued(
        self, key: bytes, name: str, role: Role, *patterns: str, age: float = 0
    ) -> x509.Certificate:
        """A certificate of its authority, made ``age`` seconds ago."""
        return self.authority.issue(key, name, role, patterns, self._clock() - age)

    def another(self) -> SwarmTracker:
        """That of another swarm, which does not listen."""
        other = SwarmTracker(self._directory / "another")
        other.records.close()
        return other

    def let_in(self, request: RequestJoin) -> bytes:
        """Redeem the invitation, as a tracker does."""
        key = key_of(request)
        serial, now = self.authority.new_serial(), self._clock()
        until = self.authority.until(now)
        applicant = Applicant(request.name, key, serial, now, until)
        try:
            terms = self.invitations.redeem(request.secret, "", applicant)
        except P2pfsError as error:
            return encode(Error("REQUEST_JOIN", str(error)))
        certificate = self.authority.issue(
            key, request.name, terms.role, terms.patterns, now, serial
        )
        return self.reply(certificate)

    def reply(
        self,
        *chain: x509.Certificate,
        revoked: Sequence[int] = (),
        listed_by: SwarmTracker | None = None,
    ) -> bytes:
        """The answer that has that certificate, and a list on which those serials are."""
        now = self._clock()
        authority = (listed_by or self).authority
        crl = authority.revocation_list(1, dict.fromkeys(revoked, now), now)
        above = self.authority.chain[1:] if chain else ()
        return encode(ReplyJoin([_der(each) for each in (*chain, *above)], crl.der))

    def invitation(
        self,
        *addresses: Address,
        role: Role = Role.READER,
        names: Sequence[str] = (),
        uses: int = 1,
    ) -> Invitation:
        """One that it would take, to wherever it is said to be."""
        secret = self.invitations.make(role, tuple(names), uses, 3600)
        return Invitation(addresses, bytes.fromhex(self.authority.fingerprint), secret, NAME)

    @contextmanager
    def listening(self) -> Iterator[Address]:
        """Serve at an address of this machine, one connection at a time."""
        listener = socket.create_server(("127.0.0.1", 0))
        thread = Thread(target=self._serve, args=(listener,))
        thread.start()
        try:
            yield Address(*listener.getsockname())
        finally:
            # Closing alone would leave the thread waiting.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with connected, suppress(SSL.Error, OSError):
                self.serve(connected)

    def serve(self, connected: socket.socket) -> None:
        """One connection, until it ends."""
        connection = SSL.Connection(self._context(), connected)
        connection.set_accept_state()
        connection.do_handshake()
        self.met.set()
        connection.sendall(self.welcome)
        heard = b""
        while not heard.endswith(b"\n"):
            received = connection.recv(1 << 14)
            heard += received
            self.heard += received
        request = decode(heard[:-1])
        assert isinstance(request, RequestJoin)
        if answer := self.answer(request):
            connection.sendall(answer)
            # Until the other side has enough.
            while received := connection.recv(1 << 14):
                self.heard += received

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(self.version)
        context.use_certificate(self.chain[0])
        context.use_privatekey(self.key.private)
        for above in self.chain[1:]:
            context.add_extra_chain_cert(above)
        return context


def key_of(request: RequestJoin) -> bytes:
    """The key that a certificate is asked for."""
    return read_request(request.request).public_bytes_raw()


def _say(format: str, **fields: object) -> None:
    print(format.format(**fields))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
