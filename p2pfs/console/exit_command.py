"""The command that shuts a daemon down."""

from __future__ import annotations

from p2pfs.console.command import Answer, Call, Command, ReportProgress
from p2pfs.reactor import Reactor


def exit_command(reactor: Reactor, daemon: str) -> Command:
    """``exit`` for a daemon that people call ``daemon``."""

    async def work(call: Call, report: ReportProgress) -> Answer:
        # Not at once: the answer goes out before the connections are closed.
        reactor.callLater(0, reactor.stop)
        return Answer(None, [f"The {daemon} shuts down."])

    return Command("exit", f"Shut this {daemon} down.", work)
