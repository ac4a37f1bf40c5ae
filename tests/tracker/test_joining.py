"""Strangers at a private tracker: they join, or do nothing."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from p2pfs.errors import Refused
from p2pfs.tracker.joining import JOINING_SECONDS, MOST_STRANGERS, JoiningFactory
from p2pfs.wire import messages as m
from tests.conftest import LoggedFailures
from tests.membership.swarms import NOW, authority, issued
from tests.memory_transport import MemoryTransport


class Desk:
    """What strangers connect to, and what they asked for."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.authority = authority(directory / "authority")
        self.chain = (issued(self.authority), self.authority.certificate)
        self.list = self.authority.revocation_list(1, {}, NOW)
        self.asked: list[tuple[m.RequestJoin, str, str]] = []
        self.refusal: Exception | None = None
        self.factory = JoiningFactory(self.clock, self.join, lambda: self.list)

    async def join(self, request: m.RequestJoin, host: str, address: str) -> Any:
        self.asked.append((request, host, address))
        if self.refusal is not None:
            raise self.refusal
        return self.chain

    def connect(self, host: str = "192.0.2.7") -> MemoryTransport:
        """A stranger's connection."""
        peer = IPv4Address("TCP", host, 40000)
        return MemoryTransport(self.factory.buildProtocol(peer), self.clock, peer)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One that lets everybody in."""
    return Desk(tmp_path)


JOIN = {"type": "REQUEST_JOIN", "name": "gpu-17", "secret": "Aw==", "request": "MA=="}


def test_who_joins_gets_certificates_and_revocations(desk: Desk) -> None:
    """And then the connection ends: as a member, one comes anew."""
    stranger = desk.connect()
    (reply,) = stranger.ask(**JOIN)
    assert reply["type"] == "REPLY_JOIN"
    assert base64.b64decode(reply["revocations"]) == desk.list.der
    assert len(reply["chain"]) == 2
    desk.clock.advance(0)
    assert stranger.lost
    assert desk.asked == [
        (m.RequestJoin("gpu-17", b"\x03", b"\x30"), "192.0.2.7", "192.0.2.7:40000")
    ]
    assert not desk.clock.getDelayedCalls()
    assert not desk.factory.connections


def test_who_is_refused_is_told_why(desk: Desk) -> None:
    """In the tracker's own words; one try a connection."""
    desk.refusal = Refused("There is no such invitation; have a new one made.")
    stranger = desk.connect()
    (reply,) = stranger.ask(**JOIN)
    assert reply == {
        "type": "ERROR",
        "request": "REQUEST_JOIN",
        "message": "There is no such invitation; have a new one made.",
    }
    desk.clock.advance(0)
    assert stranger.lost


@pytest.mark.parametrize(
    "line",
    [
        {"type": "REQUEST_FILE_LIST"},
        {"type": "REQUEST_REGISTER", "address": ":1"},
        {"type": "REQUEST_RENEW"},
        {
            "type": "REQUEST_PUBLISH",
            "filename": "f",
            "fileinfo": {"filesize": 0, "totalchunknum": 0},
        },
    ],
)
def test_nothing_else_is_done_for_a_stranger(desk: Desk, line: dict[str, Any]) -> None:
    """It is told how to become a member."""
    stranger = desk.connect()
    (reply,) = stranger.ask(**line)
    assert reply["type"] == "ERROR"
    assert "p2pfs join" in reply["message"]
    desk.clock.advance(0)
    assert stranger.lost
    assert not desk.asked


@pytest.mark.parametrize("data", [b"rubbish\n", b"\x16\x03\x01" + b"x" * 17_000])
def test_rubbish_ends_it(desk: Desk, data: bytes) -> None:
    """One line of it, or one that is too long."""
    stranger = desk.connect()
    stranger.deliver(data)
    desk.clock.advance(0)
    assert stranger.lost
    assert not desk.factory.connections


def test_who_says_nothing_has_little_time(desk: Desk) -> None:
    """Nor has who begins and does not finish."""
    silent, slow = desk.connect(), desk.connect()
    slow.deliver(b'{"type":')
    desk.clock.pump([JOINING_SECONDS, 0.1, 0])
    assert silent.lost
    assert slow.lost
    assert not desk.clock.getDelayedCalls()


def test_strangers_are_bounded_and_hosts_share(desk: Desk) -> None:
    """A host with many connections makes room for others."""
    many = [desk.connect() for _ in range(MOST_STRANGERS)]
    assert desk.factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 1)) not in (
        desk.factory.connections
    )
    other = desk.connect("192.0.2.8")
    desk.clock.advance(0)
    assert len(desk.factory.connections) <= MOST_STRANGERS
    (reply,) = other.ask(**JOIN)
    assert reply["type"] == "REPLY_JOIN"
    assert sum(not each.lost for each in many) < MOST_STRANGERS


def test_what_nobody_expected_is_logged(desk: Desk, logged_failures: LoggedFailures) -> None:
    """And is no reason to leave somebody waiting."""
    desk.refusal = ZeroDivisionError("a defect")
    stranger = desk.connect()
    assert stranger.ask(**JOIN) == []
    desk.clock.advance(0)
    assert stranger.lost
    [event] = logged_failures.flush()
    assert event["log_failure"].check(ZeroDivisionError)
