"""A peer as the member of a private swarm: its certificate is renewed, revocations are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, StartupProblem, StorageProblem, TrackerUnavailable
from p2pfs.identity import PeerKey
from p2pfs.membership import (
    MAX_CHAIN,
    Joined,
    PrivateNames,
    RevocationList,
    SigningMember,
    kept_revocations,
    read_certificate,
    renewal_due,
    verify,
    write_revocations,
)
from p2pfs.reactor import ThreadedReactor
from p2pfs.secure import Credentials, MakeDoor, PrivateSwarm
from p2pfs.threads import in_thread

TEND_SECONDS = 60.0
"""How often it looks whether its certificate is to be renewed, and whose have expired."""


class Membership:
    """What a peer has to do for being a member, beside going through the door."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        state: Path,
        joined: Joined,
        key: PeerKey,
        wall_clock: Callable[[], float],
        make_door: MakeDoor,
    ) -> None:
        """``joined`` is what the state directory ``state`` has; ``key`` is the peer's own.

        Raises `StartupProblem` when the certificate is for another key.
        """
        if joined.member.key != key.public:
            raise StartupProblem(
                "The certificate of this peer is for another key than the one in its state "
                "directory; put both back from the same backup, or join the swarm again."
            )
        self._reactor = reactor
        self._state = state
        self._joined = joined
        self._key = key
        self.swarm = PrivateSwarm(
            reactor,
            joined.authority,
            Credentials(key.private, joined.chain),
            kept_revocations(state, joined.authority),
            wall_clock,
            make_door,
        )
        self.signing = PrivateNames(
            joined.authority,
            lambda: self.swarm.revocations,
            wall_clock,
            SigningMember(key, lambda: self.swarm.credentials.chain),
        )
        """What names are signed with, and whose signatures count."""
        self._ask: Callable[[], Awaitable[list[bytes]]] | None = None
        self._changed: Callable[[], None] = lambda: None
        self._trouble = ""
        self._tending = LoopingCall(self._tend)
        self._tending.clock = reactor

    @property
    def tracker(self) -> str:
        """The endpoint of the tracker by which it was joined."""
        return self._joined.trackers[0].endpoint

    def start(
        self, ask: Callable[[], Awaitable[list[bytes]]], revocations_changed: Callable[[], None]
    ) -> None:
        """Look after its certificate; ``ask`` has the tracker give the next one, as a chain.

        ``revocations_changed`` is called when there is a newer list.
        """
        self._ask = ask
        self._changed = revocations_changed
        self._tending.start(TEND_SECONDS, now=True).addErrback(self._broken)

    def stop(self) -> None:
        """Look after nothing any more."""
        if self._tending.running:
            self._tending.stop()

    async def take_revocations(self, der: bytes) -> None:
        """Go by the list that the tracker has sent, and keep it, if it is newer."""
        try:
            revocations = RevocationList.read(der, self.swarm.authority)
            if self.swarm.take_revocations(revocations):
                self._changed()
                await in_thread(self._reactor, self._keep, revocations)
        except P2pfsError as error:
            self.log.warn("{error}", error=str(error))

    def _keep(self, revocations: RevocationList) -> None:
        try:
            write_revocations(self._state, revocations)
        except OSError as error:
            raise StorageProblem(
                f"The list of revocations cannot be kept in {self._state} ({error.strerror}); it "
                "holds until this peer stops."
            ) from error

    def _tend(self) -> Deferred[None]:
        self.swarm.cut_off()
        return Deferred.fromCoroutine(self._renew()).addErrback(self._not_renewed)

    async def _renew(self) -> None:
        swarm = self.swarm
        if self._ask is None or not renewal_due(swarm.credentials.chain[0], swarm.wall_clock()):
            return
        encoded = await self._ask()
        chain = tuple(read_certificate(der) for der in encoded[:MAX_CHAIN])
        now, before = swarm.wall_clock(), self._joined.member
        member = verify(chain, swarm.authority, swarm.revocations, now, name=before.name)
        if member.key != before.key:
            raise TrackerUnavailable("The tracker sent a certificate for another key.")
        joined = self._joined.with_chain(chain)
        await in_thread(self._reactor, self._write, joined)
        self._joined = joined
        swarm.use(Credentials(self._key.private, chain))
        self._trouble = ""
        self.log.info("The certificate of {name} was renewed.", name=member.name)

    def _write(self, joined: Joined) -> None:
        try:
            joined.write(self._state)
        except OSError as error:
            raise StorageProblem(
                f"The renewed certificate cannot be kept in {self._state} ({error.strerror}); "
                "make room there. It is tried again."
            ) from error

    def _not_renewed(self, failure: Failure) -> None:
        """It is tried again in a while, and told once."""
        if not failure.check(P2pfsError):
            self._broken(failure)
        elif str(failure.value) != self._trouble:
            self._trouble = str(failure.value)
            self.log.warn(
                "This peer's certificate is to be renewed, which is tried again: {reason}",
                reason=self._trouble,
            )

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Looking after the membership failed.", failure=failure)
