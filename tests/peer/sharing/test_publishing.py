"""What can be published, and what is left out with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import NotFound, StorageProblem, UsageProblem
from p2pfs.hashing import Hash
from p2pfs.names import MAX_FILENAME_BYTES
from p2pfs.peer.service import PeerService
from p2pfs.peer.sharing.publishing import MOST_TOLD
from p2pfs.testing import Network, Swarm, publish
from tests.log import log_lines
from tests.peer.downloading.pairs import PeersOfSmallChunks, begun
from tests.simulation.parts import outcome_of


@pytest.fixture
def peer(network: Network) -> PeerService:
    """A peer without a tracker."""
    peer = Swarm(network).start_peer(network.add_host("peer"), None)
    network.run(1)
    return peer


def outcome(network: Network, peer: PeerService, path: Path) -> object:
    """What becomes of publishing it, or the names that are published then."""
    result = outcome_of(network, publish(peer, path), 10)
    return [file.name for file in result] if isinstance(result, list) else result


def test_a_directory_by_way_of_a_link(network: Network, peer: PeerService, place: Path) -> None:
    """A link is followed when it is what the user names, and below that none is."""
    (place / "real" / "sub").mkdir(parents=True)
    (place / "real" / "f").write_bytes(b"content")
    (place / "real" / "sub" / "g").write_bytes(b"content")
    (place / "real" / "round").symlink_to(place / "real")
    (place / "real" / "loop").symlink_to("loop")
    (place / "link").symlink_to("real")
    assert outcome(network, peer, place / "link") == ["link/f", "link/sub/g"]
    assert isinstance(outcome(network, peer, place / "real" / "loop"), StorageProblem)


def test_a_thousand_nested_directories(network: Network, peer: PeerService, place: Path) -> None:
    """What is too deep for a name is skipped as a whole, with one sentence."""
    top = place / "d"
    top.mkdir()
    (top / "f").write_bytes(b"content")
    here = os.open(top, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    publication, published = peer.peer.publisher.publish(top)
    try:
        network.result_of(published, 10)
    finally:
        for depth in range(1000, 0, -1):  # the standard library's own removal goes too deep
            os.rmdir(str(top) + "/d" * depth)
    assert [holding.name for holding in peer.peer.library] == ["d/f"]
    [skipped] = publication.skipped
    assert f"longer than {MAX_FILENAME_BYTES} bytes" in skipped


@pytest.mark.parametrize("path", ["/proc/version", "/proc/self/maps", "/sys/kernel/notes"])
def test_what_the_system_makes_up_is_not_published(
    network: Network, peer: PeerService, path: str
) -> None:
    """Its size is not that of its content, which differs from moment to moment anyway."""
    if not os.access(path, os.R_OK):
        pytest.skip(f"{path} is not here")
    if path == "/sys/kernel/notes" and len(Path(path).read_bytes()) == os.stat(path).st_size:
        pytest.skip(f"{path} is as long as it says here")
    refused = outcome(network, peer, Path(path))
    assert isinstance(refused, StorageProblem)
    assert "its size is not that of its content" in str(refused)
    assert peer.peer.library.get(Path(path).name) is None


def test_a_file_that_is_shorter_than_it_says(
    network: Network, peer: PeerService, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files in /sys are: they have a page of memory, of which a few bytes are used."""
    (place / "f").write_bytes(b"content")
    disk = network.hosts["peer"].disk
    really = disk.read
    monkeypatch.setattr(disk, "read", lambda fd, size, at: really(fd, size, at)[: max(0, 4 - at)])
    refused = outcome(network, peer, place / "f")
    assert isinstance(refused, StorageProblem)
    assert "its size is not that of its content" in str(refused)


def test_an_empty_file_is_a_file(network: Network, peer: PeerService, place: Path) -> None:
    """It has no byte beyond its end."""
    (place / "f").touch()
    assert outcome(network, peer, place / "f") == ["f"]


def test_a_directory_of_nothing(network: Network, peer: PeerService, place: Path) -> None:
    """Said so."""
    (place / "d").mkdir()
    assert isinstance(outcome(network, peer, place / "d"), NotFound)


def test_unfinished_files_are_not_published_with_their_directory(network: Network) -> None:
    """Those of this peer, and those of others, or of nobody any more."""
    peers = PeersOfSmallChunks(network)
    begun(peers)
    left = peers.host.directory / ".0123456789abcdef.p2pfs-part"
    left.write_bytes(b"left by a crash")
    (peers.host.directory / "g").write_bytes(b"g")
    publication, published = peers.peer.peer.publisher.publish(peers.host.directory, "d")
    names = [file.name for file in peers.network.result_of(published, 30)]
    assert names == ["d/g"]
    assert f"{left} was skipped: it is an unfinished download." in publication.skipped
    assert isinstance(outcome_of(peers.network, publish(peers.peer, left)), UsageProblem)


