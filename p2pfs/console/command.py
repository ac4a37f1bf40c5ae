"""Commands as they are run, whatever surface they are typed into.

What commands there are is in `p2pfs.commands`. A :class:`CommandSet` has those of one
daemon, each with the coroutine that does the work; every surface (manhole, SSH, control
socket) parses words with its definitions, runs the resulting call and shows the
:class:`Answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.commands import HELP, Call, Caller, Definitions
from p2pfs.printable import printable


@dataclass(frozen=True)
class Progress:
    """How far a running command is.

    ``done`` and ``total`` are bytes. ``note`` says what is done now, such as "downloading",
    and stays the same as long as that is; ``detail`` has the numbers to it, such as
    "4 sources". ``rate`` are bytes a second, and ``seconds_left`` the time to the end; each
    is None while it is not known. The texts are made fit for a terminal.
    """

    label: str
    done: int
    total: int
    note: str = ""
    detail: str = ""
    rate: int | None = None
    seconds_left: int | None = None

    def __post_init__(self) -> None:
        for text in ("label", "note", "detail"):
            object.__setattr__(self, text, printable(getattr(self, text)))


@dataclass(frozen=True)
class Answer:
    """What a command came to: ``data`` for scripts (plain JSON values), ``lines`` for people.

    The lines are made fit for a terminal: names in them are of other people's choice.
    ``status`` is what a program exits with: 1 where the command was done, and what it
    found is not well.
    """

    data: Any = None
    lines: Sequence[str] = ()
    status: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", [printable(line) for line in self.lines])


ReportProgress = Callable[[Progress], None]
Work = Callable[[Call, ReportProgress], Coroutine[Any, Any, Answer]]


class CommandSet:
    """The commands of one daemon, with the coroutines that do them; ``help`` it does itself."""

    def __init__(
        self,
        definitions: Definitions,
        works: Mapping[str, Work],
        watch: Callable[[Call, Deferred[Answer]], Deferred[Answer]] = lambda call, answer: answer,
    ) -> None:
        """``works`` has one for each of the definitions, by its name.

        ``watch`` is shown each call with what comes of it, which it hands back.
        """
        self.definitions = definitions
        self._works = {**works, HELP.name: self._help}
        self._watch = watch
        self._caller: Caller | None = None
        assert sorted(self._works) == definitions.names

    def given_by(self, caller: Caller) -> CommandSet:
        """The same, for a surface all of whose calls are this caller's."""
        mine = copy(self)
        mine._caller = caller
        return mine

    def run(self, call: Call, report: ReportProgress) -> Deferred[Answer]:
        """Start a call; cancelling the Deferred stops the work."""
        if self._caller is not None:
            call = call.by(self._caller)
        return self._watch(call, Deferred.fromCoroutine(self._run(call, report)))

    async def _run(self, call: Call, report: ReportProgress) -> Answer:
        if call.command.owner_only:
            call.caller.check_owner(f"use '{call.command.name}'")
        return await self._works[call.command.name](call, report)

    async def _help(self, call: Call, report: ReportProgress) -> Answer:
        name = call.get("command")
        return Answer(self.definitions.help_data(name), self.definitions.help_lines(name))
