"""A file is overwritten while it is fetched, and published again: what everybody gets and hears."""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import DownloadFailed, P2pfsError, Refused
from p2pfs.peer.commands.status import status
from p2pfs.peer.commands.why import why
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.tracker.listed_file import KEPT_SECONDS
from p2pfs.tracker.service import TrackerService
from tests.simulation.parts import outcome_of, part_files

CHUNK = 16384
OLD, NEW = Random(1).randbytes(20 * CHUNK), Random(2).randbytes(3 * CHUNK)


class Scene:
    """A publisher with a slow line, somebody who has fetched a part of its file, and a rival."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker_host = network.add_host("tracker")
        self.tracker: TrackerService = self.swarm.start_tracker(self.tracker_host)
        self.hosts = {
            "publisher": network.add_host("publisher", up=20_000),
            "fetcher": network.add_host("fetcher"),
            "rival": network.add_host("rival"),
        }
        self.peers = {name: self.start(name) for name in self.hosts}
        network.run(1)
        assert self.publish("publisher", OLD) is None

    def start(self, name: str) -> PeerService:
        return self.swarm.start_peer(self.hosts[name], self.tracker_host, smallest_chunk=CHUNK)

    def stop(self, name: str) -> None:
        self.network.result_of(self.swarm.stop(self.hosts[name]), 10)
        self.network.run(1)

    def publish(self, name: str, content: bytes) -> P2pfsError | None:
        """Have a peer publish that content as ``f``; why it is refused, if it is."""
        path = self.hosts[name].directory / "f"
        path.write_bytes(content)
        outcome = outcome_of(self.network, publish(self.peers[name], path))
        return outcome if isinstance(outcome, P2pfsError) else None

    def fetch(self) -> Deferred[Fetched]:
        return download(self.peers["fetcher"], "f", self.fetcher.directory / "got")[1]

    @property
    def fetcher(self) -> Host:
        return self.hosts["fetcher"]

    def half_fetched(self) -> Deferred[Fetched]:
        """A download that has come to about the half."""
        fetched = self.fetch()
        assert self.network.run(30, lambda: self.has > 8)
        return fetched

    @property
    def has(self) -> int:
        held = self.peers["fetcher"].peer.library.get("f")
        return 0 if held is None else len(held.chunks)


@pytest.fixture
def scene(network: Network) -> Scene:
    """See there."""
    return Scene(network)


def test_who_fetches_it_is_told_soon_and_can_have_the_new_one(scene: Scene) -> None:
    """Not a minute later, nor that there is no source: the name leads elsewhere now."""
    network, fetched = scene.network, scene.half_fetched()
    assert scene.publish("publisher", NEW) is None
    error = outcome_of(network, fetched, 6)
    assert isinstance(error, DownloadFailed)
    assert "was replaced" in str(error)
    assert "download it again" in str(error)
    [part] = part_files(scene.fetcher.directory)
    assert str(part) in str(error)
    network.result_of(scene.fetch(), 30)
    assert (scene.fetcher.directory / "got").read_bytes() == NEW
    assert not part_files(scene.fetcher.directory)


def test_what_is_left_of_the_old_one_neither_blocks_the_name_nor_is_listed(scene: Scene) -> None:
    """Whoever has it hears of it when it joins again, and why it is not listed."""
    network, fetched = scene.network, scene.half_fetched()
    scene.peers["fetcher"].peer.downloads.cancel("f")
    outcome_of(network, fetched)
    scene.stop("fetcher")
    assert scene.publish("publisher", NEW) is None
    scene.peers["fetcher"] = scene.start("fetcher")
    network.run(5)
    listed = scene.tracker.tracker.directory["f"]
    assert (listed.info.filesize, len(listed.holders)) == (len(NEW), 1)
    peer = scene.peers["fetcher"].peer
    said = "A newer content is listed under that name, by who may say what it means;"
    assert f"'f' is unfinished, not listed: {said}" in "\n".join(why(peer, "f").lines)
    [share] = status(peer).data["shares"]
    assert said in share["refused"]
    assert scene.has > 8


def test_what_is_left_is_listed_again_once_the_name_is_free_and_more_of_it_comes(
    scene: Scene,
) -> None:
    """Although nobody unpublished it here, and the other content is gone before it is asked for."""
    network, fetched = scene.network, scene.half_fetched()
    scene.peers["fetcher"].peer.downloads.cancel("f")
    outcome_of(network, fetched)
    network.run(20)  # nothing of it is about to be told to the tracker
    assert scene.publish("publisher", NEW) is None
    network.run(2)
    directory, peer = scene.tracker.tracker.directory, scene.peers["fetcher"].peer
    assert "unfinished, not listed: Who may say what that name means has another content" in (
        "\n".join(why(peer, "f").lines)
    )
    gone = Deferred.fromCoroutine(scene.peers["publisher"].peer.publisher.unpublish("f"))
    network.result_of(gone, 5)
    assert "f" not in directory
    assert scene.publish("rival", OLD) is None
    network.run(1)
    assert len(directory["f"].holders) == 1
    fetched = scene.fetch()
    assert network.run(5, lambda: len(directory["f"].holders) == 2)
    me = peer.announcer.address
    assert me is not None
    assert directory["f"].holders[me].bits == peer.library["f"].chunks.bits
    network.result_of(fetched, 30)


def test_a_short_outage_of_the_publisher_costs_it_nothing(scene: Scene) -> None:
    """Its name is kept for it, and the download goes on; the rival is told for how long."""
    network, fetched = scene.network, scene.half_fetched()
    scene.stop("publisher")
    refused = scene.publish("rival", NEW)
    assert isinstance(refused, Refused)
    assert "kept for another" in str(refused)
    network.run(30)
    scene.peers["publisher"] = scene.start("publisher")
    assert isinstance(outcome_of(network, fetched), Fetched)
    network.run(2 * KEPT_SECONDS)
    refused = scene.publish("rival", NEW)
    assert "held by" in str(refused)


def test_a_publisher_that_restarts_with_a_new_content_replaces_the_old_one(scene: Scene) -> None:
    """It need not wait for itself."""
    network, fetched = scene.network, scene.half_fetched()
    scene.stop("publisher")
    (scene.hosts["publisher"].directory / "f").write_bytes(NEW)
    scene.peers["publisher"] = scene.start("publisher")
    error = outcome_of(network, fetched, 10)
    assert "was replaced" in str(error)
    network.result_of(scene.fetch(), 30)
    assert (scene.fetcher.directory / "got").read_bytes() == NEW


def test_a_publisher_that_stays_away_has_lost_its_name(scene: Scene) -> None:
    """What nobody can complete blocks it for a minute, and not for ever."""
    network, fetched = scene.network, scene.half_fetched()
    scene.stop("publisher")
    network.run(KEPT_SECONDS)
    assert scene.publish("rival", NEW) is None
    assert isinstance(outcome_of(network, fetched, 10), DownloadFailed)
    scene.peers["publisher"] = scene.start("publisher")
    network.run(5)
    assert "held by" in scene.peers["publisher"].peer.library["f"].refusal
