"""What is shown as a time of day is one, and follows the clock of the host."""

from __future__ import annotations

from datetime import datetime

from p2pfs.testing import Network, Swarm
from p2pfs.testing.disk import EPOCH_NS, SECOND_NS
from p2pfs.tracker.commands import tracker_commands


def test_who_is_connected_is_here_since_a_time_of_day(network: Network) -> None:
    """By the tracker's clock, right or wrong; the seconds of its timers mean nothing to people."""
    swarm = Swarm(network)
    host = network.add_host("tracker")
    tracker = swarm.start_tracker(host)
    network.run(100)
    swarm.start_peer(network.add_host("early"), host)
    network.run(100)
    host.drive.clock_offset = 3600
    swarm.start_peer(network.add_host("late"), host)
    network.run(100)
    commands = tracker_commands(tracker.tracker, tracker.listen_also)
    asked = commands.run(commands.parse_line("list_peers"), lambda _: None)
    answer = network.result_of(asked, 1)
    began = EPOCH_NS / SECOND_NS
    seconds = [round(peer["since"] - began) for peer in answer.data]
    assert seconds == [100, 200 + 3600]
    for line, since in zip(answer.lines[1:], seconds, strict=True):
        assert f"{datetime.fromtimestamp(began + since):%Y-%m-%d %H:%M:%S}" in line
