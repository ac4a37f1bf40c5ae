"""What becomes of a peer that reaches nobody for a while, and of one whose source is dead."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from p2pfs.errors import DownloadFailed, TrackerUnavailable
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.commands.why import why
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from tests.simulation.parts import Notes, Servers, outcome_of

CONTENT = Random(1).randbytes(500_000)
CHUNK = 16 * 1024


class Peers:
    """A source with a file, and a peer with a slow link that wants it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        swarm = Swarm(network)
        self.tracker = network.add_host("tracker")
        swarm.start_tracker(self.tracker)
        self.source_host = network.add_host("source")
        self.host = network.add_host("peer", up=1e6, down=20e3)
        source = swarm.start_peer(self.source_host, self.tracker, smallest_chunk=CHUNK)
        self.peer: PeerService = swarm.start_peer(self.host, self.tracker)
        network.run(1)
        shared = self.source_host.directory / "f"
        shared.write_bytes(CONTENT)
        network.result_of(publish(source, shared), 10)

    def download(self) -> tuple[Any, Deferred[Any]]:
        return download(self.peer, "f", self.host.directory / "f")

    def command(self, line: str) -> Deferred[Any]:
        """What a user types."""
        commands = peer_commands(self.peer.peer)
        return commands.run(commands.definitions.parse_line(line), lambda _: None)

    def down(self, seconds: float) -> None:
        """Let the downloader reach nobody for a while."""
        self.network.partition([self.host])
        self.network.run(seconds)
        self.network.heal()


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return Peers(network)


def test_a_download_outlives_a_link_that_is_down(peers: Peers) -> None:
    """It waits for the network as long as that takes, says so, and soon goes on."""
    network = peers.network
    job, fetched = peers.download()
    network.run(8)
    before = job.done
    assert 0 < before < len(CONTENT)
    peers.network.partition([peers.host])
    network.run(45)
    assert job.remark == "waits for the network: neither a source nor the tracker can be reached"
    told = why(peers.peer.peer, "f")
    assert any("waits for the network" in line for line in told.data["explanation"]["general"])
    network.run(45)
    network.heal()
    assert network.run(3, lambda: peers.peer.peer.announcer.joined)
    done = job.done
    assert network.run(6, lambda: job.done > done)
    assert "waits" not in job.remark
    network.result_of(fetched, 30)
    assert (peers.host.directory / "f").read_bytes() == CONTENT


def test_a_dead_source_is_not_a_missing_network(peers: Peers) -> None:
    """While the tracker answers, patience runs: the download ends after 60 s as ever."""
    _, fetched = peers.download()
    peers.network.run(8)
    peers.source_host.power_off()
    began = peers.network.timeline.now
    outcome = outcome_of(peers.network, fetched, 100)
    assert isinstance(outcome, DownloadFailed)
    assert 59 < peers.network.timeline.now - began < 75


@pytest.mark.parametrize("refusing", ["source", "tracker"])
def test_a_host_that_refuses_is_no_missing_network(peers: Peers, refusing: str) -> None:
    """A refusal is a sign of life, though the other host is dead: the network is there."""
    _, fetched = peers.download()
    peers.network.run(8)
    refuses, dead = peers.source_host, peers.tracker
    if refusing == "tracker":
        refuses, dead = dead, refuses
    dead.power_off()
    refuses.kill()
    began = peers.network.timeline.now
    outcome = outcome_of(peers.network, fetched, 100)
    assert isinstance(outcome, DownloadFailed)
    assert 59 < peers.network.timeline.now - began < 75


def test_the_wait_is_over_when_the_network_is_back_and_the_source_is_not(peers: Peers) -> None:
    """Then patience runs from where it was."""
    _, fetched = peers.download()
    peers.network.run(8)
    peers.network.partition([peers.host])
    peers.source_host.power_off()
    peers.network.run(300)
    assert not fetched.called
    peers.network.heal()
    assert isinstance(outcome_of(peers.network, fetched, 75), DownloadFailed)


def test_a_command_finds_the_tracker_again(peers: Peers) -> None:
    """Without a download nothing is in a hurry; a user is, and waits for the attempt."""
    network = peers.network
    peers.down(200)
    assert not peers.peer.peer.announcer.reachable
    began = network.timeline.now
    answer = network.result_of(peers.command("list_file"), 5)
    assert [file["name"] for file in answer.data] == ["f"]
    assert network.timeline.now - began < 2


def test_a_command_does_not_wait_long_for_a_tracker_that_is_away(peers: Peers) -> None:
    """It says that there is none."""
    peers.network.partition([peers.host])
    peers.network.run(200)
    began = peers.network.timeline.now
    outcome = outcome_of(peers.network, peers.command("list_file"), 10)
    assert isinstance(outcome, TrackerUnavailable)
    assert peers.network.timeline.now - began < 5.5


def test_an_incoming_connection_is_a_sign_of_life(peers: Peers) -> None:
    """Who hears of another host tries its tracker at once."""
    network = peers.network
    peers.down(200)
    assert not peers.peer.peer.announcer.reachable
    visitor = TCP4ClientEndpoint(peers.source_host.reactor, peers.host.address, PEER_PORT)
    visitor.connect(Servers(lambda: Notes(network))).addErrback(lambda _: None)
    assert network.run(2, lambda: peers.peer.peer.announcer.joined)


def test_without_any_sign_the_tracker_is_joined_again_all_the_same(peers: Peers) -> None:
    """After the longest pause, and the time in which the system asks next."""
    peers.down(200)
    assert peers.network.run(33, lambda: peers.peer.peer.announcer.joined)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("kill", "it refused the connection; nothing listens there"),
        ("power_off", "it did not accept a connection within 5 s"),
    ],
)
def test_what_was_wrong_with_a_connection_is_said_in_words(
    peers: Peers, fault: str, reason: str
) -> None:
    """Not by the number that the system has for it."""
    job, fetched = peers.download()
    peers.network.run(8)
    peers.tracker.power_off()  # or else it would say that this source is no more
    getattr(peers.source_host, fault)()
    peers.network.run(25)
    [source] = job.download.explain().sources
    assert source.error == f"{source.address}: {reason}"
    job.cancel()
    outcome_of(peers.network, fetched)
