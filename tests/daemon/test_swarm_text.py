"""What daemons say of the swarm that they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pfs.daemon.swarm_text import is_beyond_loopback, swarm_data, swarm_line
from p2pfs.membership import Role
from p2pfs.secure import Credentials, PrivateSwarm
from p2pfs.testing.door import PlainDoor
from tests.membership.swarms import DAY, KEY, NOW, authority, issued


def swarm(directory: Path, now: float = NOW, **member: Any) -> PrivateSwarm:
    """The swarm of a member with a certificate of `NOW`, at another time perhaps."""
    ours = authority(directory / "authority")
    credentials = Credentials(KEY.private, (issued(ours, **member),))
    return PrivateSwarm(Clock(), ours.certificate, credentials, None, lambda: now, PlainDoor)


@pytest.mark.parametrize(
    ("address", "exposed"),
    [
        ("0.0.0.0:6881", True),
        ("[::]:6881", True),
        ("192.0.2.1:6881", True),
        ("127.0.0.1:6881", False),
        ("[::1]:6881", False),
        ("unix:/run/p2pfs", False),
    ],
)
def test_an_open_swarm_is_told_where_others_reach_it(address: str, exposed: bool) -> None:
    """Nobody has to be warned of what only this machine can reach."""
    assert is_beyond_loopback(address) is exposed
    assert ("open to whoever" in swarm_line(None, ["127.0.0.1:1", address])) is exposed


def test_a_member_is_told_who_it_is(tmp_path: Path) -> None:
    """To scripts and to people."""
    data = swarm_data(swarm(tmp_path))
    assert data is not None
    assert (data["member"], data["role"], data["names"]) == ("gpu-17", "publisher", ["models/*"])
    assert data["until"] == NOW + 30 * DAY
    line = swarm_line(data, [])
    assert line.startswith(
        f"private, {data['fingerprint'][:16]}…, as gpu-17, publisher of models/*"
    )


def test_a_reader_has_no_names(tmp_path: Path) -> None:
    """And none are shown."""
    data = swarm_data(swarm(tmp_path, role=Role.READER, patterns=()))
    assert "as gpu-17, reader, until" in swarm_line(data, [])


def test_who_is_no_member_any_more_is_told_why(tmp_path: Path) -> None:
    """An expired certificate, for one."""
    data = swarm_data(swarm(tmp_path, NOW + 31 * DAY))
    assert data is not None
    assert data["member"] is None
    assert "expired" in swarm_line(data, [])
