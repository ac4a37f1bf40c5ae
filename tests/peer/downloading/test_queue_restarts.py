"""Downloads go on after a restart, and a stop ends none."""

from __future__ import annotations

import pytest

from p2pfs.errors import (
    Cancelled,
    LeftRunning,
    NotFound,
)
from p2pfs.peer.downloading import Fetched, State, TreeJob
from p2pfs.peer.library import Order
from p2pfs.peer.service import PeerService
from p2pfs.testing import publish
from tests.log import log_lines
from tests.peer.downloading.pairs import CONTENT, Peers
from tests.peer.downloading.queue_scene import (
    done,
    given,
    has_some,
    on_record,
    queue,
    restart,
    runs_until,
    shared,
    shared_tree,
)
from tests.simulation.parts import outcome_of


@pytest.mark.parametrize("kill", [True, False])
def test_a_peer_goes_on_by_itself_after_a_restart(peers: Peers, kill: bool) -> None:
    """Killed or stopped: with what came before, and nobody needs to ask."""
    entry = given(peers)
    runs_until(peers, has_some(entry))
    with log_lines(of="p2pfs.peer.downloading.queue") as lines:
        restart(peers, kill)
    assert lines == [f"Going on with the download of 'f' to {peers.target} for somebody."]
    [resumed] = queue(peers).book
    assert (resumed.order, resumed.resumed) == (entry.order, True)
    result = peers.network.result_of(queue(peers).watch(resumed), 60)
    assert isinstance(result, Fetched)
    assert 0 < sum(result.sources.values()) < len(CONTENT)
    assert peers.target.read_bytes() == CONTENT
    assert on_record(peers) == []


def test_who_watches_is_told_of_a_stop(peers: Peers) -> None:
    """That it goes on later; and nothing more is taken."""
    entry = given(peers)
    runs_until(peers, has_some(entry))
    watch = queue(peers).watch(entry)
    stopped = queue(peers)
    peers.network.result_of(peers.swarm.stop(peers.host), 30)
    error = outcome_of(peers.network, watch)
    assert isinstance(error, LeftRunning)
    assert "goes on when it is started again" in str(error)
    assert on_record(peers) == ["f"]
    error = outcome_of(peers.network, done(stopped.give(Order("g", peers.target))))
    assert isinstance(error, Cancelled)


def test_a_tree_goes_on_after_a_restart(peers: Peers) -> None:
    """It is one order, and what is there is not fetched again."""
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}").write_bytes(bytes([number]) * 10_000)
    peers.network.result_of(publish(peers.source, folder), 10)
    entry = given(peers, "d/", peers.host.directory / "copies")
    tree = entry.work
    assert isinstance(tree, TreeJob) or tree is None
    runs_until(peers, lambda: isinstance(entry.work, TreeJob) and entry.work.fetched > 2)
    restart(peers)
    [resumed] = queue(peers).book
    result = peers.network.result_of(queue(peers).watch(resumed), 60)
    assert isinstance(result, TreeJob)
    assert result.already_there > 2
    assert result.fetched + result.already_there == 20
    assert on_record(peers) == []


def test_after_a_restart_the_tracker_is_waited_for(peers: Peers) -> None:
    """As when all machines of a room start at the same time; so is a publisher, for a while."""
    entry = given(peers)
    runs_until(peers, has_some(entry))
    tracker = peers.network.hosts["tracker"]
    peers.host.kill()
    peers.network.result_of(peers.swarm.stop(tracker), 10)
    peers.source_host.kill()
    peers.peer = peers.start(peers.host)
    peers.network.run(300)
    [resumed] = queue(peers).book
    assert resumed.state is State.WAITING
    assert "no tracker is reachable" in queue(peers).book.remark(resumed, 0)
    peers.swarm.start_tracker(tracker)
    peers.network.run(30)
    peers.source = peers.start(peers.source_host)
    peers.network.result_of(queue(peers).watch(resumed), 120)
    assert peers.target.read_bytes() == CONTENT


def test_after_a_restart_a_publisher_is_not_waited_for_forever(peers: Peers) -> None:
    """Nobody asked for that."""
    given(peers, "f")
    peers.host.kill()
    peers.source_host.kill()
    peers.network.run(120)  # until the tracker has forgotten the source
    peers.peer = peers.start(peers.host)
    peers.network.run(5)
    [resumed] = queue(peers).book
    begun = peers.network.timeline.now
    error = outcome_of(peers.network, queue(peers).watch(resumed), 300)
    assert isinstance(error, NotFound)
    assert 40 < peers.network.timeline.now - begun < 90
    assert on_record(peers) == []


def test_a_stop_waits_for_no_tracker(peers: Peers) -> None:
    """One that does not answer just now, when it is asked for what is waited for."""
    given(peers, "later", wait_for=True)
    peers.network.run(1)
    peers.network.partition([peers.host])
    peers.network.run(5)
    begun = peers.network.timeline.now
    peers.network.result_of(peers.swarm.stop(peers.host), 60)
    assert peers.network.timeline.now - begun < 2
    assert on_record(peers) == ["later"]


def test_a_stop_waits_for_all_that_is_under_way(peers: Peers) -> None:
    """Files of a tree want closing, one after the other."""
    shared_tree(peers)
    entry = given(peers, "d/")
    runs_until(peers, has_some(entry))
    peers.host.drive.disorder = 3.0
    tree = entry.work
    assert isinstance(tree, TreeJob)
    peers.network.result_of(done(queue(peers).stop()), 60)
    assert not tree.running
    peers.host.drive.disorder = 0.0


def test_a_cancel_right_after_the_start_finds_what_was_on_record(peers: Peers) -> None:
    """It waits for that to be read."""
    entry = given(peers)
    runs_until(peers, has_some(entry))
    peers.host.kill()
    peers.host.drive.disorder = 3.0
    peers.peer = peers.start(peers.host)
    peers.network.run(0.01)
    peers.host.drive.disorder = 0.0
    peers.network.result_of(done(queue(peers).cancel("f")), 30)
    assert on_record(peers) == []


def test_a_stop_amid_everything(peers: Peers) -> None:
    """Orders in all states: all stay, and nothing is left behind."""
    shared(peers, "a", "b")
    service: PeerService = peers.peer
    service.peer.queue.book.at_once = 1
    given(peers, "f")
    given(peers, "a")
    given(peers, "later", wait_for=True)
    peers.network.run(1.9)
    new = done(queue(peers).give(Order("b", peers.host.directory / "b")))
    peers.network.result_of(new, 1)
    peers.network.result_of(peers.swarm.stop(peers.host), 60)
    assert on_record(peers) == ["f", "a", "later", "b"]
