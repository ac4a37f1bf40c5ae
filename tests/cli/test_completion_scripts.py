"""Completion as it is seen in shells."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.completion_scripts import SCRIPTS
from tests.console.toy import PROJECT, Daemon, Program, p2pfs, spawn

START = {
    "bash": (["--norc", "--noprofile", "-i"], "PS1='> '; eval \"$(p2pfs completion bash)\"\n"),
    "zsh": (
        ["-f", "-i"],
        "PS1='> '; autoload -U compinit; compinit -D; eval \"$(p2pfs completion zsh)\"\n",
    ),
    "fish": (
        ["--no-config", "-i"],
        "function fish_prompt; echo '> '; end; p2pfs completion fish | source\n",
    ),
}


@pytest.fixture(params=list(SCRIPTS))
def name(request: pytest.FixtureRequest) -> str:
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    return shell


async def shell(name: str, directory: Path, daemon: Daemon) -> Program:
    """A shell that completes the words of the program, as it would be for the toy daemon."""
    program = directory / "bin" / "p2pfs"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m tests.cli.toy_main "$@"\n'
    )
    program.chmod(0o755)
    arguments, first = START[name]
    path = f"{program.parent}:{Path(shutil.which(name) or '').parent}:/usr/bin:/bin"
    environ = {"PATH": path, "HOME": str(directory), "P2PFS_STATE": str(daemon.state)}
    started = spawn(shutil.which(name) or "", *arguments, tty=True, cwd=directory, **environ)
    started.type(first)
    started.type("echo rea''dy\n")
    await started.expect("ready")
    return started


@ensureDeferred
async def test_words_are_completed(name: str, tmp_path: Path, daemon: Daemon) -> None:
    """Commands, options, choices, names that need quotes, and paths."""
    (tmp_path / "one file").touch()
    started = await shell(name, tmp_path, daemon)
    for typed, shown in [
        ("p2pfs ec\tpart ", "part"),
        ("--lo\t\n", "PART"),
        ("p2pfs pick it\t\n", "it's a name!"),
        ("p2pfs pick 'sp\t\n", "spa ce:d=x!"),
        ("p2pfs pick spa\\ ce:d\t\n", "spa ce:d=x!"),
        ("p2pfs pick di\ttw\t\n", "dir/two!"),
        ("p2pfs pick --from n\tit\t\n", "near it's a name!"),
        ("p2pfs copy x on\t\n", "one file"),
    ]:
        started.type(typed)
        await started.expect(shown)
    started.type("exit\n")
    await started.end()
    assert "Traceback" not in started.out


@ensureDeferred
async def test_the_scripts_are_printed() -> None:
    """Each by its shell's name; for another there is a sentence."""
    program = p2pfs("completion", "bash")
    assert await program.end() == 0
    assert program.out == SCRIPTS["bash"]
    program = p2pfs("completion", "tcsh")
    assert await program.end() == 2
    assert "write bash or zsh or fish" in program.err
