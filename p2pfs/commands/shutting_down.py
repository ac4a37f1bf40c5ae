"""The commands by which a daemon is shut down."""

from __future__ import annotations

from p2pfs.commands.definition import Definition, Option


def shutting_down(daemon: str) -> list[Definition]:
    """``exit`` and ``shutdown`` of a daemon that people call ``daemon``.

    Both do the same; where there is a session to leave, ``exit`` leaves that instead.
    """
    yes = Option("yes", "do not ask first")
    question = f"Shut this {daemon} down?"
    return [
        Definition(
            "shutdown",
            f"Shut this {daemon} down.",
            (),
            [yes],
            question=question,
            owner_only=True,
        ),
        Definition(
            "exit",
            f"Shut this {daemon} down; at an SSH prompt, leave the prompt.",
            (),
            [yes],
            question=question,
            owner_only=True,
        ),
    ]
