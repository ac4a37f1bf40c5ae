"""``list_files``: names that are asked for, an answer that holds so many, and how to go on."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.peer.commands import peer_commands
from tests.swarm.harness import Swarm, publish, run


@ensureDeferred
async def test_a_long_list_comes_in_parts(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what the next begins behind; none is missing, and none is twice there."""
    monkeypatch.setattr("p2pfs.tracker.protocol._REPLY_ROOM", 700)  # three names a page
    monkeypatch.setattr("p2pfs.console.listed_files.MOST_FILES", 5)
    peer = await swarm.peer("p")
    names = sorted(f"{directory}/{n} {n}" for directory in "ab" for n in range(6))
    for name in names:
        await publish(peer, swarm.file("x", 10), name)
    listed: list[str] = []
    after = ""
    while after is not None:
        files = await run(peer, f"list_file --after '{after}'" if after else "list_file")
        assert len(files) <= 6
        after = files.pop()["more_after"] if "more_after" in files[-1] else None
        listed += [file["name"] for file in files]
    assert listed == names
    commands = peer_commands(peer.peer)
    call = commands.definitions.parse_line("list_file b/")
    answer = await commands.run(call, lambda progress: None)
    assert [line.split()[0] for line in answer.lines[1:6]] == ["b/0", "b/1", "b/2", "b/3", "b/4"]
    rest = await run(peer, answer.lines[-1].rpartition("go on with: ")[2])
    assert [file["name"] for file in rest] == ["b/5 5"]
    assert await run(peer, "list_file c") == []
