"""``status``: how a peer stands with its tracker, its shares, and its transfers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.errors import Refused
from tests.peer.commands.console import DATA, RATE, Consoles
from tests.swarm.foreign_tracker import peer_of_a_tracker_that_says
from tests.swarm.harness import Swarm, publish, run, until


@ensureDeferred
async def test_a_refused_registration_is_shown(tmp_path: Path) -> None:
    """The reason the tracker gave stands in the status."""
    peer, end = await peer_of_a_tracker_that_says(
        tmp_path,
        "tcp:0:interface=127.0.0.1",
        type="ERROR",
        request="REQUEST_REGISTER",
        message="not from here",
    )
    status = await run(peer, "status")
    assert status["joined_as"] is None
    assert status["problem"] == "not from here"
    await end()


@ensureDeferred
async def test_a_conflict_after_a_restart_of_the_tracker_is_shown(swarm: Swarm) -> None:
    """Two peers that share different contents under one name: the later one's status tells."""
    first = await swarm.peer("a")
    await publish(first, swarm.file("x.bin", 10, seed=1))
    second = swarm.start_peer("b", tracker="none")
    await run(second, f"publish {swarm.file('y', 10, seed=2)} x.bin")
    await run(second, f"connect 127.0.0.1 {swarm.port}")
    await until(lambda: second.peer.library["x.bin"].refusal)
    [share] = (await run(second, "status"))["shares"]
    assert "Another content" in share["refused"]
    with pytest.raises(Refused):
        await run(second, f"publish {swarm.directory / 'y'} x.bin")


# In simulated time


def test_a_transfer_under_way_is_shown_with_what_is_left(consoles: Consoles) -> None:
    """Percent, rate, sources and time left, by which it then ends; and nothing once it is over."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    consoles.network.run(1.2)
    answer = consoles.run(consoles.fetcher, "status")
    [transfer] = answer.data["downloads"]
    assert (transfer["name"], transfer["path"]) == ("dir/f.bin", str(target))
    assert transfer["size"] == len(DATA)
    assert transfer["percent"] == 100 * transfer["done"] // len(DATA) > 0
    assert transfer["sources"] == 1
    assert RATE / 2 < transfer["rate"] < 2 * RATE
    assert transfer["part"] is not None
    assert any("dir/f.bin" in line and f"{transfer['percent']} %" in line for line in answer.lines)
    assert transfer["seconds_left"] == round((len(DATA) - transfer["done"]) / transfer["rate"])
    consoles.network.result_of(running, 10)
    after = consoles.run(consoles.fetcher, "status")
    assert after.data["downloads"] == []
    [share] = after.data["shares"]
    assert (share["held"], share["chunks"], share["path"]) == (4, 4, str(target))
    assert "No download is under way." in after.lines
    assert consoles.run(consoles.source, "status").data["uploaded"] == len(DATA)


def test_a_share_that_is_away_is_shown_with_the_reason(consoles: Consoles) -> None:
    """And for how long it has been."""
    consoles.path.unlink()
    consoles.network.run(40)
    first = consoles.run(consoles.source, "status")
    [share] = first.data["shares"]
    assert share["withheld"]
    assert any(f"{share['withheld']})" in line for line in first.lines)
    consoles.network.run(100)
    [later] = consoles.run(consoles.source, "status").data["shares"]
    assert later["withheld_seconds"] == share["withheld_seconds"] + 100


def test_how_it_stands_with_the_tracker_is_shown(consoles: Consoles) -> None:
    """None, one that was joined, and one that has gone."""
    alone = consoles.start("alone", tracker=False)
    consoles.network.run(1)
    answer = consoles.run(alone, "status")
    assert (answer.data["tracker"], answer.data["joined_as"]) == (None, None)
    assert answer.lines[0] == "tracker    none; 'connect' joins one"
    assert "Nothing is shared." in answer.lines
    joined = consoles.run(consoles.source, "status")
    announcer = consoles.source.peer.announcer
    assert joined.lines[0] == f"tracker    {announcer.tracker}, joined as {announcer.address}"
    assert joined.data["fingerprint"] == consoles.source.peer.key.fingerprint
    consoles.network.result_of(consoles.swarm.stop(consoles.tracker_host), 10)
    consoles.network.run(2)
    gone = consoles.run(consoles.source, "status")
    assert gone.data["joined_as"] is None
    assert gone.lines[0] == f"tracker    {gone.data['problem']}"


def test_what_is_sent_is_shown(consoles: Consoles) -> None:
    """To whom, of what and how fast, while the downloader sees it come; and the limit on it."""
    consoles.run(consoles.source, "limit upload 80K")
    target = consoles.network.hosts["fetcher"].directory / "copy"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    consoles.network.run(2)
    answer = consoles.run(consoles.source, "status")
    [upload] = answer.data["uploads"]
    assert upload["name"] == "dir/f.bin"
    assert upload["peer"].startswith(f"{consoles.network.hosts['fetcher'].address}:")
    assert 0 < upload["sent"] == answer.data["uploaded"] < len(DATA)
    assert upload["rate"] == pytest.approx(80 << 10, rel=0.3)
    assert answer.data["upload_rate"] == pytest.approx(upload["rate"], rel=0.1)
    assert answer.data["limits"] == {"upload": 80 << 10, "download": None}
    assert "limits     upload 80.0 KiB/s, download none" in answer.lines
    assert any(line.startswith(f"dir/f.bin  {upload['peer']}") for line in answer.lines)
    consoles.network.result_of(running, 10)
    consoles.network.run(10)
    assert consoles.run(consoles.source, "status").data["uploads"] == []
