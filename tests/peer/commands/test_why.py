"""``why``: what a download waits for, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.errors import Cancelled, DownloadFailed, InvalidName, NotFound
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from tests.peer.commands.console import Consoles
from tests.swarm.foreign import ForeignConnection, ForeignSource
from tests.swarm.harness import MIB, Swarm, part_file, random_bytes, run, until

NAME = "x.bin"
DATA = random_bytes(3 * MIB, seed=5)


async def answer(peer: PeerService, line: str) -> tuple[dict[str, Any], str]:
    """A command's data, and its lines as one text."""
    commands = peer_commands(peer.peer)
    came = await commands.run(commands.definitions.parse_line(line), lambda progress: None)
    return came.data, "\n".join(came.lines)


@ensureDeferred
async def test_a_download_under_way_says_what_it_waits_for(swarm: Swarm) -> None:
    """Who holds what is missing, of whom it is asked; afterwards, why it failed, in full."""
    source = ForeignSource(DATA, lambda connection, request: None)
    await source.join(swarm.port, NAME)
    fetcher = await swarm.peer("fetcher", patience={"silence": 0.8})
    _, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: len(source.requests) == 1)
    data, text = await answer(fetcher, f"why {NAME}")
    address = f"127.0.0.1:{source.port.getHost().port}"
    assert data["state"] == "downloading"
    waiting, asked = data["explanation"]["groups"]
    assert (waiting["count"], waiting["holders"]) == (2, [address])
    assert waiting["next"] == [f"waits until {address} has sent the 1 chunk that it is asked for"]
    assert (asked["count"], asked["asked"]) == (1, address)
    assert f"held by  {address}" in text
    assert f"next     is being sent by {address}, asked" in text
    assert f"{address}: connected, holds 3 of the missing, 1 asked" in text
    assert f"tracker  tcp:127.0.0.1:{swarm.port} is reachable" in text

    with pytest.raises(DownloadFailed) as failure:
        await fetched
    error = str(failure.value)
    assert f"0-2: held by {address} (last error: {address}: it was silent for 0.8 s)" in error
    data, text = await answer(fetcher, f"why {NAME}")
    assert data["state"] == "failed"
    assert data["failed"]["error"] == error
    assert data["failed"]["explanation"]["missing"] == 3
    assert error in text
    assert "How it stood then:\n3 of 3 chunks are missing." in text
    await source.leave()


@ensureDeferred
async def test_an_unfinished_download_says_what_to_do(swarm: Swarm) -> None:
    """How much of it is here, where, and how to go on; and nothing of its failure once it is."""

    def first_only(connection: ForeignConnection, request: dict[str, Any]) -> None:
        if len(connection.source.requests) == 1:
            connection.send_chunk(request)

    source = ForeignSource(DATA, first_only)
    await source.join(swarm.port, NAME)
    fetcher = await swarm.peer("fetcher")
    copy = swarm.directory / "copy"
    with pytest.raises(DownloadFailed):
        await fetcher.peer.downloads.start(NAME, copy)[1]
    part = part_file(swarm.directory)
    data, text = await answer(fetcher, f"why {NAME}")
    assert data["state"] == "unfinished"
    assert f"1 of 3 chunks lie in {part}." in text
    assert f"is unfinished. Download it to {copy} to go on, or unpublish it" in text
    assert data["failed"]["seconds_ago"] < 20
    source.answer = ForeignConnection.send_chunk
    await fetcher.peer.downloads.start(NAME, copy)[1]
    data, text = await answer(fetcher, f"why {NAME}")
    assert data["state"] == "listed"
    assert "failed" not in data
    assert str(copy) in text
    await source.leave()


def test_while_it_is_checked_nothing_is_said_of_chunks(consoles: Consoles) -> None:
    """None is claimed then, which is not that none is there; as status has it."""
    target = consoles.network.hosts["fetcher"].directory / "f"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    library = consoles.fetcher.peer.library
    assert consoles.network.run(30, lambda: "dir/f.bin" in {h.name for h in library if h.chunks})
    consoles.run(consoles.fetcher, "cancel dir/f.bin")
    running.addErrback(lambda failure: None)
    consoles.network.run(1)
    library["dir/f.bin"].check_begun()
    answer = consoles.run(consoles.fetcher, "why dir/f.bin")
    assert answer.data["state"] == "checking"
    assert "chunks lie" not in "\n".join(answer.lines)
    [share] = consoles.run(consoles.fetcher, "status").data["shares"]
    assert answer.lines[0] == f"'dir/f.bin' is {share['remark']}."


