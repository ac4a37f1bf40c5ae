"""What a user is told of who can connect to this peer."""

from __future__ import annotations

import pytest

from p2pfs.addresses import Address
from p2pfs.peer.announcing.reachability import reach_warning

HERE, EVERYWHERE = Address("127.0.0.1", 6881), Address("0.0.0.0", 6881)


@pytest.mark.parametrize(
    ("listening", "recorded", "found"),
    [
        (HERE, None, None),
        (HERE, None, False),
        (HERE, "127.0.0.1:6881", None),
        (HERE, "127.0.0.1:6881", True),
        (EVERYWHERE, "192.0.2.7:6881", None),
        (EVERYWHERE, "192.0.2.7:6881", True),
        (Address("::", 6881), "[2001:db8::7]:6881", True),
    ],
)
def test_nothing_is_said_while_all_is_well_or_unknown(
    listening: Address, recorded: str | None, found: bool | None
) -> None:
    """Without a tracker nobody knows; and all on one machine is a network too."""
    assert reach_warning(listening, recorded, found) == ""


def test_who_listens_here_only_is_told_to_listen_elsewhere() -> None:
    """The option to give is in the sentence, with the port there is."""
    told = reach_warning(HERE, "192.0.2.7:6881", False)
    assert "listens on 127.0.0.1:6881 only" in told
    assert "--listen tcp:6881" in told


@pytest.mark.parametrize("found", [None, True])
def test_who_is_known_by_a_loopback_address_is_told_which_tracker_to_give(
    found: bool | None,
) -> None:
    """Whoever is told that address by the tracker finds its own machine there."""
    told = reach_warning(EVERYWHERE, "127.0.0.1:6881", found)
    assert "its tracker knows it as 127.0.0.1:6881" in told
    assert "--tracker" in told


def test_who_was_not_found_is_told_whom_it_serves_all_the_same() -> None:
    """And what to do about it; the address that was tried shows what may be wrong."""
    told = reach_warning(EVERYWHERE, "192.0.2.7:6881", False)
    assert "tried 192.0.2.7:6881" in told
    assert "forward" in told
