"""One command, run over a client: what the command line and the prompt have in common."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from p2pfs.cli.client import ControlClient
from p2pfs.cli.local_paths import absolute_words
from p2pfs.cli.progress_display import display_for
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import UsageProblem


def invoke(client: ControlClient, words: Sequence[str]) -> AnswerMessage:
    """Run the command that ``words`` are, with progress shown on stderr.

    Local paths among the words are made absolute first, as the daemon runs in
    a directory of its own; ``--help`` asks for the command's help instead.
    Raises what `ControlClient.request` raises, and KeyboardInterrupt on Ctrl-C,
    upon which the caller closes the client to cancel the command.
    """
    if not words:
        raise UsageProblem("No command was given; 'help' lists them.")
    description = client.describe(words[0])
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    if "--help" in options:
        words = ["help", words[0]]
    else:
        words = absolute_words(words, description, Path.cwd())
    with closing(display_for(sys.stderr)) as display:
        return client.request(words, display)
