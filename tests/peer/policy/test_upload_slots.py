"""Whose turn it is to be sent a chunk, and which one."""

from __future__ import annotations

from collections import Counter

import pytest

from p2pfs.peer.policy.slots import LATE
from p2pfs.peer.policy.upload_slots import (
    AT_ONCE,
    DEPTH,
    LAPSE,
    MOST_SLOTS,
    SLOTS,
)
from p2pfs.peer.policy.waste import ALLOWANCE
from tests.peer.policy.slots_scene import Scene


def test_a_few_at_a_time_each_to_another() -> None:
    """All who ask are not served at the same time; a chunk that is there makes room for one."""
    scene = Scene(12)
    first = scene.offers()
    assert len(first) == SLOTS == len({name for name, _ in first})
    assert scene.offers() == []
    scene.has(*first[0])
    assert len(scene.offers()) == 1


def test_everything_is_given_away_once_before_anything_twice() -> None:
    """A source's line is what a crowd has least of."""
    scene = Scene(8)
    sent = []
    while len(sent) < 40:
        for offer in scene.offers():
            sent.append(offer[1])
            scene.has(*offer)
    assert len(set(sent[:40])) == 40


def test_those_who_come_and_go_get_something_else_each() -> None:
    """What one took away another can have of it, even if nobody seems to have it."""
    scene = Scene(0)
    scene.held = 0b1111
    scene.want("stays", 0b10000)
    given = []
    for number in range(4):
        name = f"passes {number}"
        scene.want(name, 0b1111, room=1)
        given += [chunknum for _, chunknum in scene.offers()]
        scene.turns.forget(name)
    assert sorted(given) == [0, 1, 2, 3]


def test_what_most_want_comes_first() -> None:
    """That is what the fewest have, as far as this peer can know."""
    scene = Scene(SLOTS, chunks=0b11110)
    scene.want("a", 0b11111)
    scene.want("z", 0b00011)
    for name in scene.names:
        scene.turns.has(name, "f", 4, 0.0)
        scene.turns.has(name, "f", 3, 0.0)
        scene.turns.has(name, "f", 2, 0.0)
    assert scene.offers()[0][1] == 1


def test_who_is_alone_has_all_its_room() -> None:
    """Slots are there to take turns; with nobody to take them with, the line must be full."""
    scene = Scene(1, room=SLOTS + 4)
    assert len(scene.offers()) == SLOTS + 4


def test_who_is_alone_is_offered_several_at_once() -> None:
    """One by one they would cost both sides more."""
    scene = Scene(1, room=2 * AT_ONCE)
    first = scene.offers()
    assert len(first) == 2 * AT_ONCE
    scene.has(*first[0])
    assert scene.offers() == []
    scene.has(*first[1])
    assert len(scene.offers()) == 2


def test_only_what_is_held_is_offered_and_more_once_there_is_more() -> None:
    """A want list stands until it is fulfilled, whatever this peer has when it comes."""
    scene = Scene(2)
    scene.held = 0
    assert scene.offers() == []
    scene.held = 0b100
    scene.turns.more()
    assert sorted(scene.offers()) == [("a", 2), ("b", 2)]


def test_a_declined_offer_goes_to_another() -> None:
    """Who has the chunk from elsewhere gives the slot back at once, and is not offered it again."""
    scene = Scene(2, chunks=0b1)
    offered = scene.offers()
    assert len(offered) == 2
    scene.has("a", 0, asked=False)
    assert scene.offers() == []


def test_a_chunk_that_is_wanted_again_is_offered_again() -> None:
    """A want list that is told anew replaces the old one, but for what is under way."""
    scene = Scene(1, chunks=0b1)
    assert scene.offers() == [("a", 0)]
    scene.want("a", 0b1)
    assert scene.offers() == []
    scene.turns.failed("a", "f", 0)
    scene.want("a", 0b1)
    assert scene.offers() == [("a", 0)]


def test_receivers_that_never_say_what_they_have_do_not_hold_the_slots() -> None:
    """Hostile, or slow: others have their turn after a while, and they have no second one."""
    scene = Scene(SLOTS)
    held_up = {name for name, _ in scene.offers()}
    scene.want("z")
    assert scene.offers() == []
    scene.now = LAPSE + 0.1
    assert {name for name, _ in scene.offers()} == {"z"}
    assert len(held_up) == SLOTS


