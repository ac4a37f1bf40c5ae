"""Requests, their answers, and patience."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, Refused, SourceFailed
from p2pfs.wire import messages as m
from p2pfs.wire.requests import Pending, RequestProtocol
from tests.memory_transport import MemoryTransport

SILENCE = 30.0
INFO = m.FileInfo(1, 1)


class Asker(RequestProtocol):
    """The asking side; a chunk's reply with a length is complete once its payload is."""

    def connection_error(self, reason: str) -> P2pfsError:
        return SourceFailed(reason)

    def reply_received(self, pending: Pending, reply: m.Message) -> None:
        if isinstance(reply, m.PeerReplyChunk) and reply.length:
            left = reply.length

            def received(data: bytes) -> None:
                nonlocal left
                left -= len(data)
                if not left:
                    self.still_arriving(None)
                    pending.succeed(reply)

            self.still_arriving(pending)
            self.receive_raw(left, received)
        else:
            super().reply_received(pending, reply)


class Outcomes(list[Any]):
    """What became of Deferreds, in the order in which they fired."""

    def watch(self, name: str, deferred: Deferred[Any]) -> Deferred[Any]:
        deferred.addCallbacks(
            lambda reply: self.append((name, getattr(reply, "filename", reply))),
            lambda failure: self.append((name, self._words(failure))),
        )
        return deferred

    @staticmethod
    def _words(failure: Failure) -> str:
        failure.trap(Refused, SourceFailed, CancelledError)
        return f"{failure.type.__name__}: {failure.getErrorMessage()}"


@pytest.fixture
def asker() -> tuple[Asker, MemoryTransport, Clock, Outcomes]:
    """A connected asker, the other side, the time, and the outcomes so far."""
    clock = Clock()
    protocol = Asker(clock, SILENCE)
    return protocol, MemoryTransport(protocol, clock), clock, Outcomes()


Asking = tuple[Asker, MemoryTransport, Clock, Outcomes]


def location(name: str) -> bytes:
    """A reply."""
    return m.encode(m.ReplyFileLocation(name, INFO, {}))


def ask_location(asking: Asking, name: str) -> Deferred[Any]:
    """A request whose outcome is watched under its name."""
    protocol, _, _, outcomes = asking
    request = m.RequestFileLocation(name)
    return outcomes.watch(name, protocol.ask(request, m.ReplyFileLocation))


def test_replies_of_one_kind_match_in_order(asker: Asking) -> None:
    """Requests go out at once; each reply answers the oldest request of its kind."""
    protocol, other, clock, outcomes = asker
    ask_location(asker, "a")
    outcomes.watch("list", protocol.ask(m.RequestFileList(), m.ReplyFileList))
    ask_location(asker, "b")
    assert [message["type"] for message in other.heard()] == [
        "REQUEST_FILE_LOCATION",
        "REQUEST_FILE_LIST",
        "REQUEST_FILE_LOCATION",
    ]
    other.deliver(location("1") + location("2") + m.encode(m.ReplyFileList({})))
    assert [name for name, _ in outcomes] == ["a", "b", "list"]
    assert outcomes[:2] == [("a", "1"), ("b", "2")]
    clock.advance(2 * SILENCE)
    assert not clock.getDelayedCalls()
    assert not other.aborted


def test_an_error_answers_the_oldest_request_of_its_type(asker: Asking) -> None:
    """Others go on; what the other side said is fit for a terminal."""
    protocol, other, _, outcomes = asker
    outcomes.watch("list", protocol.ask(m.RequestFileList(), m.ReplyFileList))
    ask_location(asker, "a")
    ask_location(asker, "b")
    other.say(type="ERROR", request="REQUEST_FILE_LOCATION", message="no\x1b[31m\n" + "x" * 900)
    other.deliver(location("2"))
    assert [name for name, _ in outcomes] == ["a", "b"]
    name, words = outcomes[0]
    assert (name, words[:28]) == ("a", r"Refused: no\u001b[31m\u000ax")
    assert len(words) < 350
    assert outcomes[1] == ("b", "2")
    other.hang_up()


