"""The interactive prompt of the p2pfs program, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.shell import Shell, completing
from tests.cli.prompt import prompt
from tests.console.toy import Daemon, toy_program
from tests.console.toy_commands import TOY_COMMANDS


@ensureDeferred
async def test_commands(daemon: Daemon) -> None:
    """Lines are run with quoting as in a shell; errors are sentences and the prompt stays."""
    program = await prompt(daemon)
    assert "'quit'" in program.shown
    assert "'exit'" in program.shown
    program.type("echo 'two words'\n")
    await program.expect("\ntwo words")
    await program.expect("peer> ")
    program.type("fail\n")
    await program.expect("There is no such thing; look elsewhere.")
    await program.expect("peer> ")
    program.type("echo 'open\n")
    await program.expect("check its quotes")
    await program.expect("peer> ")
    program.type("\n")
    await program.expect("peer> ")
    program.type("quit\n")
    assert await program.end() == 0
    assert "Traceback" not in program.out


@ensureDeferred
async def test_end_of_input(daemon: Daemon) -> None:
    """Ctrl-D leaves the prompt, of the tracker as well."""
    program = await prompt(daemon, "tracker")
    program.type("\x04")
    assert await program.end() == 0


@ensureDeferred
async def test_interrupt(daemon: Daemon) -> None:
    """Ctrl-C cancels the command that runs and leaves the prompt as it was."""
    program = await prompt(daemon)
    program.type("slow\n")
    await daemon.toy.started.wait()
    await program.expect("waiting")
    program.type("\x03")
    await daemon.toy.cancelled.wait()
    await program.expect("'slow' was cancelled.")
    await program.expect("peer> ")
    program.type("echo on\n")
    await program.expect("\non")
    program.type("quit\n")
    assert await program.end() == 0
    assert [call["text"] for call in daemon.toy.calls] == ["on"]


def test_interrupt_at_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Ctrl-C at the prompt drops the line and asks for another.

    Without a terminal, as Python itself misses a Ctrl-C that comes in the
    moment in which it shows the prompt.
    """
    events: list[type[BaseException]] = [EOFError, KeyboardInterrupt]

    def read(prompt: str) -> str:
        raise events.pop()

    monkeypatch.setattr("builtins.input", read)
    Shell(tmp_path, "peer", TOY_COMMANDS).loop()
    assert events == []
    assert capsys.readouterr().out == "\n"


@ensureDeferred
async def test_daemon_comes_and_goes(tmp_path: Path) -> None:
    """The prompt outlives the daemon and talks to the next one."""
    daemon = Daemon(tmp_path / "state")
    program = await prompt(daemon)
    await daemon.service.stopService()
    program.type("echo x\n")
    await program.expect("No p2pfs peer answers")
    await program.expect("peer> ")
    daemon = Daemon(tmp_path / "state")
    program.type("echo again\n")
    await program.expect("\nagain")
    await program.expect("peer> ")
    program.type("slow\n")
    await daemon.toy.started.wait()
    await daemon.service.stopService()
    await program.expect("The daemon is shutting down.")
    program.type("quit\n")
    assert await program.end() == 0


@ensureDeferred
async def test_exit(daemon: Daemon) -> None:
    """The daemon's command that shuts it down leaves the prompt as well."""
    program = await prompt(daemon)
    program.type("exit\n")
    await program.expect("Shut it down? [y/N] ")
    program.type("no\n")
    await program.expect("'exit' was not done.")
    program.type("exit\n")
    await program.expect("Shut it down? [y/N] ")
    program.type("y\n")
    await program.expect("Shutting down.")
    assert await program.end() == 0


@ensureDeferred
async def test_no_daemon(tmp_path: Path) -> None:
    """Without a daemon there is a sentence instead of a prompt."""
    program = toy_program("--state", str(tmp_path), "console", tty=True)
    await program.expect("No p2pfs peer answers")
    assert await program.end() == 1


@ensureDeferred
async def test_piped_script(daemon: Daemon) -> None:
    """A script may be piped in; no prompt or banner gets into its output."""
    program = toy_program("--state", str(daemon.state), "console")
    program.type("echo one\nfail\necho two\n")
    program.transport.closeStdin()
    assert await program.end() == 0
    assert program.out == "one\nThere is no such thing; look elsewhere.\ntwo\n"


def test_what_the_end_of_a_line_may_become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options and paths, with what follows them; only the end is replaced."""
    (tmp_path / "some dir").mkdir()
    (tmp_path / "some dir" / "a file").touch()
    monkeypatch.chdir(tmp_path)
    complete = completing(tmp_path, "peer", TOY_COMMANDS)
    assert complete("e", "") == ["echo ", "exit "]
    assert complete("qu", "  ") == ["quit "]
    assert complete("pic", "help ") == ["pick "]
    assert complete("qu", "help ") == []
    assert complete("--lo", "echo ") == ["--loud "]
    assert complete("so", "copy x ") == ["some\\ dir/"]
    assert complete("di", "copy x some\\ ") == ["dir/"]
    assert complete("dir/", "copy x some\\ ") == ["dir/a\\ file "]
    assert complete("dir/", "copy x 'some ") == ["dir/a file' "]
    assert complete("x", "copy 'open ") == []


@ensureDeferred
async def test_tab_completes_names_of_the_network(daemon: Daemon) -> None:
    """As they have to be typed: with what is special in them quoted."""
    program = await prompt(daemon)
    for typed, shown in [
        ("pick --from=n\tit\t\n", "near it's a name!"),
        ("pick spa\\ ce:\t\n", "spa ce:d=x!"),
        ('pick "spa c\t\n', "spa ce:d=x!"),
        ("pick di\ttw\t\n", "dir/two!"),
    ]:
        program.type(typed)
        await program.expect(shown)
        await program.expect("peer> ")
    program.type("quit\n")
    assert await program.end() == 0
