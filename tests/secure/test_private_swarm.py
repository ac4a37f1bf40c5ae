"""What a daemon knows of its private swarm, and when its door is told to look again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pfs.errors import NotAMember
from p2pfs.membership import Authority
from p2pfs.secure import Credentials, PrivateSwarm
from tests.membership.swarms import DAY, KEY, NOW, authority, issued


class Door:
    """Notes what it is told."""

    def __init__(self, *made_of: Any) -> None:
        self.credentials = made_of[2]
        self.rechecked = 0

    def use(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def recheck(self) -> None:
        self.rechecked += 1


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
    number = scene.swarm.member.serial
    newer = scene.authority.revocation_list(5, {number: NOW}, NOW)
    assert scene.swarm.take_revocations(newer)
    assert scene.door.rechecked == 1
    for late in (newer, scene.authority.revocation_list(4, {}, NOW)):
        assert not scene.swarm.take_revocations(late)
    assert scene.door.rechecked == 1
    with pytest.raises(NotAMember, match="revoked"):
        scene.swarm.check(scene.mine.chain)


def test_the_door_shows_the_latest_certificate(scene: Scene) -> None:
    """After a renewal."""
    renewed = Credentials(KEY.private, (issued(scene.authority, now=NOW + DAY),))
    scene.now += DAY
    scene.swarm.use(renewed)
    assert scene.door.credentials is renewed
    assert scene.swarm.member.not_after == NOW + 31 * DAY
