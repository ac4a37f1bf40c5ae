"""What members' connections to a tracker have to do with their being members."""

from __future__ import annotations

import base64
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import Refused
from p2pfs.membership import Member, encode_chain, read_member
from p2pfs.secure import Credentials, PrivateSwarm
from p2pfs.testing.door import PlainDoor
from p2pfs.tracker.membership import Membership
from tests.conftest import LoggedFailures
from tests.membership.swarms import KEY, NOW, authority, issued
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import MemoryTracker


class Scene:
    """A private tracker in memory, and the answers to who asks for the next certificate."""

    def __init__(self, directory: Path) -> None:
        self.tracker = MemoryTracker()
        self.authority = authority(directory / "authority")
        self.chain = (issued(self.authority),)
        self.member = read_member(self.chain[0])
        self.swarm = PrivateSwarm(
            self.tracker.clock,
            self.authority.certificate,
            Credentials(KEY.private, self.chain),
            self.authority.revocation_list(3, {}, NOW),
            lambda: NOW,
            PlainDoor,
        )
        self.renewed: Deferred[Any] = Deferred()
        self.asked: list[tuple[Member, str]] = []
        self.tracker.factory.membership = Membership(self.swarm, self.renew)

    def renew(self, member: Member, address: str) -> Deferred[Any]:
        self.asked.append((member, address))
        return self.renewed

    def connect(self) -> MemoryTransport:
        """A member's connection."""
        connection = self.tracker.connect()
        next(reversed(self.tracker.factory.connections)).member = self.member
        return connection


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A tracker without peers."""
    return Scene(tmp_path)


def register(connection: MemoryTransport, key: bytes, **fields: Any) -> list[dict[str, Any]]:
    """Everything that comes after a first word with that key."""
    encoded = base64.b64encode(key).decode()
    return connection.ask(type="REQUEST_REGISTER", address=":1", key=encoded, **fields)


def test_a_member_has_one_key(scene: Scene) -> None:
    """That of its certificate: it cannot take the place of another peer, nor be two."""
    for key in (Random(1).randbytes(32), b""):
        (reply,) = register(scene.connect(), key)
        assert reply["type"] == "ERROR"
        assert "key of its certificate" in reply["message"]
    (reply,) = scene.connect().ask(type="REQUEST_REGISTER", address=":1")
    assert reply["type"] == "ERROR"
    (reply,) = register(scene.connect(), KEY.public)
    assert reply["type"] == "REPLY_CHALLENGE"


def joined(scene: Scene, **fields: Any) -> list[dict[str, Any]]:
    """What a member hears when it joins."""
    connection = scene.connect()
    (challenge,) = register(connection, KEY.public, **fields)
    proof = KEY.prove(base64.b64decode(challenge["nonce"]), ":1")
    return register(connection, KEY.public, proof=base64.b64encode(proof).decode(), **fields)


def test_who_joins_hears_what_it_does_not_know(scene: Scene) -> None:
    """The newest list, unless it has that."""
    assert scene.swarm.revocations is not None
    for known in ({}, {"revocations": 2}):
        notice, reply = joined(scene, **known)
        assert reply["type"] == "REPLY_REGISTER"
        assert base64.b64decode(notice["revocations"]) == scene.swarm.revocations.der
    (reply,) = joined(scene, revocations=3)
    assert reply["type"] == "REPLY_REGISTER"


def test_a_renewal_keeps_the_order_of_answers(scene: Scene) -> None:
    """What is asked behind it is answered behind it."""
    connection = scene.connect()
    connection.say(type="REQUEST_RENEW")
    assert connection.ask(type="REQUEST_FILE_LIST") == []
    assert scene.asked == [(scene.member, "192.0.2.7:40000")]
    scene.renewed.callback(scene.chain)
    scene.tracker.clock.advance(0)
    renewed, listed = connection.heard()
    assert [base64.b64decode(der) for der in renewed["chain"]] == encode_chain(scene.chain)
    assert listed["type"] == "REPLY_FILE_LIST"


def test_who_is_none_any_more_is_told(scene: Scene, logged_failures: LoggedFailures) -> None:
    """And what nobody expected goes to the log, and holds nobody up."""
    connection = scene.connect()
    connection.say(type="REQUEST_RENEW")
    scene.renewed.errback(Refused("There is no such member."))
    (reply,) = connection.heard()
    assert (reply["request"], reply["message"]) == ("REQUEST_RENEW", "There is no such member.")
    scene.renewed = Deferred()
    connection.say(type="REQUEST_RENEW")
    scene.renewed.errback(Failure(ZeroDivisionError("a defect")))
    assert connection.ask(type="REQUEST_FILE_LIST")[0]["type"] == "REPLY_FILE_LIST"
    [event] = logged_failures.flush()
    assert event["log_failure"].check(ZeroDivisionError)


def test_in_an_open_swarm_there_is_nothing_to_renew() -> None:
    """Nobody has certificates there."""
    (reply,) = MemoryTracker().connect().ask(type="REQUEST_RENEW")
    assert "open swarm" in reply["message"]
