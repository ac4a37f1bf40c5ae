"""Who is at the other end of a control socket, as the kernel tells it."""

from __future__ import annotations

import pwd
import socket
import struct

from p2pfs.commands import SOMEBODY, Caller

_CREDENTIALS = struct.Struct("3i")  # the kernel's ucred: process, user, group


def caller_behind(transport: object) -> Caller:
    """The user whose process opened a connection; `SOMEBODY` where the network is simulated."""
    handle = getattr(transport, "getHandle", None)
    if handle is None:
        return SOMEBODY
    data = handle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(data)
    return Caller(f"{_name_of(uid)} (uid {uid})", uid, gid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "a user"
