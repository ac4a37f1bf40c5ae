"""What a peer tells its tracker and asks of it, over a connection that comes back by itself."""

from p2pfs.peer.announcing.announcer import Announcer
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.listing import Listing
from p2pfs.peer.announcing.probes import Probes
from p2pfs.peer.announcing.reachability import reach_warning
from p2pfs.peer.announcing.tracker_client import Notice
from p2pfs.peer.announcing.tracker_link import TrackerLink

__all__ = [
    "Announcer",
    "Introduction",
    "Listing",
    "Notice",
    "Probes",
    "TrackerLink",
    "reach_warning",
]
