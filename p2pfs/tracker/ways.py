"""How those who ask for a file get to its holders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from p2pfs.tracker.peers import Peer, Peers
from p2pfs.tracker.vouchers import Vouchers


@dataclass(frozen=True)
class Ways:
    """The holders of a file by how somebody gets to them, as `ReplyFileLocation` has them."""

    chunkinfo: dict[str, bytes]
    """By address: the bitfields of what they hold."""
    waiting: dict[str, bytes]
    """By full name, of those that are to be called."""
    proven: list[str]
    """Those of both that others vouch for."""
    members: dict[str, str]
    """Which members of a private swarm those of both are."""


def ways_to(
    found: dict[str, bytes],
    peers: Peers,
    vouchers: Vouchers,
    host: str,
    asking: Peer | None,
    name_of: Callable[[str], str | None],
) -> Ways:
    """The ways to holders for a peer on that host.

    ``found`` are bitfields by the names of peers; ``asking`` is None for who has not joined.
    ``name_of`` tells which member of a private swarm a peer is, None in an open one.
    """
    vouched_for = vouchers.speak_for(found, host)
    if peers.are_where_named(found):
        return Ways(found, {}, vouched_for, _members(dict(zip(found, found, strict=True)), name_of))
    chunkinfo: dict[str, bytes] = {}
    waiting: dict[str, bytes] = {}
    ways: dict[str, str] = {}
    for name, bitfield in found.items():
        way = peers.way_to(name, host, asking)
        if way is not None:
            (chunkinfo if way[1] else waiting)[way[0]] = bitfield
            ways[name] = way[0]
    proven = [ways[name] for name in vouched_for if name in ways]
    return Ways(chunkinfo, waiting, proven, _members(ways, name_of))


def _members(ways: Mapping[str, str], name_of: Callable[[str], str | None]) -> dict[str, str]:
    named = ((way, name_of(name)) for name, way in ways.items())
    return {way: member for way, member in named if member is not None}
