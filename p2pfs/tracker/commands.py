"""The tracker's commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IListeningPort

from p2pfs.chunks import bytes_in
from p2pfs.commands import TRACKER_COMMANDS, Call
from p2pfs.console.command import Answer, CommandSet, ReportProgress
from p2pfs.console.command_log import command_log
from p2pfs.console.rendering import size_text, table
from p2pfs.console.shut_down import shut_down
from p2pfs.listening import bound_address, tcp_endpoint_string
from p2pfs.tracker.enrolment import Enrolment
from p2pfs.tracker.listing import list_files
from p2pfs.tracker.membership_commands import MembershipCommands
from p2pfs.tracker.own_hosts import own_hosts
from p2pfs.tracker.status import status
from p2pfs.tracker.tracker import Tracker

_REACH = {True: "yes", False: "no", None: "not known"}


def tracker_commands(
    tracker: Tracker,
    listen: Callable[[str], IListeningPort],
    enrolment: Enrolment | None = None,
    hosts: Callable[[], Sequence[str]] = own_hosts,
) -> CommandSet:
    """The commands of one tracker; ``listen`` has it accept peers at one more endpoint.

    ``enrolment`` is that of a private swarm; ``hosts`` says by which IP addresses others can reach
    this machine.
    """
    console = _TrackerConsole(tracker, listen)
    membership = MembershipCommands(enrolment, lambda: tracker.listening, hosts)
    return CommandSet(
        TRACKER_COMMANDS,
        {
            "start": console.start,
            "status": console.status,
            "list_peers": console.list_peers,
            "list_files": console.list_files,
            "list_chunkinfo": console.list_chunkinfo,
            "invite": membership.invite,
            "members": membership.members,
            "revoke": membership.revoke,
            **shut_down(tracker.reactor, "tracker"),
        },
        command_log(tracker.reactor),
    )


class _TrackerConsole:
    def __init__(self, tracker: Tracker, listen: Callable[[str], IListeningPort]) -> None:
        self._tracker = tracker
        self._listen = listen

    async def start(self, call: Call, report: ReportProgress) -> Answer:
        endpoint = tcp_endpoint_string(call["host"], call["port"], for_server=True)
        address = str(bound_address(self._listen(endpoint)))
        return Answer({"listening": address}, [f"Listening at {address}."])

    async def status(self, call: Call, report: ReportProgress) -> Answer:
        return status(self._tracker)

    async def list_peers(self, call: Call, report: ReportProgress) -> Answer:
        directory = self._tracker.directory
        peers: list[dict[str, Any]] = []
        for name, connection in sorted(self._tracker.factory.joined.items()):
            held, peer = directory.held_by(name), self._tracker.factory.peers[name]
            peers.append(
                {
                    "address": name,
                    "fingerprint": peer.fingerprint or None,
                    "member": connection.member.name if connection.member else None,
                    "reachable": peer.reachable,
                    "since": connection.since,
                    "files": len(held),
                    "bytes": sum(bytes_in(directory[n].info, c) for n, c in held.items()),
                }
            )
        is_private = self._tracker.factory.swarm is not None
        rows = [
            (
                p["address"],
                *([p["member"]] if is_private else []),
                datetime.fromtimestamp(p["since"]).strftime("%Y-%m-%d %H:%M:%S"),
                p["files"],
                size_text(p["bytes"]),
                _REACH[p["reachable"]],
            )
            for p in peers
        ]
        named = ["member"] if is_private else []
        headings = ["peer", *named, "since", "files", "held", "can be reached"]
        return Answer(peers, table(headings, rows, "No peer is here."))

    async def list_files(self, call: Call, report: ReportProgress) -> Answer:
        return await list_files(self._tracker, call)

    async def list_chunkinfo(self, call: Call, report: ReportProgress) -> Answer:
        listed = self._tracker.directory[call["name"]]
        holders = sorted(listed.holders.items())
        data = {peer: [list(run) for run in chunks.ranges()] for peer, chunks in holders}
        rows = [(peer, f"{len(chunks)}", str(chunks)) for peer, chunks in holders]
        return Answer(data, table(["peer", "chunks", "which"], rows))