@pytest.mark.parametrize("request_type", [None, "REQUEST_FILE_LIST"])
def test_an_error_that_answers_nothing_ends_the_connection(
    asker: Asking, request_type: str | None
) -> None:
    """An error about the connection as a whole fails all that is open, with its words."""
    _, other, clock, outcomes = asker
    ask_location(asker, "a")
    ask_location(asker, "b")
    other.say(type="ERROR", request=request_type, message="go away")
    clock.advance(0)
    assert other.aborted
    assert outcomes == [(name, "SourceFailed: it sent an error: go away") for name in ("a", "b")]
    assert not clock.getDelayedCalls()


def test_silence_ends_the_connection(asker: Asking) -> None:
    """Counted from the first open request or the last byte, and only while an answer is due."""
    _, other, clock, outcomes = asker
    clock.advance(1000)
    ask_location(asker, "a")
    clock.advance(SILENCE - 1)
    ask_location(asker, "b")
    other.deliver(b" ")
    clock.pump([1] * int(SILENCE - 1))
    assert outcomes == []
    clock.advance(1)
    clock.advance(0)
    words = f"SourceFailed: it was silent for {SILENCE:g} s"
    assert outcomes == [("a", words), ("b", words)]
    assert other.aborted
    assert not clock.getDelayedCalls()


def test_a_new_request_does_not_excuse_silence(asker: Asking) -> None:
    """Asking more and more does not put off the end of a dead connection."""
    _, other, clock, outcomes = asker
    for number in range(10):
        if not other.aborted:
            ask_location(asker, str(number))
        clock.advance(SILENCE / 4)
    assert other.aborted
    assert len(outcomes) == 4


def test_an_idle_connection_may_be_silent(asker: Asking) -> None:
    """After an answer the clock starts anew only with the next request."""
    _, other, clock, outcomes = asker
    ask_location(asker, "a")
    other.deliver(location("1"))
    clock.advance(SILENCE - 1)
    ask_location(asker, "b")
    clock.advance(SILENCE - 1)
    assert not other.aborted
    other.deliver(location("2"))
    assert [name for name, _ in outcomes] == ["a", "b"]
    clock.advance(10 * SILENCE)
    assert not other.aborted
    assert not clock.getDelayedCalls()


def test_while_we_do_not_read_nobody_is_silent(asker: Asking) -> None:
    """A slow disk here is not a slow source there."""
    protocol, other, clock, _ = asker
    ask_location(asker, "a")
    protocol.hold_input()
    clock.pump([SILENCE] * 10)
    assert not other.aborted
    protocol.release_input()
    clock.advance(SILENCE - 1)
    assert not other.aborted
    clock.advance(1)
    assert other.aborted
    clock.advance(0)


def test_a_payload_that_stops_arriving_is_silence_too(asker: Asking) -> None:
    """A chunk whose line came is still due until its last byte is there."""
    protocol, other, clock, outcomes = asker
    asked = protocol.ask(m.PeerRequestChunk("a", 0), m.PeerReplyChunk)
    outcomes.watch("a", asked)
    other.deliver(m.encode(m.PeerReplyChunk("a", 0, "", length=10)) + b"12345")
    clock.advance(SILENCE - 1)
    other.deliver(b"6")
    clock.pump([1] * int(SILENCE - 1))
    assert not other.aborted
    clock.advance(1)
    clock.advance(0)
    assert outcomes == [("a", f"SourceFailed: it was silent for {SILENCE:g} s")]


def dripping_asker(least_rate: float = 64.0) -> Asking:
    """A connected asker that minds the rate, with a chunk asked for."""
    clock = Clock()
    protocol = Asker(clock, SILENCE, least_rate)
    asking = protocol, MemoryTransport(protocol, clock), clock, Outcomes()
    asking[3].watch("a", protocol.ask(m.PeerRequestChunk("a", 0), m.PeerReplyChunk))
    return asking


HEADER = m.encode(m.PeerReplyChunk("a", 0, "", length=1 << 20))


