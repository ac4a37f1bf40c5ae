"""The manhole's two languages, and its prompt on a terminal without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.conch.insults.insults import ServerProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock

from p2pfs.console.ssh.manhole import CommandManhole
from tests.conftest import LoggedFailures
from tests.console.toy import ESCAPES, Toy
from tests.memory_transport import MemoryTransport


class Session:
    """A manhole on a terminal made of strings."""

    def __init__(self) -> None:
        self.toy = Toy()
        self.clock = Clock()
        self.left = 0
        self.namespace = {"service": self.toy, "number": 42}
        self.manhole = CommandManhole(self.toy.commands, self.namespace, self.clock, self._leave)
        self.terminal = ServerProtocol(lambda: self.manhole)
        self.transport = MemoryTransport(self.terminal, self.clock)
        self.shown()

    def _leave(self) -> None:
        self.left += 1

    def type(self, text: str) -> str:
        self.terminal.dataReceived(text.encode())
        return self.shown()

    def run(self, line: str) -> list[str]:
        """Type a line; returns what is shown below it, without the prompt."""
        return self.type(line + "\r").split("\r\n", 1)[1].split("\r\n")

    def shown(self) -> str:
        return ESCAPES.sub("", self.transport.take().decode())


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.manhole.connectionLost(connectionDone)
    assert session.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    "line", ["echo hello --loud", 'echo("hello", loud=True)', '_ = 0; echo("hello", loud=True)']
)
def test_both_ways(session: Session, line: str) -> None:
    """A command runs the same as a shell-like line and as Python."""
    assert session.run(line) == ["HELLO", ">>> "]


def test_python(session: Session) -> None:
    """Everything else is Python, with the namespace it was given and results kept in _."""
    assert session.run("number + 1") == ["43", ">>> "]
    assert session.run("echo = 3") == [">>> "]
    assert session.run("echo") == ["3", ">>> "]
    assert session.run("len(service.calls)") == ["0", ">>> "]
    assert session.run("echo x") == ["x", ">>> "]
    assert session.run("for n in range(2):") == ["... "]
    assert session.run("    print(n)") == ["... "]
    assert session.run("") == ["0", "1", ">>> "]
    assert session.run('copy("a")') == ["source=a", ">>> "]
    assert session.run("_.data") == ["{'source': 'a'}", ">>> "]
    assert session.namespace == {"service": session.toy, "number": 42}


@pytest.mark.parametrize("line", ["fail", "fail()"])
def test_error_sentence(session: Session, line: str) -> None:
    """A command's error is its sentence."""
    assert session.run(line) == ["There is no such thing; look elsewhere.", ">>> "]


@pytest.mark.parametrize("line", ["copy", "copy()", "copy(1, 2, 3)", "copy a --what"])
def test_usage_problem(session: Session, line: str) -> None:
    """A wrong call is a sentence with the usage, both ways."""
    (sentence, _) = session.run(line)
    assert "usage: copy SOURCE" in sentence


def test_raised_problem(session: Session) -> None:
    """A P2pfsError out of Python code is its sentence; other exceptions keep their traceback."""
    assert session.run("service.commands.definitions['x']") == [
        "There is no command 'x'; 'help' lists the ones there are.",
        ">>> ",
    ]
    assert "ZeroDivisionError: division by zero" in session.run("1/0")


@pytest.mark.parametrize("line", ["crash", "crash()"])
def test_internal_error(session: Session, line: str, logged_failures: LoggedFailures) -> None:
    """An accident in a command is logged, and its user is told so."""
    assert "internal error" in session.run(line)[0]
    assert len(logged_failures.flush()) == 1


@pytest.mark.parametrize("line", ["slow", "slow()"])
def test_later_result(session: Session, line: str) -> None:
    """A result that comes later is printed above the line being typed, which stays."""
    assert session.run(line)[0] == "slow: 25 % of 4 B, waiting"
    session.type("numb")
    session.toy.hold.callback(None)
    assert session.shown() == "\rreleased\r\n>>> numb"
    assert session.run("er") == ["42", ">>> "]


