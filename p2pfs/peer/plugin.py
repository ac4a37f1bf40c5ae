"""``twistd p2pfs-peer``: options, and the service they make."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from p2pfs.daemon import Daemon, DaemonOptions, Descriptors, free_descriptors, run_under_twistd
from p2pfs.paths import default_state_directory
from p2pfs.peer.rates import parse_rate
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import DEFAULT_LISTEN, DEFAULT_TRACKER, PeerSettings
from p2pfs.reactor import Reactor


class Options(DaemonOptions):
    """Options of a peer."""

    role = "peer"
    longdesc = (
        "A p2pfs peer: shares files, serves their chunks and downloads others. It listens on "
        "loopback unless --listen says otherwise, e.g. --listen tcp:6881 for every interface."
    )

    optParameters = [  # noqa: RUF012  # twisted.python.usage reads it from the class
        [
            "tracker",
            None,
            DEFAULT_TRACKER,
            "Client endpoint of the tracker; 'none' waits for the console's 'connect'.",
        ],
        ["listen", None, DEFAULT_LISTEN, "Server endpoint for other peers."],
        ["upload-rate", None, "none", "Most bytes a second to send, e.g. 500K, 10M or none."],
        ["download-rate", None, "none", "Most bytes a second to receive."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self["share"] = []

    def opt_share(self, path: str) -> None:
        """File or directory to publish at start; may be repeated."""
        self["share"].append(Path(path).expanduser().absolute())


def make_service(options: Options) -> Daemon:
    """The peer that the options describe."""

    def build(reactor: Reactor) -> PeerService:
        settings = PeerSettings(
            state=options.path("state") or default_state_directory("peer", os.environ),
            tracker=options["tracker"],
            listen=options["listen"],
            share=options["share"],
            ssh=options["ssh"],
            authorized_keys=options.path("authorized-keys"),
            upload_rate=parse_rate(options["upload-rate"]),
            download_rate=parse_rate(options["download-rate"]),
            descriptors=Descriptors.of_peer(free_descriptors()),
        )
        return PeerService(reactor, settings, Random())

    return run_under_twistd("p2pfs-peer", build)


makeService = make_service
"""The name under which twistd looks for it."""
