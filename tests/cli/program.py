"""The program p2pfs, run as a process of its own."""

from __future__ import annotations

from typing import Any

from tests.console.toy import Daemon, toy_program


async def run(daemon: Daemon, *words: str, **options: Any) -> tuple[int, str, str]:
    program = toy_program("--state", str(daemon.state), *words, **options)
    status = await program.end()
    return status, program.out, program.err
