"""What a peer makes of its tracker's replies."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pfs.chunks import FileInfo
from p2pfs.errors import Refused, TrackerUnavailable
from p2pfs.keepalive import KeepAlive
from p2pfs.peer.tracker_client import TrackerClient
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


def test_a_list_without_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one whose pages go round in circles, nor one with ever new names."""
    monkeypatch.setattr("p2pfs.peer.tracker_client.MOST_LISTED", 3)
    tracker, transport, clock = client()
    empty = '{{"filesize":0,"totalchunknum":0}}'
    page = f'{{{{"type":"REPLY_FILE_LIST","filelist":{{{{"{{}}":{empty}}}}},"more":true}}}}'
    listed: list[object] = []
    listing = Deferred.fromCoroutine(tracker.list_all(""))
    listing.addCallback(lambda files: listed.append(list(files)))
    for name in ("a", "b", "a"):
        transport.deliver(page.format(name).encode() + b"\n")
    assert listed == [["a", "b"]]
    endless = Deferred.fromCoroutine(tracker.list_all(""))
    endless.addErrback(lambda failure: listed.append(failure.check(Refused)))
    for name in "abcd":
        transport.deliver(page.format(name).encode() + b"\n")
    assert listed[1:] == [Refused]
    transport.hang_up()
    clock.advance(0)
