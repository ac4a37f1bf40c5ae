"""A whole swarm on one machine: a tracker, four peers, and the publisher killed midway.

Every daemon is a ``twistd`` process, asked over its control socket as ``p2pfs`` does.
The exit status is 0 only if every copy is whole and the kill came in mid-transfer.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from tqdm import tqdm

from p2pfs.cli.progress_display import LineDisplay
from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.rendering import size_text
from p2pfs.errors import P2pfsError
from tests.daemons.process import MIB, DaemonProcess, sha256

KILL_AT = 0.3
"""The portion of a download at which the publisher is killed."""
ATTEMPTS = 3  # each with a file twice as large, as long as it is through too soon
PATIENCE = 20.0
"""Seconds a daemon may take to start, and to stop."""


class DemoFailed(Exception):
    """Something did not hold; the text says what."""


class TooQuick(DemoFailed):
    """The downloads were over before the publisher could be killed."""


def say(text: str) -> None:
    """Print a line, above the progress bars if there are any."""
    tqdm.write(text)
    sys.stdout.flush()


class Daemon(DaemonProcess):
    """One twistd process, known by a name."""

    def __init__(self, role: str, name: str, folder: Path, *options: str) -> None:
        super().__init__(role, folder / name, folder / f"{name}.log", *options)
        self.name = name


@dataclass
class Swarm:
    """The daemons of one attempt, and the directory they work in."""

    folder: Path
    daemons: list[Daemon] = field(default_factory=list)

    def start(self, role: str, name: str, *options: str) -> Daemon:
        """Start a daemon, and wait until its console answers."""
        daemon = Daemon(role, name, self.folder, *options)
        self.daemons.append(daemon)
        say(f"  {name}: twistd p2pfs-{role}, pid {daemon.process.pid}")

        def answers() -> bool:
            if not daemon.runs:
                raise DemoFailed(f"The {name} ended at once.")
            return daemon.answers()

        wait_until(f"the {name} answers", answers)
        return daemon

    def start_peer(self, name: str, tracker: str) -> Daemon:
        """Start a peer, and wait until it has joined."""
        peer = self.start("peer", name, "--tracker", f"tcp:{tracker}")
        wait_until(f"the {name} has joined", lambda: bool(peer.ask("status")["joined_as"]))
        return peer

    def print_logs(self) -> None:
        """Show the end of every log, for whoever has to find out what went wrong."""
        for daemon in self.daemons:
            lines = daemon.log.read_text(errors="replace").splitlines()
            print(f"--- the log of the {daemon.name} ends with", *lines[-15:], sep="\n")


class Fetch(Thread):
    """A download watched from a thread: as a bar on a terminal, as lines elsewhere."""

    def __init__(self, peer: Daemon, name: str, target: Path, position: int) -> None:
        super().__init__(daemon=True)
        self.peer, self.file, self.target = peer, name, target
        self.answer: Any = None
        self.problem: P2pfsError | None = None
        self._share = 0.0
        width = shutil.get_terminal_size().columns
        self._lines = None if sys.stderr.isatty() else LineDisplay(sys.stderr)
        look: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
        look |= {"desc": peer.name, "position": position, "ncols": width, "nrows": 25}
        self._bar = tqdm(disable=self._lines is not None, **look)

    def run(self) -> None:
        """Download, to the end or to an error."""
        try:
            self.answer = self.peer.ask(
                "download", self.file, str(self.target), on_progress=self.show
            )
        except P2pfsError as error:
            self.problem = error

    def show(self, progress: ProgressMessage) -> None:
        """Draw how far it is."""
        if self._lines is not None:
            note = f"{progress.label}, {progress.note}"
            self._lines(ProgressMessage(self.peer.name, progress.done, progress.total, note))
            return
        self._bar.total, self._bar.n = progress.total or None, progress.done
        self._bar.set_postfix_str(progress.note)

    def share_done(self) -> float:
        """How much of the file is there, from 0 to 1, as the peer's status tells."""
        transfers = self.peer.ask("status")["downloads"]
        if transfers:
            self._share = transfers[0]["done"] / max(1, transfers[0]["size"])
        elif self._share or not self.is_alive():
            self._share = 1.0  # it was under way, and is no more
        return self._share

    def result(self) -> dict[str, int]:
        """Wait for the end; the verified bytes by the address they came from."""
        while self.is_alive():
            self.join(0.2)
        self._bar.close()
        if self.problem is not None:
            raise DemoFailed(f"The download of the {self.peer.name} failed: {self.problem}")
        sources: dict[str, int] = self.answer["sources"]
        return sources


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Look often whether something holds; raises `DemoFailed` when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise DemoFailed(f"It did not happen in time that {what}.")
        time.sleep(0.05)  # a process tells nobody when it is ready; until `deadline`


