"""History and Tab completion at the prompt."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from pytest_twisted import ensureDeferred

from p2pfs.cli.line_editing import history_file
from tests.cli.prompt import prompt
from tests.console.toy import Daemon, spawn


@ensureDeferred
async def test_completion(daemon: Daemon) -> None:
    """Tab completes the name of a command, also behind help."""
    program = await prompt(daemon)
    program.type("ec\tcompleted\n")
    await program.expect("\ncompleted")
    await program.expect("peer> ")
    program.type("help ec\t\n")
    await program.expect("usage: echo")
    program.type("quit\n")
    assert await program.end() == 0


@ensureDeferred
async def test_history(daemon: Daemon) -> None:
    """The lines of one session can be recalled in the next."""
    program = await prompt(daemon)
    program.type("echo remembered\n")
    await program.expect("\nremembered")
    await program.expect("peer> ")
    program.type("\x04")
    assert await program.end() == 0
    assert (daemon.state / "console_history").exists()
    program = await prompt(daemon)
    program.type("\x1b[A\n")
    await program.expect("\nremembered")
    program.type("quit\n")
    assert await program.end() == 0


def test_the_history_is_kept_where_its_user_may(tmp_path: Path) -> None:
    """With the daemon's state, unless that is another user's."""
    environ = {"HOME": str(tmp_path / "home")}
    assert history_file(tmp_path, environ) == tmp_path / "console_history"
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, -1)
        own = tmp_path / "home" / ".local" / "state" / "p2pfs"
        assert history_file(tmp_path, environ) == own / "console_history"
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        assert history_file(tmp_path, {}) is None


@ensureDeferred
async def test_without_readline(daemon: Daemon) -> None:
    """A Python without readline still gives a prompt."""
    code = (
        "import sys; sys.modules['readline'] = None; from p2pfs.cli.main import main; "
        "from tests.console.toy_commands import TOY_COMMANDS as toy; "
        f"sys.exit(main(['--state', {str(daemon.state)!r}, 'console'], {{'peer': toy}}))"
    )
    program = spawn(sys.executable, "-c", code, tty=True)
    await program.expect("peer> ")
    program.type("echo plain\n")
    await program.expect("\nplain")
    program.type("quit\n")
    assert await program.end() == 0
