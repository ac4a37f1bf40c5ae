"""The commands that shut a daemon down."""

from __future__ import annotations

from twisted.internet.task import Clock

from p2pfs.commands import Definition, Definitions
from p2pfs.console.command import Answer, CommandSet
from p2pfs.console.shut_down import shut_down


class Stoppable(Clock):
    """A reactor that notes that it is stopped."""

    stopped = False

    def stop(self) -> None:
        """Stop, as a reactor does."""
        self.stopped = True


def test_the_answer_goes_out_before_the_stop() -> None:
    """Who typed it is told; the reactor stops in its next turn, which closes connections."""
    reactor = Stoppable()
    works = shut_down(reactor, "peer")
    commands = CommandSet(Definitions(Definition(name, "End it.") for name in works), works)
    answers: list[Answer] = []
    commands.run(commands.definitions.parse_line("exit"), lambda _: None).addCallback(
        answers.append
    )
    assert [list(answer.lines) for answer in answers] == [["The peer shuts down."]]
    assert not reactor.stopped
    reactor.advance(0)
    assert reactor.stopped
