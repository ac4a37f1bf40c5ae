"""From a path to a share, and what looks after shares: are they still what was published?"""

from p2pfs.peer.sharing.publishing import Published, Publisher
from p2pfs.peer.sharing.share_watcher import ShareWatcher

__all__ = ["Published", "Publisher", "ShareWatcher"]
