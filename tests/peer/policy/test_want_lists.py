"""What receivers want, by host, by receiver and by file."""

from __future__ import annotations

from random import Random

from p2pfs.peer.policy.want_lists import (
    LOOKED_AT,
    MOST_WANT_LISTS,
    ROOM,
    WISHES_OF_HOST,
    WantList,
    WantLists,
)


def lists() -> WantLists[str]:
    """Want lists of receivers whose host is their name up to a dot."""
    return WantLists(lambda name: name.partition(".")[0])


def want(wants: WantLists[str], receiver: str, chunks: int, filename: str = "f") -> WantList[str]:
    """A receiver wants chunks (bits) of a file."""
    want_list = wants.get_or_add(receiver, filename, None)
    assert want_list is not None
    want_list.chunks = chunks
    wants.may_hope(receiver)
    return want_list


def test_one_receiver_may_not_fill_the_memory() -> None:
    """Want lists are kept for so many files of one receiver, and no more."""
    wants = lists()
    told = [wants.get_or_add("a", f"f{number}", None) for number in range(MOST_WANT_LISTS + 1)]
    assert [want_list is not None for want_list in told] == [True] * MOST_WANT_LISTS + [False]
    assert wants.get_or_add("b", "f", None) is not None
    wants.remove("a", "f0")
    assert wants.get_or_add("a", "f", None) is not None


def test_one_host_may_not_fill_the_memory() -> None:
    """It may want much as long as there is room; others want theirs all the same."""
    wants = lists()

    def want_all(receiver: str) -> int:
        names = [f"f{number}" for number in range(MOST_WANT_LISTS)]
        return sum(wants.get_or_add(receiver, name, None) is not None for name in names)

    assert sum(want_all(f"greedy.{number}") for number in range(200)) == ROOM
    assert want_all("other.0") == MOST_WANT_LISTS
    more = sum(want_all(f"other.{number}") for number in range(1, 50))
    assert more == WISHES_OF_HOST - MOST_WANT_LISTS


def test_who_is_gone_leaves_nothing() -> None:
    """Else everybody who ever came would be remembered."""
    wants = lists()
    want(wants, "a.1", 1)
    want(wants, "a.2", 1, "g")
    wants.forget("a.1")
    wants.forget("a.2")
    assert (wants.receivers, wants.hosts, wants.of("a.1"), wants.get("a.2", "g")) == (
        0,
        [],
        [],
        None,
    )


def test_who_has_no_chance_is_not_looked_at_before_it_may_hope() -> None:
    """A look costs time for each, and most have none at most times."""
    wants, looked = lists(), list[str]()
    one = want(wants, "a.1", 0b01)
    want(wants, "a.2", 0b10)

    def held(want_list: WantList[str]) -> int:
        looked.append(want_list.receiver)
        return want_list.chunks & 0b01

    assert wants.chances("a", held) == [(one, 0b01)]
    assert looked == ["a.1", "a.2"]
    wants.chances("a", held)
    assert looked.pop() == "a.1"
    wants.all_may_hope()
    wants.chances("a", held)
    assert looked[-2:] == ["a.1", "a.2"]


def test_of_many_those_come_last_who_were_looked_at() -> None:
    """However many a host has, a look takes no longer, and each has its turn."""
    wants = lists()
    names = [f"a.{number}" for number in range(3 * LOOKED_AT)]
    for name in names:
        want(wants, name, 1)
    seen = []
    for _ in range(3):
        found = wants.chances("a", lambda want_list: want_list.chunks)
        assert len(found) == LOOKED_AT
        seen += [want_list.receiver for want_list, _ in found]
    assert seen == names


def test_what_was_offered_least_and_is_wanted_most_is_chosen() -> None:
    """An offer that was taken back counts as none."""
    wants = lists()
    for number, chunks in enumerate((0b111, 0b110, 0b110)):
        want(wants, f"h{number}", chunks)
    first = want(wants, "h3", 0b110)
    wants.note_offer(first, 1)
    assert first.chunks == 0b100
    assert wants.choose("f", 0b111, Random(1)) == 2
    wants.note_offer(first, 2)
    assert wants.choose("f", 0b111, Random(1)) == 0
    wants.take_back_offer("f", 1)
    assert wants.choose("f", 0b111, Random(1)) == 1
    wants.take_back_offer("unknown", 1)
