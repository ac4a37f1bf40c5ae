"""A daemon as a program of its own, which needs no plugins of twistd."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.scripts.twistd import (  # type: ignore[attr-defined]  # whose it is depends on the system
    ServerOptions,
    runApp,
)

from p2pfs.daemon.options import DaemonOptions
from p2pfs.daemon.service import Daemon


def run_program(
    options: DaemonOptions,
    make_service: Callable[[Any], Daemon],
    words: Sequence[str] | None = None,
) -> None:
    """Run a daemon in the foreground, with all that ``twistd -n`` does for it.

    ``make_service`` makes the daemon of ``options``, once they have been read from ``words``, by
    default those of the command line. The exit status is 1 when it gave up.
    """
    plugin = _Plugin(options.name, make_service)
    options.command = options.name
    server = _OneDaemon(plugin, options)
    words = sys.argv[1:] if words is None else words
    server.parseOptions(["--nodaemon", options.name, *words])  # type: ignore[no-untyped-call]  # Twisted's is not annotated
    runApp(server)
    if plugin.daemon is not None and plugin.daemon.gave_up:
        sys.exit(1)


@dataclass
class _Plugin:
    """What twistd asks of a plugin, without having looked for one."""

    tapname: str
    make_service: Callable[[Any], Daemon]
    daemon: Daemon | None = None

    def makeService(self, options: DaemonOptions) -> Daemon:
        self.daemon = self.make_service(options)
        return self.daemon


class _OneDaemon(ServerOptions):
    """The options of twistd, which knows of one daemon and does not look for others."""

    def __init__(self, plugin: _Plugin, options: DaemonOptions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.loadedPlugins = {plugin.tapname: plugin}  # type: ignore[dict-item]  # all that is asked of one
        self._options = options

    @property
    def subCommands(self) -> Iterator[tuple[str, None, Callable[[], DaemonOptions], str]]:
        yield self._options.name, None, lambda: self._options, ""