def test_a_slot_much_later_than_usual_is_not_waited_for() -> None:
    """Its receiver is the bottleneck; this peer's line would be idle."""
    scene = Scene(SLOTS + 2)
    first = scene.offers()
    for name, chunknum in first:
        scene.turns.asked(name, "f", chunknum)
    scene.now = 2.0
    scene.has(*first[0])
    ((name, chunknum),) = scene.offers()
    scene.turns.asked(name, "f", chunknum)
    scene.now = 2.0 * LATE - 0.1
    assert scene.offers() == []
    scene.now = 2.0 * LATE + 0.1
    assert scene.offers()


def test_the_line_goes_on_when_all_of_a_chunk_has_been_sent() -> None:
    """Its receiver says that it has it one way later; until then others are served."""
    scene = Scene(SLOTS + 2)
    first = scene.offers()
    scene.turns.asked(first[0][0], "f", first[0][1])
    assert scene.turns.sent(first[0][0], "f", first[0][1], 0.0)
    assert not scene.turns.sent("nobody", "f", 0, 0.0)
    (further,) = scene.offers()
    assert further[0] not in [name for name, _ in first]


def test_what_was_sent_is_not_waited_for_without_end() -> None:
    """However much the system takes at once: only so many receivers lack the end of a chunk."""
    scene = Scene(4 * SLOTS)
    lacking = set()
    for _ in range(4 * SLOTS):
        for name, chunknum in scene.offers():
            scene.turns.sent(name, "f", chunknum, 0.0)
            lacking.add(name)
    assert len(lacking) == MOST_SLOTS


def test_the_next_chunk_is_agreed_on_while_the_last_one_comes() -> None:
    """Between two receivers the line would be idle for a round trip after each chunk."""
    scene = Scene(2)
    scene.want("c", 0)
    first = scene.offers()
    assert len(first) == 2, "one each, as long as others are there"
    for name, chunknum in first:
        scene.turns.sent(name, "f", chunknum, 0.0)
    second = scene.offers()
    assert sorted(name for name, _ in second) == ["a", "b"]
    for name, chunknum in second:
        scene.turns.sent(name, "f", chunknum, 0.0)
    assert scene.offers() == [], f"no more than {DEPTH} each"


def test_who_has_enough_on_its_way_is_left_in_peace() -> None:
    """The chunk goes to another, is wanted as before, and counts as never offered."""
    scene = Scene(SLOTS + 1, chunks=0b1)
    (name, chunknum), *others = scene.offers()
    assert scene.turns.busy(name, "f", chunknum, 0.0)
    assert not scene.turns.busy(name, "f", chunknum, 0.0), "that was no offer any more"
    ((instead, _),) = scene.offers()
    assert instead not in [name, *[other for other, _ in others]]
    scene.has(instead, 0)
    assert scene.offers() == []
    assert scene.turns.ready(name, "f")
    assert not scene.turns.ready(name, "f")
    assert scene.offers() == [(name, 0)]


def test_a_line_with_nothing_to_do_says_so_to_those_who_have_enough() -> None:
    """Rather than to be idle it is offered to who has declined; and that one is told why."""
    scene = Scene(2, chunks=0b111)
    for name, chunknum in scene.offers():
        scene.turns.busy(name, "f", chunknum, 0.0)
    (turn,) = scene.made()
    assert turn.spare
    scene.turns.ready("a", "f")
    scene.turns.ready("b", "f")
    (other,) = scene.made()
    assert not other.spare
    assert other.want_list.receiver != turn.want_list.receiver


def test_a_chunk_that_is_there_makes_its_receiver_willing() -> None:
    """It has room for the next one then, without a word."""
    scene = Scene(2)
    first = scene.offers()
    name, chunknum = first[0]
    scene.turns.sent(name, "f", chunknum, 0.0)
    ((again, further),) = scene.offers()
    assert again == name
    scene.turns.busy(name, "f", further, 0.0)
    assert scene.offers() == []
    scene.has(name, chunknum)
    assert [willing for willing, _ in scene.offers()] == [name]


