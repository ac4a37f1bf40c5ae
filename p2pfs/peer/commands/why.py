"""The peer's ``why``: what a download waits for, or what became of it."""

from __future__ import annotations

from typing import Any

import msgspec

from p2pfs.console.command import Answer
from p2pfs.console.rendering import rate_text, size_text
from p2pfs.peer.commands.orders import why_not_yet
from p2pfs.peer.commands.publisher import publisher_data, publisher_text
from p2pfs.peer.commands.share_state import state_of
from p2pfs.peer.downloading import (
    Explanation,
    FailedDownload,
    Group,
    Job,
    SourceState,
    seconds_text,
)
from p2pfs.peer.library import Holding
from p2pfs.peer.peer import Peer

NEAR_LIMIT = 0.9
"""The part of a limit from which on it is taken for what holds downloads back."""


def why(peer: Peer, name: str) -> Answer:
    """How it stands with the file of that name, for people and for scripts.

    ``state`` in the data is one of starting, downloading, finishing, failed and unknown, or
    that of `ShareState`.
    """
    job = next((job for job in peer.downloads.jobs if job.name == name), None)
    failed = peer.downloads.failed.get(name)
    holding, order = peer.library.get(name), peer.queue.book.get(name)
    tracker = _tracker(peer)
    data: dict[str, Any] = {"name": name, "tracker": tracker}
    if job is not None:
        state, lines = _running(job, data, peer.reactor.seconds())
        lines += _limit_lines(peer, data)
    elif order is not None:
        state, lines = order.state.value, why_not_yet(peer, order)
    elif holding is not None:
        state, lines = _held(holding, peer)
    else:
        state, lines = _not_held(name, failed)
    data["state"] = state
    signature = job.signature if job else holding.signature if holding else None
    signer = peer.signing.signer(signature)
    data["publisher"] = publisher_data(signer)
    if signer is not None:
        lines += ["", f"It is {publisher_text(signer)}."]
    if failed is not None and job is None:
        ago = peer.reactor.seconds() - failed.at
        data["failed"] = {
            "error": failed.error,
            "seconds_ago": round(ago, 1),
            "explanation": msgspec.to_builtins(failed.explanation),
        }
        lines += ["", f"Its last download ended {seconds_text(ago)} ago: {failed.error}"]
        if failed.explanation is not None:
            lines += ["", "How it stood then:", *_explanation_lines(failed.explanation)]
    return Answer(data, [*lines, "", f"tracker  {tracker}"])


def _held(holding: Holding, peer: Peer) -> tuple[str, list[str]]:
    """A name of which something is here that is not being downloaded."""
    state = state_of(holding, peer.reactor.seconds(), peer.announcer.joined)
    if not state.remark:
        return state.word, [f"'{holding.name}' is {state.text}, and shared from {holding.path}."]
    said = state.remark if state.remark.endswith(".") else f"{state.remark}."
    lines = [f"'{holding.name}' is {said} {state.advice}".rstrip()]
    # While they are checked, none is claimed.
    chunks = f"{len(holding.chunks)} of {holding.info.totalchunknum} chunks lie"
    what = "It lies" if holding.is_share or holding.checking else chunks
    return state.word, [*lines, f"{what} in {holding.path}."]


def _running(job: Job, data: dict[str, Any], now: float) -> tuple[str, list[str]]:
    data["phase"] = job.remark
    if job.download is None and job.is_whole:
        return "finishing", [f"All of '{job.name}' is there: {job.phase}."]
    if job.download is None:
        return "starting", [f"'{job.name}' is {job.phase}, for {seconds_text(now - job.started)}."]
    explanation = job.download.explain()
    data["explanation"] = msgspec.to_builtins(explanation)
    percent = int(100 * job.done / job.total) if job.total else 0
    first = (
        f"'{job.name}' is being downloaded, {percent} % of {size_text(job.total)} are there: "
        f"{job.remark}."
    )
    return "downloading", [first, *_explanation_lines(explanation)]


