"""The durable record of a private swarm: invitations, members and revocations, in SQLite.

All of it blocks, and belongs into a thread; the methods may be called from any. Times are
seconds of the wall clock, which the caller tells. That clock may be set: so an invitation
that was once seen to be over stays so, and no revocation is forgotten while there is room.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

from p2pfs.errors import NotFound, P2pfsError, Refused, StorageProblem
from p2pfs.membership import Role
from p2pfs.tracker.enrolment.schema import (
    INVITATION,
    MEMBER,
    REVOCATION,
    Row,
    enrolled_of,
    issued_of,
    open_state,
    revocation_of,
    serial_bytes,
    terms_row,
)
from p2pfs.tracker.enrolment.values import Applicant, Enrolled, Issued, Revocation, Terms

MAX_INVITATIONS = 1000
"""Invitations on record; those that are over make room for new ones."""

MAX_MEMBERS = 20_000
"""Members on record: as many as a tracker has connections."""

MAX_CERTIFICATES = 16
"""Certificates of one member that are valid at a time: renewals, and answers that were lost."""

MAX_REVOCATIONS = 20_000
"""Revocations on record. To revoke is never refused; beyond this nobody is let in any more."""

KEPT = 7 * 86_400.0
"""Seconds for which one is told that an invitation is over, rather than that there is none."""

CLOCKS_DIFFER = 300.0
"""Seconds by which the clock may have gone back since an invitation was made."""

_T = TypeVar("_T")
_MARKS = "?, ?, ?, ?, ?, ?, ?"


class NotEnrolled(Refused):
    """Whoever asked has a good invitation, and cannot be let in by it all the same."""


class Over(Refused):
    """An invitation that was made here, and is used up, expired, or from a time still to come."""


class Unknown(Refused):
    """There is no such invitation."""


class Records:
    """The state file of a tracker's private swarm. A commit is on the disk when it returns.

    All methods raise `StorageProblem` when the file is damaged or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create it; raises `p2pfs.errors.StartupProblem` when unusable."""
        self._lock = Lock()
        self._path = path
        self._db = open_state(path)

    def reopen(self) -> None:
        """Open the file again after `close`, which has to come before a fork."""
        with self._lock:
            self._db = open_state(self._path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # Invitations

    def add(self, issued: Issued) -> None:
        """Record an invitation; raises `Refused` when `MAX_INVITATIONS` are open."""
        with self._writing():
            self._end(issued.made)
            # Those longest over go first.
            self._db.execute(
                "DELETE FROM invitations WHERE hash IN (SELECT hash FROM invitations WHERE ended "
                "OR uses_left = 0 ORDER BY expires LIMIT max(0, "
                f"(SELECT count(*) FROM invitations) - {MAX_INVITATIONS - 1}))"
            )
            full = self._count("invitations") >= MAX_INVITATIONS
            if not full:
                self._db.execute(
                    f"INSERT INTO invitations ({INVITATION}) VALUES ({_MARKS})",
                    (
                        issued.hash,
                        *terms_row(issued.terms),
                        issued.uses_left,
                        issued.expires,
                        issued.made,
                        issued.ended,
                    ),
                )
        if full:
            raise Refused(
                f"{MAX_INVITATIONS:,} invitations are open, and no more can be; wait until some "
                "have ended."
            )

    def invitations(self) -> list[Issued]:
        """All on record, also those over, in the order in which they were made."""
        return self._read(issued_of, f"SELECT {INVITATION} FROM invitations ORDER BY made, hash")

    def expire(self, now: float) -> None:
        """Note which invitations are over, and forget those that are so since `KEPT` seconds."""
        with self._writing():
            self._end(now)

    def enrol(self, hash: bytes, applicant: Applicant, now: float) -> Terms:
        """Take one use of an invitation, record the member, and say what it is let in as.

        Both are one commit, after which the certificate may be made. Who comes again with the
        same invitation, name and key (the answer was lost) takes no further use. Raises
        `Unknown`, `Over` or `NotEnrolled`.
        """
        with self._writing():
            self._end(now)
            try:
                return self._enrol(hash, applicant, now)
            except Refused as error:
                # What was seen to be over has to be committed.
                refusal = error
        raise refusal

    def _enrol(self, hash: bytes, applicant: Applicant, now: float) -> Terms:
        issued = self._issued(hash)
        if issued is None:
            raise Unknown("There is no such invitation; have a new one made.")
        if issued.ended or issued.made > now + CLOCKS_DIFFER:
            raise Over("The invitation has expired; have a new one made.")
        again = self._db.execute(
            "SELECT 1 FROM members WHERE name = ? AND key = ? AND invitation = ?",
            (applicant.name, applicant.key, hash),
        ).fetchone()
        if again is None and issued.uses_left < 1:
            raise Over("The invitation is used up; have a new one made.")
        self._check_room(applicant, now)
        self._put(applicant, issued.terms, hash, now)
        if again is None:
            self._db.execute(
                "UPDATE invitations SET uses_left = uses_left - 1 WHERE hash = ?", (hash,)
            )
        return issued.terms

    def _issued(self, hash: bytes) -> Issued | None:
        """The invitation with that hash. All are compared, so that time tells nothing of any."""
        found = None
        for row in self._db.execute(f"SELECT {INVITATION} FROM invitations").fetchall():
            if hmac.compare_digest(row[0], hash):
                found = row
        return None if found is None else issued_of(found)

    def _end(self, now: float) -> None:
        self._db.execute(
            "UPDATE invitations SET ended = 1 WHERE expires <= ? AND NOT ended", (now,)
        )
        self._db.execute("DELETE FROM invitations WHERE ended AND expires <= ?", (now - KEPT,))

    # Members

    def admit(self, applicant: Applicant, terms: Terms, now: float) -> None:
        """Record a member that needs no invitation, such as the tracker; may be repeated.

        Raises `NotEnrolled` when name or key are another member's.
        """
        with self._writing():
            self._check_room(applicant, now)
            self._put(applicant, terms, None, now)

    def renew(self, applicant: Applicant, now: float) -> Terms:
        """Record a member's next certificate, and say what it is; ``since`` stays as it was.

        Raises `NotEnrolled` unless there is a member of that name and key.
        """
        with self._writing():
            row = self._db.execute(
                f"SELECT {MEMBER} FROM members WHERE name = ? AND key = ?",
                (applicant.name, applicant.key),
            ).fetchone()
            if row is None:
                raise NotEnrolled(
                    f"There is no member {applicant.name} with this key; join with a new "
                    "invitation."
                )
            member = enrolled_of(row)
            self._check_room(applicant, now)
            self._certify(applicant, member.terms, now)
            self._db.execute(
                "UPDATE members SET serial = ?, until = ?, address = ?, seen = ? WHERE name = ?",
                (
                    serial_bytes(applicant.serial),
                    applicant.until,
                    applicant.address,
                    now,
                    applicant.name,
                ),
            )
            return member.terms

    def members(self) -> list[Enrolled]:
        """All members, by name; those too whose certificate has expired."""
        return self._read(enrolled_of, f"SELECT {MEMBER} FROM members ORDER BY name")

    def note_seen(self, seen: Iterable[tuple[str, str, float]]) -> None:
        """Record where members are and when they were seen: name, address, time; in one commit."""
        with self._writing():
            self._db.executemany(
                "UPDATE members SET address = ?2, seen = max(seen, ?3) WHERE name = ?1", seen
            )

    def _check_room(self, applicant: Applicant, now: float) -> None:
        name, key = applicant.name, applicant.key
        for other_name, other_key in self._db.execute(
            "SELECT name, key FROM members WHERE name = ? OR key = ?", (name, key)
        ).fetchall():
            if other_name != name:
                raise NotEnrolled(
                    f"This key is that of member {other_name}; join under that name, or have it "
                    "revoked first."
                )
            if other_key != key:
                raise NotEnrolled(
                    f"There is another member {name}; join under another name with --name, or "
                    "have that one revoked first."
                )
        known = "SELECT count(*) FROM members WHERE name != ?"
        if self._db.execute(known, (name,)).fetchone()[0] >= MAX_MEMBERS:
            raise NotEnrolled(
                f"There are {MAX_MEMBERS:,} members, and no more can be; have those revoked that "
                "are gone."
            )
        if self._count("revocations") >= MAX_REVOCATIONS:
            self._forget_revocations(now)
            if self._count("revocations") >= MAX_REVOCATIONS:
                raise NotEnrolled(
                    f"{MAX_REVOCATIONS:,} certificates are revoked, and nobody is let in until "
                    "some of them expire; try again in a few days."
                )
        valid = "SELECT count(*) FROM certificates WHERE name = ? AND until > ?"
        if self._db.execute(valid, (name, now)).fetchone()[0] >= MAX_CERTIFICATES:
            raise NotEnrolled(
                f"Member {name} has {MAX_CERTIFICATES} certificates already; use the last one, or "
                "have it revoked and join anew."
            )

    def _put(self, applicant: Applicant, terms: Terms, hash: bytes | None, now: float) -> None:
        self._certify(applicant, terms, now)
        self._db.execute(
            f"INSERT INTO members ({MEMBER}, invitation) VALUES ({_MARKS}, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET role = excluded.role, patterns = excluded.patterns, "
            "serial = excluded.serial, until = excluded.until, address = excluded.address, "
            "seen = excluded.seen, invitation = excluded.invitation",
            (
                applicant.name,
                applicant.key,
                *terms_row(terms),
                serial_bytes(applicant.serial),
                applicant.since,
                applicant.until,
                applicant.address,
                now,
                hash,
            ),
        )

    def _certify(self, applicant: Applicant, terms: Terms, now: float) -> None:
        """Note a certificate, as all that one has are revoked together.

        Those that have expired may be forgotten, but for a publisher's: what it has signed with
        them counts as long as they are not revoked.
        """
        signs = terms.role is Role.PUBLISHER
        self._db.execute(
            "INSERT INTO certificates VALUES (?, ?, ?, ?)",
            (serial_bytes(applicant.serial), applicant.name, applicant.until, signs),
        )
        self._db.execute(
            "DELETE FROM certificates WHERE name = ? AND NOT signs AND until <= ?",
            (applicant.name, now - CLOCKS_DIFFER),
        )

    # Revocations

    def revoke(self, name: str, now: float) -> int:
        """Revoke all that a member has, and forget the member; the number of the next list.

        The invitation by which it came is over: with it, it would be back at once. Raises
        `NotFound` when there is no such member.
        """
        with self._writing():
            member = "SELECT 1 FROM members WHERE name = ?"
            if self._db.execute(member, (name,)).fetchone() is None:
                raise NotFound(f"There is no member {name}; 'p2pfs tracker members' lists them.")
            number = self._next_number(now)
            self._db.execute(
                f"INSERT OR IGNORE INTO revocations ({REVOCATION}, signs) "
                "SELECT serial, name, ?, until, ?, signs FROM certificates WHERE name = ?",
                (now, number, name),
            )
            self._db.execute(
                "UPDATE invitations SET ended = 1 WHERE hash = "
                "(SELECT invitation FROM members WHERE name = ?)",
                (name,),
            )
            for table in ("certificates", "members"):
                self._db.execute(f"DELETE FROM {table} WHERE name = ?", (name,))
            return number

    def revocations(self) -> list[Revocation]:
        """All on record, in the order in which they were made; those of expired ones too."""
        return self._read(
            revocation_of, f"SELECT {REVOCATION} FROM revocations ORDER BY number, serial"
        )

    def next_list_number(self, now: float) -> int:
        """A number, larger than the last, for a list that is made anew with nothing added.

        It is the time, unless lists come faster or the clock went back: so lists are newer than
        all before even when this file was lost, or is an older one from a backup.
        """
        with self._writing():
            return self._next_number(now)

    def _next_number(self, now: float) -> int:
        self._db.execute("UPDATE list SET number = max(number + 1, ?)", (int(now),))
        return int(self._db.execute("SELECT number FROM list").fetchone()[0])

    def _forget_revocations(self, now: float) -> None:
        self._db.execute(
            "DELETE FROM revocations WHERE NOT signs AND until <= ?", (now - CLOCKS_DIFFER,)
        )

    # The file

    def _count(self, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def _read(self, made_of: Callable[[Row], _T], query: str) -> list[_T]:
        with self._lock, self._told():
            return [made_of(row) for row in self._db.execute(query).fetchall()]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One commit, or nothing when it is left by an error."""
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite has done so itself after some errors, such as a full disk.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except P2pfsError:
            raise
        except sqlite3.IntegrityError as error:
            raise StorageProblem(
                f"The state file {self._path} has that already ({error}); try again."
            ) from None
        except sqlite3.Error as error:
            raise StorageProblem(
                f"The state file {self._path} cannot be used ({error}); make room on its disk, "
                "or put it back from a backup."
            ) from None
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise StorageProblem(
                f"The state file {self._path} is damaged ({error}); put it back from a backup."
            ) from None
