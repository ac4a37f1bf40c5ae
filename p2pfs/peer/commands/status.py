"""The peer's ``status``: how it stands with the tracker, what comes and goes, and its shares."""

from __future__ import annotations

from typing import Any

from p2pfs.console.command import Answer
from p2pfs.daemon import swarm_data
from p2pfs.peer.commands.orders import orders_data
from p2pfs.peer.commands.share_state import state_of
from p2pfs.peer.commands.status_text import status_lines
from p2pfs.peer.downloading import Job
from p2pfs.peer.library import Holding
from p2pfs.peer.peer import Peer
from p2pfs.peer.rates import whole


def status(peer: Peer) -> Answer:
    """What the peer does now, for people and for scripts.

    People are told of some of it, scripts of all.
    """
    now = peer.reactor.seconds()
    data = {
        **_tracker(peer),
        "limits": {direction: limit.rate for direction, limit in peer.limits.items()},
        "uploaded": peer.serving.uploads.total,
        "upload_rate": whole(peer.serving.uploads.meter.rate(now)),
        "downloads": [_download(job, now) for job in peer.downloads.jobs],
        "orders": orders_data(peer),
        "uploads": _uploads(peer, now),
        "shares": [_share(holding, now, peer.announcer.joined) for holding in peer.library],
    }
    return Answer(data, status_lines(data))


def _tracker(peer: Peer) -> dict[str, Any]:
    announcer = peer.announcer
    return {
        "tracker": announcer.tracker,
        "joined_as": announcer.address,
        "problem": announcer.problem,
        "listening": str(peer.address),
        "fingerprint": peer.key.fingerprint,
        "reachable": announcer.found_reachable,
        "warning": peer.reach_warning,
        "swarm": swarm_data(None if peer.membership is None else peer.membership.swarm),
    }


def _download(job: Job, now: float) -> dict[str, Any]:
    download, rate = job.download, job.rate(now)
    return {
        "name": job.name,
        "path": str(job.target),
        "part": str(job.holding.path) if job.holding else None,
        "size": job.total,
        "done": job.done,
        "percent": int(100 * job.done / job.total) if job.total else 0,
        "rate": whole(rate),
        "sources": download.connected_sources if download else 0,
        "seconds_left": job.seconds_left(now),
        "crowd": download.pace.crowd if download and download.pace.crowd else None,
        "possible_rate": download.pace.possible_beside(rate) if download else None,
        "remark": job.remark,
    }


def _uploads(peer: Peer, now: float) -> list[dict[str, Any]]:
    return [
        {
            "peer": upload.peer,
            "name": upload.name,
            "rate": whole(upload.rate),
            "sent": upload.sent,
        }
        for upload in peer.serving.uploads.under_way(now)
    ]


def _share(holding: Holding, now: float, joined: bool) -> dict[str, Any]:
    withheld, reached = holding.withheld, holding.reached
    state = state_of(holding, now, joined)
    return {
        "name": holding.name,
        "size": holding.info.filesize,
        "chunks": holding.info.totalchunknum,
        "hash": holding.info.function.value,
        "held": len(holding.chunks),
        "path": str(holding.path),
        "target": None if holding.target is None else str(holding.target),
        "state": state.word,
        "remark": state.remark,
        "refused": holding.refusal,
        "withheld": withheld.reason if withheld else "",
        "withheld_seconds": round(now - withheld.since) if withheld else None,
        "crowd": reached.crowd if reached else None,
        "times_least": round(reached.times, 3) if reached else None,
    }
