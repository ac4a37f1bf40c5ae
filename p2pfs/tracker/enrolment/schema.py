"""The tables of a tracker's state file, the making of it, and rows from and to values."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pfs.errors import StartupProblem
from p2pfs.membership import Role
from p2pfs.tracker.enrolment.values import Enrolled, Issued, Revocation, Terms

_VERSION = 1
_TABLES = """
CREATE TABLE invitations (
    hash BLOB PRIMARY KEY, role TEXT NOT NULL, patterns TEXT NOT NULL,
    uses_left INTEGER NOT NULL, expires REAL NOT NULL, made REAL NOT NULL,
    ended INTEGER NOT NULL
);
CREATE TABLE members (
    name TEXT PRIMARY KEY, key BLOB NOT NULL UNIQUE, role TEXT NOT NULL, patterns TEXT NOT NULL,
    serial BLOB NOT NULL, since REAL NOT NULL, until REAL NOT NULL,
    address TEXT NOT NULL, seen REAL NOT NULL, invitation BLOB
);
CREATE TABLE certificates (
    serial BLOB PRIMARY KEY, name TEXT NOT NULL, until REAL NOT NULL, signs INTEGER NOT NULL
);
CREATE INDEX certificates_of ON certificates (name);
CREATE TABLE revocations (
    serial BLOB PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL,
    number INTEGER NOT NULL, signs INTEGER NOT NULL
);
CREATE TABLE list (number INTEGER NOT NULL);
INSERT INTO list VALUES (0);
"""
_SERIAL_BYTES = 20
Row = Sequence[Any]

INVITATION = "hash, role, patterns, uses_left, expires, made, ended"
"""The columns that `issued_of` takes."""

MEMBER = "name, key, role, patterns, serial, since, until, address, seen"
"""The columns that `enrolled_of` takes."""

REVOCATION = "serial, name, at, until, number"
"""The columns that `revocation_of` takes."""


def open_state(path: Path) -> sqlite3.Connection:
    """Open or create a state file, for this user only; raises `StartupProblem`.

    What is committed would survive a power failure when the commit returns.
    """
    try:
        if not os.path.lexists(path):
            _create(path)
        connection = _connected(path)
        try:
            os.chmod(path, 0o600)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                raise _not_ours(path, version)
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise StartupProblem(
            f"The state file {path} cannot be used ({error}); mend its permissions, or put it "
            "back from a backup."
        ) from None
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand: those of the module begin behind the first SELECT.
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _create(path: Path) -> None:
    """Make an empty state file, all of it at once: one without its tables is damaged."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = _connected(fresh)
    try:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT")
    finally:
        connection.close()
    os.replace(fresh, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _not_ours(path: Path, version: int) -> StartupProblem:
    """The error for a state file that does not bear this version."""
    if version == 0:
        return StartupProblem(
            f"The state file {path} is damaged (there is nothing in it); put it back from a backup."
        )
    return StartupProblem(f"{path} was written by another version of p2pfs; give another --state.")


def serial_bytes(serial: int) -> bytes:
    """A serial number as it is kept: SQLite's numbers are too short for it."""
    return serial.to_bytes(_SERIAL_BYTES, "big")


def terms_row(terms: Terms) -> tuple[str, str]:
    """Role and patterns as they are kept."""
    return terms.role.value, json.dumps(terms.patterns)


def issued_of(row: Row) -> Issued:
    """An invitation, of its columns; raises ``ValueError`` or ``TypeError`` for damage."""
    hash, role, patterns, uses_left, expires, made, ended = row
    return Issued(bytes(hash), _terms(role, patterns), uses_left, expires, made, bool(ended))


def enrolled_of(row: Row) -> Enrolled:
    """A member, of its columns; raises ``ValueError`` or ``TypeError`` for damage."""
    name, key, role, patterns, serial, since, until, address, seen = row
    terms = _terms(role, patterns)
    return Enrolled(name, bytes(key), terms, _serial(serial), since, until, address, seen)


def revocation_of(row: Row) -> Revocation:
    """A revocation, of its columns; raises ``ValueError`` or ``TypeError`` for damage."""
    serial, name, at, until, number = row
    return Revocation(_serial(serial), name, at, until, number)


def _serial(kept: bytes) -> int:
    return int.from_bytes(kept, "big")


def _terms(role: str, patterns: str) -> Terms:
    found = json.loads(patterns)
    if not isinstance(found, list) or not all(isinstance(pattern, str) for pattern in found):
        raise ValueError("patterns that are none")
    return Terms(Role(role), tuple(found))
