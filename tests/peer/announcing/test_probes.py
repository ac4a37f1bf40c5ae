"""What a peer tells its tracker of pings: each probe of a tracker, and no flood."""

from __future__ import annotations

from twisted.internet.task import Clock

from p2pfs.peer.announcing.probes import LONGEST_TOKEN, MOST_HOSTS, Probes


def test_a_probe_is_told() -> None:
    """Even while another host sends as many as it can."""
    clock, told = Clock(), list[str]()
    probes = Probes(clock, told.append)
    for number in range(1000):
        probes.seen(f"flood{number}", "h")
    probes.seen("true", "tracker")
    assert told == ["flood0", "true"]
    clock.advance(1)
    probes.seen("later", "h")
    assert told[2:] == ["later"]


def test_what_many_hosts_send_is_bounded() -> None:
    """The tracker is not sent what others think up, as fast as they do."""
    clock, told = Clock(), list[str]()
    probes = Probes(clock, told.append)
    for host in range(1000):
        probes.seen("t", f"h{host}")
    assert len(told) == MOST_HOSTS
    clock.advance(1)
    probes.seen("t" * (LONGEST_TOKEN + 1), "h")
    assert len(told) == MOST_HOSTS
