"""The real disk: what the system is asked for, and what it may not have."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from p2pfs.peer.storage.disk import _GET_GENERATION, Disk


@pytest.fixture
def disk() -> Disk:
    """The real one."""
    return Disk()


def made(disk: Disk, path: Path, content: bytes = b"content") -> int:
    """A descriptor of a new file."""
    fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    assert disk.write(fd, [content], 0) == len(content)
    return fd


def test_no_descriptor_is_inherited(disk: Disk, tmp_path: Path) -> None:
    """A process that is started meanwhile would keep the file open."""
    fd = made(disk, tmp_path / "f")
    other = disk.duplicate(fd)
    for each in (fd, other):
        assert fcntl.fcntl(each, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    disk.close(fd)
    assert disk.read(other, 100, 3) == b"tent"
    disk.close(other)


def test_a_file_is_known_by_what_it_is_not_by_its_name(disk: Disk, tmp_path: Path) -> None:
    """A new name changes nothing, another file under the old one is another."""
    path = tmp_path / "f"
    fd = made(disk, path)
    identity = disk.identity(fd)
    assert 0 <= identity < 1 << 63
    disk.replace(path, tmp_path / "g")
    assert disk.identity(fd) == identity
    other = made(disk, path)
    assert disk.identity(other) != identity
    disk.close(fd)
    disk.close(other)


def test_a_file_is_not_taken_for_one_that_is_gone(disk: Disk, tmp_path: Path) -> None:
    """Although the system gives it the number of that one at once."""
    known: dict[int, set[int]] = {}
    for _ in range(20):
        fd = made(disk, tmp_path / "f")
        known.setdefault(disk.status(fd).st_ino, set()).add(disk.identity(fd))
        try:
            fcntl.ioctl(fd, _GET_GENERATION, bytearray(8))
        except OSError:
            pytest.skip("this file system has no generations")
        finally:
            disk.close(fd)
            disk.unlink(tmp_path / "f")
    assert sum(map(len, known.values())) == 20


def test_a_link_is_told_from_what_it_leads_to(disk: Disk, tmp_path: Path) -> None:
    """By path; a link that leads nowhere has no status but its own."""
    disk.close(made(disk, tmp_path / "f"))
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "lost").symlink_to("nowhere")
    assert disk.status(tmp_path / "link").st_size == len(b"content")
    assert disk.status_of_link(tmp_path / "link").st_size == len("f")
    assert disk.status_of_link(tmp_path / "lost").st_size == len("nowhere")
    with pytest.raises(FileNotFoundError):
        disk.status(tmp_path / "lost")


def test_a_second_name_takes_no_others_place(disk: Disk, tmp_path: Path) -> None:
    """Only a rename replaces, and what is gone may be taken away again."""
    for name in ("f", "taken"):
        disk.close(made(disk, tmp_path / name, name.encode()))
    with pytest.raises(FileExistsError):
        disk.link(tmp_path / "f", tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"taken"
    disk.replace(tmp_path / "f", tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"f"
    disk.unlink(tmp_path / "f")


def test_all_pieces_are_written_in_their_order(disk: Disk, tmp_path: Path) -> None:
    """As many as the system takes at a time; how far that was is told."""
    fd = made(disk, tmp_path / "f", b"")
    pieces = [bytes([number % 256]) for number in range(2000)]
    count = disk.write(fd, pieces, 10)
    assert count == 1024
    assert disk.read(fd, 5000, 10) == b"".join(pieces[:count])
    disk.close(fd)


@pytest.mark.parametrize("folder", ["", "/dev/shm"])
def test_a_file_has_its_size_before_its_bytes(disk: Disk, tmp_path: Path, folder: str) -> None:
    """On a disk and in memory; what was written stays, and a file without bytes can be, too."""
    path = Path(folder or tmp_path, f"p2pfs-test-{os.getpid()}")
    if not path.parent.is_dir():
        pytest.skip("this system has no such directory")
    fd = made(disk, path)
    try:
        disk.allocate(path, fd, 100_000)
        assert disk.status(fd).st_size == 100_000
        assert disk.read(fd, 10, 0) == b"content" + bytes(3)
        disk.allocate(path, fd, 0)
        assert disk.status(fd).st_size == 0
    finally:
        disk.close(fd)
        disk.unlink(path)


def test_what_memory_has_no_room_for_is_refused_at_once(disk: Disk) -> None:
    """There nothing is taken before it comes, so what is free is asked for."""
    path = Path("/dev/shm", f"p2pfs-test-{os.getpid()}")
    if not path.parent.is_dir():
        pytest.skip("this system has no such directory")
    fd = made(disk, path)
    try:
        with pytest.raises(OSError, match="No space left"):
            disk.allocate(path, fd, 1 << 50)
        assert disk.read(fd, 10, 0) == b"content"
    finally:
        disk.close(fd)
        disk.unlink(path)


def test_a_file_system_without_allocation_will_do(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its size all the same; any other error counts."""
    fd = made(disk, tmp_path / "f")
    number = errno.EOPNOTSUPP

    def fails(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("p2pfs.peer.storage.disk._lies_in_memory", lambda status: False)
    monkeypatch.setattr(os, "posix_fallocate", fails)
    disk.allocate(tmp_path / "f", fd, 100)
    assert disk.status(fd).st_size == 100
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        disk.allocate(tmp_path / "f", fd, 200)
    disk.close(fd)


def test_what_was_just_written_need_not_be_waited_for(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not there is; and where the system cannot tell, every read may wait."""
    fd = made(disk, tmp_path / "f")
    assert disk.is_cached(fd, 0, 7)

    def asked(number: int) -> bool:
        def fails(*args: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "preadv", fails)
        return disk.is_cached(fd, 0, 7)

    assert asked(errno.EOPNOTSUPP)
    assert not asked(errno.EAGAIN)
    assert not asked(errno.EIO)
    disk.close(fd)


def test_the_time_of_a_file_is_set_to_the_nanosecond(disk: Disk, tmp_path: Path) -> None:
    """Within a tick of the clock a change would be missed."""
    fd = made(disk, tmp_path / "f")
    disk.mark(fd, 1_234_567_890_123_456_789)
    assert disk.status(fd).st_mtime_ns == 1_234_567_890_123_456_789
    disk.close(fd)


def test_what_is_stored_in_mapped_memory_is_in_the_file(disk: Disk, tmp_path: Path) -> None:
    """Whoever reads it, at once."""
    fd = made(disk, tmp_path / "f")
    mapping = disk.map(fd, 7)
    mapping[:3] = b"CON"
    disk.flush(mapping)
    assert disk.read(fd, 7, 0) == b"CONtent"
    mapping.close()
    disk.sync(fd)
    disk.sync(fd, with_times=True)
    disk.sync_directory(tmp_path)
    disk.close(fd)


def test_a_boot_is_known_by_the_same_bytes(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """36 of them, also where the system does not tell."""
    assert disk.boot_id() == disk.boot_id()
    assert len(disk.boot_id()) == 36
    monkeypatch.setattr("p2pfs.peer.storage.disk._BOOT_ID", Path("/nowhere"))
    assert disk.boot_id() == b" " * 36


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_is_given_to_a_user_and_a_group(disk: Disk, tmp_path: Path) -> None:
    """Or to a user alone, and then the group stays."""
    fd = made(disk, tmp_path / "f")
    group = disk.status(fd).st_gid
    disk.give(fd, 12345, None)
    assert (disk.status(fd).st_uid, disk.status(fd).st_gid) == (12345, group)
    disk.give(fd, 12345, 54321)
    assert disk.status(fd).st_gid == 54321
    disk.close(fd)
