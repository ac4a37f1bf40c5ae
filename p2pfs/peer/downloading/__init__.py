"""Downloads, from the request to the final name: of single files, and of directories."""

from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.downloads import Downloads
from p2pfs.peer.downloading.explanation import Explanation, Group, SourceState, seconds_text
from p2pfs.peer.downloading.failed_downloads import FailedDownload
from p2pfs.peer.downloading.job import Fetched, Job
from p2pfs.peer.downloading.order_book import MOST_ORDERS, Ended, Entry, OrderBook, Result, State
from p2pfs.peer.downloading.places import is_directory
from p2pfs.peer.downloading.queue import DownloadQueue, PlaceCheck
from p2pfs.peer.downloading.tree_job import TreeJob
from p2pfs.peer.downloading.trees import Trees

__all__ = [
    "MOST_ORDERS",
    "DownloadContext",
    "DownloadQueue",
    "Downloads",
    "Ended",
    "Entry",
    "Explanation",
    "FailedDownload",
    "Fetched",
    "Group",
    "Job",
    "OrderBook",
    "PlaceCheck",
    "Result",
    "SourceState",
    "State",
    "TreeJob",
    "Trees",
    "is_directory",
    "seconds_text",
]
