"""A tracker somebody else wrote, which says the same to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory

from tests.swarm.foreign import JsonLines
from tests.swarm.harness import Swarm, until


class ForeignTracker(JsonLines):
    """Records every peer at an address of its choosing, or refuses it."""

    reply: dict[str, Any]

    def lineReceived(self, line: bytes) -> None:
        self.say(**self.reply)


async def peer_of_a_tracker_that_says(tmp_path: Path, listen: str, **reply: Any) -> Any:
    """A peer whose registration is answered with ``reply``, and how to end it all."""
    factory = Factory.forProtocol(ForeignTracker)
    factory.noisy = False
    connections: list[ForeignTracker] = []

    def build(addr: object) -> ForeignTracker:
        connection = ForeignTracker()
        connection.reply = reply
        connections.append(connection)
        return connection

    factory.buildProtocol = build
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    swarm = Swarm(tmp_path)
    swarm.port = port.getHost().port
    peer = swarm.start_peer("p", listen=listen)
    await until(lambda: peer.peer.announcer.joined or peer.peer.announcer.problem)

    async def end() -> None:
        await swarm.stop_all()
        await port.stopListening()
        await until(lambda: all(c.transport.disconnected for c in connections))

    return peer, end
