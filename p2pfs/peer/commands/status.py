"""The peer's ``status``: how it stands with the tracker, its shares, and its transfers."""

from __future__ import annotations

from typing import Any

from p2pfs.console.command import Answer
from p2pfs.console.rendering import size_text, table
from p2pfs.peer.downloading import Job, seconds_text
from p2pfs.peer.peer import Peer
from p2pfs.peer.rates import Reached


def status(peer: Peer) -> Answer:
    """What the peer does now, for people and for scripts."""
    announcer = peer.announcer
    now = peer.reactor.seconds()
    transfers = [_transfer(job, now) for job in peer.downloads.jobs]
    shares = [
        {
            "name": holding.name,
            "size": holding.info.filesize,
            "chunks": holding.info.totalchunknum,
            "held": len(holding.chunks),
            "path": str(holding.path),
            "target": None if holding.target is None else str(holding.target),
            "refused": holding.refusal,
            "withheld": holding.withheld.reason if holding.withheld else "",
            "withheld_seconds": round(now - holding.withheld.since) if holding.withheld else None,
            "crowd": holding.reached.crowd if holding.reached else None,
            "times_least": round(holding.reached.times, 3) if holding.reached else None,
        }
        for holding in peer.library
    ]
    data = {
        "tracker": announcer.tracker,
        "joined_as": announcer.address,
        "problem": announcer.problem,
        "listening": str(peer.address),
        "fingerprint": peer.key.fingerprint,
        "reachable": announcer.found_reachable,
        "warning": peer.reach_warning,
        "uploaded": peer.serving.uploaded,
        "shares": shares,
        "transfers": transfers,
    }
    return Answer(
        data, [*_tracker_lines(data), "", *_share_lines(shares), "", *_transfer_lines(transfers)]
    )


def _transfer(job: Job, now: float) -> dict[str, Any]:
    download = job.download
    rate = download.rate(now) if download else 0.0
    possible = download.pace.possible if download else None
    left = job.total - job.done
    return {
        "name": job.name,
        "path": str(job.target),
        "part": str(job.holding.path) if job.holding else None,
        "size": job.total,
        "done": job.done,
        "percent": int(100 * job.done / job.total) if job.total else 0,
        "rate": round(rate),
        "sources": download.connected_sources if download else 0,
        "seconds_left": round(left / rate) if rate else None,
        "crowd": download.pace.crowd if download and download.pace.crowd else None,
        "possible_rate": possible,
        "remark": job.remark,
    }


def _tracker_lines(data: dict[str, Any]) -> list[str]:
    if data["joined_as"]:
        tracker = f"{data['tracker']}, joined as {data['joined_as']}"
    elif data["tracker"]:
        tracker = data["problem"] or f"{data['tracker']}, not joined yet"
    else:
        tracker = "none; 'connect' joins one"
    return [
        f"tracker    {tracker}",
        f"listening  {data['listening']}",
        f"key        {data['fingerprint']}",
        f"uploaded   {size_text(data['uploaded'])}",
        *([f"warning    {data['warning']}"] if data["warning"] else []),
    ]


def _share_lines(shares: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            share["name"],
            size_text(share["size"]),
            f"{share['held']}/{share['chunks']}",
            f"{share['path']}{_share_remark(share)}",
        )
        for share in shares
    ]
    return table(["share", "size", "chunks", "path"], rows, "Nothing is shared.")


def _share_remark(share: dict[str, Any]) -> str:
    if share["withheld"]:
        return f" (withheld for {seconds_text(share['withheld_seconds'])}: {share['withheld']})"
    if share["refused"]:
        return f" (not listed: {share['refused']})"
    if share["times_least"] is not None:
        return f" (fetched {Reached(share['times_least'], share['crowd'])})"
    return ""


def _transfer_lines(transfers: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            transfer["name"],
            f"{transfer['percent']} %",
            f"{size_text(transfer['rate'])}/s",
            _duration(transfer["seconds_left"]),
            f"{transfer['remark']}{_share_of_rate(transfer)}",
        )
        for transfer in transfers
    ]
    return table(["transfer", "done", "rate", "left", ""], rows, "No transfer is under way.")


def _share_of_rate(transfer: dict[str, Any]) -> str:
    """How much it has of the rate that is possible for its crowd, if that is known."""
    if not transfer["possible_rate"]:
        return ""
    percent = round(100 * transfer["rate"] / transfer["possible_rate"])
    crowd = transfer["crowd"] or 1
    of_crowd = f" for its crowd of {crowd}" if crowd > 1 else ""
    return f", at {percent} % of the rate that is possible{of_crowd}"


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "?"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
