"""From words to calls: the definitions of one daemon's commands, by name."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from p2pfs.commands.caller import SOMEBODY, Caller
from p2pfs.commands.definition import Definition, Kind, Option, Parameter
from p2pfs.errors import UsageProblem

HELP = Definition(
    "help",
    "Say what the commands are, or how one of them is used.",
    [Parameter("command", "the command to explain", Kind.COMMAND, optional=True)],
    only_tells=True,
)


@dataclass(frozen=True)
class Call:
    """A command with its arguments, checked and ready to run.

    ``repeated`` are the words of the one parameter that takes several. ``options`` are
    those that were given, with their values; that of a switch is the empty string.
    """

    command: Definition
    arguments: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    caller: Caller = SOMEBODY

    def __getitem__(self, name: str) -> str:
        return self.arguments[name]

    def get(self, name: str) -> str | None:
        """The value of an optional parameter, or None when it was not given."""
        return self.arguments.get(name)

    def by(self, caller: Caller) -> Call:
        """The same, given by that caller."""
        return replace(self, caller=caller)

    def words(self) -> list[str]:
        """Words that are parsed as this call."""
        words = [self.command.name]
        for name, value in self.options.items():
            words += [f"--{name}", value] if value else [f"--{name}"]
        values: list[str] = []
        for parameter in self.command.parameters:
            if parameter.repeated:
                values += self.repeated
            elif parameter.name in self.arguments:
                values.append(self.arguments[parameter.name])
        return [*words, "--", *values] if values else words


class Definitions:
    """The commands of one daemon, ``help`` among them."""

    def __init__(self, commands: Iterable[Definition]) -> None:
        self._commands = {command.name: command for command in (*commands, HELP)}
        self._aliases = {
            alias: command for command in self._commands.values() for alias in command.aliases
        }

    @property
    def names(self) -> list[str]:
        """The names of all commands, sorted; other names that they answer to are left out."""
        return sorted(self._commands)

    def with_local(self, commands: Iterable[Definition]) -> Definitions:
        """These, and others that no daemon has to run for."""
        return Definitions([*commands, *self])

    def __getitem__(self, name: str) -> Definition:
        """The command of that name; raises `UsageProblem` when there is none."""
        found = self._commands.get(name) or self._aliases.get(name)
        if found is None:
            raise UsageProblem(f"There is no command '{name}'; 'help' lists the ones there are.")
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._commands or name in self._aliases

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._commands.values())

    def help_lines(self, name: str | None = None) -> list[str]:
        """What the commands are, or how one of them is used; raises `UsageProblem`."""
        if name is not None:
            return self[name].help_lines()
        width = max(len(name) for name in self._commands)
        return [f"{name:<{width}}  {self._commands[name].summary}" for name in self.names]

    def help_data(self, name: str | None = None) -> dict[str, str]:
        """The same for scripts: all summaries by name, or ``usage`` and ``help`` of one."""
        if name is not None:
            return {"usage": self[name].usage, "help": self[name].summary}
        return {name: command.summary for name, command in self._commands.items()}

    def parse_line(self, line: str) -> Call:
        """Split a shell-like line and parse its words; raises `UsageProblem`."""
        return self.parse(split_line(line))

    def parse(self, words: Sequence[str]) -> Call:
        """Make a `Call` of a command name and its arguments; raises `UsageProblem`."""
        if not words:
            raise UsageProblem("No command was given; 'help' lists them.")
        command = self[words[0]]
        values: list[str] = []
        options: dict[str, str] = {}
        rest = iter(words[1:])
        for word in rest:
            if word == "--":
                values += rest
            elif word.startswith("--"):
                option, value = _option(command, word)
                if option.value and value is None:
                    value = next(rest, "")
                options[option.name] = value or ""
            else:
                values.append(word)
        return bind(command, values, options)


def split_line(line: str) -> list[str]:
    """The words of a shell-like line; raises `UsageProblem`."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageProblem(f"The line cannot be read ({error}); check its quotes.") from None


def bind(command: Definition, values: Sequence[str], options: Mapping[str, str]) -> Call:
    """Make a `Call` of positional values and options; raises `UsageProblem`."""
    parameters, given = list(command.parameters), list(values)
    least = sum(not parameter.optional for parameter in parameters)
    many = any(parameter.repeated for parameter in parameters)
    if len(given) < least or (len(given) > len(parameters) and not many):
        raise UsageProblem(f"usage: {command.usage}")
    arguments: dict[str, str] = {}
    repeated: tuple[str, ...] = ()
    while parameters:
        parameter = parameters.pop(0)
        if parameter.repeated:
            # Those behind it have the last words, if there is one left for itself.
            count = max(1, len(given) - len(parameters))
            repeated, given = tuple(given[:count]), given[count:]
        elif given:
            arguments[parameter.name] = _chosen(command, parameter, given.pop(0))
        elif parameter.default is not None:
            arguments[parameter.name] = parameter.default
    for option in command.options:
        if option.name in options:
            _check_value(command, option, options[option.name])
    return Call(command, arguments, repeated, dict(options))


def _option(command: Definition, word: str) -> tuple[Option, str | None]:
    """The option that a word names, and the value behind its equals sign."""
    name, equals, value = word[2:].partition("=")
    for option in command.options:
        if option.name == name and (option.value or not equals):
            return option, value if equals else None
    raise UsageProblem(f"'{command.name}' has no option {word}; usage: {command.usage}")


def _check_value(command: Definition, option: Option, value: str) -> None:
    if option.value and (not value or (option.choices and value not in option.choices)):
        wanted = " or ".join(option.choices) or f"a value: {option.value.upper()}"
        raise UsageProblem(f"--{option.name} needs {wanted}; usage: {command.usage}")


def _chosen(command: Definition, parameter: Parameter, word: str) -> str:
    if parameter.choices and word not in parameter.choices:
        raise UsageProblem(
            f"'{word}' is no {parameter.name}; write {' or '.join(parameter.choices)}. "
            f"usage: {command.usage}"
        )
    return word
