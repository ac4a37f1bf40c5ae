"""Invitations, members and revocations on record."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from p2pfs.errors import NotFound, Refused, StorageProblem
from p2pfs.membership import Role, secret_hash
from p2pfs.tracker.enrolment import Issued, NotEnrolled, Records, Terms
from p2pfs.tracker.enrolment import records as module
from p2pfs.tracker.enrolment.records import KEPT, MAX_CERTIFICATES, Over, Unknown
from tests.tracker.enrolment.applicants import DAY, NOW, applicant

HASH = secret_hash(b"secret")
TERMS = Terms(Role.PUBLISHER, ("models/*", "data/?"))
READER = Terms(Role.READER)
ONCE = Issued(HASH, TERMS, 1, NOW + 3600, NOW)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """An empty record."""
    records = Records(tmp_path / "db")
    yield records
    records.close()


def names(records: Records) -> list[str]:
    """The members."""
    return [member.name for member in records.members()]


def test_one_is_let_in_and_on_record(records: Records, tmp_path: Path) -> None:
    """As what the invitation says, and so also after a restart; the use is taken."""
    records.add(ONCE)
    one = applicant("gpu-17")
    assert records.enrol(HASH, one, NOW + 1) == TERMS
    records.close()
    again = Records(tmp_path / "db")
    (member,) = again.members()
    (left,) = again.invitations()
    again.close()
    assert (member.name, member.key, member.serial) == ("gpu-17", one.key, one.serial)
    assert (member.terms, member.since, member.until) == (TERMS, NOW, NOW + 30 * DAY)
    assert (member.address, member.seen) == ("192.0.2.7:6881", NOW + 1)
    assert left == replace(ONCE, uses_left=0)


def test_it_is_used_once(records: Records) -> None:
    """Another one comes too late, and is not on record."""
    records.add(ONCE)
    records.enrol(HASH, applicant("a"), NOW)
    with pytest.raises(Over, match="used up"):
        records.enrol(HASH, applicant("b"), NOW)
    assert names(records) == ["a"]


def test_two_at_the_same_time_are_one(records: Records) -> None:
    """Of many with the same invitation, exactly as many get in as it has uses."""
    records.add(replace(ONCE, uses_left=3))
    together = Barrier(8)

    def enrol(number: int) -> bool:
        together.wait()
        try:
            records.enrol(HASH, applicant(f"m{number}"), NOW)
        except Over:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        let_in = list(threads.map(enrol, range(8)))
    assert sum(let_in) == 3
    assert names(records) == [f"m{number}" for number in range(8) if let_in[number]]
    assert records.invitations()[0].uses_left == 0


def test_a_lost_answer_costs_no_use(records: Records) -> None:
    """The same machine with the same key may ask again; a stranger of that name may not."""
    records.add(ONCE)
    first, second = applicant("a"), applicant("a")
    assert records.enrol(HASH, first, NOW) == records.enrol(HASH, second, NOW + 5) == TERMS
    assert [member.serial for member in records.members()] == [second.serial]
    with pytest.raises(Over):
        records.enrol(HASH, applicant("a", "other key"), NOW)
    records.revoke("a", NOW)
    assert {r.serial for r in records.revocations()} == {first.serial, second.serial}


def test_who_was_revoked_takes_a_use_to_come_back(records: Records) -> None:
    """A spent invitation does not undo a revocation."""
    records.add(ONCE)
    records.enrol(HASH, applicant("a"), NOW)
    records.revoke("a", NOW)
    with pytest.raises(Over):
        records.enrol(HASH, applicant("a"), NOW)


_KILLED = """
import os, signal, sys
from pathlib import Path
from p2pfs.tracker.enrolment import Records
from tests.tracker.enrolment.applicants import NOW, applicant
from tests.tracker.enrolment.test_records import HASH
records = Records(Path(sys.argv[1]))
def die(statement):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
records._db.set_trace_callback(die)
records.enrol(HASH, applicant("a"), NOW)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("at", "let_in"),
    [
        ("INSERT INTO members", False),
        ("UPDATE invitations SET uses_left", False),
        ("COMMIT", False),
        ("nowhere", True),
    ],
)
def test_killed_in_between_it_is_both_or_neither(tmp_path: Path, at: str, let_in: bool) -> None:
    """No use is lost without a member, and no member is there without a use taken."""
    path = tmp_path / "db"
    records = Records(path)
    records.add(replace(ONCE, uses_left=2))
    records.close()
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(path), at], check=False)
    assert ended.returncode == -signal.SIGKILL
    records = Records(path)
    assert names(records) == ["a"] * let_in
    assert records.invitations()[0].uses_left == 2 - let_in
    # Whoever got no answer asks again.
    assert records.enrol(HASH, applicant("a"), NOW) == TERMS
    assert records.invitations()[0].uses_left == 1
    records.close()


