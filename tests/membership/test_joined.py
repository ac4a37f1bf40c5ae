"""What a member keeps of the swarm that it has joined."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pfs.addresses import Address
from p2pfs.errors import StartupProblem
from p2pfs.membership import (
    MEMBERSHIP_FILE,
    Joined,
    RevocationList,
    kept_revocations,
    write_revocations,
)
from tests.membership.swarms import DAY, NOW, authority, company, issued


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """Trackers, authority and chain, for this user only; a renewed chain replaces the old one."""
    ours, _ = company(tmp_path / "authority")
    trackers = (Address("tracker.example", 6880), Address("2001:db8::1", 6880))
    joined = Joined(trackers, ours.certificate, (issued(ours), *ours.chain[1:]))
    joined.write(tmp_path)
    assert Joined.kept_in(tmp_path) == joined
    assert joined.member.name == "gpu-17"
    assert os.stat(tmp_path / MEMBERSHIP_FILE).st_mode & 0o777 == 0o600
    renewed = joined.with_chain([issued(ours, now=NOW + DAY)])
    renewed.write(tmp_path)
    assert Joined.kept_in(tmp_path) == renewed


def test_an_open_swarm_keeps_nothing(tmp_path: Path) -> None:
    """Without the file there is no membership."""
    assert Joined.kept_in(tmp_path) is None


@pytest.mark.parametrize("damage", ["half", "empty", "no tracker", "no chain", "no address"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    """Rather than to go on in the open."""
    ours = authority(tmp_path / "authority")
    Joined((Address("t", 1),), ours.certificate, (issued(ours),)).write(tmp_path)
    path = tmp_path / MEMBERSHIP_FILE
    data = path.read_text()
    chain = data[data.index('"chain"') :]
    path.write_text(
        {
            "half": data[: len(data) // 2],
            "empty": "",
            "no tracker": data.replace('"t:1"', ""),
            "no chain": data.replace(chain, '"chain": []}'),
            "no address": data.replace("t:1", "nowhere"),
        }[damage]
    )
    with pytest.raises(StartupProblem, match="join the swarm again"):
        Joined.kept_in(tmp_path)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A directory in its place, for one."""
    (tmp_path / MEMBERSHIP_FILE).mkdir()
    with pytest.raises(StartupProblem, match="cannot be read"):
        Joined.kept_in(tmp_path)


def test_the_newest_list_of_revocations_is_kept(tmp_path: Path) -> None:
    """So that it holds while the tracker is away; what is no such list counts as none."""
    ours = authority(tmp_path / "authority")
    assert kept_revocations(tmp_path, ours.certificate) is None
    written = ours.revocation_list(3, {17: NOW}, NOW)
    write_revocations(tmp_path, written)
    kept = kept_revocations(tmp_path, ours.certificate)
    assert isinstance(kept, RevocationList)
    assert (kept.number, kept.is_revoked(17)) == (3, True)
    assert kept_revocations(tmp_path, authority(tmp_path / "other", 2).certificate) is None
