"""The peer's commands."""

from __future__ import annotations

from functools import partial

from p2pfs.commands import PEER_COMMANDS, Call
from p2pfs.console.command import Answer, CommandSet, Progress, ReportProgress
from p2pfs.console.command_log import command_log
from p2pfs.console.shut_down import shut_down
from p2pfs.errors import StorageProblem
from p2pfs.hashing import Hash
from p2pfs.listening import tcp_endpoint_string
from p2pfs.paths import given_path
from p2pfs.peer.commands.access import allowed, may_read, to_read
from p2pfs.peer.commands.doctor import doctor
from p2pfs.peer.commands.downloads import DownloadCommands
from p2pfs.peer.commands.listing import list_files
from p2pfs.peer.commands.status import status
from p2pfs.peer.commands.status_text import limit_text
from p2pfs.peer.commands.watching import watched
from p2pfs.peer.commands.why import why
from p2pfs.peer.library import check_order_name
from p2pfs.peer.peer import Peer
from p2pfs.peer.rates import RateMeter, parse_rate, seconds_left, whole


def peer_commands(peer: Peer) -> CommandSet:
    """The commands of one peer."""
    console, downloads = _PeerConsole(peer), DownloadCommands(peer)
    return CommandSet(
        PEER_COMMANDS,
        {
            "connect": console.connect,
            "publish": console.publish,
            "unpublish": console.unpublish,
            "list_files": console.list_files,
            "download": downloads.download,
            "attach": downloads.attach,
            "cancel": downloads.cancel,
            "status": console.status,
            "why": console.why,
            "doctor": console.doctor,
            "limit": console.limit,
            **shut_down(peer.reactor, "peer"),
        },
        command_log(peer.reactor),
    )


class _PeerConsole:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def connect(self, call: Call, report: ReportProgress) -> Answer:
        endpoint = tcp_endpoint_string(call["host"], call["port"], for_server=False)
        announcer = self._peer.announcer
        await announcer.switch(endpoint)
        data = {"tracker": announcer.tracker, "address": announcer.address}
        return Answer(data, [f"Joined the tracker at {announcer.tracker} as {announcer.address}."])

    async def publish(self, call: Call, report: ReportProgress) -> Answer:
        self._peer.announcer.hurry()
        await self._peer.share_watcher.restored()
        path = await allowed(self._peer.reactor, to_read, call.caller, given_path(call["path"]))
        publication, published = self._peer.publisher.publish(
            path,
            call.get("name"),
            partial(may_read, call.caller),
            Hash.named(call.options["hash"]) if "hash" in call.options else None,
        )
        meter = RateMeter()

        def look() -> None:
            done, total, now = publication.done, publication.total, self._peer.reactor.seconds()
            meter.reach(publication.fresh, now)
            rate = meter.rate(now)
            left = seconds_left(total - done, rate)
            report(
                Progress(
                    publication.label, done, total, "hashing", rate=whole(rate), seconds_left=left
                )
            )

        files = await watched(self._peer.reactor, published, look)
        lines = [
            f"Published '{file.name}'."
            if file.listed
            else f"'{file.name}' will be listed once the tracker is reachable; see 'status'."
            for file in files
        ]
        data = {
            "published": [{"name": file.name, "listed": file.listed} for file in files],
            "skipped": publication.skipped,
        }
        warning = [self._peer.reach_warning] if self._peer.reach_warning else []
        return Answer(data, [*lines, *publication.skipped, *warning])

    async def unpublish(self, call: Call, report: ReportProgress) -> Answer:
        await self._peer.share_watcher.restored()
        await self._peer.publisher.unpublish(call["name"])
        return Answer({"unpublished": call["name"]}, [f"'{call['name']}' is shared no more."])

    async def list_files(self, call: Call, report: ReportProgress) -> Answer:
        return await list_files(self._peer, call)

    async def status(self, call: Call, report: ReportProgress) -> Answer:
        return status(self._peer)

    async def why(self, call: Call, report: ReportProgress) -> Answer:
        check_order_name(call["name"])
        return why(self._peer, call["name"])

    async def doctor(self, call: Call, report: ReportProgress) -> Answer:
        return await doctor(self._peer)

    async def limit(self, call: Call, report: ReportProgress) -> Answer:
        direction, rate = call["direction"], call.get("rate")
        if rate is not None:
            call.caller.check_owner("set limits")
            await self._set_limit(direction, parse_rate(rate))
        now, option = self._peer.limits[direction].rate, self._peer.settings.rates[direction]
        after_restart = now if option is None else option or None
        if after_restart == now:
            later = ", also after a restart" if rate is not None else ""
        else:
            later = (
                f"; after a restart --{direction}-rate makes it {limit_text(after_restart)} again"
            )
        shown = "not limited" if now is None else f"limited to {limit_text(now)}"
        return Answer(
            {direction: now, "after_restart": after_restart},
            [f"The {direction} rate is {shown}{later}."],
        )

    async def _set_limit(self, direction: str, rate: int | None) -> None:
        try:
            await self._peer.set_limit(direction, rate)
        except StorageProblem as error:
            raise StorageProblem(
                f"The {direction} limit is {limit_text(rate)} now, but not after a restart: {error}"
            ) from None
