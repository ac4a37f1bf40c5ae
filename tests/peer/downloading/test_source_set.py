"""Whom a download knows: full lists of holders, and selections."""

from __future__ import annotations

import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.peer.downloading.locator import EARLIEST_REFRESH
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.peer.downloading.source_set import KNOWN_PER_CONNECTION
from tests.peer.download_scene import Scenes, address


def test_a_full_list_replaces_what_was_known(scene: Scenes) -> None:
    """Who is not named any more is forgotten."""
    one = scene()
    one.start(address(1), address(2))
    one.tell(one.named(address(3)))
    assert one.known == {address(3)}


def test_a_selection_adds_to_what_was_known(scene: Scenes) -> None:
    """Who is not named may hold its chunks all the same; who is named holds what is said."""
    one = scene()
    one.start(address(1), address(2), holders=500)
    one.tell(one.named(address(2), address(3), holders=500, chunks=ChunkSet(4, 1)))
    assert one.known == {address(1), address(2), address(3)}
    holds = {source.address: source.holds for source in one.download.explain().sources}
    assert holds == {address(1): 4, address(2): 1, address(3): 1}


def test_what_is_known_of_selections_is_bounded(scene: Scenes) -> None:
    """Connected sources stay, and those named just now; those named longest ago go first."""
    one = scene(max_sources=1, silence=600.0, no_source=600.0)
    one.reachable = {address(0)}
    one.proven(address(0))
    one.start(address(0), holders=500)
    for number in range(1, 12):
        one.tell(one.named(address(number), holders=500))
    assert len(one.known) == KNOWN_PER_CONNECTION
    assert one.known == {address(n) for n in (0, 9, 10, 11)}
    one.tell(one.named(*map(address, range(20, 30)), holders=500))
    assert one.known == {address(0), *map(address, range(20, 30))}


def test_sources_that_failed_are_forgotten_first(scene: Scenes) -> None:
    """Before others that were named longer ago, but may be good."""
    one = scene(max_sources=2)
    one.reachable = {address(0), address(2)}
    one.proven(address(0), address(2))
    one.start(address(0), holders=500)
    for names in ([1], [2], [3], [1], range(4, 9)):
        one.tell(one.named(*map(address, names), holders=500))
    assert one.known == set(map(address, [0, 2, *range(3, 9)]))


def test_too_small_a_selection_is_asked_for_again_soon(scene: Scenes) -> None:
    """With fewer sources than could be used; not when they suffice, nor after a full list."""
    intervals = []
    for names, holders in ((1, 500), (1, None), (4, 500)):
        one = scene(refresh=10.0, no_source=600.0, silence=600.0)
        one.reachable = {address(n) for n in range(4)}
        one.start()
        one.run(50.0)
        one.tell(one.named(*map(address, range(names)), holders=holders))
        asked, told = len(one.asked), one.clock.seconds()
        one.run(lambda one=one, asked=asked: len(one.asked) > asked)
        intervals.append(one.asked[-1] - told)
    assert intervals == pytest.approx([EARLIEST_REFRESH, 10.0, 10.0], abs=2 * HEARTBEAT)


def test_newcomers_are_met_before_they_have_anything(scene: Scenes) -> None:
    """Who begins at the same time is connected to, but not at the cost of who has something."""
    one = scene(max_sources=4)
    names = [address(number) for number in range(8)]
    one.reachable = one.take_turns = set(names)
    one.start()
    one.tell(one.named(*names, chunks=ChunkSet(4)))
    assert len(one.sources) == 3, "one in four connections is kept for those with chunks"
    one.tell(one.named(address(9), *names, chunks=ChunkSet(4)))
    one.reachable.add(address(20))
    one.tell(one.named(address(20)))
    assert address(20) in one.sources


def test_who_has_much_meets_no_newcomers(scene: Scenes) -> None:
    """They have nothing for it for long."""
    one = scene(max_sources=4)
    one.holding.chunks.bits = 0b0111
    one.reachable = {address(1)}
    one.start()
    one.tell(one.named(address(1), chunks=ChunkSet(4)))
    assert not one.sources


def test_the_tracker_is_asked_seldom_while_sources_deliver(scene: Scenes) -> None:
    """What is new is learned from peers then; when nothing comes any more, it is asked again."""
    asked = []
    for delivers in (True, False):
        one = scene(refresh=2.0, silence=600.0, no_source=600.0)
        one.reachable = one.take_turns = {address(1)}
        one.start(address(1))
        one.run(20.0)
        one.tell(one.named(address(1)))
        before = len(one.asked)
        source = one.source(address(1))
        for _ in range(45):
            if delivers:
                source.delivered(one.clock.seconds())
            one.run(0.2)
        asked.append(len(one.asked) - before)
    assert asked == [0, 4]


def test_who_failed_is_no_helper_until_it_delivers(scene: Scenes) -> None:
    """So that chunks are not passed to and fro between sources that are all slow."""
    one = scene()
    one.reachable = {address(1), address(2)}
    one.start(address(1), address(2))
    source_set = one.download._source_set
    first, second = map(one.source, (address(1), address(2)))
    assert source_set.helpers() == {first, second}

    def drip() -> bool:
        transport = one.sources[address(2)]
        if not transport.aborted:
            transport.deliver(b" " * 20)
        return one.clock.seconds() > 12.0

    one.run(drip)
    assert len(source_set.connected) == 2
    assert source_set.helpers() == {second}
