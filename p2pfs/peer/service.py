"""The peer as a service: its parts put together, its ports, its consoles."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.console.peer_commands import peer_commands
from p2pfs.daemon import Daemon
from p2pfs.errors import P2pfsError
from p2pfs.identity import PeerKey
from p2pfs.listening import NONE, bound_address, client_endpoint
from p2pfs.messages import NoticeCallBack, NoticeReachable
from p2pfs.peer.call_backs import CallBacks
from p2pfs.peer.callee import Callee
from p2pfs.peer.custodian import Custodian
from p2pfs.peer.deliveries import Deliveries
from p2pfs.peer.downloads import Downloads
from p2pfs.peer.introduction import Introduction
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.line_rate import LineRate, Lines
from p2pfs.peer.machine import Machine, this_machine
from p2pfs.peer.probes import Probes
from p2pfs.peer.publishing import Publisher
from p2pfs.peer.rate_limit import RateLimit
from p2pfs.peer.reachability import reach_warning
from p2pfs.peer.records import Records
from p2pfs.peer.room import Room
from p2pfs.peer.serving import ServingFactory, ServingHooks
from p2pfs.peer.settings import PeerSettings
from p2pfs.peer.surroundings import Surroundings
from p2pfs.peer.tracker_client import Notice
from p2pfs.peer.tracker_link import TrackerLink
from p2pfs.peer.trees import Trees
from p2pfs.peer.uplink import Uplink
from p2pfs.tasks import end_of

STATE_FILE = "peer.sqlite"
JOURNALS = "unfinished"
KEY_FILE = "peer_key"


class PeerService(Daemon):
    """A peer: shares files, serves chunks, downloads."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: PeerSettings,
        random: Random,
        machine: Machine | None = None,
    ) -> None:
        """``random`` breaks ties between chunks and spreads the attempts to reconnect.

        ``machine`` is the one it runs on; by default the real one.
        """
        super().__init__(reactor, settings.state)
        self.settings = settings
        self.library = Library()
        machine = machine or this_machine(reactor)
        disk = machine.disk
        self.records = Records(reactor, disk, settings.state / STATE_FILE)
        self.limits = {
            "upload": RateLimit(settings.upload_rate),
            "download": RateLimit(settings.download_rate),
        }
        lines = Lines(LineRate(self.limits["upload"]), LineRate(self.limits["download"]))
        self.uplink = Uplink(
            reactor,
            random,
            settings,
            self.library,
            lines,
            lambda: Introduction(self.address, self.key),
            self._joined,
            self._noticed,
            machine.routes,
        )
        self._entropy = machine.entropy
        self._warned = ""
        call_backs = CallBacks(reactor, machine.entropy, settings.patience, self.uplink)
        self._background = machine.background
        journals = settings.state / JOURNALS
        self.custodian = Custodian(
            reactor, disk, self.library, self.records, self.uplink, journals, self._publish_again
        )
        self.publisher = Publisher(
            reactor,
            machine,
            self.library,
            self.records,
            self.uplink,
            self.custodian,
            settings.state,
            settings.smallest_chunk,
        )
        self.serving = ServingFactory(
            reactor,
            disk,
            self.library,
            self.custodian.changed,
            self.limits["upload"],
            random,
            Deliveries(lines.up, self.uplink.delivered),
            ServingHooks(
                self.uplink.heard,
                self.custodian.doubts.raise_for,
                Probes(reactor, self.uplink.reached).seen,
                call_backs.pop,
            ),
            settings.descriptors.connections,
        )
        self._callee = Callee(reactor, settings.patience, self.serving)
        around = Surroundings(
            reactor,
            random,
            settings.patience,
            # A download leaves some for others, where there are few.
            max(1, min(settings.max_sources, settings.descriptors.sources // 2)),
            self.limits["download"],
            self.uplink,
            call_backs,
            self.serving.offers.make,
            line=lines.down,
            room=Room(settings.descriptors.sources),
        )
        self.downloads = Downloads(
            around,
            disk,
            self.library,
            self.records,
            self.custodian,
            journals,
            settings.descriptors.downloads,
        )
        self.trees = Trees(reactor, self.downloads, self.library, self.uplink)
        self._begun: Deferred[None] | None = None

    def open(self) -> None:
        """Claim the state directory, bind the ports, offer the consoles."""
        if self.settings.tracker != NONE:
            client_endpoint(self.reactor, self.settings.tracker)  # a bad one is told at once
        super().open()
        self.key = PeerKey.kept_in(self.state / KEY_FILE, self._entropy)
        self._on_record = self.records.load()
        self.address = bound_address(self.listen(self.settings.listen, self.serving))
        self.offer_consoles(
            peer_commands(self),
            {"service": self, "peer": self},
            self.settings.ssh,
            self.settings.authorized_keys,
            self.settings.descriptors,
        )

    def startService(self) -> None:
        super().startService()
        self._background.start()
        # Work that waits for the reactor's threads to begin would not learn that none can.
        self.reactor.callWhenRunning(self._start)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    def _start(self) -> None:
        self._begun = Deferred.fromCoroutine(self._begin()).addErrback(self._not_begun)

    async def _begin(self) -> None:
        await self.records.open()
        await self.custodian.restore(self._on_record)
        if self.settings.tracker != NONE:
            self.uplink.start(self.settings.tracker)
        self.custodian.watch(self.settings.watch_interval)
        for path in self.settings.share:
            self._share(path, None)

    async def _stop(self) -> None:
        if self._begun is not None:
            await self._begun  # what begins after the stop would never be stopped
        await self.downloads.stop()
        await self.publisher.stop()
        self._background.stop()
        await self.custodian.stop()
        await self.uplink.stop()
        self._callee.stop()
        for connection in list(self.serving.connections):
            connection.abort()
            if connection.at_work is not None:
                await end_of(connection.at_work)
        await super().stopService()
        await self.records.close()

    def _not_begun(self, failure: Failure) -> None:
        """Without its record the peer would forget what it shared: stop rather than do that."""
        if failure.check(P2pfsError):
            self.log.critical("{error}", error=str(failure.value))
        else:
            self.log.failure("The peer could not begin.", failure=failure)
        self.reactor.stop()

    def _share(self, path: Path, name: str | None) -> None:
        publication, published = self.publisher.publish(path, name)

        def report(files: list[Any]) -> None:
            for reason in publication.skipped:
                self.log.warn("{reason}", reason=reason)
            self.log.info("Shared {path}: {count} files", path=path, count=len(files))

        def explain(failure: Failure) -> None:
            failure.trap(P2pfsError)
            self.log.warn("{error}", error=str(failure.value))

        published.addCallback(report).addErrback(explain).addErrback(
            lambda failure: self.log.failure("Sharing failed.", failure=failure)
        )

    def _publish_again(self, holding: Holding) -> None:
        self._share(holding.path, holding.name)

    @property
    def reach_warning(self) -> str:
        """Why others cannot connect to this peer, and what to do; empty if they can."""
        uplink = self.uplink
        return reach_warning(self.address, uplink.address, uplink.found_reachable)

    def _joined(self, link: TrackerLink) -> None:
        self._warn()

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case NoticeReachable():
                self._warn()
            case NoticeCallBack():
                self._callee.called(notice)

    def _warn(self) -> None:
        """Say in the log who cannot connect, when that is news."""
        warning = self.reach_warning
        if warning not in ("", self._warned):
            self._warned = warning
            self.log.warn("{warning}", warning=warning)
