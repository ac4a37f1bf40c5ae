"""What may stand where somebody types, as far as the definitions know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p2pfs.commands.definition import Kind, Option, Parameter
from p2pfs.commands.parsing import Definitions


@dataclass(frozen=True)
class Expected:
    """What the word may be that is typed: some words, each with what it is, or of some kinds.

    ``head`` is what the word begins with before that, such as ``--sort=``.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[Kind] = ()
    head: str = ""


def expected(definitions: Definitions, words: Sequence[str], current: str) -> Expected:
    """What ``current`` may become behind ``words``, the first of which is the command."""
    if not words:
        return Expected({command.name: command.summary for command in definitions})
    if words[0] not in definitions:
        return Expected()
    command = definitions[words[0]]
    options = {f"--{option.name}": option for option in command.options}
    left, values, literal = dict(options), 0, False
    rest = iter(words[1:])
    for word in rest:
        name, equals, _ = word.partition("=")
        if literal or not word.startswith("--"):
            values += 1
        elif word == "--":
            literal = True
        elif name in options:
            left.pop(name, None)
            if options[name].value and not equals and next(rest, None) is None:
                return _value_of(options[name])
    if literal or not current.startswith("-"):
        return _values(definitions, command.parameters, values)
    name, equals, _ = current.partition("=")
    if equals:
        found = options.get(name)
        return _value_of(found, f"{name}=") if found is not None else Expected()
    return Expected({name: option.help for name, option in left.items()} | _HELP)


_HELP = {"--help": "explain the command"}


def _value_of(option: Option, head: str = "") -> Expected:
    return Expected(dict.fromkeys(option.choices, ""), [option.kind], head)


def _values(definitions: Definitions, parameters: Sequence[Parameter], values: int) -> Expected:
    """What may be the next value behind that many."""
    possible = list(parameters[values : values + 1])
    for number, parameter in enumerate(parameters):
        if parameter.repeated and number < values:
            # Any word may be one more of it, or belong to one of those behind it.
            possible = list(parameters[number:])
    words = {word: "" for parameter in possible for word in parameter.choices}
    if any(parameter.kind is Kind.COMMAND for parameter in possible):
        words |= {command.name: command.summary for command in definitions}
    return Expected(words, [parameter.kind for parameter in possible])
