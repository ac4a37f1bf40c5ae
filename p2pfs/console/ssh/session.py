"""What happens in an SSH session: the manhole for a shell, or one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from twisted.conch.avatar import ConchUser
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import ISession
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.session import SSHSession
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.interface import InterfaceClass

from p2pfs.addresses import host_of
from p2pfs.commands import Caller, split_line
from p2pfs.console.command import Answer, CommandSet, Progress
from p2pfs.console.json_text import error_document, json_document
from p2pfs.console.problems import problem_of
from p2pfs.console.progress_lines import ProgressLines
from p2pfs.console.ssh.manhole import CommandManhole
from p2pfs.console.throttle import ThrottledReport
from p2pfs.errors import UsageProblem

PROGRESS_INTERVAL = 2.0


class Client(Protocol):
    """The client's end of a session: conch's SSHSessionProcessProtocol, as far as it is used."""

    def makeConnection(self, transport: object) -> None:
        """Say where the client's input goes."""

    def outReceived(self, data: bytes) -> None:
        """Send to the client's stdout."""

    def errReceived(self, err: bytes) -> None:
        """Send to the client's stderr."""

    def processEnded(self, reason: Failure | None = None) -> None:
        """End the session with an exit status."""


class ConsoleUser(ConchUser):
    """Somebody who logged in. Sessions are all there is: no files, no forwarding."""

    conn: SSHConnection
    """Conch puts it here."""

    def __init__(
        self,
        key: str,
        commands: CommandSet,
        namespace: Mapping[str, object],
        reactor: IReactorTime,
    ) -> None:
        """``key`` says whose key it was; ``commands`` and ``namespace`` are what sessions offer."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._key = key
        self._commands = commands
        self._namespace = namespace
        self._reactor = reactor
        self.channelLookup[b"session"] = SSHSession

    def __conform__(self, interface: InterfaceClass) -> ConsoleSession | None:
        # A connection can have several sessions; conch asks for each.
        if interface is ISession:
            commands = self._commands.given_by(self._caller())
            return ConsoleSession(commands, self._namespace, self._reactor)
        return None

    def _caller(self) -> Caller:
        """Whose key, and from where; no user of this machine, whoever runs ``ssh``."""
        ssh = cast(SSHServerTransport, self.conn.transport)
        host = host_of(cast(ITCPTransport, ssh.transport).getPeer())
        return Caller(f"{self._key} from {host} over SSH")


@implementer(ISession)
class ConsoleSession:
    """One session: a shell with a terminal, or a command."""

    _log = Logger()

    def __init__(
        self,
        commands: CommandSet,
        namespace: Mapping[str, object],
        reactor: IReactorTime,
    ) -> None:
        """``commands`` and ``namespace`` are what the session offers."""
        self._commands = commands
        self._namespace = namespace
        self._reactor = reactor
        self._size: tuple[int, int] | None = None
        self._manhole: CommandManhole | None = None
        self._running: Deferred[Answer] | None = None
        self._closed = False

    def getPty(self, term: bytes, windowSize: Sequence[int], modes: object) -> None:
        """The client has a terminal."""
        self._size = (windowSize[1], windowSize[0])

    def openShell(self, proto: Client) -> None:
        """Start the manhole."""
        if self._size is None:
            proto.makeConnection(_NoInput())
            proto.errReceived(
                b"The prompt needs a terminal; use 'ssh -t', or give a command to run.\n"
            )
            _end(proto, 2)
            return
        manhole = CommandManhole(
            self._commands,
            self._namespace,
            self._reactor,
            lambda: _end(proto, 0),
        )
        terminal = ServerProtocol(lambda: manhole)
        # The terminal first: the other side may have typed already.
        terminal.makeConnection(proto)
        manhole.terminalSize(*self._size)
        self._manhole = manhole
        proto.makeConnection(_TerminalInput(terminal))

    def execCommand(self, proto: Client, command: bytes) -> None:
        """Run one command: its lines to stdout, progress and errors to stderr.

        With ``--json`` in it, its data or the error goes to stdout, as one JSON document.
        """
        proto.makeConnection(_NoInput())
        name = command.decode("utf-8", "replace").strip().partition(" ")[0]
        wanted = _Wanted(command)
        lines = ProgressLines()

        def show(progress: Progress) -> None:
            line = lines.line(progress, self._reactor.seconds())
            if line is not None and not self._closed:
                proto.errReceived(f"{line}\n".encode())

        report = ThrottledReport(self._reactor, PROGRESS_INTERVAL, show)

        def over(result: Answer | Failure) -> Answer | Failure:
            self._running = None
            report.finish()
            return result

        def answered(answer: Answer) -> int:
            lines = [json_document(answer.data)] if wanted.as_json else answer.lines
            if not self._closed:
                proto.outReceived("".join(f"{line}\n" for line in lines).encode())
            return answer.status

        def failed(failure: Failure) -> int:
            problem = problem_of(failure, name, self._log)
            if self._closed:
                return problem.exit_status
            if wanted.as_json:
                proto.outReceived(f"{error_document(problem.kind, problem.sentence)}\n".encode())
            else:
                proto.errReceived(f"{problem.sentence}\n".encode())
            return problem.exit_status

        def end(status: int) -> None:
            if not self._closed:
                _end(proto, status)

        def start() -> Deferred[Answer]:
            call = self._commands.definitions.parse(wanted.words())
            return self._commands.run(call, report)

        running: Deferred[Answer] = maybeDeferred(start)
        self._running = running
        running.addBoth(over)
        running.addCallback(answered).addErrback(failed).addCallback(end)

    def windowChanged(self, newWindowSize: Sequence[int]) -> None:
        """The client's terminal has another size."""
        self._size = (newWindowSize[1], newWindowSize[0])
        if self._manhole is not None:
            self._manhole.terminalSize(*self._size)

    def eofReceived(self) -> None:
        """The client sends no more; a command runs on, the prompt ends when it may."""
        if self._manhole is not None:
            self._manhole.end_input()

    def closed(self) -> None:
        """The client is gone: cancel what it ran."""
        self._closed = True
        if self._manhole is not None:
            self._manhole.connectionLost(connectionDone)
        if self._running is not None:
            self._running.cancel()