@pytest.mark.parametrize("beginning", [b"", HEADER])
def test_dripping_is_not_delivering(beginning: bytes) -> None:
    """A byte now and then, in the header or in the payload, does not hold a request for ever."""
    _, other, clock, outcomes = dripping_asker()
    other.deliver(beginning)
    for _ in range(int(SILENCE)):
        assert not other.aborted
        other.deliver(b" ")
        clock.advance(1)
    clock.advance(0)
    assert "less than 64 bytes a second" in outcomes[0][1]
    assert not clock.getDelayedCalls()


def test_slow_is_not_dripping() -> None:
    """At the least rate a payload may take as long as it takes, and counts as progress."""
    protocol, other, clock, outcomes = dripping_asker()
    other.deliver(HEADER)
    assert protocol.flowed_at is None
    for _ in range(int(10 * SILENCE)):
        other.deliver(bytes(64))
        clock.advance(1)
    assert not other.aborted
    assert protocol.flowed_at == 10 * SILENCE
    assert outcomes == []
    other.hang_up()


def test_small_answers_are_not_dripping() -> None:
    """Who answers one small request after the other delivers, however few bytes that makes."""
    protocol, other, clock, outcomes = dripping_asker()
    for _ in range(20):
        outcomes.watch("a", protocol.ask(m.PeerRequestChunk("a", 0), m.PeerReplyChunk))
        clock.advance(SILENCE / 2)
        other.deliver(m.encode(m.PeerReplyChunk("a", 0, "", length=1)) + b"1")
    assert not other.aborted
    assert len(outcomes) == 20
    other.hang_up()


def test_time_in_which_we_do_not_read_is_no_dripping() -> None:
    """Holding input does not lower the other side's rate, nor begin its time anew."""
    protocol, other, clock, _ = dripping_asker()
    other.deliver(HEADER)
    for _ in range(3):
        for _ in range(int(SILENCE / 5)):
            other.deliver(bytes(70))
            clock.advance(1)
        protocol.hold_input()
        clock.pump([1] * int(2 * SILENCE))
        protocol.release_input()
    assert not other.aborted
    for _ in range(int(SILENCE) * 2):
        other.deliver(b" ")
        clock.advance(1)
        protocol.hold_input()
        clock.advance(1)
        protocol.release_input()
    assert other.aborted
    clock.advance(0)


def test_nobody_is_blamed_for_time_in_which_we_did_not_run(asker: Asking) -> None:
    """After a stop of this process, or a jump of the clock, there is one more round."""
    _, other, clock, outcomes = asker
    ask_location(asker, "a")
    clock.advance(20 * SILENCE)
    assert not other.aborted
    clock.advance(SILENCE - 1)
    assert not other.aborted
    clock.advance(1)
    clock.advance(0)
    assert [name for name, _ in outcomes] == ["a"]
    assert other.aborted


def test_a_connection_can_be_forgiven(asker: Asking) -> None:
    """Who knows better than the timer can have it begin anew."""
    protocol, other, clock, _ = asker
    ask_location(asker, "a")
    clock.advance(SILENCE - 1)
    protocol.forgive()
    clock.pump([1] * int(SILENCE - 1))
    assert not other.aborted
    clock.advance(1)
    clock.advance(0)
    assert other.aborted


@pytest.mark.parametrize("payload", [b"12345", b""])
def test_an_end_in_the_midst_of_a_payload_fails_the_request(asker: Asking, payload: bytes) -> None:
    """A request is never left open by the end of its connection."""
    protocol, other, clock, outcomes = asker
    for name in ("a", "b"):
        asked = protocol.ask(m.PeerRequestChunk(name, 0), m.PeerReplyChunk)
        outcomes.watch(name, asked)
    other.deliver(m.encode(m.PeerReplyChunk("a", 0, "", length=10)) + payload)
    ended = protocol.ended()
    other.hang_up()
    assert outcomes == [(name, "SourceFailed: it closed the connection") for name in ("a", "b")]
    assert ended.called
    assert protocol.ended().called
    assert not clock.getDelayedCalls()


