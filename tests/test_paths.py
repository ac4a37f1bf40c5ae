"""Where a daemon keeps its state when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.errors import StartupProblem
from p2pfs.paths import default_state_directory


def test_state_goes_where_the_user_keeps_state() -> None:
    """As XDG has it, and each daemon has a directory of its own there."""
    assert default_state_directory("peer", {"XDG_STATE_HOME": "/s"}) == Path("/s/p2pfs/peer")
    assert default_state_directory("tracker", {"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path(
        "/s/p2pfs/tracker"
    )


@pytest.mark.parametrize("variable", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}])
def test_otherwise_it_is_below_the_home_directory(variable: dict[str, str]) -> None:
    """A relative directory would be another one wherever a daemon starts: XDG has it ignored."""
    environ = {"HOME": "/h", **variable}
    found = default_state_directory("tracker", environ)
    assert found == Path("/h/.local/state/p2pfs/tracker")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "h"}, {"XDG_STATE_HOME": "s"}])
def test_without_a_home_the_user_is_asked_for_one(environ: dict[str, str]) -> None:
    """State in the working directory would be lost to the next start elsewhere."""
    with pytest.raises(StartupProblem, match="--state"):
        default_state_directory("peer", environ)
