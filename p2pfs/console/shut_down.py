"""What the commands do that shut a daemon down."""

from __future__ import annotations

from p2pfs.commands import Call
from p2pfs.console.command import Answer, ReportProgress, Work
from p2pfs.reactor import Reactor


def shut_down(reactor: Reactor, daemon: str) -> dict[str, Work]:
    """``exit`` and ``shutdown`` for a daemon that people call ``daemon``."""

    async def work(call: Call, report: ReportProgress) -> Answer:
        # Not at once: the answer goes out before the connections are closed.
        reactor.callLater(0, reactor.stop)
        return Answer(None, [f"The {daemon} shuts down."])

    return {"exit": work, "shutdown": work}
