"""A console over SSH on a port of its own, and OpenSSH's client."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort

from p2pfs.console.ssh.factory import ssh_factory
from tests.console.toy import Program, Toy, spawn

needs_ssh = pytest.mark.skipif(
    shutil.which("ssh") is None or shutil.which("ssh-keygen") is None,
    reason="OpenSSH's client is not installed",
)


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair; returns the line of its public half."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a comment", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


class Server:
    """A console over SSH on a port of its own, and the client's files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir()
        self.authorized_keys = directory / "authorized_keys"
        line = make_key(directory / "key")
        self.authorized_keys.write_text(f"# who may log in\n\n{line}")
        # Whatever the umask is here.
        self.authorized_keys.chmod(0o600)
        self.toy = Toy()
        self.factory = ssh_factory(
            self.state, self.authorized_keys, self.toy.commands, {"number": 42}, reactor
        )
        self.port: IListeningPort = reactor.listenTCP(0, self.factory, interface="127.0.0.1")

    def ssh(self, *arguments: str | bytes, key: str = "key", tty: bool = False) -> Program:
        """Start ``ssh`` without any of the user's configuration; options before the command."""
        options = {
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "IdentityFile": str(self.directory / key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": "20",
        }
        words = ["ssh", "-F", "none", "-p", str(self.port.getHost().port)]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        options_given = [word for word in arguments if word[:1] in ("-", b"-")]
        command = [word for word in arguments if word[:1] not in ("-", b"-")]
        return spawn(
            shutil.which("ssh") or "ssh",
            *words[1:],
            *options_given,
            "me@127.0.0.1",
            *command,
            tty=tty,
        )

    async def stop(self) -> None:
        await self.port.stopListening()
        await self.factory.all_closed()
