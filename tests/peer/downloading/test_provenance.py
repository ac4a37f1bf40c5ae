"""What a peer believes of what a tracker says that a name means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.errors import DownloadFailed
from p2pfs.membership import NameSigning, OpenNames, Signature
from p2pfs.peer.downloading.provenance import checked
from p2pfs.peer.library import Holding
from p2pfs.wire.messages import ReplyFileLocation
from tests.membership.private_swarm import PrivateSwarm, key_of
from tests.membership.swarms import NOW
from tests.peer.holdings import described, shared

INFO, OTHER = described(b"0123456789", 2)[0], described(b"another content", 2)[0]


def located(signature: Signature | None, info: FileInfo = INFO) -> ReplyFileLocation:
    """What the tracker says."""
    return ReplyFileLocation("f", info, {}, signature=signature)


def names(by: str, after: float = 0) -> OpenNames:
    """What somebody in an open swarm signs with, so many seconds later."""
    return OpenNames(lambda: NOW + after, key_of(by))


@pytest.fixture
def swarm(tmp_path: Path) -> PrivateSwarm:
    """Two publishers."""
    swarm = PrivateSwarm(tmp_path / "authority")
    swarm.join("a")
    swarm.join("b")
    return swarm


@pytest.fixture
def held(tmp_path: Path) -> Holding:
    """A share that nobody signed."""
    return shared(tmp_path / "f", b"0123456789", 2)


def refusal(signing: NameSigning, location: ReplyFileLocation, known: Holding | None = None) -> str:
    """Why nothing is fetched by that."""
    with pytest.raises(DownloadFailed) as raised:
        checked(signing, location, known)
    return str(raised.value)


def test_a_tracker_that_swaps_fileinfos_is_found_out(swarm: PrivateSwarm) -> None:
    """In both kinds of swarm: the signature does not fit."""
    for signing in (names("a"), swarm.names("a")):
        signature = signing.sign("f", INFO)
        assert checked(signing, located(signature), None) == signature
        said = refusal(signing, located(signature, OTHER))
        assert said.startswith("'f' was not downloaded, as the tracker says of it what nobody")
        assert "another name or content" in said


def test_without_a_signature_only_an_open_swarm_goes_on(swarm: PrivateSwarm) -> None:
    """A tracker cannot leave it out where names have to be signed."""
    assert checked(names("a"), located(None), None) is None
    assert "is not signed" in refusal(swarm.names("b"), located(None))


def test_what_is_held_goes_on_by_its_own_signature(held: Holding, swarm: PrivateSwarm) -> None:
    """Whatever the tracker has to say for the same content, or has forgotten."""
    for signing in (names("a"), swarm.names("a")):
        kept = signing.sign("f", INFO)
        known = replace(held, signature=kept)
        for offered in (None, signing.sign("f", OTHER), names("b", 60).sign("f", INFO)):
            assert checked(signing, located(offered), known) == kept
    # What was not signed gets a signature.
    signature = names("a").sign("f", INFO)
    assert checked(names("b"), located(signature), held) == signature


def test_nobody_goes_back_to_an_older_content(held: Holding, swarm: PrivateSwarm) -> None:
    """A tracker that replays what was right once is not believed by who knows better."""
    old, new = names("a").sign("f", OTHER), names("a", 1).sign("f", INFO)
    known = replace(held, signature=new)
    assert "is newer; ask another tracker" in refusal(names("b"), located(old, OTHER), known)
    # Another key's content is another matter: it may have the name by now.
    other = names("b").sign("f", OTHER)
    assert checked(names("c"), located(other, OTHER), known) == other
    private = swarm.names("a")
    old = private.sign("f", OTHER)
    known = replace(held, signature=private.sign("f", INFO))
    assert "is newer" in refusal(swarm.names("b"), located(old, OTHER), known)
    latest = private.sign("f", OTHER)
    assert checked(swarm.names("b"), located(latest, OTHER), known) == latest


def test_the_word_of_who_is_revoked_counts_no_more(held: Holding, swarm: PrivateSwarm) -> None:
    """Another publisher's for the same content takes its place, also an earlier one."""
    known = replace(held, signature=swarm.names("a").sign("f", INFO))
    swarm.now -= 60
    other = swarm.names("b").sign("f", INFO)
    older = swarm.names("b").sign("f", OTHER)
    swarm.now += 60
    swarm.revoke("a")
    assert "a is revoked" in refusal(swarm.names(), located(known.signature), known)
    assert checked(swarm.names(), located(other), known) == other
    assert checked(swarm.names(), located(older, OTHER), known) == older