@ensureDeferred
async def test_a_name_nobody_knows(swarm: Swarm) -> None:
    """What is no download is no error, but what is no name is."""
    peer = await swarm.peer("p")
    data, text = await answer(peer, "why nothing.bin")
    assert data["state"] == "unknown"
    assert "'list_files' shows what the network offers" in text
    with pytest.raises(InvalidName):
        await run(peer, "why ../x")


@ensureDeferred
async def test_without_a_tracker(swarm: Swarm) -> None:
    """A download goes on with the sources it knows, and says that there is no tracker to ask."""
    source = ForeignSource(DATA, lambda connection, request: None)
    await source.join(swarm.port, NAME)
    fetcher = await swarm.peer("fetcher", patience={"retry_tracker": 5.0, "no_source": 20.0})
    job, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: job.download and job.download.connected_sources)
    await source.leave()
    await swarm.stop(swarm.tracker)
    await until(lambda: not fetcher.peer.announcer.reachable and fetcher.peer.announcer.retry_at)
    data, _ = await answer(fetcher, f"why {NAME}")
    assert "The next attempt is in" in data["tracker"]
    general = data["explanation"]["general"]
    assert any(line.startswith("no tracker is reachable, tried again in") for line in general)
    job.cancel()
    with pytest.raises(Cancelled):
        await fetched
    data, _ = await answer(fetcher, f"why {NAME}")
    assert "was cancelled" in data["failed"]["error"]


@ensureDeferred
async def test_an_earlier_phase_is_named(swarm: Swarm, tmp_path: Path) -> None:
    """While the tracker has not answered there are no chunks to speak of."""
    peer = await swarm.peer("p")
    _, fetched = peer.peer.downloads.start("not-there.bin", tmp_path / "copy")
    data, text = await answer(peer, "why not-there.bin")
    assert data["state"] == "starting"
    assert "'not-there.bin' is asking the tracker, for" in text
    with pytest.raises(NotFound, match="Nobody offers"):
        await fetched
    data, text = await answer(peer, "why not-there.bin")
    assert (data["state"], data["failed"]["explanation"]) == ("failed", None)
    assert "Nobody offers 'not-there.bin'" in text


# In simulated time


def test_a_share_says_where_it_lies(consoles: Consoles) -> None:
    """And one that is away, since when and what to do."""
    answer = consoles.run(consoles.source, "why dir/f.bin")
    assert answer.data["state"] == "listed"
    assert answer.lines[0] == f"'dir/f.bin' is listed, and shared from {consoles.path}."
    consoles.path.unlink()
    consoles.network.run(40)
    answer = consoles.run(consoles.source, "why dir/f.bin")
    assert answer.data["state"] == "withheld"
    assert "unpublish it if it is gone for good" in answer.lines[0]


def test_a_download_says_how_far_it_is_and_of_whom(consoles: Consoles) -> None:
    """With the same percent as the status has, and the tracker last."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    consoles.network.run(1.2)
    [transfer] = consoles.run(consoles.fetcher, "status").data["downloads"]
    answer = consoles.run(consoles.fetcher, "why dir/f.bin")
    assert answer.data["state"] == "downloading"
    assert f"{transfer['percent']} % of 195.3 KiB are there" in answer.lines[0]
    [source] = answer.data["explanation"]["sources"]
    assert source["address"] == str(consoles.source.peer.announcer.address)
    assert answer.lines[-1] == f"tracker  {consoles.fetcher.peer.announcer.tracker} is reachable"
    consoles.network.result_of(running, 10)


def test_a_limit_that_holds_a_download_back_is_named(consoles: Consoles) -> None:
    """It is nobody's fault then; a limit that is far above what comes holds nothing back."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    consoles.run(consoles.fetcher, "limit download 40K")
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    consoles.network.run(4)
    answer = consoles.run(consoles.fetcher, "why dir/f.bin")
    assert answer.data["limit"] == 40 << 10
    assert (
        "It is held back by this peer's limit on downloads: 40.0 KiB/s for all together. "
        "'limit download none' lifts it."
    ) in answer.lines
    for rate in ("10M", "none"):
        consoles.run(consoles.fetcher, f"limit download {rate}")
        answer = consoles.run(consoles.fetcher, "why dir/f.bin")
        assert answer.data["limit"] is None
        assert not any("limit" in line for line in answer.lines)
    consoles.network.result_of(running, 10)
