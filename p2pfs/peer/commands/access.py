"""What a user of this machine may read and write, told by the modes of files.

A daemon has rights of its own. What it does for a guest of its console must be what the guest
could do too, or they would read and write with its rights. Access lists are not looked at; modes
alone must allow it. All but `may` and `allowed` look at the disk, and block.

What is true at the look may be changed before the file is used: whoever can write to a directory
on the way can put another into its place. So the daemon should have a user of its own, who may
read and write nothing that its guests may not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from p2pfs.commands import Caller
from p2pfs.console.control.groups import groups_of
from p2pfs.errors import NotAllowed, StorageProblem
from p2pfs.peer.library import Order
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread

READ, WRITE, SEARCH = 4, 2, 1

_MOST_LINKS = 40


def may(caller: Caller, status: os.stat_result, wanted: int) -> bool:
    """Whether the mode of a file gives a user, who is not root, all of ``wanted``.

    As the kernel sees it, the first of owner, group and others that fits is what counts.
    """
    if status.st_uid == caller.uid:
        given = status.st_mode >> 6
    elif status.st_gid == caller.gid or status.st_gid in caller.groups:
        given = status.st_mode >> 3
    else:
        given = status.st_mode
    return given & wanted == wanted


def may_read(caller: Caller, status: os.stat_result) -> bool:
    """Whether a guest may read a file, or go through a directory; others always may."""
    wanted = READ | SEARCH if stat.S_ISDIR(status.st_mode) else READ
    return not caller.is_guest or may(caller, status, wanted)


def to_read(caller: Caller, path: Path) -> Path:
    """The path that a caller may have published, with links resolved if they are a guest.

    Raises `NotAllowed`, and `StorageProblem` for a path that leads nowhere.
    """
    if not caller.is_guest:
        return path
    found = _resolved(caller, path)
    if found.status is not None and not may_read(caller, found.status):
        raise NotAllowed(
            f"{caller.who} may not read {path}; the daemon shares for others only what they may "
            "read themselves."
        )
    return found.path


def to_write(caller: Caller, path: Path) -> Path:
    """The path that a caller may have written, or made anew with directories above it.

    For a guest, links are resolved. A directory is for files in it. Raises `NotAllowed`, and
    `StorageProblem` for a path that leads nowhere.
    """
    if not caller.is_guest:
        return path
    found = _resolved(caller, path)
    status, above = found.status, found.above
    if status is not None and stat.S_ISDIR(status.st_mode):
        allowed = may(caller, status, WRITE | SEARCH)
    else:
        allowed = may(caller, above, WRITE | SEARCH)
        if status is not None and above.st_mode & stat.S_ISVTX:
            allowed = allowed and caller.uid in (status.st_uid, above.st_uid)
    if not allowed:
        raise NotAllowed(
            f"{caller.who} may not write to {path}; the daemon writes for others only where they "
            "may write themselves."
        )
    return found.path


async def allowed(
    reactor: ThreadedReactor,
    place: Callable[[Caller, Path], Path],
    caller: Caller,
    path: Path,
) -> Path:
    """What `to_read` or `to_write` makes of a path; nothing is looked at but for a guest."""
    if not caller.is_guest:
        return path
    return await in_thread(reactor, place, caller, path)


def place_check(order: Order) -> Callable[[Path], object] | None:
    """What is to be called in a thread for each path that an order is to have written.

    It raises as `to_write` does, by what the guest who gave the order may do by then; None when
    it was given by nobody whose rights are less than the daemon's.
    """
    if not order.is_guest or order.uid is None:
        return None
    uid, gid = order.uid, -1 if order.gid is None else order.gid

    def check(path: Path) -> Path:
        guest = Caller(order.who, uid, gid, groups_of(uid, gid), is_guest=True)
        return to_write(guest, path)

    return check


class _Found(NamedTuple):
    """A path without links in it, and what is there (None: nothing, or nobody can tell).

    ``above`` is the last directory on the way to it that is there.
    """

    path: Path
    status: os.stat_result | None
    above: os.stat_result


def _resolved(caller: Caller, path: Path) -> _Found:
    """Go along an absolute path, as the caller could."""
    here, links = Path("/"), 0
    status = above = os.stat(here)
    waiting = [part for part in reversed(path.parts) if part != "/"]
    while waiting:
        part = waiting.pop()
        if not stat.S_ISDIR(status.st_mode):
            raise StorageProblem(f"{path} leads nowhere: {here} is not a directory; check it.")
        if not may(caller, status, SEARCH):
            raise NotAllowed(
                f"{caller.who} may not enter {here}; the daemon does for others only what they "
                "may do themselves."
            )
        above = status
        if part == "..":
            here = here.parent
            status = os.stat(here)
            continue
        try:
            status = os.lstat(here / part)
            target = os.readlink(here / part) if stat.S_ISLNK(status.st_mode) else ""
        except OSError:
            # What is made there must be made below, wherever it would lead.
            if ".." in waiting:
                raise StorageProblem(f"{path} leads nowhere; check the path.") from None
            return _Found(here.joinpath(part, *reversed(waiting)), None, above)
        if target:
            links += 1
            if links > _MOST_LINKS:
                raise StorageProblem(f"{path} leads in circles; check its links.")
            here = Path("/") if target.startswith("/") else here
            status = os.stat(here)
            waiting += [one for one in reversed(Path(target).parts) if one != "/"]
        else:
            here = here / part
    return _Found(here, status, above)
