"""What a command is, whatever surface it is typed into.

A :class:`Command` is defined once, with its parameters, its help and the
coroutine that does the work. A :class:`CommandSet` holds those of one daemon;
every surface (manhole, SSH, control socket) parses words with it, runs the
resulting :class:`Call` and shows the :class:`Answer`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.errors import UsageProblem
from p2pfs.printable import printable


@dataclass(frozen=True)
class Progress:
    """How far a running command is.

    ``done`` and ``total`` are bytes; ``note`` is a short remark such as
    "4 sources" or what the command waits for. Both texts are made fit for a terminal.
    """

    label: str
    done: int
    total: int
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", printable(self.label))
        object.__setattr__(self, "note", printable(self.note))


@dataclass(frozen=True)
class Answer:
    """What a command came to: ``data`` for scripts (plain JSON values), ``lines`` for people.

    The lines are made fit for a terminal: names in them are of other people's choice.
    """

    data: Any = None
    lines: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", [printable(line) for line in self.lines])


@dataclass(frozen=True)
class Parameter:
    """A positional argument. ``is_path`` marks one that names a local file."""

    name: str
    help: str
    optional: bool = False
    is_path: bool = False


@dataclass(frozen=True)
class Flag:
    """A switch such as ``--overwrite``; ``name`` is given without the dashes."""

    name: str
    help: str


ReportProgress = Callable[[Progress], None]
Work = Callable[["Call", ReportProgress], Coroutine[Any, Any, Answer]]


@dataclass(frozen=True)
class Command:
    """One command: its name, one line of help, its arguments, and the coroutine that runs it."""

    name: str
    summary: str
    work: Work
    parameters: Sequence[Parameter] = ()
    flags: Sequence[Flag] = ()

    @property
    def usage(self) -> str:
        """The synopsis, such as ``download <remote_file> <local_path> [--overwrite]``."""
        words = [self.name]
        words += [f"[{p.name}]" if p.optional else f"<{p.name}>" for p in self.parameters]
        words += [f"[--{flag.name}]" for flag in self.flags]
        return " ".join(words)

    def help_lines(self) -> list[str]:
        """The full help text of this command."""
        lines = [f"usage: {self.usage}", "", self.summary]
        rows = [(p.name, p.help) for p in self.parameters]
        rows += [(f"--{flag.name}", flag.help) for flag in self.flags]
        if rows:
            width = max(len(name) for name, _ in rows)
            lines += [""] + [f"  {name:<{width}}  {text}" for name, text in rows]
        return lines


@dataclass(frozen=True)
class Call:
    """A command with its arguments, checked and ready to run."""

    command: Command
    arguments: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> str:
        return self.arguments[name]

    def get(self, name: str) -> str | None:
        """The value of an optional parameter, or None when it was not given."""
        return self.arguments.get(name)


class CommandSet:
    """The commands of one daemon, with ``help`` added."""

    def __init__(self, commands: Iterable[Command]) -> None:
        help_command = Command(
            "help",
            "Say what the commands are, or how one of them is used.",
            self._help,
            [Parameter("command", "the command to explain", optional=True)],
        )
        self._commands = {command.name: command for command in (*commands, help_command)}

    @property
    def names(self) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(self._commands)

    def __getitem__(self, name: str) -> Command:
        """The command of that name; raises `UsageProblem` when there is none."""
        try:
            return self._commands[name]
        except KeyError:
            raise UsageProblem(
                f"There is no command '{name}'; 'help' lists the ones there are."
            ) from None

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def parse_line(self, line: str) -> Call:
        """Split a shell-like line and parse its words; raises `UsageProblem`."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageProblem(f"The line cannot be read ({error}); check its quotes.") from None
        return self.parse(words)

    def parse(self, words: Sequence[str]) -> Call:
        """Make a `Call` of a command name and its arguments; raises `UsageProblem`."""
        if not words:
            raise UsageProblem("No command was given; 'help' lists them.")
        command = self[words[0]]
        values: list[str] = []
        flags: set[str] = set()
        known = {flag.name for flag in command.flags}
        only_values = False
        for word in words[1:]:
            if word == "--" and not only_values:
                only_values = True
            elif word.startswith("--") and not only_values:
                if word[2:] not in known:
                    raise UsageProblem(
                        f"'{command.name}' has no option {word}; usage: {command.usage}"
                    )
                flags.add(word[2:])
            else:
                values.append(word)
        return self.bind(command, values, flags)

    def bind(self, command: Command, values: Sequence[str], flags: Iterable[str] = ()) -> Call:
        """Make a `Call` of positional values; raises `UsageProblem` on too few or too many."""
        required = sum(not p.optional for p in command.parameters)
        if not required <= len(values) <= len(command.parameters):
            raise UsageProblem(f"usage: {command.usage}")
        names = (parameter.name for parameter in command.parameters)
        return Call(command, dict(zip(names, values, strict=False)), frozenset(flags))

    def run(self, call: Call, report: ReportProgress) -> Deferred[Answer]:
        """Start a call; cancelling the Deferred stops the work."""
        return Deferred.fromCoroutine(call.command.work(call, report))

    async def _help(self, call: Call, report: ReportProgress) -> Answer:
        name = call.get("command")
        if name is not None:
            lines = self[name].help_lines()
            return Answer({"usage": self[name].usage, "help": self[name].summary}, lines)
        width = max(len(command.usage) for command in self._commands.values())
        commands = [self._commands[name] for name in self.names]
        lines = [f"{command.usage:<{width}}  {command.summary}" for command in commands]
        return Answer({command.name: command.summary for command in commands}, lines)
