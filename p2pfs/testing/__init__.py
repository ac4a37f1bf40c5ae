"""A simulated network for whole swarms: time, links, disks and their faults, from one seed.

For tests of what is built on p2pfs, and of p2pfs itself. `Network` has hosts,
`Host` the faults of a machine, `Connection` those of one connection, `Drive` those
of a disk; `Swarm` runs trackers and peers, unchanged, on hosts.
"""

from p2pfs.testing.disk import Drive
from p2pfs.testing.inline import InlineReactor
from p2pfs.testing.network import Host, Network
from p2pfs.testing.swarm import Swarm, download, publish
from p2pfs.testing.transport import Connection

__all__ = [
    "Connection",
    "Drive",
    "Host",
    "InlineReactor",
    "Network",
    "Swarm",
    "download",
    "publish",
]