class _Wanted:
    """What a client asks to have run, and in what form it wants the answer."""

    def __init__(self, command: bytes) -> None:
        self._command = command
        self.as_json = "--json" in _options(command.decode("utf-8", "replace").split())

    def words(self) -> list[str]:
        """The words of the command, without the option that is none of its own.

        Raises `UsageProblem`.
        """
        try:
            words = split_line(self._command.decode("utf-8"))
        except UnicodeDecodeError:
            raise UsageProblem(
                "The command has bytes in it that are not UTF-8 text; rename that file, or give "
                "the directory that it is in."
            ) from None
        options = _options(words)
        self.as_json = "--json" in options
        return [word for word in options if word != "--json"] + words[len(options) :]


def _options(words: list[str]) -> list[str]:
    """The words among which options may stand."""
    return words[: words.index("--")] if "--" in words else words


class _TerminalInput:
    """Takes what the client types to the terminal; conch sees it as a process's stdin."""

    def __init__(self, terminal: ServerProtocol) -> None:
        self._terminal = terminal

    def write(self, data: bytes) -> None:
        self._terminal.dataReceived(data)

    def loseConnection(self) -> None:
        """Nothing to close: `ConsoleSession.closed` is told as well."""


class _NoInput:
    """Takes what the client sends to a command, which reads nothing."""

    def write(self, data: bytes) -> None:
        """Drop it, as a program does that does not read its stdin."""

    def loseConnection(self) -> None:
        """Nothing to close."""


def _end(proto: Client, status: int) -> None:
    """End the session as a process with that exit status would."""
    ended = ProcessTerminated(exitCode=status) if status else ProcessDone(0)
    proto.processEnded(Failure(ended))