def test_a_slot_that_was_given_back_is_a_new_one_the_next_time() -> None:
    """Whatever a receiver says of a chunk that went out: sent again, it takes the line again."""
    scene = Scene(SLOTS + 1, chunks=0b1)
    first = scene.offers()
    name, chunknum = first[0]
    scene.turns.sent(name, "f", chunknum, 0.0)
    scene.turns.busy(name, "f", chunknum, 0.0)
    for other, _ in first[1:]:
        scene.has(other, chunknum)
    others = dict(scene.offers())
    scene.turns.ready(name, "f")
    assert scene.offers() == [(name, 0)]
    scene.want("x", 0b10)
    scene.want("y", 0b10)
    assert len(scene.offers()) == SLOTS - len(others) - 1


def test_an_offer_that_was_put_off_was_none() -> None:
    """The chunk is still one that this peer has given to nobody, and comes before others."""
    scene = Scene(1, chunks=0b01)
    scene.want("b", 0b10)
    assert sorted(scene.offers()) == [("a", 0), ("b", 1)]
    scene.turns.busy("a", "f", 0, 0.0)
    scene.has("b", 1)
    for number in range(SLOTS):
        scene.want(f"wants the other one {number}", 0b10, room=0)
    scene.want("c", 0b11, room=1)
    scene.want("d", 0b10, room=0)
    scene.turns.forget("a")
    scene.want("a", 0b10, room=1)
    assert ("c", 0) in scene.offers()


def test_a_receiver_that_is_gone_leaves_its_slots() -> None:
    """A connection that ends holds nothing up, and nothing of it is kept."""
    scene = Scene(SLOTS)
    scene.offers()
    scene.want("z")
    assert scene.offers() == []
    scene.turns.forget("a")
    assert [name for name, _ in scene.offers()] == ["z"]
    for name in [*scene.names, "z"]:
        scene.turns.forget(name)
    assert scene.turns.idle


def test_who_wants_nothing_any_more_is_offered_nothing() -> None:
    """A download that ended does not hold a turn."""
    scene = Scene(2)
    scene.want("a", 0)
    assert {name for name, _ in scene.offers()} == {"b"}


def test_a_download_that_is_begun_again_has_its_room() -> None:
    """What was under way when it was broken off takes no place of the next one."""
    scene = Scene(1, room=4)
    before = scene.offers()
    for _, chunknum in before[:3]:
        scene.turns.asked("a", "f", chunknum)
    scene.turns.sent("a", "f", before[0][1], scene.now)
    scene.want("a", 0)
    scene.want("a", room=4)
    again = scene.offers()
    assert len(again) == len(before) == 4
    # Those that were asked for before are sent all the same, and may be offered again.
    scene.turns.sent("a", "f", before[1][1], scene.now)
    for offer in again:
        scene.has(*offer)
    assert len(scene.offers()) == 4


def test_offers_to_who_wants_nothing_any_more_go_to_others() -> None:
    """At once, and not when they would have been late."""
    scene = Scene(SLOTS)
    scene.offers()
    scene.want("z")
    assert scene.offers() == []
    scene.want("a", 0)
    assert [name for name, _ in scene.offers()] == ["z"]


def test_who_ends_want_lists_in_a_loop_has_to_rest() -> None:
    """An offer that is not wanted any more counts like one that is declined."""
    scene = Scene(1, room=1)
    made = 0
    while scene.offers() and made < 10 * ALLOWANCE:
        made += 1
        scene.want("a", 0)
        scene.want("a", room=1)
    assert made == ALLOWANCE + 1


@pytest.mark.parametrize("chunknum", [-1, 40, 1 << 80])
def test_a_hint_outside_the_file_means_nothing(chunknum: int) -> None:
    """Whatever number comes, what is wanted stays as it was, and nothing huge is computed."""
    scene = Scene(1, room=1)
    scene.turns.has("a", "f", chunknum, 0.0)
    scene.turns.has("nobody", "f", chunknum, 0.0)
    assert Counter(name for name, _ in scene.offers()) == {"a": 1}


@pytest.mark.parametrize("is_gone", [False, True])
def test_while_nobody_wants_anything_nothing_is_under_way(is_gone: bool) -> None:
    """So nothing can become late then, and nobody needs to look."""
    scene = Scene(2)
    for name, chunknum in scene.offers()[:2]:
        scene.turns.asked(name, "f", chunknum)
    for name in scene.names:
        assert not scene.turns.idle
        assert scene.turns.next_look(0.0) is not None
        if is_gone:
            scene.turns.forget(name)
        else:
            scene.want(name, 0)
    assert scene.turns.idle
    assert scene.turns.next_look(0.0) is None
