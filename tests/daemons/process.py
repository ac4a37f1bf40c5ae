"""One ``twistd`` process, asked over its control socket as the program ``p2pfs`` does."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from p2pfs.cli.client import DaemonUnavailable, connect
from p2pfs.console.control.messages import ProgressMessage

TWISTD = Path(sys.executable).with_name("twistd")
MIB = 1 << 20


class DaemonProcess:
    """A tracker or a peer; ``process`` is what `subprocess` knows of it."""

    def __init__(
        self,
        role: str,
        state: Path,
        log: Path,
        *options: str,
        prefix: Sequence[str] = (),
        **popen: Any,
    ) -> None:
        """Start it; ``role`` is "tracker" or "peer". It writes at the end of ``log``.

        ``prefix`` is a command that runs another in its own process, such as "ip netns
        exec"; ``popen`` goes to `subprocess.Popen`. Raises OSError when it cannot be started.
        """
        self.role = role
        self.state = state
        self.log = log
        # Nothing that is configured on this machine has a part in it.
        told = ["--config", "none", "--state", str(state)]
        command = [*prefix, str(TWISTD), "-n", f"p2pfs-{role}", *told]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                **popen,
            )

    @property
    def runs(self) -> bool:
        """True until the process has ended; a frozen one runs too."""
        return self.process.poll() is None

    def answers(self) -> bool:
        """Whether its console answers; blocks while the process is frozen."""
        try:
            self.ask("help")
        except DaemonUnavailable:
            return False
        return True

    def ask(
        self, *words: str, on_progress: Callable[[ProgressMessage], None] = lambda _: None
    ) -> Any:
        """Run a console command; its answer is what ``p2pfs --json`` would print.

        Raises the `P2pfsError` that the command failed with, or `DaemonUnavailable`.
        """
        with connect(self.state, self.role) as client:
            return client.request(list(words), on_progress).data

    def kill(self) -> None:
        """End it with SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait()

    def stop(self, patience: float) -> None:
        """End it with SIGTERM, and wait for the end.

        When that takes longer than ``patience`` seconds it is killed, and
        `subprocess.TimeoutExpired` raised.
        """
        if not self.runs:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def freeze(self) -> None:
        """Let it do nothing until `thaw`; its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.process.send_signal(signal.SIGCONT)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()
