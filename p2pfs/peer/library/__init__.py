"""What a peer holds, also on the disk: shares, and verified chunks of unfinished downloads."""

from p2pfs.peer.library.library import Holding, Library, Withheld
from p2pfs.peer.library.rechecking import recheck
from p2pfs.peer.library.recorder import DownloadRecorder, journal_path
from p2pfs.peer.library.records import Records, warn_not_recorded

__all__ = [
    "DownloadRecorder",
    "Holding",
    "Library",
    "Records",
    "Withheld",
    "journal_path",
    "recheck",
    "warn_not_recorded",
]
