"""What a guest may have a daemon read and write."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from p2pfs.commands import Caller
from p2pfs.errors import NotAllowed, StorageProblem
from p2pfs.peer.commands.access import (
    READ,
    SEARCH,
    WRITE,
    may,
    may_read,
    place_check,
    to_read,
    to_write,
)
from p2pfs.peer.library import Order

GUEST = Caller("alice (uid 54321)", 54321, 54321, frozenset([54321, 12345]), is_guest=True)
OWNER = Caller("root (uid 0)", 0, 0)


def status(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 0, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "wanted", "allowed"),
    [
        (0o400, 54321, 1, READ, True),
        (0o400, 54321, 1, WRITE, False),
        (0o600, 54321, 1, READ | WRITE, True),
        # The first that fits is what counts: an owner is not one of the others.
        (0o077, 54321, 12345, READ, False),
        (0o707, 1, 12345, READ, False),
        (0o070, 1, 12345, READ | WRITE | SEARCH, True),
        (0o040, 1, 54321, READ, True),
        (0o040, 1, 1, READ, False),
        (0o004, 1, 1, READ, True),
        (0o004, 1, 1, READ | SEARCH, False),
        (0o001, 1, 1, SEARCH, True),
        (0o640, 0, 42, READ, False),
        (0o000, 54321, 54321, READ, False),
        (0o1777, 0, 0, WRITE | SEARCH, True),
    ],
)
def test_a_mode_is_for_its_owner_its_group_or_others(
    mode: int, uid: int, gid: int, wanted: int, allowed: bool
) -> None:
    """As the kernel would decide for that user."""
    assert may(GUEST, status(mode, uid, gid), wanted) is allowed


def test_a_directory_is_read_by_going_through_it() -> None:
    """And others than guests have the daemon's rights."""
    directory = 0o040000
    assert not may_read(GUEST, status(directory | 0o744, 0, 0))
    assert may_read(GUEST, status(directory | 0o755, 0, 0))
    assert may_read(OWNER, status(0o600, 1, 1))


@pytest.fixture
def shared(place: Path) -> Path:
    """A directory of somebody else that the guest can pass and read, but not write to."""
    place.chmod(0o755)
    return place


def made(path: Path, mode: int, uid: int = 0) -> Path:
    """A directory, or a file where there is a dot in its name, of that mode."""
    if "." in path.name:
        path.write_text("content")
    else:
        path.mkdir()
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, uid, uid)
    return path


def test_only_what_the_guest_can_read_is_read(shared: Path) -> None:
    """The file itself, and the way to it."""
    open_file, secret = made(shared / "open.txt", 0o644), made(shared / "secret.txt", 0o600)
    closed = made(shared / "closed", 0o700)
    made(closed / "open.txt", 0o644)
    assert to_read(GUEST, open_file) == open_file
    for path in (secret, closed / "open.txt", closed / "missing", closed):
        with pytest.raises(NotAllowed, match="alice"):
            to_read(GUEST, path)
        assert to_read(OWNER, path) == path


def test_links_are_where_they_lead(shared: Path) -> None:
    """In any part of the path, and so is the step upward; what is used is without them."""
    closed = made(shared / "closed", 0o700)
    made(closed / "f.txt", 0o644)
    (shared / "way").symlink_to("closed")
    (shared / "file").symlink_to(closed / "f.txt")
    for name in ("way/f.txt", "file", "way/../closed/f.txt"):
        with pytest.raises(NotAllowed):
            to_read(GUEST, shared / name)
    inner = made(shared / "inner", 0o755)
    plain = made(inner / "f.txt", 0o644)
    (shared / "other").symlink_to(inner)
    for name in ("other/f.txt", "other/../inner/f.txt", "inner/./f.txt"):
        assert to_read(GUEST, Path(f"{shared}/{name}")) == plain
    (shared / "circle").symlink_to("circle")
    with pytest.raises(StorageProblem, match="circles"):
        to_read(GUEST, shared / "circle")
    with pytest.raises(StorageProblem, match="is not a directory"):
        to_read(GUEST, plain / "x")


def test_only_where_the_guest_can_write_is_written(shared: Path) -> None:
    """Into a directory, or beside what is there; a directory yet to be made is below one."""
    theirs = made(shared / "theirs", 0o733)
    for path in (theirs, theirs / "new", theirs / "new" / "deeper"):
        assert to_write(GUEST, path) == path
    others = made(shared / "others", 0o755)
    loose = made(others / "loose.txt", 0o666)
    for path in (shared, others, others / "new", others / "new" / "deeper", loose):
        with pytest.raises(NotAllowed, match="may not write"):
            to_write(GUEST, path)
        assert to_write(OWNER, path) == path
    (theirs / "way").symlink_to(others)
    with pytest.raises(NotAllowed):
        to_write(GUEST, theirs / "way" / "new")


def test_no_way_back_leads_out_of_what_is_not_there_yet(shared: Path) -> None:
    """It would be made, and lead elsewhere than was looked at."""
    theirs = made(shared / "theirs", 0o733)
    with pytest.raises(StorageProblem, match="leads nowhere"):
        to_write(GUEST, theirs / "new" / ".." / ".." / "x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_in_a_sticky_directory_only_ones_own_is_replaced(shared: Path) -> None:
    """As in /tmp."""
    sticky = made(shared / "sticky", 0o1777)
    theirs, others = made(sticky / "a.txt", 0o644, 54321), made(sticky / "b.txt", 0o666)
    assert to_write(GUEST, theirs) == theirs
    assert to_write(GUEST, sticky / "new") == sticky / "new"
    with pytest.raises(NotAllowed):
        to_write(GUEST, others)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_an_order_is_checked_by_what_its_guest_may_do_by_then(shared: Path) -> None:
    """It may have waited long; and one of the daemon's own user is not checked at all."""
    order = Order("f", shared / "f", who=GUEST.who, uid=GUEST.uid, gid=GUEST.gid, is_guest=True)
    assert place_check(replace(order, is_guest=False)) is None
    check = place_check(order)
    assert check is not None
    with pytest.raises(NotAllowed, match="may not write to"):
        check(shared / "f")
    os.chown(shared, 54321, -1)
    assert check(shared / "f") == shared / "f"
