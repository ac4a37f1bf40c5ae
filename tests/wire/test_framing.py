"""Lines and raw bytes, as `LineReceiver` has them, and what is done otherwise than there."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.protocols.basic import LineReceiver

from p2pfs.wire.framing import LineFraming
from tests.memory_transport import MemoryTransport

LIMIT = 20


class Framed(LineFraming):
    """Notes what it is given. A line of digits says how many raw bytes follow it.

    Raw bytes follow ``raw``, up to a full stop.
    """

    MAX_LENGTH = LIMIT
    receive_size = 100

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, bytes]] = []
        self.pause_at = b""
        self.at_a_time = 1 << 30

    def lineReceived(self, line: bytes) -> None:
        self.got.append(("line", line))
        if line.isdigit():
            self.setRawMode(length=int(line))
        elif line == b"raw":
            self.setRawMode()
        elif line == self.pause_at:
            self.pauseProducing()

    def lineLengthExceeded(self, line: bytes) -> None:
        self.got.append(("long", line))

    def rawDataReceived(self, data: bytes) -> None:
        piece, end, rest = data.partition(b".")
        self.got.append(("raw", piece))
        if end:
            self.setLineMode(rest)

    def may_handle_line(self) -> bool:
        self.at_a_time -= 1
        if self.at_a_time < 0:
            self.pauseProducing()
        return self.at_a_time >= 0

    def joined(self) -> list[tuple[str, bytes]]:
        """What it got, with the pieces of raw bytes put together."""
        whole: list[tuple[str, bytes]] = []
        for kind, data in self.got:
            if kind == "raw" and whole and whole[-1][0] == "raw":
                whole[-1] = "raw", whole[-1][1] + data
            else:
                whole.append((kind, data))
        return whole


def framed() -> tuple[Framed, MemoryTransport]:
    """A connection."""
    protocol = Framed()
    return protocol, MemoryTransport(protocol, Clock())


def test_it_is_a_line_receiver() -> None:
    """Who knows Twisted knows its names; only the buffer is another."""
    assert issubclass(LineFraming, LineReceiver)


@given(st.sets(st.integers(1, 40)))
def test_modes_change_where_they_should_however_the_bytes_are_cut(cuts: set[int]) -> None:
    """By a length, by the subclass that gives back the rest, and at once behind the other."""
    stream = b"a\n3\n\n\n\nb\nraw\nx\ny.c\n2\nzzraw\n.d\n"
    protocol, _ = framed()
    for start, end in pairwise([0, *sorted(c for c in cuts if c < len(stream)), len(stream)]):
        protocol.dataReceived(stream[start:end])
    assert [data for kind, data in protocol.got if kind == "line"] == (
        [b"a", b"3", b"b", b"raw", b"c", b"2", b"raw", b"d"]
    )
    raw = [data for kind, data in protocol.joined() if kind == "raw"]
    assert raw == [b"\n\n\n", b"x\ny", b"zz", b""]


@pytest.mark.parametrize("step", [1, LIMIT, 1000])
def test_a_line_that_is_too_long_comes_with_all_behind_it(step: int) -> None:
    """Once, as soon as it is known, and none of it stays."""
    protocol, _ = framed()
    stream = b"x" * (LIMIT + 2)
    for start in range(0, len(stream), step):
        protocol.dataReceived(stream[start : start + step])
    assert protocol.got == [("long", stream)]
    protocol.dataReceived(b"y" * (LIMIT + 1) + b"\nz\n")
    assert protocol.got[1:] == [("long", b"y" * (LIMIT + 1) + b"\nz\n")]
    protocol.dataReceived(b"a\n")
    assert protocol.got[2:] == [("line", b"a")]


def test_reading_goes_on_for_a_while_during_a_pause() -> None:
    """A TLS connection may have to read before it can send; much is not kept all the same."""
    protocol, transport = framed()
    protocol.pause_at = b"a"
    protocol.dataReceived(b"a\nb\n")
    assert protocol.got == [("line", b"a")]
    assert transport.producerState == "producing"
    protocol.dataReceived(b"c\n" * 50)
    assert transport.producerState == "paused"
    protocol.resumeProducing()
    assert [line for _, line in protocol.got] == [b"a", b"b", *[b"c"] * 50]
    assert transport.producerState == "producing"


def test_a_pause_that_comes_with_much_stops_reading() -> None:
    """Though nothing came since; and a resume that is soon over does not have it read on."""
    protocol, transport = framed()
    protocol.at_a_time = 2
    protocol.dataReceived(b"a\n" * 100)
    assert transport.producerState == "paused"
    protocol.at_a_time = 2
    protocol.resumeProducing()
    assert len(protocol.got) == 4
    assert transport.producerState == "paused"


def test_a_resume_while_a_line_is_handled_handles_none_within() -> None:
    """The next line is handled when the one before is done with."""
    protocol, _ = framed()
    depths: list[int] = []
    depth = 0

    def received(line: bytes) -> None:
        nonlocal depth
        depth += 1
        depths.append(depth)
        protocol.pauseProducing()
        protocol.resumeProducing()
        depth -= 1

    protocol.lineReceived = received  # type: ignore[method-assign]
    protocol.dataReceived(b"a\nb\nc\n")
    assert depths == [1, 1, 1]


def test_a_segment_of_a_payload_is_not_copied() -> None:
    """It is passed on as the object it came as."""
    protocol, _ = framed()
    protocol.dataReceived(b"1000\n")
    segment = bytes(700)
    protocol.dataReceived(segment)
    assert protocol.got[-1][1] is segment


class Lenient(Framed):
    """Takes long lines."""

    MAX_LENGTH = 1 << 30


def test_what_is_not_finished_is_not_copied_for_each_segment() -> None:
    """A line in packets takes a time in proportion; with `LineReceiver`'s buffer it was 4 s."""
    protocol = Lenient()
    segment, began = b"x" * 1448, process_time()
    for _ in range((4 << 20) // len(segment)):
        protocol.dataReceived(segment)
    protocol.dataReceived(b"\n")
    assert process_time() - began < 0.5
    assert len(protocol.got) == 1


def test_what_waits_is_not_copied_for_each_line() -> None:
    """Lines in one segment take a time in proportion; with `LineReceiver`'s buffer it was 5 s."""
    protocol = Lenient()
    flood, began = (b"x" * 15 + b"\n") * (1 << 16), process_time()
    protocol.dataReceived(flood)
    assert process_time() - began < 1
    assert len(protocol.got) == 1 << 16
