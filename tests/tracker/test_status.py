"""What a tracker says of itself."""

from __future__ import annotations

from p2pfs import __version__
from p2pfs.testing import Network
from p2pfs.testing.disk import EPOCH_NS, SECOND_NS
from p2pfs.testing.swarm import TRACKER_PORT
from p2pfs.tracker.commands import tracker_commands
from tests.peer.commands.console import DATA, Consoles


def test_it_sums_up_what_it_serves(network: Network) -> None:
    """In exact numbers for scripts; files that several hold, and those gone, do not count twice."""
    consoles = Consoles(network)
    service = consoles.tracker
    commands = tracker_commands(service.tracker, service.listen_also)

    def status() -> tuple[dict[str, object], list[str]]:
        asked = commands.run(commands.definitions.parse_line("status"), lambda _: None)
        answer = network.result_of(asked, 1)
        return answer.data, list(answer.lines)

    consoles.run(consoles.fetcher, f"download dir/f.bin {consoles.path.with_name('copy')}")
    network.run(2)
    data, lines = status()
    quotas = data.pop("quotas")
    assert data == {
        "version": __version__,
        "listening": [f"0.0.0.0:{TRACKER_PORT}"],
        "since": EPOCH_NS / SECOND_NS,
        "swarm": None,
        "peers": 2,
        "files": 1,
        "bytes": len(DATA),
    }
    assert quotas["files"] == {"used": 1, "most": 1_000_000}
    assert quotas["connections"]["used"] == 2
    used = quotas["memory"]["used"]
    assert 4_000 < used < 10_000
    assert "peers        2" in lines
    assert "files        1, 195.3 KiB" in lines
    consoles.run(consoles.source, "unpublish dir/f.bin")
    assert status()[0]["quotas"]["memory"]["used"] == used / 2
    consoles.run(consoles.fetcher, "unpublish dir/f.bin")
    data, lines = status()
    assert (data["files"], data["bytes"], data["quotas"]["memory"]["used"]) == (0, 0, 0)
