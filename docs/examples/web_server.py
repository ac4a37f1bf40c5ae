"""A web server whose directory is on a swarm too: python web_server.py DIRECTORY STATE HOST."""

import argparse
import sys
from pathlib import Path
from random import Random
from typing import cast

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.python.log import startLogging
from twisted.web.server import Site
from twisted.web.static import File

from p2pfs.errors import P2pfsError
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import PeerSettings
from p2pfs.reactor import Reactor
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import TrackerSettings


def web_server(
    directory: Path, state: Path, host: str, web: int, tracker: int, peer: int
) -> MultiService:
    """The server, a tracker, and a peer that shares the directory; each at a TCP port.

    ``host`` is this machine as others know it: the tracker names its peer by it.
    """
    site = StreamServerEndpointService(TCP4ServerEndpoint(reactor, web), Site(File(str(directory))))
    of_tracker = TrackerSettings(state / "tracker", listen=[f"tcp:{tracker}"])
    of_peer = PeerSettings(
        state / "peer",
        tracker=f"tcp:{host}:{tracker}",
        listen=f"tcp:{peer}",
        share=[directory.absolute()],
    )
    own = cast(Reactor, reactor)  # Twisted's type does not say all that its reactors offer
    services = MultiService()
    for service in (
        site,
        TrackerService(own, of_tracker, Random()),
        PeerService(own, of_peer, Random()),
    ):
        service.setServiceParent(services)
    return services


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("directory", type=Path)
    options.add_argument("state", type=Path)
    options.add_argument("host")
    for name, port in (("web", 8080), ("tracker", 6880), ("peer", 6881)):
        options.add_argument(f"--{name}", type=int, default=port)
    startLogging(sys.stderr)
    services = web_server(**vars(options.parse_args()))
    try:
        services.startService()
    except P2pfsError as error:
        sys.exit(str(error))
    reactor.addSystemEventTrigger("before", "shutdown", services.stopService)
    reactor.run()
