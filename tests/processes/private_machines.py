"""The daemons of a private swarm on this machine, each of which joins before it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes.daemons import Daemon, Machines

P2PFS = Path(sys.executable).with_name("p2pfs")


class PrivateMachines(Machines):
    """As those of an open swarm; all peers are publishers of everything."""

    def tracker(self) -> Daemon:
        """A tracker with an authority of its own."""
        self.run("tracker", "tracker", "private")
        return super().tracker()

    def restart_tracker(self) -> Daemon:
        """The same tracker, once more."""
        return super().tracker()

    def peer(self, name: str, *options: str, **popen: Any) -> Daemon:
        """A peer that is a member."""
        invitation = self.invite("--role", "publisher", "--names", "*")
        self.run(name, "join", "--name", name, given=invitation)
        return super().peer(name, *options, **popen)

    def invite(self, *options: str) -> str:
        """An invitation."""
        address = f"127.0.0.1:{self.port}"
        return self.run("tracker", "tracker", "invite", "--address", address, *options)

    def run(self, state: str, *command: str, given: str = "") -> str:
        """What a command of ``p2pfs`` prints, for the daemon of that name."""
        directory = self.directory / state
        return subprocess.run(
            [P2PFS, "--state", directory, *command],
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
