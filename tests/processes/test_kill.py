"""SIGKILL in the middle of the transfer of a large file, to each of the three roles."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from p2pfs.errors import P2pfsError
from p2pfs.peer.storage import read_journal
from tests.processes.daemons import MIB, Daemon, Machines, random_file, sha256, until

SIZE = 256 * MIB
P2PFS = Path(sys.executable).with_name("p2pfs")


def underway(peer: Daemon, share: float) -> None:
    """Wait until the peer's only download has ``share`` of its bytes, and check it has not all."""

    def far_enough() -> bool:
        transfers = peer.ask("status")["downloads"]
        return bool(transfers) and transfers[0]["done"] >= share * SIZE

    until(far_enough)


def test_a_source_is_killed(machines: Machines, background: ThreadPoolExecutor) -> None:
    """The download finishes from the other source, and the tracker forgets the dead one."""
    path = random_file(machines.directory / "x.bin", SIZE)
    tracker = machines.tracker()
    doomed, other = machines.peer("s1"), machines.peer("s2")
    addresses = [source.ask("status")["joined_as"] for source in (doomed, other)]
    for source in (doomed, other):
        source.ask("publish", str(path))
    fetcher = machines.peer("f")
    copy = machines.directory / "copy"
    fetched = background.submit(fetcher.ask, "download", "x.bin", str(copy))
    underway(fetcher, 0.1)
    doomed.kill()
    assert not fetched.done()
    sources = fetched.result(60)["sources"]
    assert sha256(copy) == sha256(path)
    assert 0 < sources[addresses[0]] < sources[addresses[1]]
    peers = [peer["address"] for peer in tracker.ask("list_peers")]
    assert addresses[0] not in peers
    assert addresses[1] in peers


def test_the_tracker_is_killed(machines: Machines, background: ThreadPoolExecutor) -> None:
    """The transfer goes on, and a blank tracker soon knows everything again."""
    path = random_file(machines.directory / "x.bin", SIZE)
    tracker = machines.tracker()
    source, fetcher = machines.peer("s"), machines.peer("f")
    source.ask("publish", str(path))
    copy = machines.directory / "copy"
    fetched = background.submit(fetcher.ask, "download", "x.bin", str(copy))
    underway(fetcher, 0.1)
    tracker.kill()
    assert not fetched.done()
    fetched.result(60)
    assert sha256(copy) == sha256(path)
    tracker = machines.tracker()
    until(lambda: [file["whole_copies"] for file in tracker.ask("list_files")] == [2])


@pytest.mark.parametrize("tampered", [False, True])
def test_the_downloader_is_killed(
    machines: Machines, background: ThreadPoolExecutor, tampered: bool
) -> None:
    """It goes on, reads again only what the record lacks, and fetches only what it had not.

    Unless somebody wrote to the part file meanwhile, or it died while it wrote itself: then
    everything is read again.
    """
    path = random_file(machines.directory / "x.bin", SIZE)
    tracker = machines.tracker()
    source, fetcher = machines.peer("s"), machines.peer("f")
    source.ask("publish", str(path))
    copy = machines.directory / "copy"
    fetched = background.submit(fetcher.ask, "download", "x.bin", str(copy))
    underway(fetcher, 0.25)
    fetcher.kill()
    with pytest.raises(P2pfsError, match="went away"):
        fetched.result(60)
    assert not copy.exists()
    [part] = machines.directory.glob(".*.p2pfs-part")
    [journal] = fetcher.state.glob("**/*.journal")
    traces = read_journal(journal, SIZE // MIB)
    assert traces is not None
    if tampered:
        with part.open("r+b") as file:
            for chunknum in range(SIZE // MIB):
                file.seek(chunknum * MIB)
                byte = file.read(1)
                file.seek(chunknum * MIB)
                file.write(bytes([byte[0] ^ 1]))
    fetcher = machines.peer("f")
    result = fetcher.ask("attach", "x.bin")  # it goes on by itself
    assert sha256(copy) == sha256(path)
    [rechecked] = re.findall(
        r": (\d+) chunks are there, (\d+) .* (\d+) were", fetcher.log.read_text()
    )
    right, checked, wrong = map(int, rechecked)
    assert sum(result["sources"].values()) == SIZE - right * MIB
    if tampered:
        assert (right, wrong) == (0, checked)
    else:
        assert wrong == 0
        assert right * MIB >= SIZE / 4
        assert checked <= 64 if traces.changed_ns else checked == right
    until(lambda: [file["whole_copies"] for file in tracker.ask("list_files")] == [2])


def test_who_asked_is_killed_and_then_the_downloader(machines: Machines) -> None:
    """The download belongs to the daemon: it goes on without the program, and after a restart."""
    path = random_file(machines.directory / "x.bin", 32 * MIB)
    machines.tracker()
    source, fetcher = machines.peer("s"), machines.peer("f", "--download-rate", "8M")
    source.ask("publish", str(path))
    copy = machines.directory / "copy"
    words = [P2PFS, "--state", str(fetcher.state), "download", "x.bin", str(copy)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        until(lambda: fetcher.ask("status")["downloads"])
        program.kill()
    [before] = fetcher.ask("status")["downloads"]
    until(lambda: fetcher.ask("status")["downloads"][0]["done"] > before["done"])
    fetcher.kill()
    fetcher = machines.peer("f")
    result = fetcher.ask("attach", "x.bin")
    assert 0 < sum(result["sources"].values()) < 32 * MIB
    assert sha256(copy) == sha256(path)
    assert f"Going on with the download of 'x.bin' to {copy}" in fetcher.log.read_text()
    fetcher.kill()
    assert machines.peer("f").ask("status")["orders"] == []


def test_a_large_file_goes_to_three_at_once(
    machines: Machines, background: ThreadPoolExecutor
) -> None:
    """One source, three downloaders at the same time, four times the same SHA-256."""
    path = random_file(machines.directory / "x.bin", SIZE)
    machines.tracker()
    source = machines.peer("s")
    source.ask("publish", str(path))
    fetchers = [machines.peer(f"f{number}") for number in range(3)]
    copies = [machines.directory / f"copy{number}" for number in range(3)]
    fetched = [
        background.submit(fetcher.ask, "download", "x.bin", str(copy))
        for fetcher, copy in zip(fetchers, copies, strict=True)
    ]
    results = [future.result(100) for future in fetched]
    assert {sha256(copy) for copy in copies} == {sha256(path)}
    # They shared the work: none of them got everything from the source.
    assert all(len(result["sources"]) > 1 for result in results)
