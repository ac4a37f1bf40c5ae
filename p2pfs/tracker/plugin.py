"""``twistd p2pfs-tracker``: options, and the service they make."""

from __future__ import annotations

import os
from random import Random

from p2pfs.daemon import Daemon, DaemonOptions, Descriptors, free_descriptors, run_under_twistd
from p2pfs.paths import default_state_directory
from p2pfs.reactor import Reactor
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import DEFAULT_LISTEN, TrackerSettings


class Options(DaemonOptions):
    """Options of the tracker."""

    role = "tracker"
    longdesc = (
        "The p2pfs tracker: knows which peer holds which chunk of which file. "
        "It listens on loopback unless --listen says otherwise, "
        "e.g. --listen tcp:6880 for every interface."
    )

    optFlags = [  # noqa: RUF012  # twisted.python.usage reads it from the class
        [
            "allow-announced-host",
            None,
            "Let peers announce a host other than the one they connect from.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """Server endpoint for peers, repeatable; 'none' waits for 'start' (default: loopback)."""
        self["listen"].append(endpoint)


def make_service(options: Options) -> Daemon:
    """The tracker that the options describe."""

    def build(reactor: Reactor) -> TrackerService:
        settings = TrackerSettings(
            state=options.path("state") or default_state_directory("tracker", os.environ),
            listen=options["listen"] or [DEFAULT_LISTEN],
            ssh=options["ssh"],
            authorized_keys=options.path("authorized-keys"),
            allow_announced_host=bool(options["allow-announced-host"]),
            descriptors=Descriptors.of_tracker(free_descriptors()),
        )
        return TrackerService(reactor, settings, Random())

    return run_under_twistd("p2pfs-tracker", build)


makeService = make_service
"""The name under which twistd looks for it."""
