"""A peer: its parts put together, without ports, consoles and state directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.errors import P2pfsError
from p2pfs.hashing import Hash
from p2pfs.identity import PeerKey
from p2pfs.listening import NONE
from p2pfs.membership import NameSigning, OpenNames
from p2pfs.peer.announcing import (
    Announcer,
    Introduction,
    Notice,
    Probes,
    TrackerLink,
    reach_warning,
)
from p2pfs.peer.downloading import DownloadContext, DownloadQueue, Downloads, PlaceCheck, Trees
from p2pfs.peer.library import Holding, Library, LibraryStore, OnRecord
from p2pfs.peer.machine import Machine
from p2pfs.peer.membership import Membership
from p2pfs.peer.payloads import Lender
from p2pfs.peer.rates import Bandwidth, Bandwidths, RateLimit
from p2pfs.peer.serving import (
    Callee,
    Deliveries,
    ServedFiles,
    ServingFactory,
    ServingHooks,
    ServingProtocol,
)
from p2pfs.peer.settings import PeerSettings
from p2pfs.peer.sharing import Publisher, ShareWatcher
from p2pfs.peer.sources import CallBacks, Incoming, Room
from p2pfs.reactor import Reactor
from p2pfs.secure import door_of
from p2pfs.tasks import end_of
from p2pfs.wire.messages import NoticeCallBack, NoticeReachable, NoticeRevocations

STATE_FILE = "peer.sqlite"
JOURNALS = "unfinished"


class Peer:
    """Shares files, serves chunks, downloads.

    `load` and `introduce` come first, then `begin`, and at the end `steps_of_stop`.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        settings: PeerSettings,
        random: Random,
        machine: Machine,
        place_check: PlaceCheck,
        membership: Membership | None = None,
    ) -> None:
        """``random`` breaks ties between chunks and spreads the attempts to reconnect.

        ``place_check`` is that of `DownloadQueue`; ``membership`` that of a private swarm.
        """
        self.reactor = reactor
        self.settings = settings
        self.address: Address
        """Where it listens."""
        self.key: PeerKey
        self.signing: NameSigning
        """What names are signed with, and whose signatures count."""
        self.machine = machine
        self.membership = membership
        door = door_of(None if membership is None else membership.swarm)
        self.library = Library()
        disk = machine.disk
        self.store = LibraryStore(reactor, disk, settings.state / STATE_FILE)
        self.limits = {
            direction: RateLimit(rate or None) for direction, rate in settings.rates.items()
        }
        bandwidths = Bandwidths(
            Bandwidth(self.limits["upload"]), Bandwidth(self.limits["download"])
        )
        self.announcer = Announcer(
            reactor,
            random,
            settings,
            self.library,
            bandwidths,
            lambda: Introduction(self.address, self.key, self._list_number),
            self._joined,
            self._noticed,
            machine.wall_clock,
            machine.routes,
            door,
        )
        self._warned = ""
        call_backs = CallBacks(reactor, machine.entropy, settings.patience, self.announcer)
        self._background = machine.background
        journals = settings.state / JOURNALS
        self.share_watcher = ShareWatcher(
            reactor, disk, self.library, self.store, self.announcer, journals, self._publish_again
        )
        self.publisher = Publisher(
            reactor,
            machine,
            self.library,
            self.store,
            self.announcer,
            self.share_watcher,
            settings.state,
            settings.smallest_chunk,
            settings.hash,
            lambda: self.signing,
        )
        self.reception = ServingFactory(
            reactor,
            ServedFiles(reactor, disk, self.library, self.share_watcher.changed),
            self.limits["upload"],
            random,
            Deliveries(bandwidths.up, self.announcer.delivered),
            ServingHooks(
                self.announcer.heard,
                self.share_watcher.doubts.raise_for,
                Probes(reactor, self.announcer.reached).seen,
                call_backs.pop,
            ),
            settings.descriptors.connections,
        )
        self.serving = self.reception.serving
        self._callee = Callee(reactor, settings.patience, self.reception, door)
        context = DownloadContext(
            reactor,
            random,
            settings.patience,
            # A download leaves some for others, where there are few.
            max(1, min(settings.max_sources, settings.descriptors.sources // 2)),
            Incoming(
                self.limits["download"],
                bandwidths.down,
                lender=Lender(reactor, self.limits["download"]),
            ),
            self.announcer,
            call_backs,
            self.serving.offers.make,
            room=Room(settings.descriptors.sources),
            door=door,
        )
        self.downloads = Downloads(
            context,
            disk,
            self._background,
            self.library,
            self.store,
            self.share_watcher,
            journals,
            lambda: self.signing,
            settings.descriptors.downloads,
        )
        self.trees = Trees(reactor, disk, self.downloads, self.library, self.announcer)
        self.queue = DownloadQueue(
            reactor,
            self.downloads,
            self.trees,
            self.announcer,
            self.store,
            settings.downloads,
            settings.patience.no_source,
            place_check,
        )
        self._on_record = OnRecord([], [], {}, [])

    @property
    def tracker(self) -> str | None:
        """The endpoint of the tracker that it joins at its start; None for none."""
        return None if self.settings.tracker == NONE else self.settings.tracker

    def introduce(self, key: PeerKey, address: Address) -> None:
        """Say who it is, and where it listens."""
        self.key, self.address = key, address
        in_open = OpenNames(self.machine.wall_clock, key)
        self.signing = in_open if self.membership is None else self.membership.signing

    def revocations_changed(self) -> None:
        """There is a newer list of revoked certificates: end and offer nothing by their word.

        Shares stay where they are, and the tracker says whether another's word stands for them.
        """
        self.downloads.signers_revoked()
        for holding in self.library:
            signature = holding.signature
            if signature is not None and self.signing.is_void(signature):
                self.announcer.announce_anew(holding)

    def load(self) -> None:
        """Read from the disk what it held, and was to download; raises `StartupProblem`."""
        found = self._on_record = self.store.load()
        for direction, rate in found.limits.items():
            if self.settings.rates[direction] is None:
                self.limits[direction].rate = rate
        for reason in found.amiss:
            self.log.warn("{reason}", reason=reason)

    async def set_limit(self, direction: str, rate: int | None) -> None:
        """Limit uploads or downloads from now on, also after a restart without such an option.

        Raises `StorageProblem` when it cannot be put on record; it holds all the same.
        """
        self.limits[direction].rate = rate
        await self.store.save_limit(direction, rate)

    async def begin(self) -> None:
        """Look after what it held, join the tracker, go on downloading, share what it is to."""
        self._background.start()
        await self.store.open()
        await self.share_watcher.restore(self._on_record.holdings)
        if self.tracker is not None:
            self.announcer.start(self.tracker)
        if self.membership is not None:
            self.membership.start(self._next_chain, self.revocations_changed)
        # Before anything is asked of it, which waits for the library to be restored.
        self.queue.go_on(self._on_record.orders)
        self.share_watcher.watch(self.settings.watch_interval)
        for path in self.settings.share:
            self._share(path, None)

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """What ends all that is under way, as of `Daemon`; what it began with has to be over."""
        yield self.queue.stop
        yield self.downloads.stop
        yield self.publisher.stop
        yield self._background.stop
        yield self.share_watcher.stop
        if self.membership is not None:
            yield self.membership.stop
        yield self.announcer.stop
        yield self._callee.stop
        for connection in list(self.reception.connections):
            yield partial(_see_off, connection)

    def _share(
        self,
        path: Path,
        name: str | None,
        function: Hash | None = None,
        earlier: Holding | None = None,
    ) -> None:
        def told(failure: Failure) -> None:
            failure.trap(P2pfsError)  # the publisher says it in the log

        _, published = self.publisher.publish(path, name, function=function, earlier=earlier)
        published.addErrback(told).addErrback(
            lambda failure: self.log.failure("Sharing failed.", failure=failure)
        )

    def _publish_again(self, holding: Holding) -> None:
        self._share(holding.path, holding.name, holding.info.function, holding)

    def _list_number(self) -> int | None:
        newest = None if self.membership is None else self.membership.swarm.revocations
        return None if newest is None else newest.number

    async def _next_chain(self) -> list[bytes]:
        return await self.announcer.client().renew()

    @property
    def reach_warning(self) -> str:
        """Why others cannot connect to this peer, and what to do; empty if they can."""
        announcer = self.announcer
        return reach_warning(self.address, announcer.address, announcer.found_reachable)

    def _joined(self, link: TrackerLink) -> None:
        self._warn()

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case NoticeReachable():
                self._warn()
            case NoticeCallBack():
                self._callee.called(notice)
            case NoticeRevocations(der) if self.membership is not None:
                taken = Deferred.fromCoroutine(self.membership.take_revocations(der))
                taken.addErrback(
                    lambda failure: self.log.failure("Revocations failed.", failure=failure)
                )

    def _warn(self) -> None:
        """Say in the log who cannot connect, when that is news."""
        warning = self.reach_warning
        if warning not in ("", self._warned):
            self._warned = warning
            self.log.warn("{warning}", warning=warning)


async def _see_off(connection: ServingProtocol) -> None:
    connection.abort()
    if connection.at_work is not None:
        await end_of(connection.at_work)
