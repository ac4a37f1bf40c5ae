"""What a daemon knows of its private swarm, and when its door is told to look again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pfs.errors import NotAMember
from p2pfs.membership import Authority, Member
from p2pfs.secure import Credentials, PrivateSwarm
from tests.membership.swarms import DAY, KEY, NOW, authority, issued


class Door:
    """Notes what it is told."""

    def __init__(self, *made_of: Any) -> None:
        self.credentials = made_of[2]
        self.asked: list[Callable[[Member], bool]] = []

    def use(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def keep_only(self, is_member: Callable[[Member], bool]) -> None:
        self.asked.append(is_member)


class Scene:
    """A swarm, its authority, and a clock."""

    def __init__(self, directory: Path) -> None:
        self.now = NOW
        self.authority: Authority = authority(directory / "authority")
        self.mine = Credentials(KEY.private, (issued(self.authority),))
        self.swarm = PrivateSwarm(
            Clock(),
            self.authority.certificate,
            self.mine,
            None,
            lambda: self.now,
            Door,  # type: ignore[arg-type]  # of which no connection is asked
        )
        self.door: Any = self.swarm.door


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A swarm that knows of no revocations yet."""
    return Scene(tmp_path)


def test_members_are_those_of_the_authority(scene: Scene) -> None:
    """As long as their certificates hold by the wall clock."""
    assert scene.swarm.member.name == "gpu-17"
    assert scene.swarm.fingerprint == scene.authority.fingerprint
    scene.now += 31 * DAY
    with pytest.raises(NotAMember, match="expired"):
        scene.swarm.check(scene.mine.chain)


def test_a_newer_list_counts_and_connections_are_looked_at(scene: Scene) -> None:
    """An older one, or the same again, changes nothing."""
    member = scene.swarm.member
    number = member.serial
    newer = scene.authority.revocation_list(5, {number: NOW}, NOW)
    assert scene.swarm.take_revocations(newer)
    assert len(scene.door.asked) == 1
    for late in (newer, scene.authority.revocation_list(4, {}, NOW)):
        assert not scene.swarm.take_revocations(late)
    assert len(scene.door.asked) == 1
    with pytest.raises(NotAMember, match="revoked"):
        scene.swarm.check(scene.mine.chain)
    [is_member] = scene.door.asked
    assert not is_member(member)


def test_who_is_connected_is_looked_at_by_number_and_time(scene: Scene) -> None:
    """Quickly, as there may be thousands: who has expired, or does not hold yet, is none."""
    member = scene.swarm.member
    for days, expected in ((0, True), (29, True), (31, False), (-1, False)):
        scene.now = NOW + days * DAY
        scene.swarm.cut_off()
        assert scene.door.asked[-1](member) is expected


def test_the_door_shows_the_latest_certificate(scene: Scene) -> None:
    """After a renewal."""
    renewed = Credentials(KEY.private, (issued(scene.authority, now=NOW + DAY),))
    scene.now += DAY
    scene.swarm.use(renewed)
    assert scene.door.credentials is renewed
    assert scene.swarm.member.not_after == NOW + 31 * DAY
