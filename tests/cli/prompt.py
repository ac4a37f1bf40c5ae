"""The interactive prompt, for tests that type."""

from __future__ import annotations

from tests.console.toy import Daemon, Program, p2pfs


async def prompt(daemon: Daemon, *role: str) -> Program:
    program = p2pfs("--state", str(daemon.state), *role, "console", tty=True)
    await program.expect(f"{role[0] if role else 'peer'}> ")
    return program
