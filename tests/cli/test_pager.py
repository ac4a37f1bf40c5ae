"""Long answers at a terminal: a screen at a time."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.task import LoopingCall

from tests.cli.prompt import prompt
from tests.console.toy import Daemon, Program, spawn, toy_program

SCREEN = {"LINES": "10", "COLUMNS": "40"}


def flood(daemon: Daemon, *words: str, **options: Any) -> Program:
    """Ask for 50,000 lines."""
    environ = {**SCREEN, **options}
    return toy_program("--state", str(daemon.state), *words, "flood", **environ)


@pytest.mark.skipif(not shutil.which("less"), reason="there is no less here")
@ensureDeferred
async def test_less_is_the_pager_if_it_is_there(daemon: Daemon) -> None:
    """It shows the first screen and waits; what its user leaves out is no error."""
    program = flood(daemon, tty=True)
    await program.expect("line 5")
    await program.expect(":")
    program.type("\x03")  # means nothing to the program while the pager runs
    last = program.expect("line 49999")
    pressed = LoopingCall(program.type, "G")  # the pager drops keys while it is interrupted
    pressed.start(0.2).addErrback(last.errback)
    try:
        await last
    finally:
        pressed.stop()
    program.type("q")
    assert await program.end() == 0
    assert "line 30000" not in program.out
    assert "Traceback" not in program.out


@ensureDeferred
async def test_the_pager_of_the_environment(daemon: Daemon, tmp_path: Path) -> None:
    """It is a command line for the shell, and gets nothing but the lines."""
    program = flood(daemon, tty=True, PAGER=f"tail -n 2 | sed s/line/Zeile/ > '{tmp_path}/out'")
    assert await program.end() == 0
    assert (tmp_path / "out").read_text() == "Zeile 49998\nZeile 49999\n"
    assert "line" not in program.out


@ensureDeferred
async def test_a_pager_that_ends_early(daemon: Daemon) -> None:
    """Whatever it exits with: whoever wrote or left it wanted that."""
    program = flood(daemon, tty=True, PAGER="head -n 1; exit 3")
    assert await program.end() == 0
    assert program.out.splitlines() == ["line 0"]


@pytest.mark.parametrize("pager", ["", "cat", "no-such-pager-at-all"])
@ensureDeferred
async def test_without_a_pager_there_is_one_screen(daemon: Daemon, pager: str) -> None:
    """And it is said how many lines there are beyond it, and how to see them."""
    program = flood(daemon, tty=True, PAGER=pager)
    assert await program.end() == 0
    lines = [line for line in program.out.splitlines() if "no-such-pager" not in line]
    assert lines[:7] == [f"line {n}" for n in range(7)]
    assert lines[7].startswith("... and 49,993 more lines; set PAGER=less")
    assert len(lines) == 8


@ensureDeferred
async def test_what_fits_is_printed(daemon: Daemon) -> None:
    """As long lines are folded by the terminal, they count as several."""
    environ = {**SCREEN, "PAGER": "echo paged"}
    for text, paged in (("x" * 40 * 8, False), ("x" * 40 * 9, False), ("x" * 40 * 9 + "y", True)):
        words = ("--state", str(daemon.state), "echo", text)
        program = toy_program(*words, tty=True, **environ)
        assert await program.end() == 0
        assert ("paged" in program.out) == paged


@ensureDeferred
async def test_pipes_and_json_are_never_paged(daemon: Daemon) -> None:
    """Scripts get all of it."""
    program = flood(daemon, PAGER="false")
    assert await program.end() == 0
    assert len(program.out.splitlines()) == 50_000
    words = ("--state", str(daemon.state), "--json", "echo", "x" * 1000)
    program = toy_program(*words, tty=True, **SCREEN, PAGER="false")
    assert await program.end() == 0
    assert len(json.loads(program.out)["text"]) == 1000


@ensureDeferred
async def test_the_prompt_pages_as_well(daemon: Daemon) -> None:
    """And goes on when the pager has ended."""
    program = await prompt(daemon, LINES="10", PAGER="tail -n 1")
    program.type("flood\n")
    await program.expect("line 49999")
    await program.expect("peer> ")
    assert "line 49998" not in program.out
    program.type("quit\n")
    assert await program.end() == 0


@ensureDeferred
async def test_names_of_other_people_are_no_commands(daemon: Daemon, tmp_path: Path) -> None:
    """What a shell would run is only in what the pager reads."""
    text = f"$(touch {tmp_path}/ran); `touch {tmp_path}/ran`\\'" + "x" * 4000
    words = ("--state", str(daemon.state), "echo", text)
    program = spawn(
        sys.executable, "-m", "tests.cli.toy_main", *words, tty=True, **SCREEN, PAGER="wc -l"
    )
    assert await program.end() == 0
    assert not (tmp_path / "ran").exists()