def make_file(path: Path, mib: int) -> Path:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    return path


def kill_midway(victim: Daemon, fetches: list[Fetch]) -> None:
    """Kill a source once a download is past `KILL_AT`; raises `TooQuick` when it is over."""
    while all(fetch.share_done() < KILL_AT for fetch in fetches):
        time.sleep(0.01)  # between two looks; what has ended is all done, see `share_done`
    victim.kill()
    shares = [fetch.share_done() for fetch in fetches]
    if max(shares) == 1.0:
        for fetch in fetches:
            fetch.result()
        raise TooQuick("A download was over before the publisher could be killed.")
    done = " and ".join(f"{share:.0%}" for share in shares)
    say(f"Killed the {victim.name} (pid {victim.process.pid}) with SIGKILL at {done}.")


def run(swarm: Swarm, original: Path) -> None:
    """Share a file, kill its publisher midway, and check what came of it."""
    tracker = swarm.start("tracker", "tracker", "--listen", "none")
    place = tracker.ask("start", "127.0.0.1", "0")["listening"]  # at a port that is free
    names = ["publisher", "mirror", "first reader", "second reader"]
    publisher, mirror, *readers = peers = [swarm.start_peer(name, place) for name in names]
    addresses = {peer.ask("status")["joined_as"]: peer.name for peer in peers}

    size = original.stat().st_size
    say(f"The publisher shares {original} ({size_text(size)}).")
    name = publisher.ask("publish", str(original))["published"][0]["name"]
    copies = [swarm.folder / f"{peer.name} has {name}" for peer in peers[1:]]
    say("The mirror fetches it, so that there are two sources.")
    mirror.ask("download", name, str(copies[0]))
    say("Two readers fetch it at the same time.")
    fetches = [Fetch(readers[at], name, copies[1 + at], at) for at in range(2)]
    for fetch in fetches:
        fetch.start()
    kill_midway(publisher, fetches)
    for reader, sources in [(fetch.peer.name, fetch.result()) for fetch in fetches]:
        say(f"The {reader} got")
        for address, count in sorted(sources.items(), key=lambda item: -item[1]):
            say(f"  {count:>13,} bytes from the {addresses[address]} ({address})")
        if sum(sources.values()) != size or len(sources) < 2:
            raise DemoFailed(f"These are not all {size:,} bytes, from two sources or more.")
    check_copies(original, copies)


def check_copies(original: Path, copies: list[Path]) -> None:
    """Compare digests; raises `DemoFailed` when one differs."""
    expected = sha256(original)
    say(f"SHA-256 {expected} {original.name}")
    for copy in copies:
        found = sha256(copy)
        say(f"        {found} {copy.name}")
        if found != expected:
            raise DemoFailed(f"'{copy.name}' is not what was published.")


def attempt(given: Path | None, mib: int) -> None:
    """One run, with the given file or one of ``mib`` MiB; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="p2pfs-demo-") as folder:
        swarm = Swarm(Path(folder))
        try:
            run(swarm, given or make_file(swarm.folder / "demo.bin", mib))
        except (DemoFailed, P2pfsError) as error:
            if not isinstance(error, TooQuick):
                swarm.print_logs()
            raise
        finally:
            for daemon in swarm.daemons:
                with suppress(subprocess.TimeoutExpired):  # then it is killed
                    daemon.stop(PATIENCE)


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="what to share; made if not given")
    parser.add_argument("--size-mib", type=int, default=256, help="size of what is made")
    options = parser.parse_args()
    if options.file and not options.file.is_file():
        parser.error(f"{options.file} is not a file")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for doubled in range(ATTEMPTS):
            try:
                attempt(options.file and options.file.absolute(), options.size_mib << doubled)
                break
            except TooQuick as error:
                if options.file or doubled == ATTEMPTS - 1:
                    raise DemoFailed(f"{error} Give a larger file.") from None
                say(f"{error} Once more with a file twice the size.")
    except (DemoFailed, P2pfsError, OSError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; everything was cleaned up.", file=sys.stderr)
        return 130
    say("It all held: the publisher died midway, and every copy is whole.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
