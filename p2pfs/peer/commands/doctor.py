"""The peer's ``doctor``: whether all is well that downloads and uploads depend on."""

from __future__ import annotations

from pathlib import Path

from p2pfs.console.command import Answer
from p2pfs.errors import P2pfsError
from p2pfs.peer.commands.checks import (
    Check,
    away_check,
    buffers_check,
    clock_check,
    files_check,
    reach_check,
    room_check,
    tracker_check,
)
from p2pfs.peer.peer import Peer
from p2pfs.threads import in_thread


async def doctor(peer: Peer) -> Answer:
    """Look at everything once; the answer is that not all is well when one thing is not."""
    announcer, limits = peer.announcer, peer.machine.limits()
    checks = [
        tracker_check(announcer.tracker, announcer.address, announcer.problem),
        await _reach(peer),
        *await in_thread(peer.reactor, _rooms, peer, _places(peer)),
        clock_check(announcer.tracker_time_offset),
        files_check(limits),
        buffers_check(limits),
    ]
    well = not any(check.ok is False for check in checks)
    return Answer(
        {"well": well, "checks": [check.data for check in checks]},
        [check.line for check in checks],
        0 if well else 1,
    )


async def _reach(peer: Peer) -> Check:
    """Have the tracker try now, unless it has just done so."""
    found, not_tried = peer.announcer.found_reachable, ""
    if peer.announcer.joined:
        try:
            found = await peer.announcer.probe()
        except P2pfsError as error:
            not_tried = str(error)
    return reach_check(found, peer.reach_warning, not_tried)


def _places(peer: Peer) -> list[Path]:
    """Where it keeps something: its state, its shares, and what it downloads."""
    return [peer.settings.state, *(holding.path.parent for holding in peer.library)]


def _rooms(peer: Peer, places: list[Path]) -> list[Check]:
    """The room on each of the disks; blocks."""
    disk, seen, away = peer.machine.disk, set[int](), list[Path]()
    checks = []
    for place in dict.fromkeys(places):
        try:
            device, free = disk.status(place).st_dev, disk.space(place)
        except OSError:
            away.append(place)
            continue
        if device not in seen:
            seen.add(device)
            checks.append(room_check(str(place), free))
    return [*checks, *([away_check(away)] if away else [])]
