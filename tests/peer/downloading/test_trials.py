"""What speaks for the sources of a download, and how their trials go."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet
from p2pfs.peer.downloading import DownloadContext
from p2pfs.peer.downloading.trials import Trials
from p2pfs.peer.policy import Picker, Standing
from p2pfs.peer.policy.trial import CONNECTING, FIRST
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, Source, SourceConnection
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

ELSE: Any = None
"""What trials have nothing to do with."""


class Judged:
    """Sources with a connection each, and what is thought of them."""

    def __init__(self) -> None:
        self.clock = InlineReactor()
        self.context = DownloadContext(
            self.clock, Random(1), Patience(), 4, Incoming(), announcer=ELSE, call_backs=ELSE
        )
        self.picker: Picker[Source] = Picker(ChunkSet(4), Random(1))
        self.trials = Trials(self.context, self.picker)
        self.transports: list[MemoryTransport] = []

    def source(self, number: int, chooses: bool = False) -> Source:
        """A source of a host of its own, connected, that holds everything."""
        source = Source(Address(f"10.0.0.{number}", 1))
        source.connection = SourceConnection(
            self.clock, source.address, self.context.patience, self.context.incoming
        )
        self.transports.append(MemoryTransport(source.connection, self.clock))
        self.picker.set_chunks(source, 0b1111)
        self.picker.set_ready(source, 0.0, chooses, host=source.host)
        return source


@pytest.fixture
def judged() -> Iterator[Judged]:
    """Nobody has delivered anything yet."""
    judged = Judged()
    yield judged
    for transport in judged.transports:
        transport.hang_up()
    judged.clock.advance(0)


def test_who_has_brought_nothing_in_its_time_is_on_trial_in_vain(judged: Judged) -> None:
    """And one that delivered before has longer."""
    fresh, proven = judged.source(1), judged.source(2)
    judged.context.experience.delivered(proven.address)
    for source in (fresh, proven):
        source.trial.asked(1000, 0.0, 0)
    in_vain = [
        [judged.trials.in_vain(source, now) for source in (fresh, proven)]
        for now in (FIRST - 0.1, FIRST, 2 * FIRST)
    ]
    assert in_vain == [[False, False], [True, False], [True, True]]


def test_who_delivered_is_on_trial_only_with_what_was_asked_of_it(judged: Judged) -> None:
    """It has what it could offer still when it is its turn."""
    fresh, proven = judged.source(1), judged.source(2)
    judged.context.experience.delivered(proven.address)
    for source in (fresh, proven):
        source.trial.begin(0.0, 0)
    assert [judged.trials.in_vain(source, 100.0) for source in (fresh, proven)] == [True, False]


def test_an_attempt_at_a_connection_is_a_trial(judged: Judged) -> None:
    """Of a path that is not known yet."""
    source = Source(Address("10.0.0.1", 1), attempt=ELSE, attempt_at=5.0)
    source.attempt = object()  # type: ignore[assignment]  # only whether there is one counts
    assert not judged.trials.in_vain(source, 5.0 + CONNECTING - 0.1)
    assert judged.trials.in_vain(source, 5.0 + CONNECTING)


def test_who_is_read_no_further_is_not_in_vain(judged: Judged) -> None:
    """It is this side's disk that it waits for."""
    source = judged.source(1)
    source.trial.asked(1000, 0.0, 0)
    assert source.connection is not None
    source.connection.hold_input()
    assert not judged.trials.in_vain(source, 100.0)
    source.connection.release_input()
    assert judged.trials.in_vain(source, 100.0)


def test_standing_follows_what_is_known(judged: Judged) -> None:
    """Who delivers comes first, who came to nothing last, and its host with it."""
    proven, chooser, fresh, failed = (judged.source(n, chooses=n == 2) for n in (1, 2, 3, 4))
    judged.context.experience.delivered(proven.address)
    judged.context.experience.set_back(failed.address, 0.0)
    standings = [judged.trials.standing(s, 0.0) for s in (proven, chooser, fresh, failed)]
    assert standings == [
        Standing.PROVEN,
        Standing.FRESH,
        Standing.FRESH_TO_ASK,
        Standing.DOUBTFUL,
    ]
    neighbour = Source(Address(failed.host, 2))
    assert judged.trials.standing(neighbour, 0.0) is Standing.DOUBTFUL


def test_only_who_would_be_asked_first_stands_in(judged: Judged) -> None:
    """Else a chunk would be taken from a source to be asked of it again."""
    held_up, fresh, failed, in_vain = map(judged.source, (1, 2, 3, 4))
    failed.failures = 1
    in_vain.trial.asked(1000, 0.0, 0)
    others = [held_up, fresh, failed, in_vain]
    assert judged.trials.stand_ins(held_up, others, 10.0) == {held_up, fresh}
    judged.context.experience.set_back(fresh.address, 0.0)
    judged.context.experience.set_back(fresh.address, 5.0)
    assert judged.trials.stand_ins(held_up, others, 10.0) == {held_up}


def test_a_claim_says_what_it_does_with_its_place_only_if_it_has_one(judged: Judged) -> None:
    """Who waits for a place is not in vain, whatever it did with the last one."""
    source = judged.source(1)
    source.vouched_for = True
    source.trial.asked(1000, 0.0, 0)
    waiting, placed = judged.trials.claim(source), judged.trials.claim(source, 100.0)
    assert (waiting.in_vain, placed.in_vain, placed.vouched_for) == (False, True, True)
