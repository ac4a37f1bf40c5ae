"""What a command is called, what it takes, and what its help says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an argument names, by which a surface knows how to complete it."""

    TEXT = "text"
    PATH = "path"
    """A local path: a surface that has a directory of its own makes it absolute."""
    NAME = "name"
    """A name on the network."""
    HELD = "held"
    """A name of which this peer has something."""
    DOWNLOAD = "download"
    """The name of a download under way."""
    MEMBER = "member"
    """The name of a member of a private swarm."""
    COMMAND = "command"


@dataclass(frozen=True)
class Parameter:
    """A positional argument.

    At most one of a command's is ``repeated``, which takes one word or more, and leaves
    to those behind it the last ones. ``default`` is what an optional one is taken for when
    it is left out; ``choices`` are the only words it may be, if there are any.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    optional: bool = False
    repeated: bool = False
    default: str | None = None
    choices: Sequence[str] = ()

    @property
    def usage(self) -> str:
        """As it stands in a synopsis, such as ``NAME...`` or ``[PATH]``."""
        shown = self.name.upper() + ("..." if self.repeated else "")
        return f"[{shown}]" if self.optional else shown


@dataclass(frozen=True)
class Option:
    """What may be given by name: a switch such as ``--overwrite``, or one with a value.

    ``name`` is without the dashes. ``value`` says what its value is, in one word; without
    it, it is a switch. ``choices`` are the only values that it may have, if there are any;
    ``kind`` is what the value names.
    """

    name: str
    help: str
    value: str = ""
    choices: Sequence[str] = ()
    kind: Kind = Kind.TEXT

    @property
    def usage(self) -> str:
        """As it stands in a synopsis, such as ``--overwrite`` or ``--sort name|size``."""
        return f"--{self.name} {self.shown_value}" if self.value else f"--{self.name}"

    @property
    def shown_value(self) -> str:
        """What its value is, or may be."""
        return "|".join(self.choices) or self.value.upper()


@dataclass(frozen=True)
class Definition:
    """One command: its name, one line of help, and its arguments.

    ``details`` are further paragraphs of its help. ``aliases`` are other names that it
    answers to. ``background`` is for what goes on in the daemon when whoever gave the
    command no longer waits for it, and is ended with ``cancel``. ``question`` is what a
    person is asked before, where there is one to ask. ``only_tells`` is for what changes
    nothing, which is no event that a log should have. ``owner_only`` is for what only root and
    the user that runs the daemon may, and not other members of its group.
    """

    name: str
    summary: str
    parameters: Sequence[Parameter] = ()
    options: Sequence[Option] = ()
    details: Sequence[str] = ()
    aliases: Sequence[str] = ()
    background: bool = False
    question: str = ""
    only_tells: bool = False
    owner_only: bool = False

    @property
    def usage(self) -> str:
        """The synopsis, such as ``download NAME... [PATH] [--overwrite]``."""
        words = [self.name, *(parameter.usage for parameter in self.parameters)]
        words += [f"[{option.usage}]" for option in self.options]
        return " ".join(words)

    def help_lines(self) -> list[str]:
        """The full help text of this command."""
        lines = [f"usage: {self.usage}", "", self.summary]
        rows = [(p.name.upper(), p.help) for p in self.parameters]
        rows += [(option.usage, option.help) for option in self.options]
        if rows:
            width = max(len(name) for name, _ in rows)
            lines += [""] + [f"  {name:<{width}}  {text}" for name, text in rows]
        for paragraph in self.details:
            lines += ["", paragraph]
        if self.owner_only:
            lines += ["", "Only for root and the user that runs the daemon."]
        if self.aliases:
            lines += ["", f"Also called {', '.join(self.aliases)}."]
        return lines
