"""What is well, what is not, and what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.peer.commands.checks import (
    ENOUGH_BUFFER,
    ENOUGH_FILES,
    LEAST_ROOM,
    MOST_TIME_APART,
    Check,
    away_check,
    buffers_check,
    clock_check,
    files_check,
    reach_check,
    room_check,
    tracker_check,
)
from p2pfs.peer.system_limits import SystemLimits

PLENTY = SystemLimits(None, ENOUGH_BUFFER, ENOUGH_BUFFER)


@pytest.mark.parametrize(
    ("check", "ok", "words"),
    [
        (tracker_check(None, None, ""), False, "connect HOST PORT"),
        (tracker_check("tcp:t:1", "h:2", ""), True, "as h:2"),
        (tracker_check("tcp:t:1", None, "It is away."), False, "It is away."),
        (tracker_check("tcp:t:1", None, ""), False, "not joined yet"),
        (reach_check(True, "", ""), True, "the tracker tried"),
        (reach_check(False, "Open that port.", ""), False, "Open that port."),
        (reach_check(True, "Only from here.", ""), False, "Only from here."),
        (reach_check(None, "", "It is busy."), None, "It is busy."),
        (reach_check(None, "", ""), None, "has not said"),
        (room_check("/srv", LEAST_ROOM), True, "100.0 MiB are free at /srv"),
        (room_check("/srv", LEAST_ROOM - 1), False, "make room"),
        (away_check([Path("/a")]), False, "/a cannot"),
        (away_check([Path("/a"), Path("/b")]), False, "/a and 1 more cannot"),
        (clock_check(None), None, "not told"),
        (clock_check(MOST_TIME_APART), True, "within 5 s"),
        (clock_check(MOST_TIME_APART + 60), False, "65 s behind the tracker's"),
        (clock_check(-MOST_TIME_APART - 60), False, "65 s ahead of the tracker's"),
        (files_check(PLENTY), True, "As many as one likes"),
        (files_check(SystemLimits(ENOUGH_FILES, None, None)), True, "1060 may be"),
        (files_check(SystemLimits(ENOUGH_FILES - 1, None, None)), False, "LimitNOFILE"),
        (buffers_check(PLENTY), True, "may grow"),
        (buffers_check(SystemLimits(None, None, ENOUGH_BUFFER)), None, "does not say"),
        (buffers_check(SystemLimits(None, ENOUGH_BUFFER - 1, 0)), False, "net.ipv4.tcp_rmem"),
        (buffers_check(SystemLimits(None, ENOUGH_BUFFER, 0)), False, "net.ipv4.tcp_wmem"),
    ],
)
def test_each_thing_is_well_or_says_what_to_do(check: Check, ok: bool | None, words: str) -> None:
    """What is not known is not called wrong."""
    assert check.ok is ok
    assert words in check.text


def test_a_check_is_a_line_and_an_object() -> None:
    """The same for people and for scripts."""
    assert Check("room", False, "None.").line == "FAIL  room        None."
    assert Check("room", None, "Who knows.").line.startswith("?  ")
    assert Check("room", True, "Much.").data == {"name": "room", "ok": True, "text": "Much."}