def test_what_is_known_from_before_is_done_but_not_hashed(
    network: Network, peer: PeerService, place: Path
) -> None:
    """Or hashing would seem to be as fast as that is found out."""
    (place / "f").write_bytes(bytes(1000))
    first, published = peer.peer.publisher.publish(place / "f")
    network.result_of(published, 10)
    assert (first.fresh, first.known, first.done) == (1000, 0, 1000)
    again, published = peer.peer.publisher.publish(place / "f")
    network.result_of(published, 10)
    assert (again.fresh, again.known, again.done) == (0, 1000, 1000)


def test_a_directory_is_one_line_of_the_log(
    network: Network, peer: PeerService, place: Path
) -> None:
    """However many files it has; of those that are left out some are named, and all counted."""
    (place / "d").mkdir()
    for number in range(50):
        (place / "d" / f"{number}").write_bytes(b"12345")
        (place / "d" / f"link{number}").symlink_to("0")
    with log_lines() as lines:
        outcome(network, peer, place / "d")
    assert len(lines) == MOST_TOLD + 1
    assert all(f"Left out of {place}/d: {place}/d/link" in line for line in lines[:-1])
    assert lines[-1] == (
        f"Published {place}/d as 50 files: 250 B in 0.0 s, 50 not listed yet, 50 left out."
    )


def test_what_is_published_and_not_is_in_the_log(
    network: Network, peer: PeerService, place: Path
) -> None:
    """With its name, or the reason; and when it is shared no more."""
    (place / "f").write_bytes(b"12345")
    with log_lines() as lines:
        outcome(network, peer, place / "f")
        outcome(network, peer, place / "nothing")
        publication, published = peer.peer.publisher.publish(place / "f", "g")
        publication.stop.set()
        outcome_of(network, published)
        network.result_of(Deferred.fromCoroutine(peer.peer.publisher.unpublish("f")), 5)
    done, refused, cancelled, unpublished = lines
    assert done == f"Published {place}/f as 'f': 5 B in 0.0 s, 1 not listed yet."
    assert refused.startswith(f"{place}/nothing was not published: ")
    assert cancelled.startswith(f"{place}/f was not published: ")
    assert unpublished == f"Unpublished 'f': {place}/f."


def test_a_share_keeps_its_hash_unless_another_is_asked_for(
    network: Network, peer: PeerService, place: Path
) -> None:
    """What is new gets that of the settings; what is known and has not changed is not hashed."""

    def hashed(content: bytes | None, function: Hash | None) -> tuple[Hash, int]:
        if content is not None:
            (place / "f").write_bytes(content)
        publication, published = peer.peer.publisher.publish(place / "f", function=function)
        network.result_of(published, 10)
        return peer.peer.library["f"].info.function, publication.fresh

    assert peer.peer.settings.hash is Hash.BLAKE3
    assert hashed(b"1", None) == (Hash.BLAKE3, 1)
    assert hashed(None, Hash.SHA256) == (Hash.SHA256, 1)
    assert hashed(None, None) == (Hash.SHA256, 0)
    assert hashed(b"22", None) == (Hash.SHA256, 2)
    assert hashed(None, Hash.SHA256) == (Hash.SHA256, 0)
    assert hashed(b"333", Hash.BLAKE3) == (Hash.BLAKE3, 3)
    assert peer.peer.library["f"].info.root == Hash.BLAKE3.digest(Hash.BLAKE3.digest(b"333")).hex()


def test_a_share_that_changed_before_a_restart_keeps_its_hash(network: Network) -> None:
    """Whatever the peer is started with by then."""
    host, swarm = network.add_host("sharing"), Swarm(network)
    peer = swarm.start_peer(host, None, hash=Hash.SHA256)
    new = host.directory / "new"
    new.write_bytes(b"content")
    network.result_of(publish(peer, new), 10)
    assert peer.peer.library["new"].info.function is Hash.SHA256
    for function in Hash:
        path = host.directory / function.value
        path.write_bytes(b"content")
        network.result_of(publish(peer, path, function=function), 10)
    network.result_of(swarm.stop(host), 10)
    for function in Hash:
        (host.directory / function.value).write_bytes(b"another content")
    new.write_bytes(b"another content")
    peer = swarm.start_peer(host, None)
    network.run(5)
    assert {holding.name: holding.info.function.value for holding in peer.peer.library} == {
        "blake3": "blake3",
        "new": "sha256",
        "sha256": "sha256",
    }
    assert all(holding.info.filesize == 15 for holding in peer.peer.library)
