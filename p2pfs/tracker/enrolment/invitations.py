"""Invitations: made, redeemed, and over; and how often somebody may be wrong about a secret."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from twisted.internet.interfaces import IReactorTime

from p2pfs.errors import Refused, UsageProblem
from p2pfs.membership import SECRET_SIZE, Role, check_patterns, secret_hash
from p2pfs.tracker.enrolment.records import Over, Records, Unknown
from p2pfs.tracker.enrolment.values import Applicant, Issued, Terms
from p2pfs.wire import HostRates, Notices

MAX_USES = 10_000
"""Machines that one invitation can let in."""

MAX_LIFETIME = 30 * 86_400.0
"""Seconds for which an invitation can be good."""

HOST_RATE, HOST_BURST = 0.1, 10.0
"""Wrong secrets that a host may give: so many a second, and so many at once."""

RATE, BURST = 10.0, 200.0
"""The same for all hosts together. It also bounds how many hosts are remembered."""

_ALL = "all"
_WRONG = "gave an invitation that is not good, or not any more."


class NotInvited(Refused):
    """The secret is wrong, or its invitation is over, or too many were wrong before."""


class Invitations:
    """The invitations of a swarm. It blocks as `Records` does; any thread may call it."""

    def __init__(
        self,
        records: Records,
        *,
        clock: IReactorTime,
        time: Callable[[], float],
        entropy: Callable[[int], bytes],
        say: Callable[..., None],
    ) -> None:
        """``time`` is the wall clock's, and ``clock`` one that nobody sets.

        ``say`` is a logger's method. It gets the first of what each host was wrong about in a
        while, and how much more there was, see `p2pfs.wire.Notices`; from the thread that calls,
        and never from two at the same time.
        """
        self._records = records
        self._clock = clock
        self._time = time
        self._entropy = entropy
        self._lock = Lock()
        self._notices = Notices(clock, say)
        self._hosts = HostRates(HOST_RATE, HOST_BURST)
        self._in_all = HostRates(RATE, BURST)

    def make(self, role: Role, patterns: tuple[str, ...], uses: int, lifetime: float) -> bytes:
        """Make an invitation that is good ``uses`` times within ``lifetime`` seconds; its secret.

        The secret is `SECRET_SIZE` bytes, and kept nowhere. Raises `UsageProblem` for what no
        invitation can be, `Refused` when there are too many, and ``StorageProblem``.
        """
        _check(role, patterns, uses, lifetime)
        secret = self._entropy(SECRET_SIZE)
        now = self._time()
        terms = Terms(role, patterns)
        self._records.add(Issued(secret_hash(secret), terms, uses, now + lifetime, now))
        return secret

    def redeem(self, secret: bytes, host: str, applicant: Applicant) -> Terms:
        """Let one in who has a secret: on record when this returns, with one use less.

        ``host`` is what `p2pfs.addresses.host_of` takes for one. Raises `NotInvited` for a
        secret that is not good (any more), or from a host that was wrong too often; ``NotEnrolled``
        when name or key are in the way, which takes no use; and ``StorageProblem``.
        """
        with self._lock:
            now = self._clock.seconds()
            if not (self._hosts.may(host, now) and self._in_all.may(_ALL, now)):
                self._notices.note(host, _WRONG)
                raise NotInvited(
                    "Too many invitations were wrong just now; wait a minute and try again."
                )
            try:
                return self._records.enrol(secret_hash(secret), applicant, self._time())
            except (Unknown, Over) as error:
                self._hosts.spend(host, now)
                self._in_all.spend(_ALL, now)
                self._notices.note(host, _WRONG)
                raise NotInvited(str(error)) from None

    def expire(self) -> None:
        """Note which invitations are over; to be called now and then. Raises ``StorageProblem``."""
        self._records.expire(self._time())


def _check(role: Role, patterns: tuple[str, ...], uses: int, lifetime: float) -> None:
    """Raises `UsageProblem`, or `InvalidMember` for patterns."""
    if role is Role.TRACKER:
        raise UsageProblem("A tracker is not invited; invite a reader or a publisher.")
    check_patterns(role, patterns)
    if not 1 <= uses <= MAX_USES:
        raise UsageProblem(f"An invitation is good for 1 to {MAX_USES:,} uses; give such a number.")
    if not 0 < lifetime <= MAX_LIFETIME:
        raise UsageProblem(
            f"An invitation is good for at most {MAX_LIFETIME / 86_400:.0f} days; give a shorter "
            "time, and more than none."
        )
