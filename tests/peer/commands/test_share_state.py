"""How it stands with a share is told in the same words by all commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.chunks import ChunkSet, HashList
from p2pfs.peer.commands.share_state import state_of
from p2pfs.peer.library import Holding
from p2pfs.peer.storage import Stamp
from p2pfs.testing import publish
from tests.peer.commands.console import Consoles
from tests.peer.holdings import described

INFO, _ = described(b"content", 7)


def a_share() -> Holding:
    return Holding.published("f", INFO, HashList(1), Path("/x/f"), Stamp(7, 1))


def unfinished() -> Holding:
    return Holding("f", INFO, HashList(1), ChunkSet(1), Path("/x/part"), target=Path("/x/f"))


def test_what_is_as_it_should_be_needs_no_remark() -> None:
    """A share that the tracker lists."""
    state = state_of(a_share(), 10.0, joined=True)
    assert (state.word, state.text, state.remark, state.advice) == ("listed", "listed", "", "")


def test_without_a_tracker_nothing_is_listed() -> None:
    """Whatever the last one said of it."""
    share = a_share()
    share.refused("Another content has that name.")
    state = state_of(share, 10.0, joined=False)
    assert (state.word, state.remark) == ("unlisted", "not listed yet: no tracker knows this peer.")


def test_a_refusal_is_told_with_its_reason() -> None:
    """And what one can do."""
    share = a_share()
    share.refused("Another content has that name.")
    state = state_of(share, 10.0, joined=True)
    assert (state.word, state.remark) == ("refused", "not listed: Another content has that name.")
    assert "another name" in state.advice


@pytest.mark.parametrize("holding", [a_share(), unfinished()])
def test_what_is_away_is_withheld(holding: Holding) -> None:
    """With a tracker or without."""
    holding.withhold("/x is gone.", 4.0)
    for joined in (True, False):
        state = state_of(holding, 10.0, joined)
        assert (state.word, state.remark) == ("withheld", "withheld for 6.0 s: /x is gone.")
        assert "unpublish it" in state.advice


def test_what_is_unfinished_says_how_to_go_on() -> None:
    """To where it was to come."""
    state = state_of(unfinished(), 10.0, joined=True)
    assert (state.word, state.remark) == ("unfinished", "unfinished")
    assert "Download it to /x/f" in state.advice


def test_what_is_worked_on_is_told_as_that() -> None:
    """It is not for its user to go on with."""
    holding = unfinished()
    holding.check_begun()
    assert state_of(holding, 10.0, joined=True).word == "checking"
    holding.check_broken_off(ChunkSet(1))
    holding.begin()
    assert state_of(holding, 10.0, joined=True).word == "downloading"


def test_chunks_that_the_tracker_refuses_are_told_with_the_reason() -> None:
    """An unfinished download has them listed too."""
    holding = unfinished()
    holding.refused("Another content has that name.")
    state = state_of(holding, 10.0, joined=True)
    assert state.word == "unfinished"
    assert state.remark == "unfinished, not listed: Another content has that name."
    assert state_of(holding, 10.0, joined=False).remark == "unfinished"


def test_why_and_status_say_the_same(consoles: Consoles) -> None:
    """Of a share that the tracker refuses, and once there is no tracker."""
    other = consoles.start("other", tracker=False)
    path = consoles.network.hosts["other"].directory / "f.bin"
    path.write_bytes(b"another content")
    consoles.network.result_of(publish(other, path, "dir/f.bin"), 10)

    def told() -> tuple[str, str, str]:
        [share] = consoles.run(other, "status").data["shares"]
        [line] = [line for line in consoles.run(other, "status").lines if str(path) in line]
        why = consoles.run(other, "why dir/f.bin")
        assert why.data["state"] == share["state"]
        return share["state"], line, why.lines[0]

    state, line, first = told()
    assert state == "unlisted"
    assert line.endswith("(not listed yet: no tracker knows this peer.)")
    assert "is not listed yet: no tracker knows this peer." in first
    consoles.run(other, f"connect {consoles.tracker_host.address} 6880")
    consoles.network.run(2)
    state, line, first = told()
    assert state == "refused"
    reason = other.peer.library["dir/f.bin"].refusal
    assert line.endswith(f"(not listed: {reason})")
    assert f"is not listed: {reason}" in first
