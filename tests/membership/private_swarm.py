"""A private swarm's names: an authority, and members that sign with keys of their own."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from p2pfs.chunks import FileInfo
from p2pfs.identity import PeerKey
from p2pfs.membership import PrivateNames, RevocationList, Role, SigningMember
from tests.membership.swarms import NOW, authority

INFO = FileInfo(10, 5, 2, "ab" * 32, "blake3")
OTHER = FileInfo(12, 6, 2, "cd" * 32)


def key_of(name: str) -> PeerKey:
    """The same for the same name."""
    return PeerKey.from_seed(sha256(name.encode()).digest())


class PrivateSwarm:
    """It has a list of revocations, and a time that its members go by."""

    def __init__(
        self, directory: Path, seed: int = 1, clock: Callable[[], float] | None = None
    ) -> None:
        self.now = NOW
        self._clock = clock
        self.authority = authority(directory, seed, self.clock())
        self.chains: dict[str, list[x509.Certificate]] = {}
        self.revocations: RevocationList | None = None
        self._revoked: dict[int, float] = {}

    def clock(self) -> float:
        return self.now if self._clock is None else self._clock()

    def join(
        self, name: str, role: Role = Role.PUBLISHER, *patterns: str, key: PeerKey | None = None
    ) -> None:
        """Issue a certificate, or the next one; a publisher may publish all names by default."""
        if role is Role.PUBLISHER and not patterns:
            patterns = ("*",)
        public = (key or key_of(name)).public
        issued = self.authority.issue(public, name, role, patterns, self.clock())
        self.chains[name] = [issued]

    def revoke(self, name: str) -> None:
        """From now on all know that the member's present certificate holds no more."""
        self._revoked[self.chains[name][0].serial_number] = self.clock()
        number = 1 if self.revocations is None else self.revocations.number + 1
        self.revocations = self.authority.revocation_list(number, self._revoked, self.clock())

    def names(self, name: str | None = None, key: PeerKey | None = None) -> PrivateNames:
        """What that member signs and checks with; without a name, what the tracker does."""
        member = None
        if name is not None:
            member = SigningMember(key or key_of(name), lambda: self.chains[name])
        certificate = self.authority.certificate
        return PrivateNames(certificate, lambda: self.revocations, self.clock, member)
