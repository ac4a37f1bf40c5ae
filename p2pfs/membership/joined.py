"""What a member keeps of the private swarm that it has joined, in its state directory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from p2pfs.addresses import Address, parse_address
from p2pfs.errors import InvalidAddress, InvalidRevocations, NotAMember, StartupProblem
from p2pfs.membership.certificates import read_member
from p2pfs.membership.member import Member
from p2pfs.membership.revocations import RevocationList
from p2pfs.membership.verification import MAX_CHAIN
from p2pfs.private_files import write_private

MEMBERSHIP_FILE = "membership.json"
"""Where it is, in a peer's state directory."""

REVOCATIONS_FILE = "revocations.crl"
"""Where the newest list of revocations is, next to it."""


@dataclass(frozen=True)
class Joined:
    """A private swarm, as one of its members knows it."""

    trackers: tuple[Address, ...]
    """Where its tracker is; the one by which it was joined comes first."""
    authority: x509.Certificate
    """Whom it trusts."""
    chain: tuple[x509.Certificate, ...]
    """Its own certificate, and what leads up to the authority's."""

    @property
    def member(self) -> Member:
        """Who it is."""
        return read_member(self.chain[0])

    def with_chain(self, chain: Sequence[x509.Certificate]) -> Joined:
        """The same, after its certificate was renewed."""
        return replace(self, chain=tuple(chain))

    def write(self, directory: Path) -> None:
        """Keep it in that state directory; raises ``OSError``."""
        kept = _Kept(
            [str(address) for address in self.trackers],
            _pem(self.authority),
            [_pem(each) for each in self.chain],
        )
        data = msgspec.json.format(msgspec.json.encode(kept))
        write_private(directory / MEMBERSHIP_FILE, data)

    @classmethod
    def kept_in(cls, directory: Path) -> Joined | None:
        """What is kept in that state directory, or None; raises `StartupProblem`."""
        path = directory / MEMBERSHIP_FILE
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StartupProblem(
                f"The file {path} cannot be read ({error.strerror}); check its permissions."
            ) from error
        try:
            kept = msgspec.json.decode(data, type=_Kept)
            joined = cls(
                tuple(map(parse_address, kept.trackers)),
                _certificate(kept.authority),
                tuple(map(_certificate, kept.chain)),
            )
            if not joined.trackers or not 1 <= len(joined.chain) <= MAX_CHAIN:
                raise ValueError
            read_member(joined.chain[0])
        except (msgspec.MsgspecError, InvalidAddress, NotAMember, ValueError):
            raise StartupProblem(
                f"The file {path} is damaged; put it back as it was, or remove it and join the "
                "swarm again with a new invitation."
            ) from None
        return joined


def write_revocations(directory: Path, revocations: RevocationList) -> None:
    """Keep the newest list in that state directory; raises ``OSError``."""
    write_private(directory / REVOCATIONS_FILE, revocations.der)


def kept_revocations(directory: Path, authority: x509.Certificate) -> RevocationList | None:
    """The list that is kept in that state directory.

    None is for none, or none that can be used: the tracker sends a new one.
    """
    with suppress(OSError, InvalidRevocations):
        return RevocationList.read((directory / REVOCATIONS_FILE).read_bytes(), authority)
    return None


class _Kept(msgspec.Struct):
    """The file's contents; certificates are PEM, so that other programs can show them."""

    trackers: list[str]
    authority: str
    chain: list[str]


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())
