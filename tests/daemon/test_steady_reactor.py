"""The reactor of a daemon, and what is said of one that is not steady."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from p2pfs.daemon.steady_reactor import steady_reactor


def test_a_reactor_that_was_chosen_is_kept_and_what_it_costs_is_told() -> None:
    """Whoever starts twistd with --reactor gets that one, which goes by the time of day."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        assert steady_reactor() is reactor
    finally:
        globalLogPublisher.removeObserver(events.append)
    [said] = [formatEvent(event) for event in events]
    assert said.endswith("time-outs are wrong. Start twistd without --reactor.")
