"""What a download came to, for people and for scripts."""

from __future__ import annotations

from typing import Any

from p2pfs.console.command import Answer
from p2pfs.console.rendering import rate_text, size_text
from p2pfs.peer.commands.publisher import publisher_data, publisher_text
from p2pfs.peer.downloading import Fetched, Result

_NOT_GIVEN = (
    "The daemon's user may not give files to others, so this belongs to that user, not to you."
)


def answer_of(result: Result) -> Answer:
    """The answer to who waited for one download."""
    if isinstance(result, Fetched):
        return _of_file(result)
    data: dict[str, Any] = {
        "name": result.prefix,
        "path": str(result.target),
        "files": result.fetched,
        "already_there": result.already_there,
        "size": result.bytes_fetched,
    }
    there = f", {result.already_there} were there already" if result.already_there else ""
    fetched = f"{result.fetched} files, {size_text(result.bytes_fetched)}"
    lines = [f"{result.target}: {fetched}{there}"]
    if result.kept:
        data["not_given"] = result.kept
        lines.append(_NOT_GIVEN)
    return Answer(data, lines)


def _of_file(result: Fetched) -> Answer:
    data: dict[str, Any] = {
        "name": result.name,
        "path": str(result.path),
        "size": result.size,
        "seconds": round(result.seconds, 3),
        "sources": result.sources,
        "crowd": result.reached.crowd if result.reached else None,
        "times_least": round(result.reached.times, 3) if result.reached else None,
        "already_there": result.already_there,
        "publisher": publisher_data(result.publisher),
    }
    signed = [f"  {publisher_text(result.publisher)}"] if result.publisher else []
    if result.already_there:
        there = f"{result.path} is there already, and right: {size_text(result.size)}"
        return Answer(data, [there, *signed])
    received = sum(result.sources.values())
    rate = f" ({rate_text(received / max(result.seconds, 1e-3))})" if received else ""
    # What was there before, or is this peer's own, did not come in that time.
    part = f", {size_text(received)} of it fetched" if 0 < received < result.size else ""
    lines = [f"{result.path}: {size_text(result.size)}{part} in {result.seconds:.1f} s{rate}"]
    lines += [f"  {size_text(count)} from {source}" for source, count in result.sources.items()]
    lines += [f"  {result.reached}"] if result.reached else []
    lines += signed
    if result.kept:
        data["not_given"] = True
        lines.append(_NOT_GIVEN)
    return Answer(data, lines)
