"""``twistd p2pfs-peer``: options, and the service they make."""

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
from p2pfs.errors import UsageProblem
from p2pfs.hashing import HASHES, Hash
from p2pfs.listening import NONE, check_client_endpoint, check_server_endpoint
from p2pfs.paths import given_path
from p2pfs.peer.downloading import MOST_ORDERS
from p2pfs.peer.rates import parse_rate
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import DEFAULT_LISTEN, DEFAULT_TRACKER, PeerSettings
from p2pfs.reactor import Reactor


def _tracker(text: str) -> str:
    return text if text == NONE else check_client_endpoint(text)


def _rate(text: str) -> int:
    """A limit as `PeerSettings` has it, where none is 0."""
    return parse_rate(text) or 0


def _downloads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_ORDERS):
        raise UsageProblem(
            f"--downloads needs a number from 1 to {MOST_ORDERS}, and '{text[:20]}' is none."
        )
    return int(text)


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
            None,
            "Client endpoint of the tracker; 'none' waits for the console's 'connect' "
            f"(default: that of the swarm that was joined, or {DEFAULT_TRACKER}).",
        ],
        ["listen", None, None, f"Server endpoint for other peers (default: {DEFAULT_LISTEN})."],
        [
            "upload-rate",
            None,
            None,
            "Most bytes a second to send, e.g. 500K, 10M or none (default: as 'limit' left it).",
        ],
        ["download-rate", None, None, "Most bytes a second to receive (default: likewise)."],
        [
            "hash",
            None,
            None,
            f"Hash of what is published, {' or '.join(HASHES)}; what is shared already keeps its "
            f"own (default: {PeerSettings.hash.value}).",
        ],
        [
            "downloads",
            None,
            None,
            "Most downloads to run at a time; others wait in line, and a directory is one "
            f"(default: {PeerSettings.downloads}).",
        ],
    ]

    repeatable: ClassVar[Sequence[str]] = ("share",)

    unless_given: ClassVar[Mapping[str, str | list[str]]] = {
        **DaemonOptions.unless_given,
        "listen": DEFAULT_LISTEN,
        "hash": PeerSettings.hash.value,
        "downloads": str(PeerSettings.downloads),
    }

    readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        **DaemonOptions.readers,
        "tracker": _tracker,
        "listen": check_server_endpoint,
        "share": given_path,
        "upload-rate": _rate,
        "download-rate": _rate,
        "hash": Hash.named,
        "downloads": _downloads,
    }

    def opt_share(self, path: str) -> None:
        """File or directory to publish at start; may be repeated."""
        self["share"].append(path)


def make_service(options: Options) -> Daemon:
    """The peer that the options describe."""

    def build(reactor: Reactor) -> PeerService:
        settings = PeerSettings(
            state=options["state"],
            tracker=options["tracker"],
            listen=options["listen"],
            share=options["share"],
            ssh=options["ssh"],
            authorized_keys=options["authorized-keys"],
            group=options["group"],
            upload_rate=options["upload-rate"],
            download_rate=options["download-rate"],
            hash=options["hash"],
            downloads=options["downloads"],
            descriptors=Descriptors.of_peer(free_descriptors()),
        )
        return PeerService(reactor, settings, Random())

    return run_under_twistd(options, build)


makeService = make_service
"""The name under which twistd looks for it."""


def main() -> None:
    """Run a peer in the foreground, as the program ``p2pfs-peer``."""
    run_program(Options(), make_service)


if __name__ == "__main__":
    main()
