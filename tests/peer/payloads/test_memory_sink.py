"""Memory for chunks that may never be of use."""

from __future__ import annotations

import pytest

from p2pfs.hashing import Hash
from p2pfs.peer.payloads import MemorySink, SpareMemory


@pytest.mark.parametrize("function", Hash)
def test_what_came_is_there_in_pieces_with_its_digest(function: Hash) -> None:
    """So it can be written, once it is known to be right."""
    memory, crowded = SpareMemory(100), list[str]()
    sink = MemorySink(7, function.hasher(), memory, lambda: crowded.append("out"))
    sink.write(b"abc")
    sink.write(b"defg")
    assert (sink.pieces, memory.taken, crowded) == ([b"abc", b"defg"], 7, [])
    assert sink.digest == function.digest(b"abcdefg")


def test_memory_is_had_again_when_it_is_released() -> None:
    """Once, however often that is said; and what comes later goes nowhere."""
    memory = SpareMemory(100)
    sink = MemorySink(7, Hash.SHA256.hasher(), memory, lambda: None)
    sink.write(b"abc")
    sink.release()
    sink.release()
    sink.write(b"defg")
    assert (sink.pieces, memory.taken) == ([], 0)


def test_who_finds_no_memory_keeps_none() -> None:
    """It is told once; others have what it had."""
    memory, crowded = SpareMemory(10), list[str]()
    other = MemorySink(6, Hash.SHA256.hasher(), memory, lambda: crowded.append("other"))
    other.write(b"123456")
    sink = MemorySink(8, Hash.SHA256.hasher(), memory, lambda: crowded.append("sink"))
    sink.write(b"1234")
    sink.write(b"5")
    sink.write(b"6")
    assert (crowded, memory.taken, sink.pieces) == (["sink"], 6, [])
    assert other.pieces == [b"123456"]
