"""What hosts of a simulated network sent since a certain time."""

from __future__ import annotations

from collections.abc import Sequence

from p2pfs.testing import Connection, Host


class Traffic:
    """Counts what leaves hosts, from now on: bytes as they weigh, and lines to the tracker."""

    def __init__(self, tracker: Host, hosts: Sequence[Host]) -> None:
        """``hosts`` are those of the peers; none of them tampers with anything."""
        self.lines_to_tracker = 0
        """Messages that the peers sent to the tracker."""
        self._tracker = tracker
        self._hosts = [tracker, *hosts]
        self._before = {host: (host.uplink.carried, host.uplink.bulk) for host in self._hosts}
        for host in hosts:
            host.tamper = self._passes

    def carried(self, host: Host) -> int:
        """Bytes that left a host."""
        return host.uplink.carried - self._before[host][0]

    @property
    def total(self) -> int:
        """Bytes that left all hosts, the tracker's among them."""
        return sum(map(self.carried, self._hosts))

    @property
    def payload(self) -> int:
        """Those of them that are of chunks."""
        return sum(host.uplink.bulk - self._before[host][1] for host in self._hosts)

    @property
    def control(self) -> int:
        """The others: all that is said, by peers and by the tracker."""
        return self.total - self.payload

    def _passes(self, connection: Connection, segment: bytes) -> bytes:
        """Look at a segment, and let it pass as it is."""
        if connection.server.host is self._tracker:
            self.lines_to_tracker += segment.count(b"\n")
        return segment
