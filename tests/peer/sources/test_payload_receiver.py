"""Payloads by a thread: whatever comes, whenever, it is as if the reactor had read it."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from p2pfs.errors import OutOfResources, SourceFailed
from p2pfs.hashing import Hash
from p2pfs.peer.payloads import Lender
from p2pfs.peer.payloads.lender import MOST
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.sources import Incoming
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport
from tests.peer.serving_pair import Downloader
from tests.peer.sources.lending_scene import (
    CHUNKS,
    HASHES,
    INFO,
    NUMBERS,
    Inlet,
    Scene,
    Steps,
    offer,
    raw,
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], list[bytes]]:
    """Requests, and what comes in answer, in segments: mostly right, with lines in between."""
    numbers = draw(st.permutations(list(NUMBERS)))[: draw(st.integers(1, len(CHUNKS)))]
    stream = b""
    for number in numbers:
        for _ in range(draw(st.integers(0, 3))):
            stream += draw(st.sampled_from([offer(number), b"", offer(0), offer(5)]))
        error = m.Error("PEER_REQUEST_CHUNK", "No.", "f", number)
        digest = Hash.SHA256.digest(CHUNKS[number]).hex()
        stream += draw(
            st.sampled_from(
                [
                    *[raw(number)] * 12,
                    raw(number, digest=digest),
                    raw(number, digest="short"),
                    raw(number, bytes(len(CHUNKS[number]))),
                    raw(number, length=3),
                    raw((number + 1) % len(CHUNKS)),
                    m.encode(error),
                    b"nonsense\n",
                    m.before_chunk("f", number)
                    + m.encode_chunk(CHUNKS[number])
                    + m.after_chunk(bytes.fromhex(digest)),
                ]
            )
        )
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    bounds = [0, *cuts, len(stream)]
    return numbers, [stream[a:b] for a, b in pairwise(bounds) if a < b]


@settings(max_examples=150)
@given(streams(), st.integers(1, 100), st.lists(st.booleans(), max_size=20))
def test_it_is_as_if_the_reactor_had_read_it(
    stream: tuple[list[int], list[bytes]], frame: int, held: list[bool]
) -> None:
    """Outcomes, bytes, offers, and what is said to the source, wherever the stream is cut."""
    numbers, segments = stream
    plain, lending = Scene(None, numbers), Scene(frame, numbers)
    plain.play(segments)
    # A thread may begin late, and find much.
    for segment, wait in zip(segments, held + [False] * len(segments), strict=False):
        lending.clock.held = wait
        lending.far.deliver(segment)
        if not wait:
            lending.settle()
    lending.clock.release()
    lending.settle()
    assert lending.outcomes == plain.outcomes
    assert lending.offers == plain.offers
    assert lending.down.written() == plain.down.written()
    assert lending.far.take() == plain.far.take()
    assert lending.source.closed == plain.source.closed
    assert lending.source.open_requests == plain.source.open_requests
    for scene in (plain, lending):
        scene.end()


ACTS = ["cancel", "hang up", "abort", "limit", "more", "error of the disk"]


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(ACTS), st.integers(0, 7)), max_size=4),
    st.integers(1, 100),
    st.lists(st.integers(1, 150), max_size=12),
)
def test_whatever_happens_at_any_step_nothing_wrong_is_kept(
    acts: list[tuple[int, str, int]], frame: int, sizes: list[int]
) -> None:
    """Cancelled, cut off, limited, asked for more, a full disk: at each step of the thread."""
    steps = 0
    more: list[int] = []
    cancelled: dict[int, bytes] = {}
    disk_failed = False

    def step() -> None:
        nonlocal steps, disk_failed
        steps += 1
        for at, act, number in acts:
            if at != steps:
                continue
            match act:
                case "cancel" if number in scene.asked and number not in scene.outcomes:
                    scene.asked[number].cancel()
                    # From the moment that this fires, the place is somebody else's.
                    settled = scene.down.sinks[number].settled()
                    settled.addCallback(lambda _, n=number: cancelled.update({n: scene.place(n)}))
                case "hang up":
                    scene.far.hang_up()
                case "abort":
                    scene.source.abort()
                    scene.clock.advance(0)
                case "limit":
                    scene.limit.rate = 1 << 20
                case "more" if not scene.source.closed and number not in scene.asked:
                    scene.asked[number] = scene._fetch(number)
                    more.append(number)
                case "error of the disk" if not disk_failed:
                    disk_failed = True
                    full = os.open("/dev/full", os.O_RDWR)
                    os.dup2(full, scene.down.part._fd)
                    os.close(full)

    numbers = [0, 1, 2, 3, 4]
    scene = Scene(frame, numbers, step)
    stream = b"".join((offer(n) if n % 2 else b"") + raw(n) for n in numbers)
    while stream:
        size = sizes.pop() if sizes else len(stream)
        scene.play([stream[:size]])
        stream = stream[size:]
        scene.clock.advance(0.01)  # for what a limit has wait
        scene.settle()
    for number in more:
        scene.play([raw(number)])
        scene.clock.advance(0.01)
        scene.settle()
    kinds = {act for _, act, _ in acts}
    scene.hang_up()
    for number, outcome in scene.outcomes.items():
        if isinstance(outcome, bytes):
            assert outcome == HASHES[number]
            assert disk_failed or scene.place(number) == CHUNKS[number]
    for number, place in cancelled.items():
        assert disk_failed or scene.place(number) == place, "written to after it was let go"
        assert scene.outcomes[number] is CancelledError
    assert scene.outcomes.keys() == scene.asked.keys(), "each request has an outcome"
    if not kinds & {"hang up", "abort", "error of the disk"}:
        right = {n: HASHES[n] for n in scene.asked if n not in cancelled}
        assert {n: o for n, o in scene.outcomes.items() if n not in cancelled} == right
    scene.end()


def test_a_thread_goes_on_from_payload_to_payload() -> None:
    """One loan for all that is due, with offers between; given back as nothing is due any more."""
    scene = Scene(16, [0, 1, 2])
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-5])
    scene.far.deliver(raw(0)[-5:] + raw(1) + offer(7) + raw(2) + offer(6))
    assert not scene.offers
    scene.clock.release()
    scene.settle()
    assert scene.lent == 1
    assert scene.offers == [7, 6]
    assert scene.outcomes == {number: HASHES[number] for number in range(3)}
    scene.end()


def test_what_was_asked_for_meanwhile_is_read_by_the_same_thread() -> None:
    """Requests follow what comes, so the next is due before the last is there."""

    def ask() -> None:
        scene.asked[3] = scene._fetch(3)
        scene.far.deliver(raw(3))

    scene = Scene(16, [0], Steps({2: ask}))
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-20])
    lines: list[bytes] = []
    scene.source.lineReceived = lines.append  # type: ignore[method-assign]  # to see what is read
    scene.far.deliver(raw(0)[-20:])
    scene.clock.release()
    scene.settle()
    assert scene.outcomes == {0: HASHES[0], 3: HASHES[3]}
    assert not lines, "the reactor has read no line"
    scene.end()


def test_holding_the_input_meanwhile_does_not_have_the_reactor_read() -> None:
    """Two that read from one socket would each have half."""

    def hold_and_release() -> None:
        scene.source.hold_input()
        scene.source.release_input()
        assert scene.far.producerState == "paused"

    scene = Scene(16, [0, 1], Steps({1: hold_and_release, 3: hold_and_release}))
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-20])
    scene.far.deliver(raw(0)[-20:] + raw(1))
    scene.clock.release()
    scene.settle()
    assert scene.outcomes == {0: HASHES[0], 1: HASHES[1]}
    scene.end()


def test_held_input_is_not_lent() -> None:
    """What waits here comes before what is still on its way."""
    scene = Scene(16, [0])
    scene.limit.rate = 1 << 40
    scene.far.deliver(raw(0)[:-30])
    scene.clock.advance(0.01)  # for what the limit has wait
    scene.source.hold_input()
    scene.limit.rate = None
    scene.far.deliver(raw(0)[-30:-10])
    assert scene.lent == 0
    scene.source.release_input()
    scene.far.deliver(raw(0)[-10:])
    scene.settle()
    assert scene.outcomes == {0: HASHES[0]}
    scene.end()


def test_a_connection_that_is_being_closed_takes_no_offers() -> None:
    """As when the reactor reads: from then on nothing is anything to anybody."""
    scene = Scene(16, [0, 1], Steps({1: lambda: scene.source.close()}))
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-5])
    scene.far.deliver(raw(0)[-5:] + offer(7) + raw(1))
    assert scene.clock.run_job()
    assert not scene.offers
    scene.clock.release()
    scene.end()


def test_no_more_are_lent_than_there_are_threads_for() -> None:
    """The others go through the reactor, and one that comes back makes room."""
    clock = InlineReactor()
    clock.held = True
    inlets: list[Inlet] = []

    def opened(transport: object) -> Inlet:
        assert isinstance(transport, MemoryTransport)
        inlets.append(Inlet(transport, lambda: None, inlets))
        return inlets[-1]

    lender = Lender(clock, RateLimit(), 1, 16, opened)
    downs = [Downloader(INFO, clock, Incoming(lender=lender)) for _ in range(MOST + 2)]
    for down in downs:
        far = down.connect()
        down.fetch(0).addErrback(lambda failure: failure.trap(SourceFailed))
        far.deliver(raw(0)[:-5])
    assert [down.source.input_lent for down in downs] == [True] * MOST + [False] * 2
    assert len(clock.jobs) == MOST
    for down in downs:
        down.source.abort()
    clock.release()
    clock.advance(0)
    assert not inlets
    for down in downs:
        down.close()


def test_without_a_thread_the_chunk_fails_in_words() -> None:
    """As it would if the reactor had read it: nothing is stuck, and others are not harmed."""
    scene = Scene(16, [0])
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-5])
    told, _ = scene.clock.jobs.popleft()
    told(False, Failure(OutOfResources("No thread can be started.")))
    scene.clock.release()
    scene.far.deliver(raw(0)[-5:])
    scene.settle()
    assert scene.outcomes == {0: OutOfResources}
    assert not scene.source.closed
    scene.end()


def test_silence_is_not_held_against_a_source_while_a_thread_has_its_input() -> None:
    """It gives the input back as soon as nothing comes, so it is at the disk that time goes."""
    scene = Scene(16, [0])
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-5])
    for _ in range(100):
        scene.clock.advance(1)
    assert scene.source.unanswered == 0
    assert not scene.source.closed
    scene.clock.release()
    scene.far.deliver(raw(0)[-5:])
    scene.settle()
    assert scene.outcomes == {0: HASHES[0]}
    scene.end()


def test_a_connection_that_is_closed_calls_its_input_back() -> None:
    """The other side may go on sending, as it does not know yet: nobody reads all that is due."""
    steps = Steps({})
    scene = Scene(16, [0, 1], steps)
    scene.clock.held = True
    scene.far.deliver(raw(0)[:-30])
    scene.far.deliver(raw(0)[-30:] + raw(1))
    scene.source.abort()
    scene.clock.advance(0)
    assert scene.outcomes == {0: SourceFailed, 1: SourceFailed}
    scene.clock.release()
    assert steps.taken == 1
    scene.end()


def test_what_a_thread_has_read_counts_as_what_the_reactor_has() -> None:
    """For the receive window, for how fast the source is, and for when it was heard last."""
    windows: list[float] = []
    scenes = [Scene(None, [0, 1]), Scene(16, [0, 1])]
    for scene in scenes:
        adjusted = windows.append if scene.lender is not None else [].append
        scene.source._window.adjust = lambda _, now, note=adjusted: note(now)  # type: ignore[method-assign]  # to see when
        scene.clock.held = True
        for piece in (raw(0)[:-30], raw(0)[-30:] + raw(1)[:-20], raw(1)[-20:]):
            scene.far.deliver(piece)
            scene.clock.advance(3.0)
        scene.source.probe()  # asks for a sign of life only if nothing was heard lately
        scene.clock.release()
        scene.settle()
        assert scene.outcomes == {0: HASHES[0], 1: HASHES[1]}
    plain, lending = scenes
    assert len(windows) > 3
    # Of a reply that a thread has read, its line does not count.
    line = len(raw(1)) - len(CHUNKS[1])
    assert plain.source.received - lending.source.received == line
    assert [scene.source.rate() is None for scene in scenes] == [False, False]
    for scene in scenes:
        scene.end()
