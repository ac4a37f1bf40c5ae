"""What both daemons say of the swarm that they are in, in their status and their log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from p2pfs.addresses import is_loopback, parse_address
from p2pfs.errors import InvalidAddress, NotAMember
from p2pfs.secure import PrivateSwarm

NOT_PRIVATE = (
    "This swarm is open: whoever reaches this port may list, publish and download everything, and "
    "whoever is on the path may read and change it; 'p2pfs tracker private' makes a private one."
)
"""What the log says when such a daemon listens beyond this machine."""


def swarm_data(swarm: PrivateSwarm | None) -> dict[str, Any] | None:
    """The swarm for scripts; None is an open one.

    ``member`` and what follows are of this daemon; they are null when it is no member any more.
    """
    if swarm is None:
        return None
    data: dict[str, Any] = {"fingerprint": swarm.fingerprint}
    fields = ("member", "role", "names", "until")
    try:
        member = swarm.member
    except NotAMember as error:
        return {**data, **dict.fromkeys(fields), "problem": str(error)}
    values = (member.name, member.role.value, list(member.patterns), member.not_after)
    return {**data, **dict(zip(fields, values, strict=True)), "problem": ""}


def swarm_line(data: dict[str, Any] | None, listening: Iterable[str]) -> str:
    """The same for people; empty for an open swarm on this machine alone.

    ``listening`` is where the daemon listens: addresses, or else endpoints.
    """
    if data is None:
        exposed = any(is_beyond_loopback(each) for each in listening)
        return (
            "open to whoever reaches it; 'p2pfs tracker private' makes a private one"
            if exposed
            else ""
        )
    shown = f"private, {data['fingerprint'][:16]}…"
    if data["problem"]:
        return f"{shown}: {data['problem']}"
    until = datetime.fromtimestamp(data["until"]).strftime("%Y-%m-%d %H:%M")
    role = f"{data['role']} of {' '.join(data['names'])}" if data["names"] else data["role"]
    return f"{shown}, as {data['member']}, {role}, until {until}"


def is_beyond_loopback(listening: str) -> bool:
    """Whether others can reach an address; what is none, as a UNIX socket, they cannot."""
    try:
        return not is_loopback(parse_address(listening).host)
    except InvalidAddress:
        return False
