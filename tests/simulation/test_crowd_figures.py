"""What a swarm says of how well it goes, beside what is known of its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.crowd.bounds import equal_links, unequal_links
from p2pfs.console.command import Answer, CommandSet
from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.downloading import Fetched
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.tracker.commands import tracker_commands
from p2pfs.tracker.crowds import Crowds
from p2pfs.wire import messages as m

RATE = 500_000.0
CHUNK = 64 << 10
CHUNKS = 120
SIZE = CHUNK * CHUNKS


@dataclass
class Crowd:
    """One source, and those who fetch from it and from each other."""

    network: Network
    ups: Sequence[float]
    """Of the source, and of the others, in bytes a second."""
    settings: dict[str, Any] = field(default_factory=dict)
    ends: list[float] = field(default_factory=list)
    fetched: list[Fetched] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.swarm = Swarm(self.network)
        office = self.network.add_host("office")
        self.tracker = self.swarm.start_tracker(office)
        self.hosts = [
            self.network.add_host(f"p{number}", up=up, down=8 * RATE, latency=0.002)
            for number, up in enumerate(self.ups)
        ]
        self.peers = [
            self.swarm.start_peer(host, office, smallest_chunk=CHUNK, **self.settings)
            for host in self.hosts
        ]
        self.network.run(2)
        path = self.hosts[0].directory / "f"
        path.write_bytes(Random(2).randbytes(SIZE))
        self.network.result_of(publish(self.peers[0], path), 60)
        self.began = self.network.timeline.now

    def begin(self) -> None:
        """Let all others download."""
        for host, peer in zip(self.hosts[1:], self.peers[1:], strict=True):
            _, fetched = download(peer, "f", host.directory / "copy")
            fetched.addCallback(self._note).addErrback(lambda failure: failure.raiseException())

    def _note(self, fetched: Fetched) -> None:
        self.ends.append(self.network.timeline.now - self.began)
        self.fetched.append(fetched)

    def finish(self) -> None:
        """Wait for the last."""
        self.network.run(600, lambda: len(self.ends) == len(self.peers) - 1)
        assert len(self.ends) == len(self.peers) - 1
        self.network.run(1)  # the tracker hears of it

    def ask(self, commands: CommandSet, line: str) -> Answer:
        """The answer to a command."""
        running = commands.run(commands.definitions.parse_line(line), lambda progress: None)
        answer: Answer = self.network.result_of(running, 60)
        return answer

    @property
    def listed(self) -> dict[str, Any]:
        """What the tracker's ``list_files`` says of the crowd."""
        [entry] = self.ask(
            tracker_commands(self.tracker.tracker, self.tracker.listen_also), "list_files"
        ).data
        crowd: dict[str, Any] = entry["crowd"]
        return crowd

    def status(self, peer: int) -> Answer:
        """What a peer's ``status`` says."""
        return self.ask(peer_commands(self.peers[peer].peer), "status")


def test_equal_links(network: Network) -> None:
    """Both consoles say about what a stopwatch and the known links do."""
    crowd = Crowd(network, [RATE] * 9)
    crowd.begin()
    network.run(12)
    assert 0.6 < crowd.listed["share"] < 1.15
    assert crowd.listed["present"] == 8
    status = crowd.status(3)
    [transfer] = status.data["downloads"]
    assert transfer["crowd"] == 8
    assert transfer["possible_rate"] == pytest.approx(RATE, rel=0.12)
    assert 0.6 < transfer["rate"] / transfer["possible_rate"] < 1.15
    told = "% of the possible rate (8 peers fetch it at once)"
    assert any(line.endswith(told) for line in status.lines)
    crowd.finish()
    bound = equal_links(SIZE, CHUNKS, 8, RATE)
    assert crowd.listed["finished"] == 8
    assert crowd.listed["times_least"] == pytest.approx(crowd.ends[-1] / bound, rel=0.1)
    for end, fetched in zip(crowd.ends, crowd.fetched, strict=True):
        assert fetched.reached is not None
        assert fetched.reached.times == pytest.approx(end / bound, rel=0.12)
        assert fetched.reached.crowd == 8
    [share] = crowd.status(3).data["shares"]
    assert share["times_least"] == pytest.approx(crowd.ends[-1] / bound, rel=0.15)
    told = " times the least possible time (8 peers fetched it at once))"
    assert told in crowd.status(3).lines[-1]


@pytest.mark.parametrize(
    "ups", [[2 * RATE] + [RATE] * 3 + [RATE / 4] * 3, [RATE] + [2 * RATE] * 4, [RATE, RATE]]
)
def test_unequal_links(network: Network, ups: list[float]) -> None:
    """Where all lines together are the limit, where the source is, and without a crowd."""
    crowd = Crowd(network, ups)
    crowd.begin()
    crowd.finish()
    bound = unequal_links(SIZE, ups[0], ups[1:], [8 * RATE])
    # What is not used cannot be seen: a line that had nothing to send counts for less.
    assert 1.0 <= crowd.listed["times_least"] <= 1.15 * crowd.ends[-1] / bound


