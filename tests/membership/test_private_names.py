"""In a private swarm a name means what a publisher who may says, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature
from p2pfs.membership import Authority, PrivateNames, Role, Signature, SigningMember
from p2pfs.membership.private_names import MOST_KNOWN
from p2pfs.membership.signature import sign
from tests.membership.private_swarm import INFO, OTHER, PrivateSwarm, key_of
from tests.membership.swarms import DAY, company

NAME = "models/a"


@pytest.fixture
def swarm(tmp_path: Path) -> PrivateSwarm:
    """A publisher of models, one of all, and a reader."""
    swarm = PrivateSwarm(tmp_path / "authority")
    swarm.join("gpu-17", Role.PUBLISHER, "models/*", "README")
    swarm.join("root")
    swarm.join("reader", Role.READER)
    return swarm


def refused(
    names: PrivateNames, signature: Signature | None, name: str = NAME, info: FileInfo = INFO
) -> str:
    """Why that is refused."""
    with pytest.raises(BadSignature) as raised:
        names.check(name, info, signature)
    return str(raised.value)


def test_what_a_publisher_signs_all_believe(swarm: PrivateSwarm) -> None:
    """The tracker and other members alike; people see who it was."""
    signature = swarm.names("gpu-17").sign(NAME, INFO)
    assert (signature.key, len(signature.chain)) == (None, 1)
    for names in (swarm.names(), swarm.names("reader")):
        names.check(NAME, INFO, signature)
        assert not names.is_void(signature)
        signer = names.signer(signature)
        assert signer is not None
        assert (str(signer), signer.data) == ("gpu-17", {"member": "gpu-17"})
        assert signer.fingerprint == key_of("gpu-17").fingerprint


def test_a_signature_is_for_one_name_and_one_content(swarm: PrivateSwarm) -> None:
    """A tracker that swaps fileinfos, or names, is found out."""
    names = swarm.names("gpu-17")
    signature = names.sign(NAME, INFO)
    for name, info in [
        ("models/b", INFO),
        (NAME, OTHER),
        (NAME, FileInfo(10, 5, 2, "ab" * 32)),
        (NAME, FileInfo(9, 5, 2, "ab" * 32, "blake3")),
        (NAME, FileInfo(10, 4, 3, "ab" * 32, "blake3")),
    ]:
        assert "is for another name or content" in refused(names, signature, name, info)


def test_who_may_not_publish_cannot_sign(swarm: PrivateSwarm) -> None:
    """The sentence says why, before anything is hashed."""
    for member, name, reason in [
        ("reader", NAME, "reader, which is a reader"),
        ("gpu-17", "data/a", "may publish only 'models/\\*', 'README'; choose another"),
        ("gpu-17", "README.md", "may publish only"),
    ]:
        for attempt in (swarm.names(member).check_may_sign, lambda n: swarm.names().sign(n, INFO)):
            with pytest.raises(BadSignature):
                attempt(name)
        with pytest.raises(BadSignature, match=reason):
            swarm.names(member).sign(name, INFO)
    swarm.names("gpu-17").check_may_sign("README")


def test_who_signs_all_the_same_is_not_believed(swarm: PrivateSwarm) -> None:
    """A member gone bad does not ask its own program whether it may."""
    at = int(swarm.now)
    reader = _by(swarm, "reader", at)
    outside = _by(swarm, "gpu-17", at, "data/a")
    assert "is a reader, and a publisher is needed" in refused(swarm.names(), reader)
    assert "who may publish only 'models/*'" in refused(swarm.names(), outside, "data/a")
    # With somebody else's certificate: it is for another key.
    stolen = sign(key_of("reader"), NAME, INFO, at, outside.chain)
    assert "another name or content" in refused(swarm.names(), stolen)


def _by(swarm: PrivateSwarm, name: str, at: int, file: str = NAME) -> Signature:
    """Signed by a member without asking whether it may."""
    (certificate,) = swarm.chains[name]
    der = certificate.public_bytes(Encoding.DER)
    return sign(key_of(name), file, INFO, at, (der,))


def test_another_swarm_means_nothing(swarm: PrivateSwarm, tmp_path: Path) -> None:
    """Nor does a key without a certificate, or nobody at all."""
    other = PrivateSwarm(tmp_path / "other", seed=2)
    other.join("gpu-17")
    foreign = other.names("gpu-17").sign(NAME, INFO)
    names = swarm.names()
    assert "not issued by this swarm's authority" in refused(names, foreign)
    assert names.is_void(foreign)
    assert names.signer(foreign) is None
    open_one = sign(key_of("gpu-17"), NAME, INFO, int(swarm.now))
    refused(names, open_one)
    assert names.is_void(open_one)
    assert "is not signed, and in this swarm each name is" in refused(names, None)
    assert names.signer(None) is None


def test_that_a_certificate_expires_does_not_end_a_name(swarm: PrivateSwarm) -> None:
    """It held when the name was signed; but nothing can be signed with it any more."""
    names = swarm.names("gpu-17")
    signature = names.sign(NAME, INFO)
    swarm.now += 31 * DAY
    names.check(NAME, INFO, signature)
    assert "has expired" in refused(names, names.sign(NAME, INFO))
    # After its renewal it can, at once.
    swarm.join("gpu-17", Role.PUBLISHER, "models/*")
    names.check(NAME, INFO, names.sign(NAME, INFO))


def test_that_a_certificate_is_revoked_does(swarm: PrivateSwarm) -> None:
    """Until another publisher signs the same content; what the member signed later is nothing."""
    names = swarm.names("gpu-17")
    signature = names.sign(NAME, INFO)
    swarm.revoke("gpu-17")
    assert "gpu-17 is revoked" in refused(names, signature)
    assert names.is_void(signature)
    assert str(names.signer(signature)) == "gpu-17"
    refused(names, names.sign(NAME, INFO))
    again = swarm.names("root").sign(NAME, INFO)
    names.check(NAME, INFO, again)
    assert not names.is_void(again)


def test_the_future_is_not_signed_for(swarm: PrivateSwarm) -> None:
    """Nobody could ever replace what is; ten minutes are for clocks that differ."""
    names = swarm.names("gpu-17")
    swarm.now += 599
    early = names.sign(NAME, INFO)
    swarm.now -= 599
    names.check(NAME, INFO, early)
    swarm.now -= 2
    assert "a time that has not come yet" in refused(names, early)


@pytest.mark.parametrize(
    "change",
    [
        {"signature": b""},
        {"signature": bytes(64)},
        {"signature": bytes(65)},
        {"key": bytes(32)},
        {"key": b"k", "chain": ()},
        {"chain": ()},
        {"chain": (b"",)},
        {"chain": (b"x" * 4096,)},
        {"chain": (b"x" * 4097,)},
        {"chain": (b"x" * 4096, b"x" * 4096, b"x")},
        {"chain": (b"x",) * 7},
        {"at": -1},
        {"at": 1 << 70},
        {"at": 0},
    ],
)
def test_what_is_odd_is_refused(swarm: PrivateSwarm, change: dict[str, object]) -> None:
    """Whoever may send it: with a sentence, and nothing else."""
    signature = swarm.names("gpu-17").sign(NAME, INFO)
    odd = msgspec.structs.replace(signature, **change)
    assert refused(swarm.names(), odd)
    swarm.names().is_void(odd)
    swarm.names().signer(odd)
    cut = tuple(certificate[:-1] for certificate in signature.chain)
    assert refused(swarm.names(), msgspec.structs.replace(signature, chain=cut))


def test_a_certificate_between_goes_along_and_the_rest_does_not(tmp_path: Path) -> None:
    """All have the authority's own; what is above it is nobody's business here."""
    below, root = company(tmp_path / "company")
    now = below.certificate.not_valid_before_utc.timestamp() + 2 * DAY
    mine = below.issue(key_of("a").public, "a", Role.PUBLISHER, ["*"], now)
    member = SigningMember(key_of("a"), lambda: [mine, below.certificate, root])

    def trusting(authority: Authority | None) -> PrivateNames:
        trusted = root if authority is None else authority.certificate
        return PrivateNames(trusted, lambda: None, lambda: now, member)

    short = trusting(below).sign(NAME, INFO)
    assert len(short.chain) == 1
    trusting(below).check(NAME, INFO, short)
    long = trusting(None).sign(NAME, INFO)
    assert len(long.chain) == 2
    trusting(None).check(NAME, INFO, long)
    trusting(below).check(NAME, INFO, long)


def test_only_so_many_chains_are_remembered(swarm: PrivateSwarm) -> None:
    """Whoever has thousands of certificates issued takes no memory by that."""
    names, made = swarm.names(), []
    for _ in range(MOST_KNOWN + 2):
        swarm.join("root")
        made.append(swarm.names("root").sign(NAME, INFO))
        names.check(NAME, INFO, made[-1])
        names.check(NAME, INFO, made[0])
    assert len(names._known) == MOST_KNOWN
    # What is used stays.
    assert made[0].chain in names._known
    assert made[1].chain not in names._known


def test_a_long_chain_is_not_read(swarm: PrivateSwarm) -> None:
    """A line has room for thousands of certificates, and reading them would take long."""
    signature = swarm.names("gpu-17").sign(NAME, INFO)
    long = msgspec.structs.replace(signature, chain=signature.chain * 50_000)
    names, began = swarm.names(), time.process_time()
    assert names.is_void(long)
    assert names.signer(long) is None
    refused(names, long)
    assert time.process_time() - began < 0.5
