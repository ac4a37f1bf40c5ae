"""A drive that is full, slow, failing, forgetful, or shows the wrong time."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from p2pfs.peer.library.database import Database
from p2pfs.peer.storage import Disk
from p2pfs.testing import Host, Network
from p2pfs.threads import in_thread

NEW = os.O_RDWR | os.O_CREAT


@pytest.fixture
def host(network: Network) -> Host:
    return network.add_host("a")


def written(host: Host, name: str, content: bytes, sync: bool) -> Path:
    """A file written by the process of a host."""
    path = host.directory / name
    fd = host.disk.open(path, NEW)
    host.disk.write(fd, [content], 0)
    if sync:
        host.disk.sync(fd)
    host.disk.close(fd)
    return path


def test_a_full_drive_refuses_what_needs_room(host: Host) -> None:
    """Reading, renaming and deleting go on."""
    path = written(host, "f", b"content", sync=True)
    host.drive.full = True
    fd = host.disk.open(path, os.O_RDWR)
    needing_room: list[Callable[[], object]] = [
        lambda: host.disk.write(fd, [b"x"], 7),
        lambda: host.disk.allocate(path, fd, 100),
        lambda: host.disk.open(host.directory / "new", NEW),
    ]
    for call in needing_room:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            call()
    assert host.disk.read(fd, 100, 0) == b"content"
    host.disk.replace(path, host.directory / "g")
    host.drive.full = False
    assert host.disk.write(fd, [b"x", b"y"], 7) == 2


@pytest.mark.parametrize("kind", ["read", "write", "sync"])
def test_a_failing_drive_fails_what_it_is_told_to(host: Host, kind: str) -> None:
    """Each kind of call by itself, with an input/output error."""
    path = host.directory / "f"
    fd = host.disk.open(path, NEW)
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: host.disk.read(fd, 1, 0),
        "write": lambda: host.disk.write(fd, [b"x"], 0),
        "sync": lambda: host.disk.sync(fd),
    }
    host.drive.failing = frozenset({kind})  # type: ignore[arg-type]
    for name, call in calls.items():
        if name == kind:
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                call()
        else:
            call()


def test_a_database_fails_with_its_drive(host: Host) -> None:
    """A commit that cannot be written raises, and changes nothing."""
    database = host.disk.database(host.directory / "db")
    with database:
        database.execute("CREATE TABLE t (n)")
    host.drive.full = True
    with pytest.raises(sqlite3.OperationalError, match="No space left"), database:
        database.execute("INSERT INTO t VALUES (1)")
    host.drive.full = False
    with database:
        database.execute("INSERT INTO t VALUES (2)")
    assert database.execute("SELECT n FROM t").fetchall() == [(2,)]


def test_a_slow_drive_takes_its_time_one_call_after_the_other(network: Network, host: Host) -> None:
    """Seeks and bytes count; what is asked for meanwhile waits its turn."""
    host.drive.rate, host.drive.seek = 1000.0, 0.5
    works = [in_thread(host.reactor, written, host, f"f{n}", b"x" * 1500, True) for n in range(2)]
    ends = []
    for work in works:
        network.result_of(work, 10)
        ends.append(network.timeline.now)
    assert ends == [pytest.approx(2.5), pytest.approx(5.0)]


def test_a_drive_in_disorder_lets_work_be_overtaken(network: Network, host: Host) -> None:
    """What was asked for first may be done last, as with real threads."""
    host.drive.disorder = 1.0
    done: list[int] = []
    for number in range(20):
        in_thread(host.reactor, done.append, number)
    network.run(2)
    assert sorted(done) == list(range(20)) != done


def test_without_power_only_what_was_synced_is_left(network: Network, host: Host) -> None:
    """Unsynced bytes may be gone, each write by itself; synced ones never are."""
    outcomes = set()
    for n in range(20):
        path = written(host, f"f{n}", b"synced", sync=True)
        fd = host.disk.open(path, os.O_RDWR)
        host.disk.write(fd, [b"S"], 0)
        host.disk.write(fd, [b"D"], 5)
        host.disk.write(fd, [b" and more"], 6)
        host.power_off(synced_only=True)
        host.power_on()
        outcomes.add(path.read_bytes())
        assert path.read_bytes()[1:5] == b"ynce"
    assert b"synced" in outcomes or len(outcomes) > 5
    assert len(outcomes) > 3


def test_without_power_but_synced_all_is_left(host: Host) -> None:
    """A sync covers all that was written before it."""
    path = written(host, "f", b"one", sync=False)
    fd = host.disk.open(path, os.O_RDWR)
    host.disk.write(fd, [b"two"], 3)
    host.disk.sync(fd)
    host.power_off(synced_only=True)
    assert path.read_bytes() == b"onetwo"


def test_kill_and_plain_power_off_lose_nothing_written(host: Host) -> None:
    """What a process wrote is the system's; it is lost on request only."""
    paths = [written(host, "f", b"content", sync=False)]
    host.kill()
    paths.append(written(host, "g", b"content", sync=False))
    host.power_off()
    assert [path.read_bytes() for path in paths] == [b"content"] * 2


def test_renames_are_undone_unless_their_directory_was_synced(host: Host) -> None:
    """And what had the name before is back."""
    old = written(host, "target", b"old", sync=True)
    new = written(host, "new", b"new", sync=True)
    host.disk.replace(new, old)
    host.power_off(synced_only=True)
    assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")
    host.power_on()
    host.disk.replace(new, old)
    host.disk.sync_directory(host.directory)
    host.power_off(synced_only=True)
    assert old.read_bytes() == b"new"
    assert not new.exists()


