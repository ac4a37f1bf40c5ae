"""Shows the two daemons to twistd."""

from twisted.application.service import ServiceMaker

p2pfs_tracker = ServiceMaker(
    "p2pfs tracker", "p2pfs.tracker.plugin", "The p2pfs tracker.", "p2pfs-tracker"
)
p2pfs_peer = ServiceMaker("p2pfs peer", "p2pfs.peer.plugin", "A p2pfs peer.", "p2pfs-peer")
