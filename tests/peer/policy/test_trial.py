"""How long a source that has not delivered yet is waited for."""

from __future__ import annotations

import pytest

from p2pfs.peer.policy.trial import CONNECTING, LEAST_PACE, SLOWEST, Trial, patience


@pytest.mark.parametrize(
    ("came", "in_vain"),
    [(0, True), (100, True), (LEAST_PACE + 1, False), (10**6, True)],
    ids=["silence", "dripping", "sending", "padding"],
)
def test_what_comes_must_be_what_was_asked_for(came: int, in_vain: bool) -> None:
    """At a pace that makes sense, and not more than there is."""
    trial = Trial()
    trial.asked(int(LEAST_PACE * SLOWEST), 0.0, 0)
    assert not trial.brings_nothing(0.9, came, 1.0)
    assert trial.brings_nothing(1.0, came, 1.0) == in_vain


def test_a_trial_is_short_at_first() -> None:
    """And longer each time, up to the patience with anybody."""
    assert [patience(0.0, n, 10.0) for n in (0, 1, 2, 9)] == [0.5, 1.0, 2.0, 10.0]


def test_who_is_not_connected_yet_has_the_time_of_connecting() -> None:
    """Its path is not known."""
    assert patience(None, 0, 10.0) == CONNECTING


def test_what_is_not_due_is_not_waited_for() -> None:
    """Who was asked for nothing, and can offer nothing that is wanted, brings nothing rightly."""
    trial = Trial()
    assert not trial.brings_nothing(100.0, 0, 1.0)
    trial.begin(100.0, 0)
    trial.suspend()
    assert not trial.brings_nothing(200.0, 0, 1.0)
    trial.begin(200.0, 0)
    assert trial.brings_nothing(201.0, 0, 1.0)


def test_a_chunk_that_came_ends_the_trial_and_one_that_will_not_begins_it_anew() -> None:
    """What else is due is waited for from then on."""
    trial = Trial()
    trial.asked(1000, 0.0, 0)
    trial.asked(1000, 0.0, 0)
    trial.came(1000, 5.0, 1000)
    assert not trial.brings_nothing(5.9, 1000, 1.0)
    assert trial.brings_nothing(6.0, 1000, 1.0)
    trial.refused(1000, 6.0, 1000)
    assert trial.due == 0
    assert not trial.brings_nothing(6.9, 1000, 1.0)
    trial.came(0, 7.0, 1000)
    assert not trial.brings_nothing(100.0, 1000, 1.0)


def test_time_that_is_forgiven_does_not_count() -> None:
    """This process did not run; nobody can have seen what came."""
    trial = Trial()
    trial.asked(1000, 0.0, 0)
    trial.forgive(50.0, 0)
    assert not trial.brings_nothing(50.9, 0, 1.0)
    assert trial.brings_nothing(51.0, 0, 1.0)


def test_it_sends_when_some_of_what_was_asked_for_has_come() -> None:
    """What came before does not count."""
    trial = Trial()
    assert not trial.sends(500)
    trial.asked(1000, 0.0, 500)
    assert not trial.sends(500)
    assert trial.sends(501)
