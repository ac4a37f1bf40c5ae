"""Directories of many files: what their downloads keep, and lists of several pages."""

from __future__ import annotations

import gc
from collections import Counter

from p2pfs.errors import Cancelled, DownloadFailed, StorageProblem
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.trees import FILES_AT_ONCE
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network
from tests.peer.downloading.tree_scene import FILES, peers, target
from tests.simulation.parts import outcome_of

__all__ = ["peers"]


def alive(*kinds: type) -> list[int]:
    """How many objects of each of these types there are."""
    gc.collect()
    found = Counter(type(thing) for thing in gc.get_objects())
    return [found[kind] for kind in kinds]


def test_what_is_done_with_is_forgotten(
    network: Network, peers: tuple[PeerService, PeerService]
) -> None:
    """Of finished files neither their downloads nor what they came to are kept.

    Not by those who wait for the end of a connection either, which lasts for the whole tree.
    """
    kept: list[list[int]] = []
    before = alive(Download, Fetched)  # other tests may have left some

    def each(fetched: Fetched) -> None:
        if tree.fetched in (FILES // 4, FILES - FILES_AT_ONCE):
            now = alive(Download, Fetched)
            kept.append([count - old for count, old in zip(now, before, strict=True)])

    tree, fetched = peers[1].peer.trees.start("d/", target(network), False, each)
    network.result_of(fetched, 60)
    assert (tree.fetched, tree.files, tree.done) == (FILES, FILES, tree.total)
    assert len(kept) == 2
    assert all(downloads <= FILES_AT_ONCE + 1 for downloads, _ in kept)
    assert all(results <= 2 for _, results in kept)
    for number in range(FILES):
        assert (target(network) / f"{number:03}").read_bytes() == b"%d" % number


def test_a_list_that_breaks_off(network: Network, peers: tuple[PeerService, PeerService]) -> None:
    """What was listed is fetched; that it is not all is said."""

    def each(fetched: Fetched) -> None:
        network.hosts["tracker"].kill()

    tree, fetched = peers[1].peer.trees.start("d/", target(network), False, each)
    outcome = outcome_of(network, fetched, 300)
    assert isinstance(outcome, DownloadFailed)
    assert 0 < tree.fetched < FILES
    assert tree.first_error is not None
    assert not tree.running


def test_a_disk_too_small_for_all_of_it_is_told_of_before_it_is_filled(
    network: Network, peers: tuple[PeerService, PeerService]
) -> None:
    """Nothing is created; of what is there already only the rest has to fit."""
    one, two = peers
    folder, drive = target(network), network.hosts["two"].drive
    total = sum(len(b"%d" % number) for number in range(FILES))
    drive.space = total - 1
    refused = outcome_of(network, two.peer.trees.start("d/", folder, False)[1], 60)
    assert isinstance(refused, StorageProblem)
    assert f"it takes {total} B more, and the disk of {folder.parent} has {total - 1} B" in str(
        refused
    )
    assert not folder.exists()
    assert one.peer.serving.uploads.total == 0
    folder.mkdir()
    network.result_of(two.peer.downloads.start("d/079", folder / "079")[1], 60)
    tree = network.result_of(two.peer.trees.start("d/", folder, False)[1], 60)
    assert (tree.fetched, tree.already_there) == (FILES - 1, 1)


def test_a_tree_waits_for_room(network: Network, peers: tuple[PeerService, PeerService]) -> None:
    """When other downloads take all there is; none of its files fails for that."""
    downloads = peers[1].peer.downloads
    downloads.most = 1
    trees = [
        peers[1].peer.trees.start("d/", target(network).with_name(name), False)
        for name in ("c", "e")
    ]
    network.run(0.5)
    assert len(downloads.jobs) == 1
    for tree, fetched in trees:
        network.result_of(fetched, 60)
        assert (tree.fetched + tree.already_there, tree.failed) == (FILES, 0)


def test_a_tree_that_waits_for_room_can_be_cancelled(
    network: Network, peers: tuple[PeerService, PeerService]
) -> None:
    """Also when there is none for long."""
    tree, fetched = peers[1].peer.trees.start("d/", target(network), False)
    assert network.run(10, lambda: bool(tree.running))
    peers[1].peer.downloads.most = 0
    assert network.run(10, lambda: not tree.running and bool(tree.awaiting_room))
    tree.cancel()
    assert isinstance(outcome_of(network, fetched, 1), Cancelled)