def _limit_lines(peer: Peer, data: dict[str, Any]) -> list[str]:
    """What is said where all downloads together come as fast as they may."""
    now, limit = peer.reactor.seconds(), peer.limits["download"].rate
    rate = sum(job.rate(now) or 0.0 for job in peer.downloads.jobs)
    data["limit"] = limit if limit is not None and rate >= NEAR_LIMIT * limit else None
    if data["limit"] is None:
        return []
    return [
        "",
        f"It is held back by this peer's limit on downloads: {rate_text(limit)} for all together. "
        "'limit download none' lifts it.",
    ]


def _not_held(name: str, failed: FailedDownload | None) -> tuple[str, list[str]]:
    """A name of which nothing is here, nor comes."""
    if failed is not None:
        return "failed", [f"'{name}' is not being downloaded, and nothing of it is here."]
    return "unknown", [
        f"'{name}' is not being downloaded, and nothing of it is here; 'list_files' shows what the "
        "network offers."
    ]


def _tracker(peer: Peer) -> str:
    """Whether there is a tracker to ask, in words."""
    announcer = peer.announcer
    if announcer.tracker is None:
        return "none; 'connect' joins one"
    if announcer.joined:
        return f"{announcer.tracker} is reachable"
    text = announcer.problem or f"{announcer.tracker}, not joined yet"
    if announcer.reachable:
        return f"{announcer.tracker} answers, but refused this peer: {text}"
    if announcer.retry_at is not None:
        left = max(0.0, announcer.retry_at - peer.reactor.seconds())
        text = f"{text.rstrip('.')}. The next attempt is in {seconds_text(left)}."
    return text


def _explanation_lines(explanation: Explanation) -> list[str]:
    lines = [f"{explanation.missing} of {explanation.total} chunks are missing."]
    for group in explanation.groups:
        lines += ["", *_group_lines(group)]
    if explanation.more_groups:
        lines += [
            "",
            f"and {explanation.more_groups} more groups: {explanation.more_chunks} chunks",
        ]
    if explanation.sources:
        lines += ["", "sources", *(f"  {_source_line(source)}" for source in explanation.sources)]
    if explanation.more_sources:
        lines.append(f"  and {explanation.more_sources} more")
    if explanation.general:
        lines += ["", *(line[0].upper() + line[1:] + "." for line in explanation.general)]
    return lines


def _group_lines(group: Group) -> list[str]:
    many = "chunk" if group.count == 1 else "chunks"
    lines = [f"{many} {group.chunks}" + (f" ({group.count})" if group.count > 1 else "")]
    held = ", ".join(group.holders)
    held += f" and {group.more_holders} more" if group.more_holders else ""
    if group.partly:
        held += f"{', ' if held else ''}in part by {group.partly} {'more' if held else 'sources'}"
    lines.append(f"  held by  {held or 'nobody known'}")
    if group.denied:
        lines.append(f"  denied   by {', '.join(group.denied)}")
    for step in group.next:
        rate = f" (at {rate_text(group.rate)})" if group.asked and group.rate is not None else ""
        lines.append(f"  next     {step}{rate}")
    if group.error:
        tries = f", {group.attempts} attempts failed" if group.attempts > 1 else ""
        lines.append(f"  error    {group.error} ({_ago(group.error_seconds_ago)}{tries})")
    return lines


def _source_line(source: SourceState) -> str:
    parts = [source.state, f"holds {source.holds} of the missing"]
    if source.in_flight:
        parts.append(f"{source.in_flight} asked")
    if source.rate:
        parts.append(rate_text(source.rate))
    if source.error:
        error = source.error.removeprefix(f"{source.address}: ")
        parts.append(f"last error: {error} ({_ago(source.error_seconds_ago)})")
    return f"{source.address}: {', '.join(parts)}"


def _ago(seconds: float | None) -> str:
    return f"{seconds_text(seconds or 0.0)} ago"
