"""Peers and trackers that vanish in the middle of something, and those that come back."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.errors import (
    P2pfsError,
    TrackerUnavailable,
)
from tests.swarm.harness import (
    MIB,
    Swarm,
    holders,
    publish,
    run,
    sha256,
    until,
)


@ensureDeferred
async def test_a_source_dies_midway(swarm: Swarm) -> None:
    """The download goes on with the other source; the tracker forgets the dead one at once."""
    first, second, fetcher = [await swarm.peer(name) for name in ("s1", "s2", "f")]
    path = swarm.file("x.bin", 96 * MIB)
    await publish(first, path)
    await publish(second, path)
    address = first.peer.announcer.address
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    await swarm.stop(first)
    assert job.done < 96 * MIB
    result = await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)
    assert len(result.sources) == 2
    await until(lambda: address not in holders(swarm, "x.bin"))


@ensureDeferred
async def test_what_nobody_holds_is_delisted(swarm: Swarm) -> None:
    """The last holder's end is the end of the listing."""
    source, other = await swarm.peer("s"), await swarm.peer("o")
    await publish(source, swarm.file("x.bin", 10))
    await swarm.stop(source)
    await until(lambda: "x.bin" not in swarm.tracker.tracker.directory)
    assert await run(other, "list_file") == []


@ensureDeferred
async def test_the_tracker_dies_midway_and_a_blank_one_becomes_whole(swarm: Swarm) -> None:
    """Transfers go on without a tracker; peers return by themselves and say what they hold."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 96 * MIB)
    await publish(source, path)
    await publish(source, swarm.file("y.bin", 10))
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 4 * MIB)
    await swarm.stop(swarm.tracker)
    await until(lambda: not source.peer.announcer.joined and not fetcher.peer.announcer.joined)
    await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)
    with pytest.raises(TrackerUnavailable, match="tried again by itself"):
        await run(fetcher, "list_file")
    tracker = swarm.start_tracker()
    await until(lambda: len(holders(swarm, "x.bin")) == 2 and len(holders(swarm, "y.bin")) == 1)
    assert all(chunks.whole for chunks in tracker.tracker.directory["x.bin"].holders.values())


@ensureDeferred
async def test_a_returning_tracker_learns_of_part_files(swarm: Swarm) -> None:
    """A peer with part of a file lists it, although nobody has it whole."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 4 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.peer.downloads.jobs)
    await swarm.stop(source)
    await swarm.stop(swarm.tracker)
    tracker = swarm.start_tracker()
    await until(lambda: "x.bin" in tracker.tracker.directory)
    assert list(tracker.tracker.directory["x.bin"].holders.values()) == [
        fetcher.peer.library["x.bin"].chunks
    ]


@ensureDeferred
async def test_connect_goes_to_another_tracker_at_once(swarm: Swarm) -> None:
    """`connect` leaves the present tracker; when the new one does not answer, it stays."""
    peer = await swarm.peer("p")
    await publish(peer, swarm.file("x.bin", 10))
    old = swarm.tracker
    swarm.port = 0
    swarm.directory = swarm.directory / "second"
    new = swarm.start_tracker()
    with pytest.raises(TrackerUnavailable, match=r"No tracker is reachable at tcp:127\.0\.0\.1:1 "):
        await run(peer, "connect 127.0.0.1 1")
    assert peer.peer.announcer.joined
    assert "x.bin" in old.tracker.directory
    await run(peer, f"connect 127.0.0.1 {swarm.port}")
    await until(lambda: "x.bin" in new.tracker.directory and "x.bin" not in old.tracker.directory)
    assert old.tracker.factory.joined == {}


@ensureDeferred
async def test_a_peer_without_a_tracker_says_so(swarm: Swarm) -> None:
    """`--tracker none` waits for `connect`."""
    peer = swarm.start_peer("p", tracker="none")
    with pytest.raises(TrackerUnavailable, match="'connect HOST PORT'"):
        await run(peer, "list_file")
    await run(peer, f"connect 127.0.0.1 {swarm.port}")
    assert await run(peer, "list_file") == []


@ensureDeferred
async def test_the_consoles_start_opens_a_tracker(swarm: Swarm) -> None:
    """`--listen none` waits for `start`, which may be given several times."""
    from p2pfs.tracker.commands import tracker_commands

    await swarm.stop(swarm.tracker)
    tracker = swarm.start_tracker(listen=["none"])
    commands = tracker_commands(tracker.tracker, tracker.listen_also)
    for number in range(2):
        answer = await commands.run(
            commands.definitions.parse_line("start 127.0.0.1 0"), lambda _: None
        )
        swarm.port = int(answer.data["listening"].rpartition(":")[2])
        await swarm.peer(f"p{number}")
    assert len(tracker.tracker.factory.joined) == 2
