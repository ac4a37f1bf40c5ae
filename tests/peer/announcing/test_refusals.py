"""Shares that the tracker refuses, as another content has their name, are offered again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet
from p2pfs.errors import Refused
from p2pfs.peer.announcing.refusals import FIRST_PAUSE, LONGEST_PAUSE, MOST_AT_A_TIME, Refusals
from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, publish
from p2pfs.tracker.service import TrackerService
from tests.conftest import LoggedFailures
from tests.peer.holdings import described


class Rivals:
    """A peer that shares a file, and another that published another content meanwhile."""

    def __init__(self, network: Network) -> None:
        self.network = network
        swarm = Swarm(network)
        tracker = network.add_host("tracker")
        self.tracker: TrackerService = swarm.start_tracker(tracker)
        host, other = network.add_host("holder"), network.add_host("rival")
        self.holder = swarm.start_peer(host, tracker)
        self.rival = swarm.start_peer(other, tracker)
        network.run(1)
        self.publish(self.holder, b"content")
        network.result_of(swarm.stop(host), 10)
        network.run(1)
        self.publish(self.rival, b"another content")
        self.holder = swarm.start_peer(host, tracker)
        network.run(5)
        assert self.refusal.startswith("Another content is listed")

    def publish(self, peer: PeerService, content: bytes) -> None:
        path = peer.state.parent / "f"
        path.write_bytes(content)
        self.network.result_of(publish(peer, path), 10)

    @property
    def refusal(self) -> str:
        return self.holder.peer.library["f"].refusal

    @property
    def is_listed(self) -> bool:
        directory = self.tracker.tracker.directory
        return "f" in directory and directory["f"].info == self.holder.peer.library["f"].info


@pytest.fixture
def rivals(network: Network) -> Rivals:
    """See there."""
    return Rivals(network)


@pytest.mark.parametrize(("away_for", "within"), [(10, 31), (4000, 301)])
def test_a_share_is_listed_once_the_name_is_free(
    rivals: Rivals, away_for: float, within: float
) -> None:
    """By itself: soon if that is soon, and within 5 minutes however long it was."""
    network = rivals.network
    network.run(away_for)
    network.result_of(Deferred.fromCoroutine(rivals.rival.peer.publisher.unpublish("f")), 10)
    assert network.run(within, lambda: rivals.is_listed)
    network.run(1)
    assert rivals.refusal == ""


def test_what_stays_refused_is_offered_seldom(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pauses that grow to 5 minutes."""
    offered: list[float] = []
    really = TrackerClient.publish

    def count(client: TrackerClient, *args: object) -> Deferred[None]:
        offered.append(rivals.network.timeline.now)
        return really(client, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(TrackerClient, "publish", count)
    rivals.network.run(1500)
    pauses = [after - before for before, after in pairwise(offered)]
    assert [round(pause) for pause in pauses] == [60, 120, 240, 300, 300, 300]


class Alone:
    """Refusals by themselves, of shares that are offered to nobody; the test answers."""

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        library = Library()
        self.offered: list[str] = []
        self.broken = ""
        """The share whose refusal comes to a defect."""
        self.answers: list[Deferred[None]] = []
        self.refusals = Refusals(self.clock, library, self.announce)
        for number in range(count):
            name = f"f{number}"
            info, hashes = described(b"", 1)
            library.add(Holding(name, info, hashes, ChunkSet(0), Path("/nowhere", name)))
        self.library = library
        for holding in library:
            self.refusals.refused(holding, "no")

    def announce(self, holding: Holding) -> Deferred[None]:
        self.offered.append(holding.name)
        answer: Deferred[None] = Deferred()
        answer.addErrback(self._refused, holding)
        self.answers.append(answer)
        return answer

    def _refused(self, failure: Failure, holding: Holding) -> Failure:
        if holding.name == self.broken:
            raise ZeroDivisionError
        self.refusals.refused(holding, str(failure.value))
        return failure

    def refuse_all(self) -> None:
        """Answer what was offered, as the tracker did before."""
        answers, self.answers = self.answers, []
        for answer in answers:
            answer.errback(Refused("no"))


def test_a_hundred_are_offered_at_a_time_and_all_have_their_turn() -> None:
    """Thousands of refused shares are no burden to the tracker; who waited longest comes first."""
    alone = Alone(150)
    alone.clock.advance(FIRST_PAUSE)
    assert alone.offered == [f"f{number}" for number in range(MOST_AT_A_TIME)]
    alone.refuse_all()
    alone.offered.clear()
    alone.clock.advance(2 * FIRST_PAUSE)
    assert alone.offered[:50] == [f"f{number}" for number in range(100, 150)]
    assert len(alone.offered) == MOST_AT_A_TIME
    alone.refusals.forget()
    alone.refuse_all()
    alone.refusals.forget()
    assert not alone.clock.getDelayedCalls()


def test_what_was_refused_last_comes_last() -> None:
    """Also when it was offered out of turn, as by a user who published it again."""
    alone = Alone(3)
    alone.refusals.refused(alone.library["f0"], "no")
    alone.clock.advance(FIRST_PAUSE)
    assert alone.offered == ["f1", "f2", "f0"]
    alone.refuse_all()
    alone.refusals.forget()


def test_the_next_offer_waits_for_the_answers() -> None:
    """A tracker that does not answer is not asked again meanwhile."""
    alone = Alone(1)
    alone.clock.advance(FIRST_PAUSE)
    alone.clock.advance(100 * LONGEST_PAUSE)
    assert len(alone.offered) == 1
    assert not alone.clock.getDelayedCalls()
    alone.refuse_all()
    alone.clock.advance(2 * FIRST_PAUSE)
    assert len(alone.offered) == 2
    alone.refuse_all()
    alone.refusals.forget()


def test_what_is_listed_or_held_no_more_is_not_offered() -> None:
    """And when nothing is left, nothing is waited for."""
    alone = Alone(2)
    alone.refusals.listed(alone.library["f0"])
    assert alone.library["f0"].refusal == ""
    assert alone.library["f1"].refusal == "no"
    alone.library.discard(alone.library["f1"])
    alone.clock.advance(FIRST_PAUSE)
    assert alone.offered == []
    assert not alone.clock.getDelayedCalls()


def test_a_defect_is_logged_and_the_others_go_on(logged_failures: LoggedFailures) -> None:
    """What was refused as ever is offered again."""
    alone = Alone(2)
    alone.clock.advance(FIRST_PAUSE)
    alone.broken = "f0"
    alone.refuse_all()
    assert len(logged_failures.flush()) == 1
    alone.clock.advance(2 * FIRST_PAUSE)
    assert alone.offered[2:] == ["f1"]
    alone.refuse_all()
    alone.refusals.forget()
