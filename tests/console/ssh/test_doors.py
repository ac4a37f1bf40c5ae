"""Who may wait at the SSH console's door without having logged in, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from p2pfs.commands import Definitions
from p2pfs.console.command import CommandSet
from p2pfs.console.ssh.doors import Doorkeeper, Doors
from p2pfs.console.ssh.factory import ConsoleSSHFactory, ssh_factory
from tests.console.ssh.files import keys_file
from tests.memory_transport import MemoryTransport


class Door:
    """An SSH console whose time stands still, and those who come to it."""

    def __init__(self, directory: Path, doors: Doors) -> None:
        self.clock = Clock()
        self.factory: ConsoleSSHFactory = ssh_factory(
            directory, keys_file(directory), CommandSet(Definitions([]), {}), {}, self.clock, doors
        )
        self.factory.doStart()

    def knock(self, host: str) -> MemoryTransport | None:
        """A connection of that host; None when it is closed at once."""
        address = IPv4Address("TCP", host, 5)
        protocol = self.factory.buildProtocol(address)
        return None if protocol is None else MemoryTransport(protocol, self.clock, address)


@pytest.fixture
def door(tmp_path: Path) -> Callable[[Doors], Door]:
    return lambda doors: Door(tmp_path, doors)


def test_who_does_not_log_in_is_cut_off(door: Callable[[Doors], Door]) -> None:
    """From the connection on, also when it does not begin with the exchange of keys."""
    one = door(Doors(grace=30))
    silent, greeting = one.knock("192.0.2.1"), one.knock("192.0.2.2")
    assert silent
    assert greeting
    greeting.deliver(b"SSH-2.0-me\r\n")
    one.clock.advance(29)
    assert not silent.aborted
    assert not greeting.aborted
    one.clock.advance(1)
    assert silent.aborted
    assert greeting.aborted
    one.clock.advance(0)
    assert silent.lost
    assert greeting.lost
    assert not one.clock.getDelayedCalls()


def test_a_host_has_half_of_the_places(door: Callable[[Doors], Door]) -> None:
    """However many it opens; and others get in."""
    one = door(Doors(waiting=4))
    lines: list[str] = []

    def note(event: LogEvent) -> None:
        if "what" in event:
            lines.append(f"{event['host']}: {event['what']}")

    globalLogPublisher.addObserver(note)
    try:
        first, second, *others = [one.knock("192.0.2.1") for _ in range(100)]
    finally:
        globalLogPublisher.removeObserver(note)
    assert first
    assert second
    assert others == [None] * 98
    assert len(lines) == 1
    assert "192.0.2.1: was turned away" in lines[0]
    assert one.knock("192.0.2.2")
    first.hang_up()
    assert one.knock("192.0.2.1")


def test_a_newcomer_takes_the_place_of_the_host_with_most(door: Callable[[Doors], Door]) -> None:
    """When all are taken; those who make room count until they are gone."""
    one = door(Doors(waiting=4))
    crowd = [one.knock(f"192.0.2.{n // 2}") for n in range(4)]
    assert all(crowd)
    newcomers = [one.knock(f"192.0.2.{n}") for n in range(10, 13)]
    assert newcomers[0]
    assert newcomers[1]
    assert newcomers[2] is None
    assert [guest.aborted for guest in crowd if guest] == [True, False, True, False]


def test_who_has_logged_in_waits_no_more() -> None:
    """Its place at the door is free, and it has one of those inside as long as there are."""
    keeper: Doorkeeper[str] = Doorkeeper(Doors(waiting=2, inside=1))
    assert keeper.has_room("h")
    keeper.add("h", "one")
    assert not keeper.has_room("h")
    assert keeper.admit("one")
    assert keeper.has_room("h")
    keeper.add("h", "two")
    assert not keeper.admit("two")
    keeper.remove("one")
    assert keeper.admit("two")


def test_few_descriptors() -> None:
    """One host alone cannot take all places, however few there are."""
    for room in (1, 3, 10, 100):
        doors = Doors().within(room)
        assert doors.waiting >= 2
        assert doors.waiting + doors.inside <= max(3, room)
    assert Doors().within(1000) == Doors()
