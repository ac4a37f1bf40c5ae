"""Who is at the other end of a control socket, as the kernel tells it, and whether they may be."""

from __future__ import annotations

import os
import pwd
import socket
import struct

from p2pfs.commands import SOMEBODY, Caller
from p2pfs.console.control.groups import Group, groups_of
from p2pfs.errors import NotAllowed

_CREDENTIALS = struct.Struct("3i")  # the kernel's ucred: process, user, group


def caller_behind(transport: object, group: Group | None = None) -> Caller:
    """The user whose process opened a connection; `SOMEBODY` where the network is simulated.

    Raises `NotAllowed` for whoever is neither root, nor the user of this process, nor in
    ``group``; the modes of the socket and its directory should have kept them out.
    """
    handle = getattr(transport, "getHandle", None)
    if handle is None:
        return SOMEBODY
    data = handle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(data)
    return admitted(uid, gid, group)


def admitted(uid: int, gid: int, group: Group | None) -> Caller:
    """A user of this machine who connected; raises `NotAllowed` as `caller_behind` does."""
    who = f"{_name_of(uid)} (uid {uid})"
    if uid in (0, os.geteuid()):
        return Caller(who, uid, gid)
    groups = groups_of(uid, gid)
    if group is None:
        raise NotAllowed(
            "Only root and the user that runs this daemon may use its console; '--group GROUP' "
            "at its start opens it to a group."
        )
    if group.gid not in groups:
        raise NotAllowed(
            "Only root, the user that runs this daemon and members of the group "
            f"'{group.name}' may use its console; ask to be added to that group."
        )
    return Caller(who, uid, gid, groups, is_guest=True)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "a user"
