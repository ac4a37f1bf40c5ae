"""What a word of a command line may become."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pfs.cli import completion
from p2pfs.cli.completion import asking, candidates, completion_lines, program_candidates
from p2pfs.cli.local_commands import with_local
from p2pfs.cli.main import ROLES as DAEMONS
from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS
from p2pfs.errors import NotFound
from p2pfs.name_pattern import NamePattern

ROLES = with_local(DAEMONS)
NOWHERE = {"P2PFS_STATE": "/nonexistent"}


class Daemon:
    """Answers as a peer does, and knows how often it was asked."""

    def __init__(self, *names: str) -> None:
        self.names = sorted(names)
        self.asked = 0

    def ask(self, words: Sequence[str]) -> Any:
        self.asked += 1
        call = PEER_COMMANDS.parse(words)
        if call.command.name == "status":
            held = [{"name": name} for name in self.names]
            return {"shares": held, "downloads": held[:1]}
        pattern = NamePattern(call["pattern"])
        after, most = call.options.get("after", ""), int(call.options["most"])
        found = [n for n in self.names if pattern.matches(n) and n > after]
        more = [{"more_after": found[most - 1]}] if len(found) > most else []
        return [*({"name": name} for name in found[:most]), *more]

    def offers(self, line: str, current: str) -> list[str]:
        return list(candidates(PEER_COMMANDS, self.ask, line.split(), current).words)


def test_names_of_the_network() -> None:
    """Those that begin so; of a directory, only its name until it is typed."""
    daemon = Daemon("a b", "data/x", "data/y/z", "datum", "other")
    assert daemon.offers("download", "") == ["a b", "data/", "datum", "other"]
    assert daemon.offers("download", "dat") == ["data/", "datum"]
    assert daemon.offers("download", "data/") == ["data/x", "data/y/"]
    assert daemon.offers("list_files --after", "o") == ["other"]
    assert Daemon("a[1]x", "a[1]y", "a1").offers("why", "a[1]") == ["a[1]x", "a[1]y"]


def test_names_that_are_not_what_they_look_like() -> None:
    """A name may turn the direction of what follows: such a one has to be typed."""
    assert Daemon("invoice\u202efdp.exe", "in\xa0voice").offers("why", "in") == ["in\xa0voice"]


def test_names_of_this_peer() -> None:
    """What it shares, and what it downloads."""
    daemon = Daemon("d/x", "d/y", "e")
    assert daemon.offers("unpublish", "") == ["d/", "e"]
    assert daemon.offers("cancel", "") == ["d/"]


def test_many_names_cost_a_few_questions() -> None:
    """A directory of ten thousand is one step; of what is too much, the first is offered."""
    daemon = Daemon(*(f"big/{n:05}" for n in range(10_000)), "small", "tiny")
    assert daemon.offers("download", "") == ["big/", "small", "tiny"]
    assert daemon.asked == 2
    daemon.asked = 0
    assert len(daemon.offers("download", "big/")) == completion.MOST_NAMES
    assert daemon.asked == completion.MOST_NAMES // completion.PAGE


def test_what_no_daemon_says_is_not_offered() -> None:
    """A failure, or an answer of another version, is no error."""

    def fails(words: Sequence[str]) -> Any:
        raise NotFound("no")

    for ask in (fails, lambda words: None, lambda words: [{}], lambda words: {"shares": [1]}):
        for line in ("download", "unpublish", "cancel"):
            assert candidates(PEER_COMMANDS, ask, line.split(), "").words == {}


def test_members_are_offered_where_one_is_meant() -> None:
    """As the tracker has them."""
    names = ["gpu-1", "gpu-2", "hq"]

    def ask(words: Sequence[str]) -> Any:
        assert words == ["members"]
        return [{"name": name} for name in names]

    assert list(candidates(TRACKER_COMMANDS, ask, ["revoke"], "g").words) == ["gpu-1", "gpu-2"]


def test_a_daemon_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """Who presses Tab does not wait for long, however many questions there are."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control"))
        listener.listen()
        ask = asking(lambda: tmp_path, "peer")
        began = time.monotonic()
        for _ in range(3):
            assert candidates(PEER_COMMANDS, ask, ["download"], "").words == {}
        assert 0.9 < time.monotonic() - began < 3


def offered(*words: str) -> tuple[set[str], str]:
    found = program_candidates(ROLES, NOWHERE, words[:-1], words[-1])
    return set(found.words), found.paths


def test_the_words_of_the_program() -> None:
    """Its own words and options stand where they are understood."""
    words, paths = offered("")
    assert {"download", "console", "tracker", "completion", "help"} <= words
    assert paths == ""
    assert offered("--") == ({"--state", "--json", "--help", "--version"}, "")
    assert offered("--state", "") == (set(), "directories")
    assert offered("--state=/x") == (set(), "directories")
    assert offered("tracker", "list_c") == ({"list_chunkinfo"}, "")
    assert "publish" not in offered("tracker", "")[0]
    assert "tracker" not in offered("tracker", "")[0]
    assert offered("--state", "/x", "--json", "publ") == ({"publish"}, "")
    assert offered("completion", "") == ({"bash", "zsh", "fish"}, "")
    assert offered("publish", "") == (set(), "files")
    assert offered("join", "") == (set(), "files")
    assert offered("joi") == ({"join"}, "")
    assert offered("tracker", "priv") == ({"private"}, "")
    assert offered("tracker", "private", "--ca", "") == (set(), "files")
    assert offered("tracker", "private", "--n") == ({"--name"}, "")
    assert offered("tracker", "invite", "--role", "p") == ({"publisher"}, "")
    assert offered("limit", "up") == ({"upload"}, "")
    assert offered("limit", "--s") == ({"--state"}, "")
    assert offered("limit", "--", "--s") == (set(), "")


def test_what_the_scripts_read() -> None:
    """What is besides words, and a candidate a line: for bash with quotes, else with its help."""
    lines = completion_lines(ROLES, NOWHERE, ["words", "list_files", "--lo"])
    assert lines == ["", "--long\tshow more of each"]
    assert completion_lines(ROLES, NOWHERE, ["words"])[0] == ""
    line = "X=1 Y=2 /bin/p2pfs list_files --sort=n"
    assert completion_lines(ROLES, NOWHERE, ["bash", line, " ="]) == ["", "name", "new"]
