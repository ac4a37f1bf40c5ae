"""Turns are hosts', however many connections they have."""

from __future__ import annotations

import pytest

from p2pfs.peer.policy.slots import SOONEST_LATE
from p2pfs.peer.policy.upload_slots import (
    LAPSE,
    SLOTS,
)
from p2pfs.peer.policy.waste import ALLOWANCE, FIRST_REST
from tests.peer.policy.slots_scene import Scene


def test_a_host_has_one_slot_while_another_waits() -> None:
    """However many its connections are; those of a host that is alone have all slots."""
    scene = Scene(0)
    for number in range(20):
        scene.want(f"many.{number}")
    alone = scene.offers()
    assert len(alone) == SLOTS
    scene.want("other")
    assert [name for name, _ in scene.offers()] == ["other"], "it is not kept out by these"
    for offer in alone:
        scene.has(*offer)
    assert len(scene.offers()) == 1


def test_a_host_of_which_another_was_offered_something_is_not_offered_more() -> None:
    """A second connection is no second share."""
    scene = Scene(1)
    scene.want("many.1")
    scene.want("many.2")
    assert sorted(name.partition(".")[0] for name, _ in scene.offers()) == ["a", "many"]


def test_an_offer_that_is_not_answered_lapses_soon() -> None:
    """It is only an offer; and who made nothing of it rests, so another has the slot."""
    scene = Scene(SLOTS)
    ignored = scene.offers()
    scene.want("z")
    scene.now = LAPSE - 0.01
    assert scene.offers() == []
    scene.now = LAPSE
    assert {name for name, _ in scene.offers()} == {"z"}
    assert all(scene.turns.rest(name, scene.now) > 0 for name, _ in ignored)


def test_an_offer_behind_a_payload_has_its_time() -> None:
    """The word on it cannot come before what is being sent is there."""
    scene = Scene(1, room=2, chunks=0b11)
    first, _ = scene.offers()
    scene.turns.asked(first[0], "f", first[1])
    scene.now = 5.0
    scene.want("z", 0)
    assert scene.offers() == []
    assert scene.turns.rest("a", scene.now) == 0
    scene.has(*first, asked=False)
    scene.now += LAPSE
    assert scene.offers() == []
    assert scene.turns.rest("a", scene.now) > 0


def test_what_was_sent_but_never_arrives_is_a_turn_that_was_wasted() -> None:
    """Whoever asks for chunks and never says that they are there, has soon enough of them."""
    scene = Scene(1)
    scene.want("b", 0b1 << 30)
    for name, chunknum in scene.offers():
        scene.turns.asked(name, "f", chunknum)
        scene.turns.sent(name, "f", chunknum, 0.0)
    scene.now = SOONEST_LATE
    scene.offers()
    assert scene.turns.rest("a", scene.now) > 0


@pytest.mark.parametrize("how", ["declines", "puts off"])
def test_offers_in_a_loop_come_to_an_end(how: str) -> None:
    """A host that makes nothing of any offer is offered less and less, whoever else is there."""
    scene = Scene(2, chunks=0b1)
    made = 0
    for _ in range(10_000):
        for name, chunknum in scene.offers():
            made += 1
            if how == "declines":
                scene.has(name, chunknum, asked=False)
                scene.want(name, 0b1)
            else:
                scene.turns.busy(name, "f", chunknum, scene.now)
                scene.turns.ready(name, "f")
        scene.now += 0.001
    assert made <= 2 * (ALLOWANCE + 8)


@pytest.mark.parametrize("greedy", [50, 200])
def test_those_who_delivered_have_their_slots_while_others_waste_theirs(greedy: int) -> None:
    """It takes them no longer, however many these are, and whatever they say that they lack."""
    scene = Scene(1)
    got = scene.offers()
    for name, chunknum in got:
        scene.has(name, chunknum)
    for number in range(greedy):
        scene.want(f"greedy {number}")
    while len(got) < 40:
        for name, chunknum in scene.offers():
            if name == "a":
                scene.has(name, chunknum)
                got.append((name, chunknum))
        scene.now += 0.1
        assert scene.now < 6


def test_a_host_that_rests_is_looked_at_in_time() -> None:
    """With nobody else there, nothing would ever happen again."""
    scene = Scene(1, chunks=0b1)
    for _ in range(ALLOWANCE + 1):
        ((name, chunknum),) = scene.offers()
        scene.has(name, chunknum, asked=False)
        scene.want(name, 0b1)
    assert scene.offers() == []
    wait = scene.turns.next_look(scene.now)
    assert wait == FIRST_REST
    scene.now += wait
    assert len(scene.offers()) == 1
