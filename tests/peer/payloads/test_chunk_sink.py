"""Where the bytes of a chunk go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from p2pfs.errors import StorageProblem
from p2pfs.hashing import Hash
from p2pfs.peer.payloads.chunk_sink import HIGH_WATER, ChunkSink
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.testing.inline import InlineReactor


def failed(deferred: Deferred[bytes]) -> list[str]:
    """The messages of the storage problem a Deferred failed with, if it did."""
    messages: list[str] = []

    def note(failure: object) -> None:
        failure.trap(StorageProblem)  # type: ignore[attr-defined]
        messages.append(failure.getErrorMessage())  # type: ignore[attr-defined]

    deferred.addErrback(note)
    return messages


@given(
    st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=30),
    st.integers(1, 50),
    st.sampled_from(Hash),
)
def test_the_chunk_is_written_in_order_whenever_the_disk_is_ready(
    pieces: list[tuple[bytes, bool]], job_size: int, function: Hash
) -> None:
    """However writes and the disk's jobs interleave, bytes, place and digest are right."""
    clock = InlineReactor()
    clock.held = True
    data = b"".join(piece for piece, _ in pieces)
    fd = os.memfd_create("part")
    hasher = function.hasher()
    sink = ChunkSink(clock, PartFile(Disk(), Path("memory"), 0, fd), 7, len(data), hasher, job_size)
    for piece, run in pieces:
        sink.write(piece)
        assert len(clock.jobs) <= 1
        if run and clock.jobs:
            clock.run_job()
    finished = sink.finish()
    clock.release()
    digests: list[bytes] = []
    finished.addCallback(digests.append)
    assert digests == [function.digest(data)]
    assert os.pread(fd, 10_000, 0)[7:] == data
    os.close(fd)


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    """A part file large enough."""
    return PartFile.create(Disk(), tmp_path / "p", 4 * HIGH_WATER)


def test_the_network_pauses_while_the_disk_lags(part: PartFile) -> None:
    """Paused once at the high-water mark, resumed once when a job is done, and again."""
    clock = InlineReactor()
    clock.held = True
    sink = ChunkSink(clock, part, 0, 4 * HIGH_WATER, Hash.SHA256.hasher(), 1)
    calls: list[str] = []
    sink.attach(lambda: calls.append("pause"), lambda: calls.append("resume"))
    sink.write(b"first")
    sink.write(bytes(HIGH_WATER - 1))
    assert calls == []
    sink.write(b"x")
    sink.write(b"y")
    assert calls == ["pause"]
    clock.run_job()
    assert calls == ["pause", "resume"]
    sink.write(bytes(HIGH_WATER))
    assert calls == ["pause", "resume", "pause"]
    clock.release()
    assert calls == ["pause", "resume", "pause", "resume"]
    part.close()


def test_settled_waits_for_everything(part: PartFile) -> None:
    """It fires only after the last byte has been written; at once when there is nothing."""
    clock = InlineReactor()
    sink = ChunkSink(clock, part, 0, 10, Hash.SHA256.hasher(), 1)
    assert sink.settled().called
    clock.held = True
    sink.write(b"a")
    sink.write(b"b")
    settled = sink.settled()
    clock.run_job()
    assert not settled.called
    clock.run_job()
    assert settled.called
    assert part.path.read_bytes()[:3] == b"ab\0"
    part.close()


def test_settled_waits_for_who_takes_in_a_thread(
    part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fires when nothing is being written any more, and after that nothing is."""
    sink = ChunkSink(InlineReactor(), part, 0, 10, Hash.SHA256.hasher())
    settled: list[Deferred[None]] = []
    write = part.write

    def slow(offset: int, pieces: Sequence[bytes | memoryview]) -> None:
        settled.append(sink.settled())
        assert not settled[0].called
        write(offset, pieces)

    monkeypatch.setattr(part, "write", slow)
    sink.take([b"abc", memoryview(b"def")])
    assert settled[0].called
    sink.take([b"ghi"])
    assert len(settled) == 1
    assert part.path.read_bytes()[:8] == b"abcdef\0\0"
    part.close()


def test_what_was_written_before_is_for_who_takes(part: PartFile) -> None:
    """In its order; not while a job of the sink's own is under way."""
    clock = InlineReactor()
    clock.held = True
    sink = ChunkSink(clock, part, 0, 9, Hash.SHA256.hasher(), 4)
    sink.write(b"abcd")
    assert sink.lend() is None
    clock.run_job()
    sink.write(b"ef")
    waiting = sink.lend()
    assert waiting == [b"ef"]
    sink.take(waiting)
    sink.take([b"ghi"])
    sink.arrived(3)
    assert sink.missing == 0
    digests: list[bytes] = []
    sink.finish().addCallback(digests.append)
    assert digests == [Hash.SHA256.digest(b"abcdefghi")]
    assert part.path.read_bytes()[:9] == b"abcdefghi"
    part.close()


def test_an_error_of_the_disk_fails_the_chunk() -> None:
    """It comes out of `finish`, what waits is dropped, and the network goes on."""
    clock = InlineReactor()
    clock.held = True
    full = os.open("/dev/full", os.O_RDWR)
    sink = ChunkSink(
        clock,
        PartFile(Disk(), Path("/dev/full"), 0, full),
        0,
        4 * HIGH_WATER,
        Hash.SHA256.hasher(),
        1,
    )
    calls: list[str] = []
    sink.attach(lambda: calls.append("pause"), lambda: calls.append("resume"))
    sink.write(b"a")
    sink.write(bytes(HIGH_WATER))
    finished = sink.finish()
    clock.run_job()
    assert not clock.jobs
    assert calls == ["pause", "resume"]
    (message,) = failed(finished)
    assert "the disk is full" in message
    sink.write(b"more")
    clock.release()
    assert failed(sink.finish()) == [message]
    os.close(full)


def test_a_sink_attached_to_nothing_needs_nobody(part: PartFile) -> None:
    """Without a connection to pause, writing much at once works as well."""
    clock = InlineReactor()
    sink = ChunkSink(clock, part, 0, 2 * HIGH_WATER, Hash.SHA256.hasher())
    sink.write(bytes(2 * HIGH_WATER))
    assert sink.finish().called
    part.close()
