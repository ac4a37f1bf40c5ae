"""From how many sources a peer takes chunks at the same time."""

from __future__ import annotations

from p2pfs.peer.policy.intake import NEARLY, SOURCES, Intake
from p2pfs.peer.policy.slots import LATE, LONGEST, SOONEST_LATE


class Scene:
    """Sources that send a chunk each."""

    def __init__(self, sources: int) -> None:
        self.intake = Intake()
        self.missing = dict.fromkeys(range(sources), 1.0)
        for source in self.missing:
            self.intake.begin(source, 0, lambda source=source: self.missing[source], 0.0)  # type: ignore[misc]  # a default is how a lambda keeps a loop's value


def test_a_few_may_send_and_those_may_go_on() -> None:
    """The next chunk of one that sends comes behind the present one, and takes no room."""
    scene = Scene(SOURCES)
    assert not scene.intake.has_room(0.0)
    assert not scene.intake.has_room(0.0, "another")
    assert scene.intake.has_room(0.0, 0)


def test_a_chunk_that_came_or_failed_makes_room() -> None:
    """Either way nothing more comes of it."""
    for end in (lambda i: i.end(0, 0, 1.0), lambda i: i.drop(0, 0)):
        scene = Scene(SOURCES)
        end(scene.intake)
        assert scene.intake.has_room(1.0)


def test_a_chunk_that_is_nearly_there_makes_room() -> None:
    """So that the line is not idle until the next one comes."""
    scene = Scene(SOURCES)
    scene.missing[1] = NEARLY
    assert scene.intake.has_room(0.0)


def test_who_is_late_holds_up_nobody() -> None:
    """Its line is the bottleneck, not this one."""
    scene = Scene(SOURCES + 1)
    scene.missing.update(dict.fromkeys(scene.missing, NEARLY + 0.01))
    assert not scene.intake.has_room(LONGEST * 0.7)
    assert scene.intake.has_room(LONGEST)
    scene.intake.end(SOURCES, 0, 2.0)
    assert not scene.intake.has_room(2.0 * LATE - 0.1)
    assert scene.intake.has_room(2.0 * LATE)


def test_who_sends_as_good_as_nothing_takes_no_place() -> None:
    """After a second, or the usual time, enough must have come for the rest to be in time."""
    scene = Scene(SOURCES)
    assert not scene.intake.has_room(SOONEST_LATE)
    assert scene.intake.has_room(SOONEST_LATE + 0.1)
    scene.missing.update(dict.fromkeys(scene.missing, 0.9))
    assert not scene.intake.has_room(SOONEST_LATE + 0.1 * LONGEST - 0.1)
    assert scene.intake.has_room(SOONEST_LATE + 0.1 * LONGEST + 0.1)


def test_it_is_several_when_two_sources_have_been_asked() -> None:
    """Two chunks of one are not: nobody else's packets are in their way."""
    scene = Scene(1)
    scene.intake.begin(0, 1, lambda: 1.0, 0.0)
    assert not scene.intake.several
    scene.intake.begin("another", 2, lambda: 1.0, 0.0)
    assert scene.intake.several
    scene.intake.drop("another", 2)
    assert not scene.intake.several
