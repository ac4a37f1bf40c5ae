"""``twistd p2pfs-tracker``: options, and the service they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import ClassVar

from p2pfs.daemon import (
    Daemon,
    DaemonOptions,
    Descriptors,
    free_descriptors,
    run_program,
    run_under_twistd,
)
from p2pfs.listening import NONE, check_server_endpoint
from p2pfs.reactor import Reactor
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import DEFAULT_LISTEN, TrackerSettings


def _listen(text: str) -> str:
    return text if text == NONE else check_server_endpoint(text)


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

    repeatable: ClassVar[Sequence[str]] = ("listen",)

    unless_given: ClassVar[Mapping[str, str | list[str]]] = {
        **DaemonOptions.unless_given,
        "listen": [DEFAULT_LISTEN],
    }

    readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        **DaemonOptions.readers,
        "listen": _listen,
    }

    def opt_listen(self, endpoint: str) -> None:
        """Server endpoint for peers, repeatable; 'none' waits for 'start' (default: loopback)."""
        self["listen"].append(endpoint)


def make_service(options: Options) -> Daemon:
    """The tracker that the options describe."""

    def build(reactor: Reactor) -> TrackerService:
        settings = TrackerSettings(
            state=options["state"],
            listen=options["listen"],
            ssh=options["ssh"],
            authorized_keys=options["authorized-keys"],
            group=options["group"],
            allow_announced_host=bool(options["allow-announced-host"]),
            descriptors=Descriptors.of_tracker(free_descriptors()),
        )
        return TrackerService(reactor, settings, Random())

    return run_under_twistd(options, build)


makeService = make_service
"""The name under which twistd looks for it."""


def main() -> None:
    """Run a tracker in the foreground, as the program ``p2pfs-tracker``."""
    run_program(Options(), make_service)


if __name__ == "__main__":
    main()
