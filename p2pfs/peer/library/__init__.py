"""What a peer holds, also on the disk: shares, verified chunks of unfinished downloads, orders."""

from p2pfs.peer.library.checkpointer import Checkpointer, journal_path
from p2pfs.peer.library.library import Holding, Library, Withheld
from p2pfs.peer.library.orders import Order, check_order_name
from p2pfs.peer.library.rechecking import recheck
from p2pfs.peer.library.store import LibraryStore, OnRecord, warn_not_recorded

__all__ = [
    "Checkpointer",
    "Holding",
    "Library",
    "LibraryStore",
    "OnRecord",
    "Order",
    "Withheld",
    "check_order_name",
    "journal_path",
    "recheck",
    "warn_not_recorded",
]
