"""The tracker's state file: made, opened, refused."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from p2pfs.errors import StartupProblem
from p2pfs.membership import Role
from p2pfs.tracker.enrolment.schema import issued_of, open_state, terms_row
from p2pfs.tracker.enrolment.values import Terms


def test_it_is_private(tmp_path: Path) -> None:
    """With all that SQLite lays beside it, whatever the umask."""
    before = os.umask(0)
    try:
        connection = open_state(tmp_path / "db")
        connection.execute("UPDATE list SET number = 7")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    connection.close()
    assert modes == {0o600}


def test_what_is_committed_is_forced_to_the_disk(tmp_path: Path) -> None:
    """A power failure takes no member back."""
    connection = open_state(tmp_path / "db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_a_crash_while_it_is_made_is_no_damage(tmp_path: Path) -> None:
    """What is left of an attempt is of no account."""
    (tmp_path / "db.new").write_bytes(b"half")
    open_state(tmp_path / "db").close()
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


@pytest.mark.parametrize("version", [2, 99])
def test_another_version_is_left_alone(tmp_path: Path, version: int) -> None:
    """It is not overwritten."""
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = (tmp_path / "db").read_bytes()
    with pytest.raises(StartupProblem, match="another version"):
        open_state(tmp_path / "db")
    assert (tmp_path / "db").read_bytes() == before


def test_an_empty_one_is_damage(tmp_path: Path) -> None:
    """It is not taken for a new one: with it, nobody would be revoked any more."""
    (tmp_path / "db").touch()
    with pytest.raises(StartupProblem, match="is damaged"):
        open_state(tmp_path / "db")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Garbage, or a directory, is a sentence."""
    (tmp_path / "db").write_bytes(b"\xa5" * 5000)
    for path in (tmp_path / "db", tmp_path):
        with pytest.raises(StartupProblem, match="cannot be used"):
            open_state(path)


def test_terms_come_back() -> None:
    """Whatever characters a pattern has."""
    terms = Terms(Role.PUBLISHER, ("models/*", "caf\u00e9\n\"'", "[!a]?"))
    assert issued_of((b"h", *terms_row(terms), 1, 2.0, 1.0, 0)).terms == terms


@pytest.mark.parametrize(
    ("role", "patterns"), [("king", "[]"), ("reader", "{"), ("reader", "7"), ("reader", "[7]")]
)
def test_damaged_terms_let_nobody_in(role: str, patterns: str) -> None:
    """What cannot be read is not taken for nothing, nor for everything."""
    with pytest.raises(ValueError, match=r".+"):
        issued_of((b"h", role, patterns, 1, 2.0, 1.0, 0))
