"""Connections that are turned round, piece by piece."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import MemoryReactorClock

from p2pfs.addresses import Address, parse_full_name
from p2pfs.errors import InvalidAddress, Refused, SourceFailed
from p2pfs.peer.library import Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory, ServingHooks
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import CallBacks, Incoming, SourceConnection
from p2pfs.peer.storage import Disk
from tests.memory_transport import MemoryTransport

PEER = Address("192.0.2.7", 6881, "0123456789abcdef")


class Downloader:
    """A peer that calls others; the test is its tracker, and those that connect."""

    def __init__(self) -> None:
        self.clock: Any = MemoryReactorClock()  # type: ignore[no-untyped-call]  # Twisted's
        self.called: list[tuple[str, str]] = []
        self.answers: list[Deferred[None]] = []
        self.found_reachable: bool | None = True
        announcer: Any = self  # all that is asked of it is here
        self.call_backs = CallBacks(self.clock, Random(1).randbytes, Patience(), announcer)
        self.serving = ServingFactory(
            self.clock,
            ServedFiles(self.clock, Disk(), Library(), lambda *_: None),
            RateLimit(),
            Random(1),
            hooks=ServingHooks(expected=self.call_backs.pop),
        )

    def client(self) -> Downloader:
        """The connection to the tracker."""
        return self

    def call_back(self, peer: str, token: str) -> Deferred[None]:
        """What the tracker is asked."""
        self.called.append((peer, token))
        self.answers.append(Deferred())
        return self.answers[-1]

    def get(self) -> tuple[Deferred[SourceConnection], list[Any]]:
        """Call the peer: what is to come, and what came."""
        make = lambda: SourceConnection(self.clock, PEER, Patience(), Incoming())  # noqa: E731  # short
        wanted, outcome = self.call_backs.get(PEER, make), list[Any]()
        wanted.addBoth(outcome.append)
        return wanted, outcome

    def incoming(self) -> MemoryTransport:
        """A connection that somebody opens."""
        return MemoryTransport(self.serving.buildProtocol(None), self.clock)


def line(**message: Any) -> bytes:
    """A message on the wire."""
    return json.dumps(message).encode() + b"\n"


@pytest.mark.parametrize("answer_first", [True, False])
def test_who_is_called_serves_on_the_connection_it_opens(answer_first: bool) -> None:
    """Whichever comes first, the tracker's answer or the peer."""
    scene = Downloader()
    _, outcome = scene.get()
    [(name, token)] = scene.called
    assert name == "192.0.2.7:6881#0123456789abcdef"
    if answer_first:
        scene.answers[0].callback(None)
    peer = scene.incoming()
    peer.deliver(line(type="PEER_CALL_BACK", token=token) + b'{"type":"PEER_')
    if not answer_first:
        scene.answers[0].callback(None)
    [source] = outcome
    round_trip: list[float] = []
    source.ping().addCallback(round_trip.append)
    assert peer.heard() == [{"type": "PEER_PING_PONG", "turns": True}]
    # What came behind the token, in the same piece, was not lost.
    peer.deliver(b'TURNS"}\n' + line(type="PEER_PING_PONG", turns=True))
    assert source.takes_turns
    assert round_trip == [0.0]
    assert len(scene.serving.connections) == len(scene.serving.admission) == 1
    source.hang_up()
    scene.clock.advance(0)
    assert peer.lost
    assert source.closed
    assert not scene.serving.connections
    assert not len(scene.serving.admission)
    assert not scene.clock.getDelayedCalls()


def test_the_listening_side_closes_it_when_others_need_the_room() -> None:
    """A connection that was turned round is one of its connections."""
    scene = Downloader()
    _, outcome = scene.get()
    scene.answers[0].callback(None)
    peer = scene.incoming()
    peer.deliver(line(type="PEER_CALL_BACK", token=scene.called[0][1]))
    [listening] = scene.serving.connections
    listening.abort()
    scene.clock.advance(0)
    assert peer.aborted
    assert outcome[0].closed
    assert not scene.clock.getDelayedCalls()


def test_a_token_is_good_once_and_only_first_on_a_connection() -> None:
    """Nobody waits for another, nor for one that comes in the middle."""
    scene = Downloader()
    scene.get()
    _, token = scene.called[0]
    late = scene.incoming()
    assert late.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]
    (error,) = late.ask(type="PEER_CALL_BACK", token=token)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_CALL_BACK")
    wrong = scene.incoming()
    (error,) = wrong.ask(type="PEER_CALL_BACK", token="x" + token)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_CALL_BACK")
    assert scene.incoming().ask(type="PEER_CALL_BACK", token=token) == []
    again = scene.incoming()
    assert again.ask(type="PEER_CALL_BACK", token=token)[0]["type"] == "ERROR"


def failed(outcome: list[Any]) -> str:
    """What became of a call, in words."""
    [failure] = outcome
    assert failure.check(SourceFailed)
    return str(failure.value)


def test_who_does_not_come_is_not_waited_for() -> None:
    """Not for ever; and when it comes too late, it is turned away."""
    scene = Downloader()
    _, outcome = scene.get()
    scene.answers[0].callback(None)
    scene.clock.advance(Patience().call_back)
    assert "did not connect when it was asked to" in failed(outcome)
    peer = scene.incoming()
    assert peer.ask(type="PEER_CALL_BACK", token=scene.called[0][1])[0]["type"] == "ERROR"
    peer.hang_up()
    assert not scene.clock.getDelayedCalls()


def test_a_refusal_of_the_tracker_is_told() -> None:
    """In its own words; a peer that came meanwhile is sent away."""
    scene = Downloader()
    _, outcome = scene.get()
    peer = scene.incoming()
    peer.deliver(line(type="PEER_CALL_BACK", token=scene.called[0][1]))
    scene.answers[0].errback(Refused("No such peer is here."))
    assert failed(outcome).endswith("it cannot be reached (No such peer is here)")
    scene.clock.advance(0)
    assert peer.aborted
    assert not scene.clock.getDelayedCalls()


def test_who_cannot_be_reached_itself_calls_nobody() -> None:
    """It would wait in vain."""
    scene = Downloader()
    scene.found_reachable = False
    _, outcome = scene.get()
    assert "which cannot be reached itself" in failed(outcome)
    assert scene.called == []


@pytest.mark.parametrize("answered", [True, False])
def test_a_call_can_be_given_up(answered: bool) -> None:
    """As all attempts are when a download ends."""
    scene = Downloader()
    wanted, outcome = scene.get()
    if answered:
        scene.answers[0].callback(None)
    wanted.cancel()
    assert outcome[0].check(CancelledError)
    assert not scene.clock.getDelayedCalls()


# Names


@pytest.mark.parametrize("text", ["192.0.2.7:6881#0123456789abcdef", "[2001:db8::7]:1#a", "h:1"])
def test_a_full_name_is_read_as_it_is_written(text: str) -> None:
    """With and without the part that tells peers at one address apart."""
    assert str(parse_full_name(text)) == text


@pytest.mark.parametrize("text", ["h:1#", "h:1#a b", "h:1#a#b", "h#a", "#a", "h:1#" + "a" * 65])
def test_what_is_no_full_name_is_refused(text: str) -> None:
    """A tracker cannot have a source called whatever it likes."""
    with pytest.raises(InvalidAddress):
        parse_full_name(text)
