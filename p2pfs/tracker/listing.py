"""The tracker's answer to ``list_files``: what is offered, by whom, and how fetching gets on."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater

from p2pfs.commands import Call
from p2pfs.console.command import Answer
from p2pfs.console.listed_files import COLUMNS, Column, ListedFiles
from p2pfs.tracker.crowd import CrowdFigures
from p2pfs.tracker.tracker import Tracker

PAGE = 500
"""Files that are looked at before peers have their turn again."""

_NO_LINE = 1 << 30
"""Bytes of a page that does not have to fit a line."""

NEARLY = 0.1
"""The part by which figures may be better than possible, as rates are not measured exactly."""

_COLUMNS = [
    *COLUMNS,
    Column("holders", lambda file: file["holders"]),
    Column("whole copies", lambda file: file["whole_copies"]),
    Column("who fetches it", lambda file: _crowd_text(file["crowd"])),
]


async def list_files(tracker: Tracker, call: Call) -> Answer:
    """The files that are asked for; raises `UsageProblem` for what cannot be asked."""
    shown = ListedFiles(call)
    after, more = shown.after, True
    while more and not shown.full:
        beginning = shown.pattern.beginning
        page, more = tracker.directory.list_page(beginning, after, _NO_LINE, PAGE)
        for name in filter(shown.pattern.matches, page):
            if not shown.add(_file(tracker, name)):
                break
        after = max(page, default="")
        if more:
            await deferLater(tracker.reactor, 0)
    return shown.answer(_COLUMNS, "The tracker lists no file")


def _file(tracker: Tracker, name: str) -> dict[str, Any]:
    listed, now = tracker.directory[name], tracker.reactor.seconds()
    return {
        "name": name,
        "size": listed.info.filesize,
        "chunks": listed.info.totalchunknum,
        "hash": listed.info.function.value,
        "age": max(0, int(now - listed.since)),
        "holders": len(listed.holders),
        "whole_copies": listed.whole_copies,
        "crowd": _crowd(tracker.factory.crowds.figures(listed, now)),
    }


def _crowd(figures: CrowdFigures | None) -> dict[str, Any] | None:
    """How a file's crowd gets on, for scripts; what is not known is None."""
    if figures is None:
        return None
    return {
        "present": figures.present,
        "finished": figures.finished,
        "times_least": _at_least_one(figures.ratio),
        "share": _at_most_one(figures.portion),
    }


def _at_least_one(ratio: float | None) -> float | None:
    """A time in units of the least; None where it is less, so that lines were not known."""
    return None if ratio is None or ratio < 1 - NEARLY else max(1.0, round(ratio, 3))


def _at_most_one(portion: float | None) -> float | None:
    """A part of what is possible; None where it is more, so that lines were not known."""
    return None if portion is None or portion > 1 + NEARLY else min(1.0, round(portion, 3))


def _crowd_text(crowd: dict[str, Any] | None) -> str:
    if crowd is None:
        return ""
    have = f"{crowd['finished']} of {crowd['finished'] + crowd['present']} have it"
    times, portion = crowd["times_least"], crowd["share"]
    if crowd["present"] and portion is not None:
        return f"{have}, at {100 * portion:.0f} % of the possible rate"
    if not crowd["present"] and times is not None:
        return f"{have}, in {times:.1f} times the least possible time"
    return have