def test_an_expired_one_stays_so(records: Records) -> None:
    """Also when the clock goes back: it was seen to be over."""
    records.add(replace(ONCE, uses_left=5))
    records.enrol(HASH, applicant("a"), NOW + 3599)
    for now in (NOW + 3600, NOW + 10, NOW - 10**9):
        with pytest.raises(Over, match="expired"):
            records.enrol(HASH, applicant("b"), now)
    with pytest.raises(Over, match="expired"):
        records.enrol(HASH, applicant("a"), NOW)
    assert names(records) == ["a"]


def test_a_clock_from_before_it_was_made_is_not_believed(records: Records) -> None:
    """By it an invitation would be good for much longer; five minutes are borne."""
    records.add(ONCE)
    with pytest.raises(Over):
        records.enrol(HASH, applicant("a"), NOW - 301)
    records.enrol(HASH, applicant("a"), NOW - 299)


def test_what_is_long_over_is_forgotten(records: Records) -> None:
    """Until then people are told that it is over, and then that there is none."""
    records.add(ONCE)
    records.expire(NOW + 3600 + KEPT - 1)
    assert [issued.ended for issued in records.invitations()] == [True]
    records.expire(NOW + 3600 + KEPT)
    assert records.invitations() == []
    with pytest.raises(Unknown):
        records.enrol(HASH, applicant("a"), NOW)


