"""The interactive prompt, for tests that type."""

from __future__ import annotations

from tests.console.toy import Daemon, Program, toy_program


async def prompt(daemon: Daemon, *role: str, **environ: str) -> Program:
    program = toy_program("--state", str(daemon.state), *role, "console", tty=True, **environ)
    await program.expect(f"{role[0] if role else 'peer'}> ")
    return program