def test_a_chunk_nobody_asked_for_ends_the_connection(asker: Asking) -> None:
    """Whether a payload follows it nobody knows."""
    protocol, other, clock, outcomes = asker
    ask_location(asker, "a")
    other.deliver(m.encode(m.PeerReplyChunk("a", 0, "", length=10)))
    clock.advance(0)
    assert other.aborted
    assert "without having been asked" in outcomes[0][1]
    assert protocol.closed


def test_nonsense_is_answered_but_not_for_ever(asker: Asking) -> None:
    """A message out of place harms nothing; a flood of them ends the connection."""
    _, other, clock, outcomes = asker
    ask_location(asker, "a")
    other.heard()
    other.deliver(location("1") + location("unasked") + b"{}\n")
    assert outcomes == [("a", "1")]
    assert [(e["type"], e["request"]) for e in other.heard()] == [
        ("ERROR", "REPLY_FILE_LOCATION"),
        ("ERROR", None),
    ]
    other.deliver(b"{}\n" * 100)
    clock.advance(0)
    assert other.aborted
    assert len(other.heard()) < 20


def test_an_undecodable_reply_does_not_shift_the_others(asker: Asking) -> None:
    """The reply to one request is never taken for the reply to another."""
    _, other, clock, outcomes = asker
    ask_location(asker, "a")
    ask_location(asker, "b")
    other.deliver(b'{"type":"REPLY_FILE_LOCATION","filename":"a"}\n' + location("b"))
    clock.advance(0)
    assert ("a", "b") not in outcomes
    other.hang_up()


def test_an_undecodable_chunk_ends_the_connection(asker: Asking) -> None:
    """Bytes of a payload are never handled as messages: the framing is lost."""
    protocol, other, clock, outcomes = asker
    outcomes.watch("a", protocol.ask(m.PeerRequestChunk("a", 0), m.PeerReplyChunk))
    ask_location(asker, "b")
    bad = b'{"type":"PEER_REPLY_CHUNK","filename":"a","chunknum":0,"digest":5,"length":99}\n'
    other.deliver(bad + location("out of the payload"))
    clock.advance(0)
    assert other.aborted
    assert ("b", "out of the payload") not in outcomes


def test_a_cancelled_request_keeps_its_place(asker: Asking) -> None:
    """Its answer still comes, and must not be taken for the next one's."""
    _, other, clock, outcomes = asker
    first = ask_location(asker, "a")
    ask_location(asker, "b")
    first.cancel()
    other.deliver(location("1") + location("2"))
    assert outcomes == [("a", "CancelledError: "), ("b", "2")]
    clock.advance(SILENCE)
    assert not clock.getDelayedCalls()


def test_a_cancelled_request_may_be_refused(asker: Asking) -> None:
    """An ERROR for it is its answer, too."""
    _, other, _, outcomes = asker
    ask_location(asker, "a").cancel()
    ask_location(asker, "b")
    other.say(type="ERROR", request="REQUEST_FILE_LOCATION", message="no")
    other.deliver(location("2"))
    assert outcomes[1:] == [("b", "2")]
    other.hang_up()


def test_asking_a_closed_connection_fails_at_once(asker: Asking) -> None:
    """With the reason it was closed for, if there was one."""
    protocol, other, clock, outcomes = asker
    protocol.give_up("it lied")
    ask_location(asker, "a")
    clock.advance(0)
    ask_location(asker, "b")
    assert outcomes == [("a", "SourceFailed: it lied"), ("b", "SourceFailed: it lied")]
    assert other.heard() == []


@pytest.mark.parametrize("busy", [True, False])
def test_hanging_up_waits_for_no_answer(asker: Asking, busy: bool) -> None:
    """In good order when nothing is open, at once when something is."""
    protocol, other, clock, _ = asker
    if busy:
        ask_location(asker, "a")
    protocol.hang_up()
    clock.advance(0)
    assert other.aborted == busy
    assert protocol.closed
    assert not clock.getDelayedCalls()
