"""The command that lists files, which both daemons have."""

from __future__ import annotations

from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS


def test_both_daemons_have_it_with_the_same_words() -> None:
    """Who knows one knows the other; what each shows is its own."""
    peer, tracker = PEER_COMMANDS["list_file"], TRACKER_COMMANDS["list_files"]
    assert peer.usage == tracker.usage
    assert peer.usage.startswith("list_files [PATTERN] [--sort name|size|new] [--long]")
    assert peer.summary != tracker.summary
