"""What a peer holds, also on the disk: shares, and verified chunks of unfinished downloads."""

from p2pfs.peer.library.checkpointer import Checkpointer, journal_path
from p2pfs.peer.library.library import Holding, Library, Withheld
from p2pfs.peer.library.rechecking import recheck
from p2pfs.peer.library.store import LibraryStore, warn_not_recorded

__all__ = [
    "Checkpointer",
    "Holding",
    "Library",
    "LibraryStore",
    "Withheld",
    "journal_path",
    "recheck",
    "warn_not_recorded",
]
