"""The manhole: a Python prompt inside the daemon that understands the console's commands."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Any

from twisted.conch.insults.insults import modes
from twisted.conch.manhole import ColoredManhole, ManholeInterpreter
from twisted.internet.defer import fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.commands import Call
from p2pfs.console.command import CommandSet, Progress
from p2pfs.console.problems import problem_of
from p2pfs.console.progress_lines import ProgressLines
from p2pfs.console.ssh.conch_log import ConchLog
from p2pfs.console.ssh.dialect import (
    command_functions,
    common_prefix,
    completions,
    is_command_line,
)
from p2pfs.console.ssh.outcome import Outcome
from p2pfs.console.throttle import ThrottledReport
from p2pfs.errors import P2pfsError

PROGRESS_INTERVAL = 2.0
LEAVE = ("quit", "exit")
"""What ends the session, as a command and as Python."""
BANNER = """\
This is a Python prompt inside the daemon. Commands go both as on the command
line (list_files) and as Python (files = list_files()), where what they return
is shown as a table, and is the data that --json would print, once it is known.
Ctrl-C cancels the command started last; Ctrl-D, 'quit' or 'exit' leaves.
Leaving cancels what was started here, but downloads go on in the daemon.
'shutdown' shuts the daemon down.
"""


class CommandInterpreter(ManholeInterpreter):
    """Python, with the outcomes of commands shown as soon as they are known."""

    handler: CommandManhole

    def displayhook(self, obj: object) -> None:
        """Show the value of an expression."""
        if isinstance(obj, Outcome):
            self.locals["_"] = obj
            self.handler.show_outcome(obj)
        else:
            super().displayhook(obj)  # type: ignore[no-untyped-call]

    def excepthook(self, kind: type[BaseException], value: BaseException, traceback: Any) -> None:
        """Show an exception: a sentence if it is meant for users, otherwise the traceback."""
        if isinstance(value, P2pfsError):
            self.handler.show(str(value))
        else:
            super().excepthook(kind, value, traceback)

    def _ebDisplayDeferred(self, failure: Failure, number: int, obj: object) -> None:
        # It is shown, and thereby handled; conch would have it logged as well.
        super()._ebDisplayDeferred(failure, number, obj)  # type: ignore[no-untyped-call]


class CommandManhole(ColoredManhole):
    """One session at the prompt.

    Commands are run as they are typed and the prompt comes back at once; what
    they come to is printed above the prompt when it is known.
    """

    _log = ConchLog()
    _problems = Logger()
    interpreter: CommandInterpreter

    def __init__(
        self,
        commands: CommandSet,
        namespace: Mapping[str, object],
        reactor: IReactorTime,
        leave: Callable[[], None],
    ) -> None:
        """``namespace`` is what Python sees besides the commands; ``leave`` ends the session."""
        functions = command_functions(commands.definitions, self._start)
        own = {**namespace, **functions, **dict.fromkeys(LEAVE, self.leave)}
        super().__init__(own)  # type: ignore[no-untyped-call]
        self._commands = commands
        self._reactor = reactor
        self._leave = leave
        self._running: list[Outcome] = []
        # Of the calls in the line being run: the interpreter may be about to display them.
        self._called: list[Outcome] = []
        self._in_line = False
        self._closed = False
        self._input_ended = False
        self._leave_soon: IDelayedCall | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def connectionMade(self) -> None:
        """Show the prompt."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.interpreter = CommandInterpreter(self, self.namespace)  # type: ignore[no-untyped-call]

    def initializeScreen(self) -> None:
        """Begin below what is on the screen; conch would clear it."""
        self.terminal.write(BANNER)
        self.terminal.write(self.ps[self.pn])
        self.setInsertMode()  # type: ignore[no-untyped-call]

    def terminalSize(self, width: int, height: int) -> None:
        """Note the size; conch would clear the screen."""
        self.width, self.height = width, height

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The session is over: cancel what it started."""
        self._closed = True
        if self._leave_soon is not None and self._leave_soon.active():
            self._leave_soon.cancel()
        for running in list(self._running):
            running.cancel()

    def end_input(self) -> None:
        """No more keys will come: leave as soon as nothing is running."""
        self._input_ended = True
        self._leave_if_over()

    def leave(self) -> None:
        """End the session and give the terminal back as it was."""
        if not self._closed:
            self._closed = True
            self.terminal.resetModes([modes.IRM])
            self.terminal.nextLine()
            self._leave()

    # What is shown

    def show(self, text: str) -> None:
        """Print a line: where the cursor is while a line is run, otherwise above the prompt."""
        if self._closed:
            return
        if self._in_line:
            self.terminal.write(text + "\n")
            return
        self.terminal.write(b"\r")
        self.terminal.eraseLine()
        self.terminal.write(text + "\n")
        self.drawInputLine()  # type: ignore[no-untyped-call]
        behind = len(self.lineBuffer) - self.lineBufferIndex
        if behind:
            self.terminal.cursorBackward(behind)

    def addOutput(self, data: str | bytes, isAsync: bool | None = None) -> None:
        """Print what the interpreter writes; conch's own way fails while a line is typed."""
        if self._closed:
            return
        if isAsync:
            text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
            self.show(text.rstrip("\n"))
        else:
            self.terminal.write(data)

    def show_outcome(self, outcome: Outcome) -> None:
        """Print what a command came to; of one called in this line also when that comes later."""
        if outcome.known or not any(outcome is called for called in self._called):
            self.show(repr(outcome))
        else:
            outcome.when_ended().addCallback(lambda _: self.show(repr(outcome)))

    def _show_failure_unless_seen(self, outcome: Outcome) -> None:
        """A failure is told also where the outcome was only given a name."""

        def ended(_: None) -> None:
            if outcome.failed and not outcome.seen:
                self.show(repr(outcome))

        outcome.when_ended().addCallback(ended)

    # What is run

    def lineReceived(self, line: bytes) -> None:
        """Run a line, or have Python wait for more of it."""
        text = line.decode("utf-8", "replace")
        more = False
        self._in_line = True
        try:
            fresh = not self.interpreter.buffer
            is_command = fresh and is_command_line(
                text, self._commands.definitions, self.interpreter.locals
            )
            first = text.split(maxsplit=1)[0] if text.strip() else ""
            if fresh and (text.strip() in LEAVE or (is_command and first in LEAVE)):
                self.leave()
            elif is_command:
                self.show_outcome(
                    self._start(first, lambda: self._commands.definitions.parse_line(text))
                )
            else:
                more = bool(self.interpreter.push(line))  # type: ignore[no-untyped-call]
        except SystemExit:
            # Python's own way out must not take the daemon along.
            self.leave()
        finally:
            called, self._called = self._called, []
            for outcome in called:
                self._show_failure_unless_seen(outcome)
            self._in_line = False
        if self._closed:
            return
        self.pn = int(more)
        if self._needsNewline():  # type: ignore[no-untyped-call]
            self.terminal.nextLine()
        self.terminal.write(self.ps[self.pn])

    def _start(self, name: str, make_call: Callable[[], Call]) -> Outcome:
        lines = ProgressLines()

        def show(progress: Progress) -> None:
            line = lines.line(progress, self._reactor.seconds())
            if line is not None:
                self.show(line)

        report = ThrottledReport(self._reactor, PROGRESS_INTERVAL, show)
        try:
            running = self._commands.run(make_call(), report)
        except P2pfsError as error:
            running = fail(error)
        outcome = Outcome(name, running, lambda failure: problem_of(failure, name, self._problems))

        def ended(_: None) -> None:
            report.finish()
            self._running.remove(outcome)
            if self._input_ended and not self._closed:
                # After the callbacks that print the result.
                self._leave_soon = self._reactor.callLater(0, self._leave_if_over)

        self._running.append(outcome)
        self._called.append(outcome)
        outcome.when_ended().addCallback(ended)
        return outcome

    def _leave_if_over(self) -> None:
        if not self._running:
            self.leave()

    # What is typed

    def keystrokeReceived(self, keyID: bytes, modifier: object) -> None:
        """Take a key; conch alone knows nothing outside ASCII."""
        if len(keyID) == 1 and keyID >= b"\x80":
            character = self._decoder.decode(keyID)
            if character:
                self.characterReceived(character.encode(), False)
        else:
            super().keystrokeReceived(keyID, modifier)  # type: ignore[no-untyped-call]

    def characterReceived(self, ch: bytes, moreCharactersComing: bool) -> None:
        """Put a character into the line, coloured where the line can be read as Python."""
        try:
            super().characterReceived(ch, moreCharactersComing)  # type: ignore[no-untyped-call]
        except (SyntaxError, IndexError):
            # The colouring gave up after the character was put into the line.
            self.terminal.write(ch)

    def _deliverBuffer(self, buf: bytes) -> None:
        """Type a line of the history."""
        characters = buf.decode("utf-8", "replace")
        for at, character in enumerate(characters, 1):
            self.characterReceived(character.encode(), at < len(characters))

    def handle_TAB(self) -> None:
        """Complete the word before the cursor, or list what it may become."""
        before = b"".join(self.lineBuffer[: self.lineBufferIndex]).decode("utf-8", "replace")
        if not before.strip():
            super().handle_TAB()  # type: ignore[no-untyped-call]
            return
        word, found = completions(before, self._commands.definitions, self.interpreter.locals)
        addition = common_prefix(found)[len(word) :]
        if len(found) == 1 and found[0] in self._commands.definitions.names:
            addition += " "
        for character in addition:
            self.characterReceived(character.encode(), False)
        if not addition and len(found) > 1:
            self.show("  ".join(found))

    def handle_INT(self) -> None:
        """Ctrl-C: drop what is typed, or cancel the command started last."""
        if self._running and not self.lineBuffer and not self.interpreter.buffer:
            self._running[-1].cancel()
        else:
            super().handle_INT()  # type: ignore[no-untyped-call]

    def handle_QUIT(self) -> None:
        """Ctrl-D on an empty line."""
        self.leave()
