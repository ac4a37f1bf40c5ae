"""From a path to a share, and what looks after shares: are they still what was published?"""

from p2pfs.peer.sharing.custodian import Custodian
from p2pfs.peer.sharing.publishing import Published, Publisher

__all__ = ["Custodian", "Published", "Publisher"]
