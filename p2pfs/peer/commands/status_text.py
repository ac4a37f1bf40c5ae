"""What a person reads of a peer's ``status``: the most important first, and no more than fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2pfs.console.rendering import duration_text, rate_text, size_text, table
from p2pfs.daemon import swarm_line
from p2pfs.peer.commands.orders import order_lines
from p2pfs.peer.rates import Reached, crowd_text

MOST_UPLOADS = 20
"""Uploads that are told one by one: the fastest."""

MOST_SHARES = 20
"""Shares that are told one by one: first those of which there is something to say."""


def status_lines(data: dict[str, Any]) -> list[str]:
    """The lines of a status, section by section; ``data`` is what scripts get."""
    return [
        *_tracker_lines(data),
        "",
        *_download_lines(data["downloads"]),
        *order_lines(data["orders"]),
        "",
        *_upload_lines(data["uploads"]),
        "",
        *_share_lines(data["shares"]),
    ]


def _tracker_lines(data: dict[str, Any]) -> list[str]:
    if data["joined_as"]:
        tracker = f"{data['tracker']}, joined as {data['joined_as']}"
    elif data["tracker"]:
        tracker = data["problem"] or f"{data['tracker']}, not joined yet"
    else:
        tracker = "none; 'connect' joins one"
    rate = data["upload_rate"] if data["uploads"] else None
    uploaded = size_text(data["uploaded"]) + (f", now {rate_text(rate)}" if rate else "")
    limits = ", ".join(f"{each} {limit_text(rate)}" for each, rate in data["limits"].items())
    swarm = swarm_line(data["swarm"], [data["listening"]])
    return [
        f"tracker    {tracker}",
        *([f"swarm      {swarm}"] if swarm else []),
        f"listening  {data['listening']}",
        f"key        {data['fingerprint']}",
        f"uploaded   {uploaded}",
        f"limits     {limits}",
        *([f"warning    {data['warning']}"] if data["warning"] else []),
    ]


def limit_text(rate: int | None) -> str:
    """A limit on bytes a second, or ``none``."""
    return "none" if rate is None else rate_text(rate)


# What comes


def _download_lines(downloads: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        (
            download["name"],
            f"{download['percent']} %",
            rate_text(download["rate"]),
            duration_text(download["seconds_left"]),
            f"{download['remark']}{_part_of_possible(download)}",
        )
        for download in downloads
    ]
    return table(["download", "done", "rate", "left", ""], rows, "No download is under way.")


def _part_of_possible(download: dict[str, Any]) -> str:
    """How much it has of the rate that is possible, if that is known."""
    if not download["possible_rate"] or download["rate"] is None:
        return ""
    percent = min(100, round(100 * download["rate"] / download["possible_rate"]))
    return f", at {percent} % of the possible rate{crowd_text(download['crowd'] or 1, 'fetch')}"


# What goes


def _upload_lines(uploads: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        (upload["name"], upload["peer"], rate_text(upload["rate"]), size_text(upload["sent"]))
        for upload in uploads[:MOST_UPLOADS]
    ]
    lines = table(["upload", "to", "rate", "sent"], rows, "No upload is under way.")
    if more := uploads[MOST_UPLOADS:]:
        together = rate_text(sum(upload["rate"] or 0 for upload in more))
        lines.append(f"and {len(more):,} more, at {together} together")
    return lines


# What there is


def _share_lines(shares: Sequence[dict[str, Any]]) -> list[str]:
    if not shares:
        return ["Nothing is shared."]
    size = size_text(sum(share["size"] for share in shares))
    first = f"{len(shares):,} share{'s' if len(shares) > 1 else ''}, {size}:"
    # Sorted by whether there is nothing to say; otherwise they stay in their order.
    told = sorted(shares, key=lambda share: not _needs_care(share))[:MOST_SHARES]
    rows = [
        (
            share["name"],
            size_text(share["size"]),
            f"{share['held']}/{share['chunks']}",
            f"{share['path']}{_share_remark(share)}",
        )
        for share in told
    ]
    lines = [first, *table(["share", "size", "chunks", "path"], rows)]
    if (more := len(shares) - len(told)) > 0:
        lines.append(f"and {more:,} more; 'status --json' has them all")
    return lines


def _needs_care(share: dict[str, Any]) -> bool:
    """Whether there is something to say of this one, and not of all for want of a tracker."""
    return share["state"] not in ("listed", "unlisted")


def _share_remark(share: dict[str, Any]) -> str:
    if share["remark"]:
        return f" ({share['remark']})"
    if share["times_least"] is not None:
        return f" ({Reached(share['times_least'], share['crowd'])})"
    return ""