def test_a_slow_line_of_ones_own_is_no_fault_of_the_crowd(network: Network) -> None:
    """Who takes in an eighth of what sources send takes eight times as long, and rightly so."""
    crowd = Crowd(network, [2 * RATE, RATE, RATE])
    times = []
    for number, down in ((1, 8 * RATE), (2, RATE / 4)):
        host, peer = crowd.hosts[number], crowd.peers[number]
        host.downlink.rate = down
        fetched = network.result_of(download(peer, "f", host.directory / "copy")[1], 600)
        network.run(1)
        assert fetched.reached is not None
        times.append(fetched.seconds)
        assert fetched.reached.times == pytest.approx(1.0, abs=0.15)
        assert crowd.listed["times_least"] == pytest.approx(1.0, abs=0.15)
    assert times[1] > 7 * times[0]


def test_a_crowd_that_is_held_up_is_told_so(network: Network) -> None:
    """For a while all lines are slow: the figures are those of a stopwatch, and no comfort."""
    crowd = Crowd(network, [RATE] * 9)
    crowd.begin()
    network.run(10)
    for host in crowd.hosts:
        host.uplink.rate = RATE / 50
    network.run(25)
    assert crowd.listed["share"] < 0.5
    for host in crowd.hosts:
        host.uplink.rate = RATE
    crowd.finish()
    bound = equal_links(SIZE, CHUNKS, 8, RATE)
    assert crowd.ends[-1] > 1.5 * bound
    assert crowd.listed["times_least"] == pytest.approx(crowd.ends[-1] / bound, rel=0.12)


def test_lines_that_nobody_used_are_not_known(network: Network) -> None:
    """Each asks the source alone, and it takes eight times the least time: that is no 1.0."""
    crowd = Crowd(network, [RATE] * 9, {"max_sources": 1})
    crowd.begin()
    crowd.finish()
    assert crowd.ends[-1] > 2 * equal_links(SIZE, CHUNKS, 8, RATE)
    assert crowd.listed["times_least"] is None
    assert [fetched.reached for fetched in crowd.fetched[:4]] == [None] * 4


def test_a_download_that_goes_on_is_measured_by_what_it_fetched(network: Network) -> None:
    """Half of it was there; the rest takes as long as it should."""
    crowd = Crowd(network, [RATE, RATE])
    host, peer = crowd.hosts[1], crowd.peers[1]
    job, first = download(peer, "f", host.directory / "copy")
    first.addErrback(lambda failure: None)
    network.run(600, lambda: 2 * job.done > SIZE)
    job.cancel()
    network.run(100)
    fetched = network.result_of(download(peer, "f", host.directory / "copy")[1], 600)
    assert fetched.reached is not None
    assert fetched.reached.times == pytest.approx(1.0, abs=0.1)
    network.run(1)
    assert crowd.listed["times_least"] == pytest.approx(1.0, abs=0.1)


def _without_rates(*_: object) -> tuple[None, None]:
    return None, None


def test_an_old_tracker_or_old_peers(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word about lines everything works as ever, and nothing is said."""
    monkeypatch.setattr(Crowds, "asked", _without_rates)
    monkeypatch.setattr(Crowds, "told", lambda *_: None)
    crowd = Crowd(network, [RATE] * 4)
    crowd.begin()
    network.run(8)
    [transfer] = crowd.status(1).data["downloads"]
    assert (transfer["crowd"], transfer["possible_rate"]) == (None, None)
    assert "possible" not in "".join(crowd.status(1).lines)
    crowd.finish()
    assert [fetched.reached for fetched in crowd.fetched] == [None] * 3
    [share] = crowd.status(1).data["shares"]
    assert (share["crowd"], share["times_least"]) == (None, None)
    answer = crowd.ask(
        peer_commands(crowd.peers[1].peer), f"download f {crowd.hosts[1].directory}/b"
    )
    assert "least possible time" not in "".join(answer.lines)
    assert answer.data["times_least"] is None


def test_what_is_said_about_lines_is_little(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who fetches says it with what it says anyway; who only sends, every few seconds."""
    said: list[m.RequestChunkRegister] = []

    def tell(self: TrackerClient, *args: Any, told: Any = TrackerClient.tell_rate) -> None:
        said.append(m.RequestChunkRegister(args[0], args[2], fileinfo=args[1], up=args[3]))
        told(self, *args)

    monkeypatch.setattr(TrackerClient, "tell_rate", tell)
    crowd = Crowd(network, [RATE] * 9)
    crowd.begin()
    crowd.finish()
    assert 1 <= len(said) <= 0.02 * 8 * CHUNKS
    assert all(len(m.encode(message)) < 300 for message in said)
    assert Path(crowd.hosts[1].directory / "copy").stat().st_size == SIZE
