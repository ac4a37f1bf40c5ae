"""Who may have whom connect to it, by way of the tracker, and how often."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from p2pfs.identity import PeerKey
from p2pfs.tracker.calls import MOST_OF_A_HOST, MOST_TO_A_PEER, WINDOW
from tests.memory_transport import MemoryTransport
from tests.tracker.test_identities import KEYS, ROUTER, called, joined
from tests.tracker.test_probing import accept, refuse
from tests.tracker.tracker_connections import MemoryTracker

OUTSIDE = "192.0.2.9"


def reachable(tracker: MemoryTracker, key: PeerKey, host: str = OUTSIDE) -> MemoryTransport:
    """A peer that was found at its address."""
    peer = joined(tracker, key, host)
    connection, token = accept(tracker)
    peer.say(type="REQUEST_REACHED", token=token)
    connection.hang_up()
    peer.heard()
    return peer


def unreachable(tracker: MemoryTracker, key: PeerKey) -> MemoryTransport:
    """A peer behind a router."""
    peer = joined(tracker, key)
    refuse(tracker)
    peer.heard()
    return peer


def call(peer: MemoryTransport, name: str, token: str = "t") -> Any:
    """The answer to a call."""
    (answer,) = peer.ask(type="REQUEST_CALL_BACK", peer=name, token=token)
    return answer


def test_a_call_is_passed_on() -> None:
    """To that peer alone, with the address at which who calls was found."""
    tracker = MemoryTracker()
    callee, other = unreachable(tracker, KEYS[0]), unreachable(tracker, KEYS[1])
    caller = reachable(tracker, KEYS[2])
    assert call(caller, called(KEYS[0])) == {"type": "REPLY_CALL_BACK", "peer": called(KEYS[0])}
    assert callee.heard() == [
        {"type": "NOTICE_CALL_BACK", "address": f"{OUTSIDE}:6881", "token": "t"}
    ]
    assert other.heard() == []


def test_nobody_is_aimed_at_a_stranger() -> None:
    """Who was not found at its address itself calls nobody."""
    tracker = MemoryTracker(allow_announced_host=True)
    callee = unreachable(tracker, KEYS[0])
    not_known, not_there = joined(tracker, KEYS[1], "192.0.2.8"), unreachable(tracker, KEYS[2])
    elsewhere = joined(tracker, KEYS[3], "192.0.2.66", address="192.0.2.99:22")
    for peer in (not_known, not_there, elsewhere, tracker.join("192.0.2.7"), tracker.connect()):
        peer.heard()
        answer = call(peer, called(KEYS[0]))
        assert (answer["type"], answer["request"]) == ("ERROR", "REQUEST_CALL_BACK")
    assert callee.heard() == []


@pytest.mark.parametrize(
    "name", ["", f"{ROUTER}:6881", f"{ROUTER}:6881#{'0' * 16}", f"{ROUTER}:7000#without-key"]
)
def test_who_is_not_there_is_not_called(name: str) -> None:
    """Nor a peer without a key, which would not understand it."""
    tracker = MemoryTracker()
    unreachable(tracker, KEYS[0])
    keyless = tracker.join(ROUTER, 7000)
    caller = reachable(tracker, KEYS[1])
    assert "No such peer" in call(caller, name)["message"]
    assert "No such peer" in call(caller, called(KEYS[1], f"{OUTSIDE}:6881"))["message"]
    assert keyless.heard() == []


@pytest.mark.parametrize("token", ["", "t" * 65])
def test_a_token_has_its_size(token: str) -> None:
    """What is passed on is as short as it has to be."""
    tracker = MemoryTracker()
    callee = unreachable(tracker, KEYS[0])
    assert call(reachable(tracker, KEYS[1]), called(KEYS[0]), token)["type"] == "ERROR"
    assert callee.heard() == []


def test_calls_are_bounded_by_host_and_by_peer() -> None:
    """One host has no peer connect without end, nor many peers."""
    tracker = MemoryTracker()
    keys = [PeerKey.from_seed(bytes([number] * 32)) for number in range(10, 20)]
    callees = [unreachable(tracker, key) for key in keys]
    caller, other = reachable(tracker, KEYS[0]), reachable(tracker, KEYS[1], "192.0.2.10")
    for key in keys:
        for _ in range(MOST_TO_A_PEER + 1):
            call(caller, called(key))
    heard = [len(callee.heard()) for callee in callees]
    full = MOST_OF_A_HOST // MOST_TO_A_PEER
    assert heard == [MOST_TO_A_PEER] * full + [0] * (len(keys) - full)
    assert call(other, called(keys[-1]))["type"] == "REPLY_CALL_BACK"
    assert "asked for by too many" in call(other, called(keys[0]))["message"]
    tracker.clock.advance(WINDOW)
    assert call(caller, called(keys[0]))["type"] == "REPLY_CALL_BACK"


def test_a_proof_is_no_secret() -> None:
    """What a peer has sent in public is of no use to who repeats it."""
    tracker = MemoryTracker()
    peer = tracker.connect()
    said = {
        "type": "REQUEST_REGISTER",
        "address": ":6881",
        "key": base64.b64encode(KEYS[0].public).decode(),
    }
    (challenge,) = peer.ask(**said)
    proof = KEYS[0].prove(base64.b64decode(challenge["nonce"]), ":6881")
    said["proof"] = base64.b64encode(proof).decode()
    assert peer.ask(**said)[0]["type"] == "REPLY_REGISTER"
    thief = tracker.connect()
    assert thief.ask(**said)[0]["type"] == "ERROR"
    assert not peer.aborted
