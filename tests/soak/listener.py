"""What the daemons log in a history, and what must not be in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, eventAsText

from p2pfs.peer.policy.picker import MIN_WINDOW
from tests.soak.checks import FileChecks
from tests.soak.scene import Scene


class Listener:
    """A log observer: writes everything into the report, and judges some of it."""

    def __init__(self, scene: Scene, files: FileChecks, liars: set[str]) -> None:
        """``liars`` are the names of the hosts that may be banned."""
        self._hosts = {host.address: host for host in scene.network.hosts.values()}
        self._scene = scene
        self._files = files
        self._liars = liars
        self._bans: Counter[tuple[Any, str]] = Counter()
        self.over = False
        """Set when the daemons are stopped: what that breaks off may fail."""

    def __call__(self, event: LogEvent) -> None:
        # Not which module says so: that may move without anything else being done.
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        self._scene.writer.say(text)
        if self.over:
            return
        if event.get("log_failure") is not None:
            self._scene.writer.problem(f"A failure was logged: {text}")
        format = event.get("log_format") or ""
        if format.startswith("Banned for "):
            self._banned(event["log_source"], event["error"])
        elif format.startswith("The unfinished "):
            self._files.rechecked(Path(event["path"]), event["right"], event["wrong"])
        error = str(event.get("error") or "")
        if error.startswith("Cannot remove "):
            self._scene.truth.unremovable.add(
                Path(error[len("Cannot remove ") :].rpartition(": ")[0])
            )

    def _banned(self, source_set: object, error: str) -> None:
        """Liars are banned once, but for what is in flight to them; others never."""
        source = error.partition(": ")[0]
        host = self._hosts[source.rpartition(":")[0]]
        if host.name in self._liars:
            self._bans[source_set, source] += 1
            if self._bans[source_set, source] == MIN_WINDOW + 1:
                self._scene.writer.problem(f"{host.name} was asked again after it was banned.")
        elif not self._scene.truth.flipped:
            self._scene.writer.problem(f"{host.name} was banned, and is honest: {error}")
