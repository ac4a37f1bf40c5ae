"""What the log says of downloads: that one begins, and how it ends."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger, LogLevel

from p2pfs.console.rendering import size_text
from p2pfs.errors import Cancelled, P2pfsError
from p2pfs.peer.downloading.job import Fetched, Job

_log = Logger()


def download_begun(job: Job) -> None:
    """It is known what is to be fetched, and how much of it is there."""
    _say(
        job,
        LogLevel.info,
        "Download of '{name}' to {path} begun: {size}, {there} of it there.",
        size=size_text(job.total),
        there=size_text(job.done),
        bytes=job.total,
        bytes_there=job.done,
    )


def download_ended(job: Job, fetched: Fetched) -> None:
    """It is there."""
    if fetched.already_there:
        text = "'{name}' is at {path} already, and right: {size}."
        _say(job, LogLevel.info, text, size=size_text(fetched.size), bytes=fetched.size)
        return
    received = sum(fetched.sources.values())
    rate = int(received / max(fetched.seconds, 1e-3))
    _say(
        job,
        LogLevel.info,
        "Downloaded '{name}' to {path}: {size} in {seconds:.1f} s, {received_size} of it "
        "({rate_size}/s), sources: {sources}.",
        size=size_text(fetched.size),
        received_size=size_text(received),
        rate_size=size_text(rate),
        bytes=fetched.size,
        received=received,
        rate=rate,
        seconds=fetched.seconds,
        sources=len(fetched.sources),
    )


def download_failed(job: Job, error: P2pfsError, seconds: float, before: str) -> None:
    """It ended early. What was ``before`` its error too is no news: somebody tries again."""
    if isinstance(error, Cancelled):
        level, text = LogLevel.info, "The download of '{name}' was cancelled after {seconds:.1f} s"
    else:
        level = LogLevel.debug if str(error) == before else LogLevel.warn
        text = "The download of '{name}' failed after {seconds:.1f} s"
    # Before the tracker has answered it is not known how much it is.
    there = ", with {there} of {size} there" if job.total else ""
    _say(
        job,
        level,
        f"{text}{there}: {{reason}}",
        size=size_text(job.total),
        there=size_text(job.done),
        bytes=job.total,
        bytes_there=job.done,
        seconds=seconds,
        reason=str(error),
    )


def _say(job: Job, level: Any, text: str, **fields: object) -> None:
    """Of a tree's files, which may be very many, the tree has lines enough."""
    level = LogLevel.debug if job.in_tree else level
    _log.emit(level, text, name=job.name, path=str(job.target), **fields)
