"""Two paths to one place are one, and are told by the file system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.downloading.places import is_directory, is_there, place_of
from p2pfs.peer.service import PeerService
from p2pfs.testing import download, publish
from tests.peer.downloading.pairs import (
    CONTENT,
    Peers,
)
from tests.simulation.parts import outcome_of


@pytest.mark.parametrize("detour", ["dots", "link"])
def test_two_downloads_to_one_place(peers: Peers, detour: str) -> None:
    """By whatever paths: one of two that begin at the same moment is refused, and one fetched."""
    other = peers.source_host.directory / "other"
    other.write_bytes(CONTENT[::-1])
    peers.network.result_of(publish(peers.source, other, "g"), 10)
    folder = peers.host.directory / "folder"
    (folder / "s").mkdir(parents=True)
    (peers.host.directory / "linked").symlink_to(folder)
    around = folder / "s" / ".." if detour == "dots" else peers.host.directory / "linked"
    uploaded = peers.source.peer.serving.uploads.total
    _, first = download(peers.peer, "f", folder / "out", True)
    _, second = download(peers.peer, "g", around / "out", True)
    outcome = outcome_of(peers.network, second, 60)
    assert isinstance(outcome, AlreadyExists)
    assert "'f' is being downloaded to" in str(outcome)
    assert peers.source.peer.serving.uploads.total == uploaded
    # One that comes later, too.
    peers.network.run(1)
    with pytest.raises(AlreadyExists):
        peers.network.result_of(download(peers.peer, "g", around / "out", True)[1], 10)
    peers.network.result_of(first, 60)
    assert (folder / "out").read_bytes() == CONTENT
    peers.network.result_of(download(peers.peer, "g", around / "out", True)[1], 60)
    assert (folder / "out").read_bytes() == CONTENT[::-1]


def test_the_same_name_in_two_directories_is_two_places(peers: Peers) -> None:
    """Nothing is refused that is not the same."""
    other = peers.source_host.directory / "other"
    other.write_bytes(CONTENT[::-1])
    peers.network.result_of(publish(peers.source, other, "g"), 10)
    peer: PeerService = peers.peer
    both = []
    for name in ("f", "g"):
        (peers.host.directory / f"for {name}").mkdir()
        both.append(download(peer, name, peers.host.directory / f"for {name}" / "out")[1])
    for fetched in both:
        peers.network.result_of(fetched, 120)


def test_a_place_is_the_same_by_every_path(tmp_path: Path) -> None:
    """Links to directories are followed; a link at the path itself is what would be replaced."""
    folder = tmp_path / "folder"
    (folder / "s").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(folder)
    (folder / "f").symlink_to(tmp_path / "elsewhere")
    place = place_of(folder / "f")
    assert place == place_of(tmp_path / "linked" / "f") == place_of(folder / "s" / ".." / "f")
    assert place not in (place_of(folder / "g"), place_of(tmp_path / "f"))


def test_a_place_is_in_a_directory_that_is_there(tmp_path: Path) -> None:
    """Said in words, before anything is asked of sources."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "away", tmp_path / "file"):
        with pytest.raises(StorageProblem, match=f"The directory {folder} is not there"):
            place_of(folder / "f")


def test_what_is_at_a_path_is_told_without_tripping(tmp_path: Path) -> None:
    """Links are followed to a directory, and something themselves; nothing is no error."""
    (tmp_path / "file").touch()
    for link, to in (("linked", "."), ("dangling", "nothing"), ("loop", "loop")):
        (tmp_path / link).symlink_to(to)
    things = ["", "linked", "file", "dangling", "loop", "nothing", "file/below", "nothing/below"]
    assert [t for t in things if is_directory(tmp_path / t)] == ["", "linked"]
    assert [t for t in things if is_there(tmp_path / t)] == things[:5]


@pytest.mark.parametrize("look", [is_directory, is_there])
def test_a_name_too_long_is_told(tmp_path: Path, look: Callable[[Path], bool]) -> None:
    """Wherever it is asked for first."""
    with pytest.raises(StorageProblem, match="too long for the file system; give a path"):
        look(tmp_path / ("x" * 300))
