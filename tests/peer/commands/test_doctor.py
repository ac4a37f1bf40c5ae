"""What a doctor finds in simulated swarms."""

from __future__ import annotations

from typing import Any

from tests.peer.commands.console import Consoles

SYSTEM = {"open files", "buffers"}
"""What depends on the machine that the tests run on."""


def found(answer: Any) -> dict[str, bool | None]:
    """What was found of each thing, but for the system's limits."""
    return {
        check["name"]: check["ok"] for check in answer.data["checks"] if check["name"] not in SYSTEM
    }


def test_all_is_well_with_a_peer_that_has_joined(consoles: Consoles) -> None:
    """The tracker tried it just now, and their clocks agree."""
    answer = consoles.run(consoles.source, "doctor")
    assert found(answer) == {"tracker": True, "reachable": True, "room": True, "clock": True}
    assert len(answer.lines) == len(answer.data["checks"])


def test_without_a_tracker_something_is_not_well(consoles: Consoles) -> None:
    """Which scripts see by the exit status; what a tracker would say is not known."""
    alone = consoles.start("alone", tracker=False)
    answer = consoles.run(alone, "doctor")
    assert (answer.status, answer.data["well"]) == (1, False)
    assert found(answer) == {"tracker": False, "reachable": None, "room": True, "clock": None}


def test_a_clock_that_is_wrong_is_found(consoles: Consoles) -> None:
    """By the tracker's, which may be wrong itself: both are to be set."""
    host = consoles.network.add_host("late")
    host.drive.clock_offset = -3600
    late = consoles.swarm.start_peer(host, consoles.tracker_host)
    consoles.network.run(1)
    assert found(consoles.run(late, "doctor"))["clock"] is False


def test_a_place_that_is_gone_is_found(consoles: Consoles) -> None:
    """A share's disk, for instance."""
    folder = consoles.network.hosts["fetcher"].directory / "folder"
    folder.mkdir()
    consoles.run(consoles.fetcher, f"download dir/f.bin {folder}/")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    answer = consoles.run(consoles.fetcher, "doctor")
    assert answer.data["checks"][3]["text"].startswith(str(folder))
    assert answer.status == 1
