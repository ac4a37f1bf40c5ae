"""What is sent, until its receiver says that it has it."""

from __future__ import annotations

from pathlib import Path

from p2pfs.peer.rates import Bandwidth, RateLimit
from p2pfs.peer.serving.deliveries import MOST_UNDER_WAY, Deliveries
from tests.peer.holdings import shared
from tests.peer.serving_pair import Serving


def deliveries() -> tuple[Bandwidth, Deliveries, list[str]]:
    """What is sent, on a line that has carried nothing, and whoever is told."""
    told: list[str] = []
    measured = Bandwidth(RateLimit())
    return measured, Deliveries(measured, told.append), told


def test_a_chunk_counts_when_its_receiver_has_it(tmp_path: Path) -> None:
    """Nothing counts that was only begun, or that somebody says to have who was not sent it."""
    measured, sent, told = deliveries()
    held = shared(tmp_path / "f", bytes(10), 1)
    for number in range(100):
        sent.begun("a", held, number % 10, number / 10)
        sent.has("b", "f", number % 10, number / 10)
        sent.has("a", "g", number % 10, number / 10)
    assert told == []
    assert measured.highest is None
    for number in range(100):
        sent.begun("a", held, number % 10, 20 + number / 10)
        sent.has("a", "f", number % 10, 20 + (number + 1) / 10)
    assert told == ["f"] * 100
    assert measured.highest == 10


def test_what_is_remembered_of_deliveries_is_bounded(tmp_path: Path) -> None:
    """By receivers who say nothing, and those who are gone."""
    _, sent, told = deliveries()
    held = shared(tmp_path / "f", bytes(1000), 1)
    for number in range(1000):
        sent.begun("a", held, number, 0.0)
    sent.has("a", "f", 0, 1.0)
    assert told == []  # forgotten
    sent.has("a", "f", 999, 1.0)
    assert told == ["f"]
    assert sum(map(len, sent._under_way.values())) == MOST_UNDER_WAY - 1
    sent.forget("a")
    assert not sent._under_way
    sent.forget("a")


def test_a_connection_that_ends_while_a_file_is_opened_is_not_remembered(tmp_path: Path) -> None:
    """The disk takes its time, and the receiver does not wait."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", bytes(100), 10))
    receiver = serving.connect()
    serving.clock.held = True
    receiver.say(type="PEER_REQUEST_CHUNK", filename="f", chunknum=1, encoding="raw")
    receiver.hang_up()
    serving.clock.release()
    assert not serving.factory.serving._deliveries._under_way


def test_only_who_was_sent_a_chunk_can_find_it_wrong(tmp_path: Path) -> None:
    """Once, and what was wrong has not come."""
    measured, sent, told = deliveries()
    sent.begun("a", shared(tmp_path / "f", bytes(10), 1), 3, 0.0)
    assert not sent.found_wrong("b", "f", 3)
    assert not sent.found_wrong("a", "f", 4)
    assert sent.found_wrong("a", "f", 3)
    assert not sent.found_wrong("a", "f", 3)
    sent.has("a", "f", 3, 1.0)
    assert told == []
    assert measured.estimate is None
