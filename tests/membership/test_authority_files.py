"""The authority's directory: never by half, and refused in words when something is wrong."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.dsa import generate_private_key as make_dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from p2pfs.errors import AuthorityProblem
from p2pfs.membership import Authority, tracker_name_in
from tests.membership.swarms import CA, KEY, authority, company, issued, signed, write_files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An authority's directory."""
    authority(tmp_path / "authority")
    return tmp_path / "authority"


def load(directory: Path) -> Authority:
    """Read it, as at a start."""
    return Authority.load(directory, Random(2).randbytes)


def test_an_authority_is_for_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    """Who reads the key is the swarm's authority."""
    before = os.umask(0)
    try:
        authority(tmp_path / "authority")
    finally:
        os.umask(before)
    assert (tmp_path / "authority").stat().st_mode & 0o777 == 0o700
    for name in ("key.pem", "certificate.pem", "tracker_name"):
        assert (tmp_path / "authority" / name).stat().st_mode & 0o777 == 0o600


def test_an_authority_is_never_replaced(directory: Path) -> None:
    """Its members would be nobody's."""
    before = load(directory).fingerprint
    with pytest.raises(AuthorityProblem, match="already"):
        authority(directory, 2)
    assert load(directory).fingerprint == before
    assert [path.name for path in directory.parent.iterdir()] == ["authority"]


def test_what_was_left_of_a_crash_is_replaced(tmp_path: Path) -> None:
    """An authority that was half made never had the name of one."""
    (tmp_path / "authority.new").mkdir()
    (tmp_path / "authority.new" / "key.pem").write_bytes(b"-----BEGIN PRIV")
    authority(tmp_path / "authority")
    load(tmp_path / "authority")
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]


def test_a_place_where_nothing_can_be_made_is_refused_in_words(tmp_path: Path) -> None:
    """The state directory does not exist, for one."""
    with pytest.raises(AuthorityProblem, match="cannot be made"):
        authority(tmp_path / "nowhere" / "authority")


def test_a_copy_of_the_directory_is_the_same_authority(tmp_path: Path) -> None:
    """That is the backup: chain and the tracker's name are in it too."""
    company(tmp_path / "work")
    brought = Authority.bring(
        tmp_path / "work", tmp_path / "authority", Random(2).randbytes, "tracker.at-work"
    )
    shutil.copytree(tmp_path / "authority", tmp_path / "backup")
    restored = load(tmp_path / "backup")
    assert restored.fingerprint == brought.fingerprint
    assert restored.chain == brought.chain == load(tmp_path / "work").chain
    assert len(restored.chain) == 2
    assert tracker_name_in(tmp_path / "backup") == "tracker.at-work"
    issued(restored).verify_directly_issued_by(brought.certificate)


@pytest.mark.parametrize("what", ["readable", "half"])
def test_nothing_is_brought_that_would_not_be_read(directory: Path, what: str) -> None:
    """And nothing is left of the attempt."""
    if what == "readable":
        (directory / "key.pem").chmod(0o644)
    else:
        (directory / "certificate.pem").unlink()
    with pytest.raises(AuthorityProblem):
        Authority.bring(directory, directory.parent / "other", Random(2).randbytes)
    assert [path.name for path in directory.parent.iterdir()] == ["authority"]


def test_one_that_is_brought_never_replaces_one_that_is_there(directory: Path) -> None:
    """Its members would be nobody's."""
    before = load(directory).fingerprint
    company(directory.parent / "work")
    with pytest.raises(AuthorityProblem, match="already"):
        Authority.bring(directory.parent / "work", directory, Random(2).randbytes)
    assert load(directory).fingerprint == before


def test_the_tracker_has_a_name_in_any_case(directory: Path) -> None:
    """Also where whoever made the directory knew nothing of it; nonsense is told."""
    path = directory / "tracker_name"
    assert tracker_name_in(directory) == "tracker"
    path.unlink()
    assert tracker_name_in(directory) == "tracker"
    path.write_text("Hq.Example\n")
    assert tracker_name_in(directory) == "hq.example"
    for damage in (b"", b"two words", b"\xff"):
        path.write_bytes(damage)
        with pytest.raises(AuthorityProblem, match="tracker's name into it"):
            tracker_name_in(directory)
    path.unlink()
    path.mkdir()
    with pytest.raises(AuthorityProblem, match="cannot be used"):
        tracker_name_in(directory)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610])
