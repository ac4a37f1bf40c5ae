"""A tracker's private swarm: found at the start, tended while it runs, given up at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.identity import PeerKey
from p2pfs.membership import (
    AUTHORITY_DIRECTORY,
    Authority,
    PrivateNames,
    RevocationList,
    Role,
    renewal_due,
    tracker_name_in,
)
from p2pfs.reactor import Reactor
from p2pfs.secure import Credentials, MakeDoor, PrivateSwarm, TlsDoor
from p2pfs.tracker.enrolment import Enrolment, Invitations, Records
from p2pfs.tracker.joining import JoiningFactory
from p2pfs.tracker.membership import Membership
from p2pfs.tracker.tracker import Tracker
from p2pfs.wire.messages import NoticeRevocations, RequestJoin

KEY_FILE = "tracker_key"
"""The tracker's own key, as a member."""

RECORDS_FILE = "members.sqlite"
"""What is on record of invitations, members and revocations."""

TEND_SECONDS = 60.0
"""How often it looks what has expired, and notes who is here."""


class PrivateTracker:
    """The swarm, and what lets others into it. `start` has to follow, and `close` in the end."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        state: Path,
        tracker: Tracker,
        entropy: Callable[[int], bytes],
        wall_clock: Callable[[], float],
        make_door: MakeDoor = TlsDoor,
    ) -> None:
        """``state`` has an authority; ``tracker`` takes the connections of members.

        Raises `StartupProblem` when what is there cannot be used.
        """
        self._tracker = tracker
        self._wall_clock = wall_clock
        self._authority = Authority.load(state / AUTHORITY_DIRECTORY, entropy)
        self._key = PeerKey.kept_in(state / KEY_FILE, entropy)
        self._name = tracker_name_in(state / AUTHORITY_DIRECTORY)
        self._records = Records(state / RECORDS_FILE)
        invitations = Invitations(
            self._records, clock=reactor, time=wall_clock, entropy=entropy, say=self.log.warn
        )
        self.enrolment = Enrolment(
            reactor,
            self._authority,
            self._name,
            self._records,
            invitations,
            wall_clock,
            self._revoked,
        )
        revocations = self.enrolment.revocations()
        # SQLite's connections must not be carried into the background by a fork.
        self._records.close()
        self.swarm = PrivateSwarm(
            reactor,
            self._authority.certificate,
            self._credentials(),
            revocations,
            wall_clock,
            make_door,
        )
        tracker.factory.membership = Membership(self.swarm, self.enrolment.renew)
        tracker.go_by(
            PrivateNames(self.swarm.authority, lambda: self.swarm.revocations, wall_clock)
        )
        self.strangers = JoiningFactory(reactor, self._join, self._newest_list)
        """What takes the connections of those who are no members."""
        self._tending = LoopingCall(self._tend)
        self._tending.clock = reactor

    @staticmethod
    def is_in(state: Path) -> bool:
        """Whether a tracker with that state directory is to be private.

        It is so too when its authority has gone and members are on record: it does not start
        then, rather than be open all of a sudden.
        """
        return any((state / name).exists() for name in (AUTHORITY_DIRECTORY, RECORDS_FILE))

    def start(self) -> None:
        """Be ready to let others in; raises `StartupProblem`."""
        self._records.reopen()
        self._tending.start(TEND_SECONDS, now=False).addErrback(self._broken)

    def close(self) -> None:
        """Let nobody in any more."""
        for connection in list(self.strangers.connections):
            connection.abort()
        if self._tending.running:
            self._tending.stop()
        self._records.close()

    def _credentials(self) -> Credentials:
        certificate = self._authority.issue(
            self._key.public, self._name, Role.TRACKER, (), self._wall_clock()
        )
        return Credentials(self._key.private, (certificate, *self._authority.chain))

    async def _join(
        self, request: RequestJoin, host: str, address: str
    ) -> Sequence[x509.Certificate]:
        return await self.enrolment.join(
            request.secret, request.name, request.request, host, address
        )

    def _newest_list(self) -> RevocationList:
        assert self.swarm.revocations is not None
        return self.swarm.revocations

    def _revoked(self, revocations: RevocationList) -> None:
        # They are told before those on the list are cut off, who may know it too.
        self._tracker.factory.tell_all(NoticeRevocations(revocations.der))
        self.swarm.take_revocations(revocations)
        self._tracker.revocations_changed()

    def _tend(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._look()).addErrback(self._not_tended)

    async def _look(self) -> None:
        now = self._wall_clock()
        if renewal_due(self.swarm.credentials.chain[0], now):
            self.swarm.use(self._credentials())
        self.swarm.cut_off()
        await self.enrolment.tend(self._tracker.factory.members_here(now))

    def _not_tended(self, failure: Failure) -> None:
        if failure.check(P2pfsError):
            self.log.warn("{error}", error=str(failure.value))
        else:
            self._broken(failure)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Tending the private swarm failed.", failure=failure)
