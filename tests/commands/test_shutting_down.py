"""The commands by which a daemon is shut down."""

from __future__ import annotations

from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS


def test_a_person_is_asked_before() -> None:
    """Scripts are not, nor is who says yes."""
    for definitions, daemon in ((PEER_COMMANDS, "peer"), (TRACKER_COMMANDS, "tracker")):
        for name in ("exit", "shutdown"):
            assert definitions[name].question == f"Shut this {daemon} down?"
            assert definitions.parse([name, "--yes"]).options == {"yes": ""}
