"""Downloads that belong to the peer: whoever asked may go away; others wait in line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    NotFound,
    TrackerUnavailable,
)
from p2pfs.peer.commands.results import answer_of
from p2pfs.peer.downloading import Entry, Fetched, State, TreeJob
from p2pfs.peer.library import Order
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


def test_an_order_is_on_record_until_it_has_ended(peers: Peers) -> None:
    """Whatever it ends with."""
    entry = given(peers, who="ann", uid=1000, gid=100)
    [order] = peers.peer.peer.store.load().orders
    assert order == Order("f", peers.target, who="ann", uid=1000, gid=100)
    result = peers.network.result_of(queue(peers).watch(entry), 60)
    assert isinstance(result, Fetched)
    assert on_record(peers) == []
    assert peers.target.read_bytes() == CONTENT
    error = outcome_of(peers.network, queue(peers).watch(given(peers, "not there")))
    assert isinstance(error, NotFound)
    assert on_record(peers) == []
    ended = queue(peers).book.ended("not there")
    assert ended is not None
    assert ended.outcome is error


def test_who_watches_may_go_away_and_come_back(peers: Peers) -> None:
    """Also before the order is on record; nobody ends it by that."""
    entry = peers.network.result_of(done(queue(peers).give(Order("f", peers.target))), 10)
    recorded = queue(peers).recorded(entry)
    recorded.cancel()
    assert isinstance(outcome_of(peers.network, recorded), CancelledError)
    runs_until(peers, has_some(entry))
    watch = queue(peers).watch(entry)
    watch.cancel()
    assert isinstance(outcome_of(peers.network, watch), CancelledError)
    assert entry.state is State.RUNNING
    result = peers.network.result_of(queue(peers).watch(entry), 60)
    assert peers.network.result_of(queue(peers).watch(entry), 1) is result


def test_the_same_order_is_the_one_under_way(peers: Peers) -> None:
    """By whatever path its place is reached; another place is refused, in words."""
    entry = given(peers)
    link = peers.host.directory.with_name("link")
    link.symlink_to(peers.host.directory)
    for target in (peers.target, link / "f"):
        assert given(peers, target=target) is entry
    for elsewhere in (peers.host.directory / "g", Path("/not/there/f")):
        error = outcome_of(peers.network, done(queue(peers).give(Order("f", elsewhere))))
        assert isinstance(error, AlreadyExists)
        assert f"is being downloaded to {peers.target} just now" in str(error)


def test_what_is_not_published_yet_can_be_waited_for(peers: Peers) -> None:
    """As long as it takes, also over a restart; others go ahead meanwhile."""
    entry = given(peers, "later", wait_for=True)
    peers.network.run(600)
    assert entry.state is State.WAITING
    assert "nobody offers it yet" in queue(peers).book.remark(entry, 0)
    restart(peers)
    [resumed] = queue(peers).book
    tree = given(peers, "d/", wait_for=True)
    peers.network.result_of(queue(peers).watch(given(peers)), 60)
    peers.network.run(60)
    assert {entry.state for entry in queue(peers).book} == {State.WAITING}
    shared(peers, "later")
    peers.network.result_of(queue(peers).watch(resumed), 30)
    (peers.source_host.directory / "d").mkdir()
    (peers.source_host.directory / "d" / "f").write_bytes(b"content")
    peers.network.result_of(publish(peers.source, peers.source_host.directory / "d"), 10)
    peers.network.result_of(queue(peers).watch(tree), 30)
    assert (peers.host.directory / "d" / "f").read_bytes() == b"content"
    assert on_record(peers) == []


def test_a_tracker_can_be_waited_for(peers: Peers) -> None:
    """By who waits for the file; others are told that there is none."""
    peers.network.result_of(peers.swarm.stop(peers.network.hosts["tracker"]), 10)
    peers.network.run(1)
    waits = given(peers, "f", wait_for=True)
    error = outcome_of(peers.network, queue(peers).watch(given(peers, "g")), 30)
    assert isinstance(error, TrackerUnavailable)
    peers.network.run(100)
    assert waits.state is State.WAITING
    peers.swarm.start_tracker(peers.network.hosts["tracker"])
    peers.network.result_of(queue(peers).watch(waits), 120)


def test_only_so_many_run_at_a_time(peers: Peers) -> None:
    """The others follow in the order of asking."""
    shared(peers, "a", "b", "c", "d")
    restart(peers, downloads=2)
    peers.network.run(2)
    entries = [given(peers, name) for name in "abcd"]
    assert [entry.state.value for entry in entries] == ["running"] * 2 + ["queued"] * 2
    ended: list[str] = []
    for entry in entries:
        watch = queue(peers).watch(entry)
        watch.addCallback(lambda result: ended.append(result.name))  # type: ignore[union-attr]
    running: list[int] = []

    def all_ended() -> bool:
        running.append(sum(entry.state is State.RUNNING for entry in queue(peers).book))
        return len(ended) == 4

    runs_until(peers, all_ended)
    assert max(running) == 2
    assert set(ended[:2]) == {"a", "b"}


def test_no_more_run_than_files_may_be_open(peers: Peers) -> None:
    """A tree takes the room of several, and what has none waits for it."""
    folder = peers.source_host.directory / "t"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}").write_bytes(bytes([number]) * 5_000)
    peers.network.result_of(publish(peers.source, folder), 10)
    shared(peers, "a")
    downloads = peers.peer.peer.downloads
    downloads.most = 3
    entries = [given(peers, "t/"), given(peers, "a"), given(peers, "f")]
    most: list[int] = []

    def all_ended() -> bool:
        most.append(len(downloads.jobs))
        return all(entry.outcome is not None for entry in entries)

    runs_until(peers, all_ended, 120)
    assert max(most) == 3
    tree = entries[0].outcome
    assert isinstance(tree, TreeJob)
    assert (tree.fetched, tree.failed) == (10, 0)


@pytest.mark.parametrize("state", ["new", "queued", "waiting", "starting", "running", "tree"])
def test_an_order_can_be_cancelled_in_any_state(peers: Peers, state: str) -> None:
    """It is off the record when that is answered, and who watches is told."""
    name, place = "f", peers.target
    if state == "tree":
        folder = peers.source_host.directory / "d"
        folder.mkdir()
        (folder / "f").write_bytes(CONTENT)
        peers.network.result_of(publish(peers.source, folder), 10)
        name, place = "d/", peers.host.directory / "d"
    elif state == "queued":
        queue(peers).book.at_once = 0
    elif state == "waiting":
        name = "later"
    elif state == "starting":
        peers.peer.peer.downloads.most = 0
    order = Order(name, place, wait_for=state == "waiting")
    entry: Entry = peers.network.result_of(done(queue(peers).give(order)), 10)
    watch = queue(peers).watch(entry)
    if state != "new":
        peers.network.result_of(queue(peers).recorded(entry), 10)
        peers.network.run(3)
        expected = {"queued": State.QUEUED, "waiting": State.WAITING}
        assert entry.state is expected.get(state, State.RUNNING)
        assert entry.done > 0 or state not in ("running", "tree")
    peers.network.result_of(done(queue(peers).cancel(name)), 10)
    assert on_record(peers) == []
    error = outcome_of(peers.network, watch)
    assert isinstance(error, Cancelled)
    assert list(queue(peers).book) == []
    assert not peers.peer.peer.downloads.jobs
    restart(peers)
    peers.network.run(5)
    assert list(queue(peers).book) == []
    if state in ("running", "tree"):
        [kept] = peers.peer.peer.library
        assert kept.chunks.bits
    assert isinstance(outcome_of(peers.network, done(queue(peers).cancel(name))), NotFound)


def test_what_is_cancelled_can_be_asked_for_at_once(peers: Peers) -> None:
    """It begins when the old one has come to its end, and goes on with what that left."""
    entry = given(peers)
    runs_until(peers, has_some(entry))
    peers.host.drive.disorder = 3.0
    cancelled = done(queue(peers).cancel("f"))
    again = done(queue(peers).give(Order("f", peers.target)))
    new: Entry = peers.network.result_of(again, 60)
    assert cancelled.called
    assert new is not entry
    assert isinstance(entry.outcome, Cancelled)
    peers.host.drive.disorder = 0.0
    result = peers.network.result_of(queue(peers).watch(new), 90)
    assert isinstance(result, Fetched)
    assert sum(result.sources.values()) < len(CONTENT)


def test_a_file_of_a_tree_can_be_cancelled_by_itself(peers: Peers) -> None:
    """As it can that of a download which is no order."""
    shared_tree(peers)
    entry = given(peers, "d/")
    runs_until(peers, has_some(entry))
    peers.network.result_of(done(queue(peers).cancel("d/f")), 10)
    error = outcome_of(peers.network, queue(peers).watch(entry))
    assert isinstance(error, DownloadFailed)
    assert "1 of 1 files" in str(error)


@pytest.mark.parametrize("allowed", [True, False])
def test_what_was_fetched_is_given_to_who_asked(
    peers: Peers, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a restart, with the directories that were made; where it is not allowed, it stays
    whose it is, and that is told."""
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    (folder / "f").write_bytes(CONTENT[:1000])
    peers.network.result_of(publish(peers.source, folder), 10)
    given_away: list[Any] = []

    def give(what: Any, uid: int, gid: int, **_: Any) -> None:
        if not allowed:
            raise PermissionError
        given_away.append((what if isinstance(what, Path) else None, uid, gid))

    asker = {"uid": os.geteuid() + 1, "gid": 100}
    given(peers, **asker)
    given(peers, "d/", peers.host.directory / "new" / "d", **asker)
    peers.host.kill()
    monkeypatch.setattr("p2pfs.peer.downloading.trees.os.chown", give)
    peers.peer = peers.start(peers.host)
    monkeypatch.setattr(peers.host.disk, "give", give)
    peers.network.run(0.1)
    file, tree = queue(peers).book
    results = [peers.network.result_of(queue(peers).watch(entry), 90) for entry in (tree, file)]
    assert [bool(result.kept) for result in results] == [not allowed] * 2
    new = peers.host.directory / "new"
    expected = [(new / "d", *asker.values()), (new, *asker.values())] if allowed else []
    assert [one for one in given_away if one[0] is not None] == expected
    assert len(given_away) == len(expected) + 2 * allowed
    for result, line in zip(results, map(answer_of, results), strict=True):
        assert bool(result.kept) == any("may not give files to others" in one for one in line.lines)


@pytest.mark.parametrize("name", ["f", "d/"])
def test_where_a_guest_may_not_write_nothing_is_written(peers: Peers, name: str) -> None:
    """Also when that has changed while the order waited, or the peer was down."""
    queue(peers).book.at_once = 0
    peers.host.directory.chmod(0o755)
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    (folder / "f").write_bytes(CONTENT[:1000])
    peers.network.result_of(publish(peers.source, folder), 10)
    target = peers.host.directory / "copy"
    given(peers, name, target, uid=54321, gid=54321, is_guest=True)
    with log_lines(of="p2pfs.peer.downloading.queue") as lines:
        restart(peers)
        peers.network.run(10)
    assert list(queue(peers).book) == []
    assert any("ended: " in line and " may not " in line for line in lines)
    assert not target.exists()


def test_what_is_cancelled_twice_ends_once(peers: Peers) -> None:
    """By two people, while the drive is slow."""
    queue(peers).book.at_once = 0
    given(peers)
    peers.host.drive.disorder = 3.0
    both = [done(queue(peers).cancel("f")) for _ in range(2)]
    for cancelled in both:
        peers.network.result_of(cancelled, 30)
    peers.network.run(10)
    assert list(queue(peers).book) == []