def test_later_result_of_saved_call(session: Session) -> None:
    """An outcome that was given a name can be looked at and cancelled; its failure is told."""
    session.run("d = slow()")
    assert session.run("d") == ["<slow: not known yet>", ">>> "]
    assert session.run("len(d)")[0].startswith("'slow' has not answered yet;")
    assert session.run("d.cancel()") == ["'slow' was cancelled.", ">>> "]
    assert session.toy.cancelled.count == 1


def test_an_answer_is_data(session: Session) -> None:
    """It can be gone through in the line that asks, and is a table when it is looked at."""
    assert session.run('[key for key in copy("a", "b")]') == ["['source', 'target']", ">>> "]
    assert session.run('files = copy("a")') == [">>> "]
    assert session.run("files['source']") == ["'a'", ">>> "]
    assert session.run("files") == ["source=a", ">>> "]


def test_a_failure_is_told_once(session: Session) -> None:
    """Also when nobody looks at it, and by the exception where somebody does."""
    sentence = "There is no such thing; look elsewhere."
    assert session.run("d = fail()") == [sentence, ">>> "]
    assert session.run("[x for x in fail()]") == [sentence, ">>> "]
    assert session.run("d") == [sentence, ">>> "]


def test_interrupt(session: Session) -> None:
    """Ctrl-C cancels the command started last; with something typed it drops that."""
    session.run("slow")
    assert "KeyboardInterrupt" in session.type("half a line\x03")
    assert session.toy.cancelled.count == 0
    assert "'slow' was cancelled." in session.type("\x03")
    assert session.toy.cancelled.count == 1
    assert "KeyboardInterrupt" in session.type("\x03")


def test_tab(session: Session) -> None:
    """Tab completes a command and lists what there is to choose from."""
    assert session.run("ec\thello") == ["hello", ">>> "]
    assert "echo  exit" in session.type("e\t")
    assert session.run("ch\tok") == ["ok", ">>> "]
    assert session.run("num\t") == ["42", ">>> "]


def test_not_ascii(session: Session) -> None:
    """Names outside ASCII can be typed, edited and recalled."""
    assert session.run("echo naïvé") == ["naïvé", ">>> "]
    assert session.run("\x1b[A\x7fe") == ["naïve", ">>> "]
    assert session.run('echo "日本\\"') == [
        "The line cannot be read (No closing quotation); check its quotes.",
        ">>> ",
    ]


@pytest.mark.parametrize(
    "keys",
    ["quit\r", "quit()\r", "exit\r", "exit()\r", "exit --yes\r", "raise SystemExit\r", "\x04"],
)
def test_leaving(session: Session, keys: str) -> None:
    """There are several ways out, and none ends the daemon."""
    assert "Shutting down" not in session.type(keys)
    assert session.left == 1


def test_leaving_cancels(session: Session) -> None:
    """What was started at the prompt ends with it, watched or not."""
    session.run("slow")
    session.run("d = slow()")
    session.manhole.connectionLost(connectionDone)
    assert session.toy.cancelled.count == 2
    assert session.shown() == ""


def test_end_of_input(session: Session) -> None:
    """When no more keys can come, the session ends after the last result is shown."""
    session.run("slow")
    session.manhole.end_input()
    assert session.left == 0
    session.toy.hold.callback(None)
    assert "released" in session.shown()
    session.clock.advance(0)
    assert session.left == 1


@pytest.mark.parametrize(
    "text", ["'''\r", "0777 \x0b x\r", "  x\r", "\x1b[Z\x1b[5~\x0c\r", "(\r)\r"]
)
def test_odd_keys(session: Session, text: str) -> None:
    """Nothing that can be typed breaks the prompt."""
    session.type(text)
    session.type("\x03")
    assert session.run("1") == ["1", ">>> "]
