"""The options of both daemons: from the command line and a configuration file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

from twisted.python.reflect import accumulateClassList
from twisted.python.usage import Options, UsageError

from p2pfs import __version__
from p2pfs.console.control.groups import Group
from p2pfs.daemon.config import MOST_BYTES, Configuration, Kind
from p2pfs.daemon.log_filter import DEFAULT_LEVEL, LEVELS, level_named
from p2pfs.errors import P2pfsError, StartupProblem, UsageProblem
from p2pfs.listening import NONE, check_server_endpoint
from p2pfs.paths import default_state_directory, given_path

CONFIGURATIONS = Path("/etc/p2pfs")
"""Where a daemon looks for its configuration file, which has the name of its role."""

LOG_FILE = "log"
"""Where a daemon in the background writes its log, in its state directory."""

_CONFIG = "config"
_TWISTD_PID_FILE = "twistd.pid"


class DaemonOptions(Options):
    """The options of both daemons.

    What a daemon adds it declares as Twisted wants it, but for its value unless given: that is
    in the table here, as is how it is read. Then the configuration file has it as well.
    """

    role = ""
    longdesc = ""

    optParameters = [  # noqa: RUF012  # twisted.python.usage reads it from the class
        [
            "state",
            None,
            None,
            "Directory for state and control socket (default: below ~/.local/state/p2pfs).",
        ],
        ["ssh", None, None, "Server endpoint of the SSH console, e.g. tcp:6822 (default: none)."],
        ["authorized-keys", None, None, "File with the public keys that may log in over SSH."],
        ["group", None, None, "UNIX group whose members may use the console (default: none)."],
        [
            _CONFIG,
            None,
            None,
            'File with options, in TOML: tracker = "tcp:..."; what the command line gives as well '
            f"counts as given there. 'none' reads no file (default: peer.toml or tracker.toml in "
            f"{CONFIGURATIONS}, if it is there).",
        ],
        [
            "log-level",
            None,
            None,
            f"What the log tells of, and what is worse: {', '.join(LEVELS)} "
            f"(default: {DEFAULT_LEVEL}).",
        ],
    ]

    optFlags = [  # noqa: RUF012  # as above
        ["log-json", None, "Log a JSON record a line, for programs."],
    ]

    repeatable: ClassVar[Sequence[str]] = ()
    """The options that may be given several times; each has a method ``opt_NAME``."""

    unless_given: ClassVar[Mapping[str, str | list[str]]] = {"log-level": DEFAULT_LEVEL}
    """The values of options that neither command line nor file give.

    They are not in ``optParameters``, so that an option that is given can be told from
    one that is not.
    """

    readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "state": given_path,
        "authorized-keys": given_path,
        "ssh": check_server_endpoint,
        "log-level": level_named,
        "group": Group.named,
    }
    """What is made of the text of an option; raises `P2pfsError` when that cannot be."""

    def __init__(self, configurations: Path = CONFIGURATIONS) -> None:
        """``configurations`` is the directory of the file that is read without ``--config``."""
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        for name in self.repeatable:
            self[name] = []
        self.command = f"twistd p2pfs-{self.role}"
        """How the daemon is started, in what is said of its options."""
        self.keeps_pid_file = False
        """True when the number of the process goes into the state directory."""
        self.keeps_log = False
        """True when the log goes into the state directory, which is for its owner alone."""
        self._configurations = configurations
        self._configuration = Configuration(b"", "", {})
        self._from_file: set[str] = set()

    @property
    def name(self) -> str:
        """What the daemon is called in errors."""
        return f"p2pfs-{self.role}"

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the command line; what cannot be understood becomes one line and exit status 1."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]  # as above
        except UsageError as error:
            raise SystemExit(f"{self.name}: {error}; see '{self.command} --help'.") from None
        except P2pfsError as error:
            raise SystemExit(f"{self.name}: {error}") from None

    def parseArgs(self, *words: str) -> None:
        if words:
            raise UsageError(f"'{words[0]}' is not an option")

    def getSynopsis(self) -> str:
        command = self.command.replace("twistd ", "twistd [options of twistd] ")
        return f"Usage: {command} [options]"

    def opt_version(self) -> NoReturn:
        """Display the version of p2pfs and exit."""
        print(f"{self.name} {__version__}")
        sys.exit(0)

    def postOptions(self) -> None:
        self._configuration = self._read_file()
        for name in self._kinds():
            self._settle(name)
        if self["state"] is None:
            self["state"] = default_state_directory(self.role, os.environ)
        if self["ssh"] is not None and self["authorized-keys"] is None:
            raise self.problem(
                "ssh",
                "The SSH console needs to know who may log in; give --authorized-keys FILE, too.",
            )
        if self.parent is not None:
            self._arrange_twistd(self.parent)

    def problem(self, name: str, sentence: str) -> P2pfsError:
        """The error to be raised about an option; it has file and line if the option is of one."""
        if name in self._from_file:
            return self._configuration.problem(name, sentence)
        return UsageProblem(sentence)

    def _kinds(self) -> dict[str, Kind]:
        """What options there are, but for the one that names the file."""
        parameters: list[list[str]] = []
        flags: list[list[str]] = []
        accumulateClassList(type(self), "optParameters", parameters)
        accumulateClassList(type(self), "optFlags", flags)
        kinds = {name: Kind.TEXT for name, *_ in parameters if name != _CONFIG}
        kinds |= {name: Kind.FLAG for name, *_ in flags}
        return kinds | dict.fromkeys(self.repeatable, Kind.LIST)

    def _read_file(self) -> Configuration:
        given = self[_CONFIG]
        if given == NONE:
            return self._configuration
        path = self._configurations / f"{self.role}.toml"
        if given is not None:
            path = given_path(given)
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            if given is None and isinstance(error, FileNotFoundError | NotADirectoryError):
                return self._configuration
            raise StartupProblem(
                f"The configuration file {path} cannot be read ({error.strerror}); give another "
                "with --config FILE, or '--config none' for none."
            ) from None
        return Configuration(data, str(path), self._kinds())

    def _settle(self, name: str) -> None:
        """Find what counts for an option, and make of it what it stands for."""
        if self[name] in (None, 0, []):  # the command line does not give it
            if name in self._configuration.values:
                self._from_file.add(name)
                self[name] = self._configuration.values[name]
            elif name in self.unless_given:
                self[name] = self.unless_given[name]
        if name not in self.readers or self[name] is None:
            return
        try:
            read = self.readers[name]
            value = self[name]
            self[name] = [read(text) for text in value] if isinstance(value, list) else read(value)
        except P2pfsError as error:
            raise self.problem(name, str(error)) from None

    def _arrange_twistd(self, server: Options) -> None:
        """Have twistd, whose options were read before, do as is right for this daemon.

        It is about to act on them, and only then has the service made.
        """
        if server["pidfile"] == _TWISTD_PID_FILE:
            # Not by twistd: it would be in the working directory, and one that was left behind
            # would keep the daemon from starting once another process has that number.
            server["pidfile"] = ""
            self.keeps_pid_file = True
        if server["umask"] is None:
            # As found, and not twistd's own when it goes into the background.
            umask = server["umask"] = os.umask(0o077)
            os.umask(umask)
        if server["rundir"] == "." and not os.access(".", os.X_OK):
            server["rundir"] = "/"
        in_background = not (server["nodaemon"] or server["debug"])
        if in_background and server["logfile"] is None:
            server["logfile"] = str(self["state"] / LOG_FILE)
            self.keeps_log = True
