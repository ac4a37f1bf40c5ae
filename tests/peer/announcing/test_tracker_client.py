"""What a peer makes of its tracker's replies."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from p2pfs.addresses import Address
from p2pfs.chunks import FileInfo
from p2pfs.errors import Refused, TrackerUnavailable
from p2pfs.identity import PeerKey
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.wire import KeepAlive
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport


def client() -> tuple[TrackerClient, MemoryTransport, Clock]:
    """A client connected to nobody."""
    clock = Clock()
    made = TrackerClient(clock, "tcp:tracker:6880", 5.0, KeepAlive(), lambda _: None)
    transport = MemoryTransport(made, clock)
    return made, transport, clock


def test_a_reply_about_another_file_ends_the_connection() -> None:
    """A tracker whose replies have shifted is not believed any more."""
    tracker, transport, clock = client()
    failures: list[object] = []
    tracker.locate("a").addErrback(lambda f: failures.append(f.check(TrackerUnavailable)))
    transport.deliver(
        b'{"type":"REPLY_FILE_LOCATION","filename":"b","fileinfo":{"filesize":0,'
        b'"totalchunknum":0},"chunkinfo":{}}\n'
    )
    clock.advance(0)
    assert failures == [TrackerUnavailable]
    assert transport.aborted


def test_a_refused_publish_says_why() -> None:
    """The tracker's own words reach the user."""
    tracker, transport, clock = client()
    reasons: list[str] = []
    published = tracker.publish("a", FileInfo.of_size(0))
    published.addErrback(lambda f: reasons.append(f.trap(Refused) and str(f.value)))
    transport.deliver(b'{"type":"REPLY_PUBLISH","filename":"a","result":false,"message":"taken"}\n')
    assert reasons == ["taken"]
    transport.hang_up()
    clock.advance(0)


def test_an_error_for_registering_chunks_answers_nothing_else() -> None:
    """It is the one request without a reply: its error must not be taken for another's."""
    tracker, transport, clock = client()
    located: list[object] = []
    tracker.locate("a").addCallback(located.append)
    transport.deliver(
        b'{"type":"ERROR","request":"REQUEST_CHUNK_REGISTER","message":"no"}\n'
        b'{"type":"REPLY_FILE_LOCATION","filename":"a","fileinfo":{"filesize":0,'
        b'"totalchunknum":0},"chunkinfo":{}}\n'
    )
    assert len(located) == 1
    transport.hang_up()
    clock.advance(0)


def test_which_chunks_are_not_registered_is_told() -> None:
    """With the file that they are of; an error that names none says nothing of any."""
    clock, told = Clock(), list[object]()
    made = TrackerClient(clock, "tcp:tracker:6880", 5.0, KeepAlive(), lambda _: None, told.append)
    transport = MemoryTransport(made, clock)
    error = m.Error("REQUEST_CHUNK_REGISTER", "Another content.", "f")
    for message in (error, m.Error("REQUEST_CHUNK_REGISTER", "no"), m.Error(None, "no", "f")):
        transport.deliver(m.encode(message))
    assert told == [error]
    transport.hang_up()
    clock.advance(0)


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        (b"1700000000.5", 1_700_000_001.5),
        (b"1700000000", 1_700_000_001.0),
        (b"null", None),
        (b"0", None),
        (b"-5", None),
        (b"1e300", None),
    ],
)
def test_the_time_of_a_tracker_is_that_of_half_the_round_trip(
    stated: bytes, known: float | None
) -> None:
    """The challenge and its answer make a round trip of their own; what cannot be is not known."""
    tracker, transport, clock = client()
    key = PeerKey.from_seed(bytes(32))
    joined: list[str] = []
    tracker.register(Introduction(Address("", 6881), key)).addCallback(joined.append)
    clock.advance(1)
    transport.deliver(m.encode(m.ReplyChallenge(bytes(32))))
    clock.advance(2)
    transport.deliver(b'{"type":"REPLY_REGISTER","address":"h:1","wall_clock":%b}\n' % stated)
    assert joined == ["h:1"]
    assert tracker.time_at_joining == known
    transport.hang_up()
    clock.advance(0)


def test_a_probe_that_was_asked_for_is_answered_by_the_notice() -> None:
    """Whoever tells of it besides; an error is for who asks, and ends nothing else."""
    clock, told = Clock(), list[object]()
    made = TrackerClient(clock, "tcp:tracker:6880", 5.0, KeepAlive(), lambda _: None, told.append)
    transport = MemoryTransport(made, clock)
    outcomes: list[object] = []
    made.probe().addCallback(outcomes.append)
    transport.deliver(m.encode(m.NoticeReachable(False)) + m.encode(m.NoticeReachable(True)))
    assert outcomes == [False]
    assert told == [m.NoticeReachable(False), m.NoticeReachable(True)]
    made.probe().addErrback(lambda f: outcomes.append(str(f.value)))
    transport.deliver(m.encode(m.Error("REQUEST_PROBE", "Not so soon.")) * 2)
    assert outcomes == [False, "Not so soon."]
    clock.advance(100)  # it is nothing to lose the connection for
    assert not transport.aborted
    made.probe().addErrback(lambda f: outcomes.append(f.check(TrackerUnavailable)))
    transport.hang_up()
    clock.advance(0)
    made.probe().addErrback(lambda f: outcomes.append(f.check(TrackerUnavailable)))
    assert outcomes[2:] == [TrackerUnavailable, TrackerUnavailable]
