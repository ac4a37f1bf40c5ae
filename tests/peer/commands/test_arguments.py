"""Where downloads go."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.errors import UsageProblem
from p2pfs.peer.commands.arguments import places_of

INTO = Path("/into")


def test_one_goes_where_it_is_said_or_into_a_directory() -> None:
    """What is below a name becomes that directory itself."""
    assert places_of(["d/f"], INTO, is_directory=False) == {"d/f": INTO}
    assert places_of(["d/f"], INTO, is_directory=True) == {"d/f": INTO / "f"}
    for is_directory in (True, False):
        assert places_of(["d/e/"], INTO, is_directory) == {"d/e/": INTO}


def test_several_go_into_a_directory() -> None:
    """Each with the last part of its name; one that is named twice is one."""
    assert places_of(["d/f", "g", "e/", "d/f"], INTO, is_directory=True) == {
        "d/f": INTO / "f",
        "g": INTO / "g",
        "e/": INTO / "e",
    }
    with pytest.raises(UsageProblem, match="/into is none; make it, or write a '/' behind it"):
        places_of(["f", "g"], INTO, is_directory=False)
    with pytest.raises(UsageProblem, match="'a/f' and 'b/f' would both become /into/f"):
        places_of(["a/f", "b/f"], INTO, is_directory=True)
