"""The commands of a tracker."""

from __future__ import annotations

from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS


def test_peer_and_tracker_use_the_same_words() -> None:
    """What both can do has one name."""
    both = {"list_files", "list_file", "status", "help", "exit", "shutdown"}
    assert all(name in PEER_COMMANDS and name in TRACKER_COMMANDS for name in both)


def test_what_changes_nothing_is_known() -> None:
    """The log has no use for it."""
    tells = {command.name for command in TRACKER_COMMANDS if command.only_tells}
    assert tells == {"help", "list_files", "list_peers", "list_chunkinfo", "members", "status"}
