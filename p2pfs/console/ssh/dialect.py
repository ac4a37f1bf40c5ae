"""The two languages of the manhole: console commands, and Python that can call them.

Pure functions and `CommandFunction`; the terminal is in `p2pfs.console.ssh.manhole`.
"""

from __future__ import annotations

import builtins
import codeop
import os
import re
import rlcompleter
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from p2pfs.commands import Call, Definition, Definitions, bind
from p2pfs.console.ssh.outcome import Outcome
from p2pfs.errors import UsageProblem

Start = Callable[[str, Callable[[], Call]], Outcome]
"""Runs what the second one makes, which is a call of the command of that name."""

_FIRST_WORD = re.compile(r"\s*([A-Za-z_][\w-]*)(?:\s+(.*))?$", re.DOTALL)
# What follows a name in an assignment, an annotation, a call or a comparison.
_PYTHON_REST = re.compile(r"\(|:|(?:[-+*/%&|^@]|//|\*\*|<<|>>|=|!|<|>)?=|[<>]")
_NAME_AT_END = re.compile(r"[A-Za-z_][\w.]*$")


class CommandFunction:
    """A command as Python calls it: ``download("x.iso", "/srv", overwrite=True)``.

    Arguments go by position or by name, options by name, with "_" for "-".
    """

    def __init__(self, command: Definition, start: Start) -> None:
        """``start`` runs what it is given; the call is made there, so that its errors are shown."""
        self._command = command
        self._start = start
        self.__doc__ = "\n".join(command.help_lines())

    def __call__(self, *values: object, **keywords: object) -> Outcome:
        """Start the command."""
        return self._start(self._command.name, lambda: self._bind(values, keywords))

    def __repr__(self) -> str:
        return f"<command {self._command.usage}>"

    def _bind(self, values: Sequence[object], keywords: Mapping[str, object]) -> Call:
        command = self._command
        options = {_identifier(option.name): option for option in command.options}
        texts = [text for value in values for text in _texts(value)]
        chosen = {
            option.name: _text(value) if option.value else ""
            for name, value in keywords.items()
            if (option := options.get(name)) is not None and value not in (None, False)
        }
        named = {name: _texts(v) for name, v in keywords.items() if name not in options}
        # Those given by name follow on those given by position.
        for parameter in command.parameters[len(values) :]:
            if parameter.name not in named:
                break
            texts += named.pop(parameter.name)
        if named:
            raise UsageProblem(
                f"'{command.name}' cannot take {', '.join(named)} here; usage: {command.usage}"
            )
        return bind(command, texts, chosen)


def command_functions(commands: Definitions, start: Start) -> dict[str, Any]:
    """A `CommandFunction` for every command, under its name as a Python identifier."""
    return {
        _identifier(name): CommandFunction(command, start)
        for command in commands
        for name in (command.name, *command.aliases)
    }


def is_command_line(line: str, commands: Definitions, namespace: Mapping[str, object]) -> bool:
    """Whether a line is one for the console (``publish /data/x.iso``) rather than Python.

    It is if its first word is a command and what follows does not make it an
    assignment, a call or a comparison. A lone name that the user has bound to
    something else in ``namespace`` is Python.
    """
    match = _FIRST_WORD.match(line)
    if match is None or match[1] not in commands:
        return False
    if not match[2]:
        bound = namespace.get(_identifier(match[1]))
        return bound is None or isinstance(bound, CommandFunction)
    if _PYTHON_REST.match(match[2]) is None:
        return True
    try:
        codeop.compile_command(line)
    except (SyntaxError, ValueError, OverflowError):
        return True
    return False


def completions(
    before: str, commands: Definitions, namespace: Mapping[str, object]
) -> tuple[str, list[str]]:
    """The piece of a line before the cursor that can be completed, and what it may become."""
    first = before.lstrip()
    if first.startswith("help "):
        first = first[len("help ") :].lstrip()
        return first, [n for n in commands.names if n.startswith(first)]
    match = _NAME_AT_END.search(before)
    word = match[0] if match else ""
    if "." in word:
        found = rlcompleter.Completer(dict(namespace)).attr_matches(word)
        return word, sorted({text.rstrip("()") for text in found})
    names = {name for name in namespace if not name.startswith("__")}
    if first == word:
        names.update(commands.names)
    elif word:
        names.update(dir(builtins))
    return word, sorted(name for name in names if name.startswith(word))


def common_prefix(names: Sequence[str]) -> str:
    """What all of the names begin with."""
    if not names:
        return ""
    first, last = min(names), max(names)
    same = (a == b for a, b in zip(first, last, strict=False))
    return first[: sum(takewhile(bool, same))]


def _identifier(name: str) -> str:
    return name.replace("-", "_")


def _texts(value: object) -> list[str]:
    """Of a list each item is an argument, as for ``download(["a", "b"], "/srv/")``."""
    return [_text(item) for item in value] if isinstance(value, list | tuple) else [_text(value)]


def _text(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
