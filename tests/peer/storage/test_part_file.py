"""The file a download is written to: how it is made, written, and given its name."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import ChunkReader, FileChanged, Stamp
from p2pfs.peer.storage.part_file import Owner, PartFile


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    """A fresh part file of 100 bytes."""
    return PartFile.create(Disk(), tmp_path / "f.part", 100)


# Part files


def test_the_first_write_takes_the_room_for_all(part: PartFile) -> None:
    """Before that the file takes none; then a disk too small is noticed, not at the last chunk."""
    assert os.stat(part.path).st_blocks == 0
    part.write(10, [b"abc"])
    status = os.stat(part.path)
    assert status.st_size == 100
    assert status.st_blocks > 0
    part.close()


def test_nothing_there_is_taken_for_a_part_file(part: PartFile, tmp_path: Path) -> None:
    """Neither a file nor a link, even one to nowhere."""
    part.close()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for path in (part.path, link):
        with pytest.raises(StorageProblem, match=r"Cannot create .*: something else has that name"):
            PartFile.create(Disk(), path, 1)
    assert not (tmp_path / "nowhere").exists()


def reopened(part: PartFile, stamp: Stamp | None = None) -> PartFile | None:
    """What another process takes for that part file."""
    return PartFile.reopen(Disk(), part.path, part.size, part.identity, stamp)


def test_a_part_file_is_gone_on_with_if_it_is_the_same(part: PartFile, tmp_path: Path) -> None:
    """Neither another file in its place nor a link to it is taken for it."""
    part.write(10, [b"abc"])
    stamp = part.sync()
    again = reopened(part, stamp)
    assert again is not None
    assert not again.touched
    again.write(13, [b"d"])
    assert part.path.read_bytes() == bytes(10) + b"abcd" + bytes(86)
    again.close()
    changed = reopened(part, stamp)
    assert changed is not None
    assert changed.touched
    changed.close()
    moved = tmp_path / "moved"
    part.path.rename(moved)
    assert reopened(part) is None
    part.path.symlink_to(moved)
    assert reopened(part) is None
    part.path.unlink()
    part.path.write_bytes(b"mine")
    assert reopened(part) is None
    part.close()


def change_a_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(50)
        file.write(b"!")


def cut_short(path: Path) -> None:
    os.truncate(path, 40)


def cut_and_restore(path: Path) -> None:
    os.truncate(path, 40)
    os.truncate(path, 100)


def change_and_set_the_time_back(path: Path) -> None:
    before = path.stat()
    change_a_byte(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def change_in_memory(path: Path) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 100) as memory:
        memory[50] = 33
        memory.flush()


@pytest.mark.parametrize(
    "change",
    [change_a_byte, cut_short, cut_and_restore, change_and_set_the_time_back, change_in_memory],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_who_else_wrote_is_seen(
    part: PartFile, tmp_path: Path, change: Callable[[Path], None], hidden: bool
) -> None:
    """Also when a write of our own comes behind it; the file does not get its name then."""
    told: list[bool] = []
    part.when_touched = lambda: told.append(part.touched)
    part.write(0, [b"x" * 100])
    change(part.path)
    if hidden:
        part.write(90, [b"y"])
        assert part.touched
    with pytest.raises(FileChanged):
        part.reader()
    assert part.sync() is None
    assert part.finish(tmp_path / "f", overwrite=False) is None
    assert told == [True]
    part.vouch(part.repair())
    assert part.path.stat().st_size == 100
    part.reader().close()
    assert part.finish(tmp_path / "f", overwrite=False) is not None
    part.close()


def test_a_change_between_two_ticks_of_the_clock_is_seen(
    part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files are stamped by a clock that stands still, all changes have the same time."""

    class Coarse(Disk):
        def status(self, place: Path | int) -> os.stat_result:
            status = super().status(place)
            present = time.time_ns() - status.st_mtime_ns < 60_000_000_000
            times = {"st_mtime_ns": 1 if present else status.st_mtime_ns, "st_ctime_ns": 1}
            more = {name: getattr(status, name) for name in ("st_blocks", "st_blksize")}
            return os.stat_result(tuple(status)[:10], more | times)

    monkeypatch.setattr(part, "_disk", Coarse())
    part.vouch(part.repair())  # it looks changed by the other clock
    part.write(0, [b"x" * 100])
    assert not part.touched
    change_a_byte(part.path)
    part.write(0, [b"x"])
    assert part.touched
    part.close()


def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    """Whatever somebody else writes into its part file."""
    part = PartFile.create(Disk(), tmp_path / "e.part", 0)
    part.path.write_bytes(b"mine")
    assert part.finish(tmp_path / "e", overwrite=False) is None
    part.vouch(part.repair())
    assert part.finish(tmp_path / "e", overwrite=False) is not None
    part.close()
    assert (tmp_path / "e").read_bytes() == b""


