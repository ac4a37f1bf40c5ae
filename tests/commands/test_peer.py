"""The commands of a peer."""

from __future__ import annotations

import pytest

from p2pfs.commands import PEER_COMMANDS, Kind
from p2pfs.errors import UsageProblem


def test_names_and_paths_are_called_so_everywhere() -> None:
    """In all usages, by which surfaces know what to complete and to make absolute."""
    kinds = {
        (parameter.name, parameter.kind is Kind.PATH)
        for command in PEER_COMMANDS
        for parameter in command.parameters
    }
    assert ("path", True) in kinds
    assert ("path", False) not in kinds
    assert [name for name, is_path in kinds if is_path] == ["path"]


def test_a_download_goes_here_by_default() -> None:
    """Where that is, is for the surface to say."""
    assert PEER_COMMANDS.parse(["download", "x.iso"])["path"] == "."


def test_what_changes_nothing_is_known() -> None:
    """The log has no use for it."""
    tells = {command.name for command in PEER_COMMANDS if command.only_tells}
    assert tells == {"attach", "doctor", "help", "list_files", "status", "why"}


def test_of_several_words_the_last_is_where_a_download_goes() -> None:
    """As of those of ``cp``."""
    call = PEER_COMMANDS.parse(["download", "a", "d/", "into", "--detach", "--wait-for"])
    assert (call.repeated, call["path"]) == (("a", "d/"), "into")
    assert set(call.options) == {"detach", "wait-for"}
    assert PEER_COMMANDS.parse(["download", "a"]).repeated == ("a",)


def test_what_goes_on_by_itself_is_said_to() -> None:
    """So that a surface asks what Ctrl-C is to mean."""
    background = {command.name for command in PEER_COMMANDS if command.background}
    assert background == {"download", "attach"}


def test_the_hash_of_what_is_published_can_be_chosen() -> None:
    """Among those there are, which are named when it is another; without it, none is given."""
    assert PEER_COMMANDS.parse(["publish", "--hash", "sha256", "f"]).options == {"hash": "sha256"}
    assert PEER_COMMANDS.parse(["publish", "--hash=blake3", "f"]).options == {"hash": "blake3"}
    assert not PEER_COMMANDS.parse(["publish", "f"]).options
    with pytest.raises(UsageProblem, match="--hash needs blake3 or sha256"):
        PEER_COMMANDS.parse(["publish", "--hash", "md5", "f"])
    assert "[--hash blake3|sha256]" in PEER_COMMANDS["publish"].usage