def test_a_key_that_others_can_use_is_refused(directory: Path, mode: int) -> None:
    """With what to type against it."""
    (directory / "key.pem").chmod(mode)
    with pytest.raises(AuthorityProblem, match=f"chmod 600 {directory}/key.pem"):
        load(directory)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_can_change_is_refused(directory: Path, mode: int) -> None:
    """They could put another authority in its place."""
    directory.chmod(mode)
    with pytest.raises(AuthorityProblem, match=f"chmod 700 {directory}"):
        load(directory)
    directory.chmod(0o755)
    load(directory)


@pytest.mark.parametrize("name", ["key.pem", "certificate.pem"])
@pytest.mark.parametrize("length", [None, 0, 1, 60, 100])
def test_half_an_authority_is_refused(directory: Path, name: str, length: int | None) -> None:
    """Missing or damaged, and nothing is made anew: that would be another swarm."""
    path = directory / name
    if length is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(AuthorityProblem, match="put it back from a backup"):
        load(directory)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Named by mistake, for one."""
    with pytest.raises(AuthorityProblem, match="cannot be used"):
        load(tmp_path)
    with pytest.raises(AuthorityProblem, match="cannot be used"):
        load(tmp_path / "nowhere")


def test_a_key_of_another_certificate_is_refused(directory: Path, tmp_path: Path) -> None:
    """All that it signs would be worth nothing."""
    authority(tmp_path / "other", 2)
    (tmp_path / "other" / "certificate.pem").rename(directory / "certificate.pem")
    with pytest.raises(AuthorityProblem, match="put both back from the same backup"):
        load(directory)


def test_a_key_with_a_passphrase_is_refused(directory: Path) -> None:
    """Nobody is there to type it."""
    pem = KEY.private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (directory / "key.pem").write_bytes(pem)
    with pytest.raises(AuthorityProblem, match="passphrase"):
        load(directory)


def test_a_key_that_signs_no_certificates_is_refused(directory: Path) -> None:
    """DSA, for one, which no TLS of today takes."""
    key = make_dsa(2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "key.pem").write_bytes(pem)
    with pytest.raises(AuthorityProblem, match="is not a key"):
        load(directory)


def test_a_certificate_that_may_not_issue_is_refused(directory: Path) -> None:
    """A member's own, for one: no peer would take what it issued."""
    member = issued(load(directory))
    write_files(directory, KEY.private, member)
    with pytest.raises(AuthorityProblem, match="is not an authority's"):
        load(directory)
    no_usage = signed("a", KEY.private, ("a", KEY.private), CA)
    write_files(directory, KEY.private, no_usage)
    with pytest.raises(AuthorityProblem, match="is not an authority's"):
        load(directory)


def test_more_than_one_certificate_belongs_into_the_chain(directory: Path) -> None:
    """Which one is the authority's is not guessed."""
    path = directory / "certificate.pem"
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(AuthorityProblem, match=r"chain\.pem"):
        load(directory)


def test_a_chain_leads_to_the_root_or_is_refused(tmp_path: Path) -> None:
    """The authority's own certificate may come first in it, as some programs write it."""
    directory = tmp_path / "authority"
    ours, root = company(directory)
    path = directory / "chain.pem"

    def chain(*certificates: x509.Certificate) -> None:
        path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))

    chain(ours.certificate, root)
    assert load(directory).chain == (ours.certificate, root)
    chain(authority(tmp_path / "other").certificate)
    with pytest.raises(AuthorityProblem, match="do not lead"):
        load(directory)
    chain(*[root] * 5)
    with pytest.raises(AuthorityProblem, match="are the most"):
        load(directory)
    path.write_bytes(b"")
    with pytest.raises(AuthorityProblem, match="no certificate in PEM"):
        load(directory)