def test_a_link_to_a_finished_file_is_undone_as_a_rename(host: Host) -> None:
    """A file that got its final name by a second one has its first again."""
    part = written(host, "f.part", b"content", sync=True)
    host.disk.link(part, host.directory / "f")
    host.disk.unlink(part)
    host.power_off(synced_only=True)
    assert part.read_bytes() == b"content"
    assert not (host.directory / "f").exists()


def test_an_unsynced_file_under_a_replaced_name_harms_no_other(host: Host) -> None:
    """What a file that was replaced held is not put into the one that has its name."""
    for n in range(10):
        target = written(host, f"target{n}", b"AAAAAA", sync=True)
        fd = host.disk.open(target, os.O_RDWR)
        host.disk.write(fd, [b"BBBBBB"], 0)
        new = written(host, f"new{n}", b"cccccc", sync=True)
        host.disk.replace(new, target)
        host.disk.sync_directory(host.directory)
        host.power_off(synced_only=True)
        assert target.read_bytes() == b"cccccc"


def test_a_new_name_is_a_change_and_memory_goes_with_it(network: Network, host: Host) -> None:
    """The time of change tells of a rename, and that of writing not; flushed bytes move."""
    path = written(host, "journal", b"0000", sync=True)
    mapping = host.disk.map(host.disk.open(path, os.O_RDWR), 4)
    network.run(1)
    target = host.directory / "moved"
    host.disk.replace(path, target)
    host.disk.sync_directory(host.directory)
    status = host.disk.status(target)
    assert status.st_ctime_ns == status.st_mtime_ns + 1_000_000_000
    mapping[0:1] = b"1"
    host.power_off(synced_only=True)
    assert target.read_bytes() == b"0000"


def test_mapped_memory_is_lost_unless_it_was_flushed(host: Host) -> None:
    """It outlives the process, but the power only as it was flushed last."""
    path = written(host, "journal", b"0000", sync=True)
    mapping = host.disk.map(host.disk.open(path, os.O_RDWR), 4)
    mapping[0:1] = b"1"
    host.disk.flush(mapping)
    mapping[1:2] = b"1"
    host.kill()
    assert path.read_bytes() == b"1100"
    host.power_off(synced_only=True)
    assert path.read_bytes() == b"1000"


def test_memory_that_was_never_flushed_leaves_the_file_as_it_was(host: Host) -> None:
    """What was synced before it was mapped is not lost."""
    path = written(host, "journal", b"0000", sync=True)
    mapping = host.disk.map(host.disk.open(path, os.O_RDWR), 4)
    mapping[0:1] = b"1"
    host.power_off(synced_only=True)
    assert path.read_bytes() == b"0000"


def test_the_clock_stamps_files_and_may_jump(network: Network, host: Host) -> None:
    """Files bear simulated times, by a clock that may be wrong; the reactor's is steady."""
    path = written(host, "f", b"1", sync=True)
    first = host.disk.status(path).st_mtime_ns
    network.run(10)
    written(host, "f", b"2", sync=True)
    assert host.disk.status(path).st_mtime_ns - first == 10_000_000_000
    host.drive.clock_offset = -3600
    written(host, "f", b"3", sync=True)
    assert host.disk.status(path).st_ctime_ns < first
    assert host.reactor.seconds() == 10


def test_what_others_write_shows_however_soon(network: Network, host: Host) -> None:
    """A test may write to a file behind the process's back; that is seen by its time."""
    path = written(host, "f", b"1", sync=True)
    before = host.disk.status(path)
    assert host.disk.status(path).st_mtime_ns == before.st_mtime_ns
    # The real time stamp is the simulated one, so no write of others has the same.
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    network.run(1)
    path.write_bytes(b"2")
    after = host.disk.status(path)
    assert after.st_mtime_ns == before.st_mtime_ns + 1_000_000_000
    network.run(1)
    assert host.disk.status(path).st_mtime_ns == after.st_mtime_ns


def test_each_boot_is_another(host: Host) -> None:
    """A power failure begins one; a new process does not."""
    first = host.disk.boot_id()
    host.kill()
    assert host.disk.boot_id() == first
    host.power_off()
    assert host.disk.boot_id() != first
    assert len(host.disk.boot_id()) == 36


def test_a_dead_process_has_no_disk_any_more(host: Host) -> None:
    """Its files are closed, and no call of it comes through: it can clean up nothing."""
    path = written(host, "f", b"1", sync=True)
    disk = host.disk
    fd = disk.open(path, os.O_RDWR)
    assert disk.open_files == [path]
    host.kill()
    calls: list[Callable[[], object]] = [
        lambda: disk.write(fd, [b"x"], 0),
        lambda: disk.close(fd),
        lambda: disk.unlink(path),
        lambda: disk.open(path, os.O_RDONLY),
        lambda: disk.status(path),
    ]
    for call in calls:
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            call()
    assert disk.open_files == []
    assert path.read_bytes() == b"1"


def test_only_a_real_disk_makes_commits_wait(host: Host) -> None:
    """What is synced on a simulated drive is safe already; a peer's real state file is synced."""
    for disk, synchronous in ((Disk(), 2), (host.disk, 0)):
        database = Database(disk, host.directory / f"state {synchronous}")
        set_to = database._connection.execute("PRAGMA synchronous").fetchone()
        database.close()
        assert set_to == (synchronous,)