def test_invitations_are_bounded(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are over make room, those that are open do not."""
    monkeypatch.setattr(module, "MAX_INVITATIONS", 3)
    issued = [replace(ONCE, hash=bytes([n]) * 32, made=NOW + n) for n in range(5)]
    records.add(issued[0])
    records.enrol(issued[0].hash, applicant("a"), NOW)
    for one in issued[1:3]:
        records.add(one)
    records.add(issued[3])
    assert records.invitations() == issued[1:4]
    with pytest.raises(Refused, match="no more can be"):
        records.add(issued[4])
    assert records.invitations() == issued[1:4]


def test_names_and_keys_are_one_members(records: Records) -> None:
    """Nobody takes the name of another, nor has two; that costs no use."""
    records.add(replace(ONCE, uses_left=2))
    records.enrol(HASH, applicant("a"), NOW)
    with pytest.raises(NotEnrolled, match="another member a"):
        records.enrol(HASH, applicant("a", "other"), NOW)
    with pytest.raises(NotEnrolled, match="that of member a"):
        records.enrol(HASH, applicant("b", "a"), NOW)
    assert records.invitations()[0].uses_left == 1
    assert names(records) == ["a"]


def test_members_are_bounded(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most, nobody new; those that are there can renew."""
    monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    records.add(replace(ONCE, uses_left=9))
    for name in ("a", "b"):
        records.enrol(HASH, applicant(name), NOW)
    with pytest.raises(NotEnrolled, match="no more can be"):
        records.enrol(HASH, applicant("c"), NOW)
    records.renew(applicant("a"), NOW)


def test_another_invitation_changes_what_a_member_is(records: Records) -> None:
    """A reader becomes a publisher by being invited once more; it is a member since before."""
    other = replace(ONCE, hash=secret_hash(b"other"), terms=Terms(Role.READER))
    records.add(ONCE)
    records.add(other)
    records.enrol(other.hash, applicant("a"), NOW)
    records.enrol(HASH, applicant("a", now=NOW + 60), NOW + 60)
    (member,) = records.members()
    assert (member.terms, member.since) == (TERMS, NOW)
    assert [issued.uses_left for issued in records.invitations()] == [0, 0]


def test_renewing(records: Records) -> None:
    """It keeps terms and since; only the member's own key can; all it had is revoked together."""
    records.add(ONCE)
    first, second = applicant("a"), applicant("a", now=NOW + 20 * DAY)
    records.enrol(HASH, first, NOW)
    assert records.renew(second, NOW + 20 * DAY) == TERMS
    (member,) = records.members()
    assert (member.serial, member.since, member.until) == (second.serial, NOW, second.until)
    for stranger in (applicant("a", "other"), applicant("b")):
        with pytest.raises(NotEnrolled, match="no member"):
            records.renew(stranger, NOW)
    records.revoke("a", NOW + 21 * DAY)
    assert {r.serial for r in records.revocations()} == {first.serial, second.serial}
    with pytest.raises(NotEnrolled):
        records.renew(applicant("a"), NOW)


def test_certificates_of_a_member_are_bounded(records: Records) -> None:
    """Who asks over and over is refused until some expire; what expired makes room."""
    records.admit(applicant("a"), READER, NOW)
    for _ in range(MAX_CERTIFICATES - 1):
        records.renew(applicant("a"), NOW)
    with pytest.raises(NotEnrolled, match="certificates already"):
        records.renew(applicant("a"), NOW)
    later = NOW + 31 * DAY
    for _ in range(3):
        records.renew(applicant("a", now=later), later)
    records.revoke("a", later)
    assert len(records.revocations()) == 3


def test_all_that_a_publisher_ever_had_is_revoked(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it signed with a certificate that has expired since counts, until that is revoked."""
    monkeypatch.setattr(module, "MAX_REVOCATIONS", 1)
    records.admit(applicant("a"), TERMS, NOW)
    for month in range(1, 2 * MAX_CERTIFICATES):
        then = NOW + 31 * DAY * month
        records.renew(applicant("a", now=then), then)
    records.revoke("a", then)
    assert len(records.revocations()) == 2 * MAX_CERTIFICATES
    with pytest.raises(NotEnrolled, match="revoked"):
        records.admit(applicant("b"), READER, then + 300 * DAY)
    assert len(records.revocations()) == 2 * MAX_CERTIFICATES


def test_revoking(records: Records, tmp_path: Path) -> None:
    """Numbers of lists grow, also over restarts and when nothing was added; names are known."""
    for name in ("a", "b"):
        records.admit(applicant(name), TERMS, NOW)
    first = int(NOW)
    assert records.revoke("a", NOW) == first
    assert records.next_list_number(NOW - 1) == first + 1
    records.close()
    again = Records(tmp_path / "db")
    assert again.revoke("b", NOW + 1) == first + 2
    with pytest.raises(NotFound, match="no member a"):
        again.revoke("a", NOW)
    assert [(r.name, r.at, r.number) for r in again.revocations()] == [
        ("a", NOW, first),
        ("b", NOW + 1, first + 2),
    ]
    again.close()


def test_lists_are_newer_than_those_of_a_record_that_was_lost(tmp_path: Path) -> None:
    """Or members would ignore what is revoked from then on."""
    for name in ("lost", "new"):
        records = Records(tmp_path / name)
        records.admit(applicant("a"), TERMS, NOW)
        assert records.revoke("a", NOW + len(name)) == int(NOW) + len(name)
        records.close()


def test_to_revoke_is_never_refused(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most nobody is let in; only then those of expired certificates are forgotten."""
    monkeypatch.setattr(module, "MAX_REVOCATIONS", 1)
    for name in ("a", "b"):
        records.admit(applicant(name, days=1), READER, NOW)
    records.revoke("a", NOW)
    records.revoke("b", NOW)
    with pytest.raises(NotEnrolled, match="revoked"):
        records.admit(applicant("c"), TERMS, NOW)
    assert len(records.revocations()) == 2
    records.admit(applicant("c"), TERMS, NOW + 2 * DAY)
    assert records.revocations() == []


def test_where_members_were_seen(records: Records) -> None:
    """The latest counts; of strangers nothing is kept."""
    records.admit(applicant("a"), TERMS, NOW)
    records.note_seen([("a", "[::1]:5", NOW + 9), ("nobody", "x", NOW)])
    records.note_seen([("a", "[::1]:6", NOW + 3)])
    (member,) = records.members()
    assert (member.address, member.seen) == ("[::1]:6", NOW + 9)


def test_a_damaged_record_is_a_sentence(records: Records, tmp_path: Path) -> None:
    """It lets nobody in, and says what to do."""
    records.add(ONCE)
    records.admit(applicant("a"), TERMS, NOW)
    beside = sqlite3.connect(tmp_path / "db")
    with beside:
        beside.execute("UPDATE members SET role = 'king'")
        beside.execute("UPDATE invitations SET patterns = 'no JSON'")
    beside.close()
    with pytest.raises(StorageProblem, match=r"damaged .* backup"):
        records.members()
    with pytest.raises(StorageProblem, match=r"damaged .* backup"):
        records.enrol(HASH, applicant("b"), NOW)


def test_what_cannot_be_written_changes_nothing(records: Records) -> None:
    """A full disk is a sentence; afterwards all goes on."""
    records.add(ONCE)
    pages = records._db.execute("PRAGMA page_count").fetchone()[0]
    records._db.execute(f"PRAGMA max_page_count = {pages}")
    long = replace(applicant("a"), address="x" * 10**6)
    with pytest.raises(StorageProblem, match="cannot be used"):
        records.enrol(HASH, long, NOW)
    assert records.invitations() == [ONCE]
    assert names(records) == []
    records._db.execute("PRAGMA max_page_count = 1000000")
    records.enrol(HASH, applicant("a"), NOW)