def test_a_cut_during_our_own_write_is_seen(
    part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that is changed then is not; but the length is wrong for good."""
    real = os.pwritev

    def cut_meanwhile(fd: int, pieces: list[memoryview], at: int) -> int:
        os.truncate(part.path, 5)
        return real(fd, pieces, at)

    part.write(0, [b"x" * 100])
    monkeypatch.setattr(os, "pwritev", cut_meanwhile)
    part.write(10, [b"y"])
    assert part.touched
    part.close()


def test_a_change_while_it_is_checked_is_another(part: PartFile, tmp_path: Path) -> None:
    """What is vouched for is what was there before."""
    part.write(0, [b"x" * 100])
    change_a_byte(part.path)
    before = part.repair()
    change_a_byte(part.path)
    assert part.sync() is None
    part.vouch(before)
    assert part.touched
    assert part.finish(tmp_path / "f", overwrite=False) is None
    part.close()


def test_our_own_writes_are_not_somebody_elses(part: PartFile, tmp_path: Path) -> None:
    """Of several threads at the same time, and those that fail."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda number: part.write(number, [b"x"]), range(100)):
            assert not part.touched
    real = os.pwritev
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", lambda fd, data, at: real(fd, data, at) and real(-1, [], 0))
        with pytest.raises(StorageProblem):
            part.write(50, [b"y"])
    assert part.sync() is not None
    part.close()


def test_another_file_in_its_place_does_not_get_its_name(part: PartFile, tmp_path: Path) -> None:
    """Whoever moves a part file away and puts something there; nor is it removed."""
    part.write(0, [b"x" * 100])
    part.path.rename(tmp_path / "moved")
    part.path.write_bytes(b"mine")
    part.vouch(2)
    with pytest.raises(StorageProblem, match="was taken away while"):
        part.finish(tmp_path / "f", overwrite=False)
    with pytest.raises(StorageProblem, match="was taken away while"):
        part.repair()
    assert not (tmp_path / "f").exists()
    assert part.path.read_bytes() == b"mine"
    part.close()


def test_what_overwrites_a_link_replaces_it(part: PartFile, tmp_path: Path) -> None:
    """What it leads to is left alone."""
    valuable, link = tmp_path / "valuable", tmp_path / "f"
    valuable.write_bytes(b"mine")
    link.symlink_to(valuable)
    part.write(0, [b"x" * 100])
    part.finish(link, overwrite=True)
    part.close()
    assert valuable.read_bytes() == b"mine"
    assert not link.is_symlink()
    assert link.read_bytes() == b"x" * 100


def test_an_empty_part_file_can_be(tmp_path: Path) -> None:
    """An empty file is a file, too."""
    part = PartFile.create(Disk(), tmp_path / "e.part", 0)
    part.finish(tmp_path / "e", overwrite=False)
    part.close()
    assert (tmp_path / "e").read_bytes() == b""


@given(st.lists(st.binary(max_size=9), max_size=30), st.integers(1, 20), st.integers(0, 50))
def test_pieces_are_written_whole_however_little_the_kernel_takes(
    pieces: list[bytes], most: int, offset: int
) -> None:
    """A short write goes on where it stopped, in the midst of a piece or between two."""
    real = os.pwritev
    data = b"".join(pieces)

    def short(fd: int, buffers: list[memoryview], at: int) -> int:
        return real(fd, [b"".join(buffers)[:most]], at)

    fd = os.memfd_create("part")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", short)
        PartFile(Disk(), Path("memory"), 0, fd).write(offset, pieces)
    assert os.pread(fd, 1000, offset) == data
    os.close(fd)


def test_more_pieces_than_the_kernel_takes_at_once(part: PartFile) -> None:
    """A chunk that came in thousands of segments is written in several calls."""
    part.write(0, [b"ab"] * 3000)
    assert part.path.read_bytes() == b"ab" * 3000
    part.close()


def test_finishing_renames_and_tells_the_stamp(part: PartFile, tmp_path: Path) -> None:
    """The finished file bears the stamp that its share is held against later."""
    part.write(0, [b"x" * 100])
    stamp = part.finish(tmp_path / "f", overwrite=False)
    part.close()
    assert stamp is not None
    assert not part.path.exists()
    assert (tmp_path / "f").read_bytes() == b"x" * 100
    assert abs((tmp_path / "f").stat().st_mtime - time.time()) < 60
    assert stamp == Stamp.of(os.stat(tmp_path / "f"))
    ChunkReader.open(Disk(), tmp_path / "f", stamp).close()


def test_finishing_does_not_replace_unless_told(part: PartFile, tmp_path: Path) -> None:
    """A file that appeared meanwhile is left alone, and the part file kept for another try."""
    (tmp_path / "f").write_text("mine")
    with pytest.raises(AlreadyExists, match=r"exists.*--overwrite"):
        part.finish(tmp_path / "f", overwrite=False)
    assert (tmp_path / "f").read_text() == "mine"
    assert part.sync() is not None
    part.finish(tmp_path / "f", overwrite=True)
    assert (tmp_path / "f").read_bytes() == bytes(100)
    part.close()


def test_a_reader_survives_the_end_of_the_download(part: PartFile, tmp_path: Path) -> None:
    """An upload from a part file goes on while that is renamed and closed."""
    part.write(50, [b"chunk"])
    reader = part.reader()
    part.finish(tmp_path / "f", overwrite=False)
    part.close()
    assert reader.read(50, 5) == b"chunk"
    change_a_byte(tmp_path / "f")
    with pytest.raises(FileChanged):
        reader.read(50, 5)
    reader.close()


def test_the_stamp_of_a_synced_part_file_has_both_its_times(part: PartFile) -> None:
    """Nobody can set the one at will; a write within the same tick of the clock takes the other."""
    part.write(0, [b"a"])
    stamp = part.sync()
    status = os.stat(part.path)
    part.close()
    assert stamp is not None
    assert stamp.changed_ns is not None
    assert stamp.matches(status)
    assert not stamp._replace(changed_ns=stamp.changed_ns + 1).matches(status)
    assert not stamp._replace(modified_ns=stamp.changed_ns).matches(status)
    assert not stamp._replace(size=99).matches(status)
    assert not stamp.matches(None)
    os.utime(part.path, ns=(5, 5))
    assert Stamp(100, 5).matches(os.stat(part.path))
    assert not Stamp(100, 5, stamp.changed_ns).matches(os.stat(part.path))


# Words


def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    """The sentence names the path, the reason and what to do."""
    with pytest.raises(StorageProblem, match=r"Cannot create .*/no/f.part: it is not there; check"):
        PartFile.create(Disk(), tmp_path / "no" / "f.part", 1)


def test_a_forbidden_directory_is_explained(tmp_path: Path) -> None:
    """The same for permissions."""
    tmp_path.chmod(0o500)
    code = (
        "import os, sys, pathlib\n"
        "from p2pfs.peer.storage.disk import Disk\nfrom p2pfs.errors import *\n"
        "from p2pfs.peer.storage.part_file import *\n"
        "if os.geteuid() == 0: os.setuid(65534)  # root may do everything\n"
        "try: PartFile.create(Disk(), pathlib.Path(sys.argv[1], 'f.part'), 1)\n"
        "except StorageProblem as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "permission denied; choose a place" in run.stdout, run.stderr


def test_a_full_disk_is_explained() -> None:
    """Writing to a full disk says so."""
    fd = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(
        StorageProblem, match=r"Cannot write /dev/full: the disk is full; make room"
    ):
        PartFile(Disk(), Path("/dev/full"), 0, fd).write(0, [b"x"])
    os.close(fd)


def test_a_file_too_large_is_explained(tmp_path: Path) -> None:
    """A size over the limit fails at the first write."""
    code = (
        "import resource, signal, sys, pathlib\n"
        "from p2pfs.peer.storage.disk import Disk\nfrom p2pfs.errors import *\n"
        "from p2pfs.peer.storage.part_file import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "part = PartFile.create(Disk(), pathlib.Path(sys.argv[1]), 2000)\n"
        "try: part.write(0, [b'x'])\n"
        "except StorageProblem as error: print(error)"
    )
    path = tmp_path / "f.part"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert f"Cannot allocate {path}: the file is larger than" in run.stdout, run.stderr


# Whose it is


class Givings(Disk):
    """Writes down to whom files are given, or does not let them be."""

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self.given: list[tuple[int, int | None]] = []

    def give(self, fd: int, uid: int, gid: int | None) -> None:
        if not self.allowed:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self.given.append((uid, gid))
        os.chmod(fd, 0o640)  # its time of change is another, as after a real one


def test_a_part_file_is_given_to_its_owner(tmp_path: Path) -> None:
    """Which is no change by somebody else; nothing is to be done for one who has it already."""
    disk = Givings(allowed=True)
    part = PartFile.create(disk, tmp_path / "f.part", 3)
    part.write(0, [b"abc"])
    assert part.give(Owner(os.geteuid()))
    assert disk.given == []
    assert part.give(Owner(os.geteuid() + 1, 100))
    assert disk.given == [(os.geteuid() + 1, 100)]
    assert part.finish(tmp_path / "f", overwrite=False) is not None
    part.close()


def test_what_may_not_be_given_stays(tmp_path: Path) -> None:
    """And is finished all the same."""
    part = PartFile.create(Givings(allowed=False), tmp_path / "f.part", 3)
    part.write(0, [b"abc"])
    assert not part.give(Owner(os.geteuid() + 1))
    assert part.finish(tmp_path / "f", overwrite=False) is not None
    part.close()


def test_what_somebody_else_changed_before_is_seen(part: PartFile) -> None:
    """Giving it away hides nothing."""
    part.write(0, [b"abc"])
    with part.path.open("r+b") as file:
        file.write(b"else")
    part.give(Owner(os.geteuid() + 1))
    assert part.touched
    part.close()
