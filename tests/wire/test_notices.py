"""The log stays short, whatever other hosts do."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from p2pfs.wire.notices import WINDOW, Notices


class Said:
    """Notices, and the lines they made."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.notices = Notices(self.clock, self.say, **options)

    def say(self, form: str, **values: Any) -> None:
        self.lines.append(form.format(**values))


def test_an_offender_gets_one_line_in_a_while() -> None:
    """The first offence says what it was; later ones are counted, and the count is said."""
    said = Said()
    for _ in range(1001):
        said.notices.note("a", "sends rubbish.")
    said.notices.note("b", "sends rubbish.")
    assert said.lines == ["a: sends rubbish.", "b: sends rubbish."]
    said.clock.advance(WINDOW)
    said.notices.note("a", "is slow.")
    assert said.lines[2:] == ["a: is slow. (1,000 more were not logged before this.)"]
    said.clock.advance(WINDOW)
    said.notices.note("a", "is slow.")
    assert said.lines[3:] == ["a: is slow."]
    assert not said.clock.getDelayedCalls()


def test_a_host_may_have_several_lines() -> None:
    """As many as it is given are said, and then none until its time is over."""
    said = Said(lines=3)
    for number in range(10):
        said.notices.note("a", str(number))
    assert said.lines == ["a: 0", "a: 1", "a: 2"]


def test_thousands_of_hosts_fill_neither_log_nor_memory() -> None:
    """Beyond a number of hosts they share one line, and old hosts make room for new ones."""
    said = Said(hosts=10)
    for number in range(1000):
        said.notices.note(str(number), "x.")
        assert len(said.notices) == min(number + 1, 10)
    said.notices.note("0", "x.")
    assert said.lines == [f"{number}: x." for number in range(11)]
    said.clock.advance(WINDOW)
    for number in range(2000, 3000):
        said.notices.note(str(number), "x.")
        assert len(said.notices) == 10
    assert len(said.lines) == 22
    assert said.lines[-1] == "2010: x. (990 more of various hosts were not logged before this.)"


def test_the_host_that_was_quiet_longest_makes_room() -> None:
    """One whose time began anew keeps its place, and a newcomer gets that of another."""
    said = Said(hosts=2)
    said.notices.note("a", "x.")
    said.clock.advance(WINDOW / 2)
    said.notices.note("b", "x.")
    said.clock.advance(WINDOW / 2)
    said.notices.note("a", "x.")
    said.clock.advance(WINDOW / 2)
    for host in ("c", "d", "a"):
        said.notices.note(host, "x.")
    assert said.lines == ["a: x.", "b: x.", "a: x.", "c: x.", "d: x."]
