"""A daemon's commands in miniature, and programs to talk to them with."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from p2pfs.commands import Call
from p2pfs.console.command import Answer, CommandSet, Progress
from p2pfs.console.control.service import ControlService
from p2pfs.errors import NotFound
from p2pfs.waiters import Waiters
from tests.console.toy_commands import TOY_COMMANDS

TIMEOUT = 30
PROJECT = Path(__file__).parents[2]
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z~]|.)")


class Event:
    """Something that happens; any number of Deferreds may wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: Waiters[None] = Waiters()

    def happen(self) -> None:
        """It happened: wake those who wait."""
        self.count += 1
        self._waiting.fire(None)

    def wait(self) -> Deferred[None]:
        """Fires when it happens, at once if it did already."""
        if self.count:
            return succeed(None)
        return self._waiting.wait().addTimeout(TIMEOUT, reactor)


NAMES = ["dir/one", "dir/two", "it's a name", "spa ce:d=x"]
"""Names on the toy daemon's network."""


class Toy:
    """The commands, and what happened to them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.started = Event()
        self.cancelled = Event()
        self.hold: Deferred[None] | None = None
        self.commands = CommandSet(
            TOY_COMMANDS,
            {
                "echo": self.echo,
                "copy": self.copy,
                "list_files": self.list_files,
                "pick": self.pick,
                "fail": self.fail,
                "crash": self.crash,
                "odd": self.odd,
                "slow": self.slow,
                "begin": self.slow,
                "cancel": self.cancel,
                "progress": self.progress,
                "wait": self.wait,
                "unwell": self.unwell,
                "flood": self.flood,
                "exit": self.exit,
            },
        )

    async def echo(self, call: Call, report: Any) -> Answer:
        self.calls.append(call)
        text = call["text"].upper() if "loud" in call.options else call["text"]
        return Answer({"text": text}, [text])

    async def copy(self, call: Call, report: Any) -> Answer:
        self.calls.append(call)
        return Answer(dict(call.arguments), [f"{k}={v}" for k, v in call.arguments.items()])

    async def list_files(self, call: Call, report: Any) -> Answer:
        pattern = call.get("pattern") or ""
        return Answer([{"name": name} for name in NAMES if name.startswith(pattern)])

    async def pick(self, call: Call, report: Any) -> Answer:
        return Answer(None, [f"{call.options.get('from', '')} {call['name']}!"])

    async def fail(self, call: Call, report: Any) -> Answer:
        raise NotFound("There is no such thing; look elsewhere.")

    async def crash(self, call: Call, report: Any) -> Answer:
        raise ZeroDivisionError("a secret detail")

    async def odd(self, call: Call, report: Any) -> Answer:
        return Answer(object())

    async def slow(self, call: Call, report: Any) -> Answer:
        report(Progress("slow", 1, 4, "waiting"))
        self.hold = Deferred(lambda _: self.cancelled.happen())
        self.started.happen()
        await self.hold
        return Answer("released", ["released"])

    async def cancel(self, call: Call, report: Any) -> Answer:
        self.calls.append(call)
        return Answer(None, [f"{' and '.join(call.repeated)} ended."])

    async def progress(self, call: Call, report: Any) -> Answer:
        for step in range(1001):
            report(Progress("work", step * 1024, 1000 * 1024, "2 sources"))
        return Answer(1000, ["finished"])

    async def unwell(self, call: Call, report: Any) -> Answer:
        return Answer({"well": False}, ["This is not well."], 1)

    async def wait(self, call: Call, report: Any) -> Answer:
        report(Progress("wait", 1, 4, "downloading", "2 sources"))
        for left in (60, 59, 58):
            await deferLater(reactor, 0.3)
            waits = f"for 3 chunks (1-3), gives up in {left} s"
            report(Progress("wait", 1, 4, "waiting for a source", waits))
        await deferLater(reactor, 0.3)
        report(Progress("wait", 1, 4, "downloading", "1 source", 2, 1))
        return Answer(None, ["waited"])

    async def flood(self, call: Call, report: Any) -> Answer:
        return Answer(None, [f"line {n}" for n in range(50000)])

    async def exit(self, call: Call, report: Any) -> Answer:
        return Answer(None, ["Shutting down."])


class Daemon:
    """A control service with toy commands on a real socket."""

    def __init__(self, state: Path) -> None:
        state.mkdir(mode=0o700, exist_ok=True)
        self.state = state
        self.toy = Toy()
        self.service = ControlService(reactor, state / "control", self.toy.commands)
        self.service.startService()


class Program(ProcessProtocol):
    """A child process whose output tests wait for."""

    def __init__(self) -> None:
        self.out = ""
        self.err = ""
        self._expected: list[tuple[str, int, Deferred[str]]] = []
        self._ended: Deferred[int] = Deferred()
        self._seen = 0

    def outReceived(self, data: bytes) -> None:
        self.out += data.decode("utf-8", "replace")
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.err += data.decode("utf-8", "replace")
        self._look()

    def processEnded(self, reason: Failure = connectionDone) -> None:
        status = 0 if reason.check(ProcessDone) else reason.value.exitCode
        if status is None:
            status = -reason.value.signal
        for text, _, deferred in self._expected:
            deferred.errback(AssertionError(f"ended before {text!r}: {self.shown!r} {self.err!r}"))
        self._expected = []
        self._ended.callback(status)

    @property
    def shown(self) -> str:
        """The output without control sequences."""
        return ESCAPES.sub("", self.out)

    def type(self, text: str) -> None:
        """Send keys or lines."""
        self.transport.write(text.encode())

    def expect(self, text: str) -> Deferred[str]:
        """Fires when ``text`` has come out behind what was expected before."""
        deferred: Deferred[str] = Deferred()
        self._expected.append((text, self._seen, deferred))
        deferred.addTimeout(TIMEOUT, reactor)
        deferred.addErrback(self._explain, text)
        self._look()
        return deferred

    def end(self) -> Deferred[int]:
        """Fires with the exit status, a signal's number being negative."""
        return self._ended.addTimeout(TIMEOUT, reactor).addErrback(self._explain, "the end")

    def _explain(self, failure: Failure, text: str) -> Failure:
        failure.value.args = (*failure.value.args, f"no {text!r} in {self.shown!r} {self.err!r}")
        return failure

    def _look(self) -> None:
        for entry in list(self._expected):
            text, _, deferred = entry
            shown = self.shown + "\n\0stderr\n" + self.err
            at = shown.find(text, self._seen)
            if at >= 0:
                if at < len(self.shown):
                    self._seen = at + len(text)
                self._expected.remove(entry)
                deferred.callback(text)


def spawn(
    *arguments: str | bytes, tty: bool = False, cwd: Path | None = None, **environ: str
) -> Program:
    """Start a program, with a terminal of its own if ``tty``."""
    program = Program()
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "PYTHONPATH": str(PROJECT),
        "HOME": "/nonexistent",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        **environ,
    }
    reactor.spawnProcess(
        program,
        arguments[0],
        arguments,
        env=environment,
        path=str(cwd) if cwd else None,
        usePTY=tty,
    )
    return program


def p2pfs(*arguments: str, **options: Any) -> Program:
    """Start the ``p2pfs`` program."""
    return spawn(sys.executable, "-m", "p2pfs.cli.main", *arguments, **options)


def toy_program(*arguments: str, **options: Any) -> Program:
    """Start the program as it would be for a daemon with toy commands."""
    return spawn(sys.executable, "-m", "tests.cli.toy_main", *arguments, **options)
