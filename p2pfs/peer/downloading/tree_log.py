"""What the log says of the download of a directory: its files, which may be many, are at debug."""

from __future__ import annotations

from twisted.logger import Logger, LogLevel

from p2pfs.console.rendering import size_text
from p2pfs.errors import Cancelled, P2pfsError
from p2pfs.peer.downloading.tree_job import TreeJob

_log = Logger()


def tree_begun(tree: TreeJob) -> None:
    """It is known what there is to fetch."""
    _log.info(
        "Download of '{name}' to {path} begun: {files} files, {size}.",
        name=tree.prefix,
        path=str(tree.target),
        files=tree.files,
        size=size_text(tree.total),
        bytes=tree.total,
    )


def tree_ended(tree: TreeJob, seconds: float) -> None:
    """All of it is there, after that time."""
    _log.info(
        "Downloaded '{name}' to {path}: {files} files, {size}, in {seconds:.1f} s; {there} "
        "files were there already.",
        name=tree.prefix,
        path=str(tree.target),
        files=tree.fetched,
        size=size_text(tree.bytes_fetched),
        bytes=tree.bytes_fetched,
        seconds=seconds,
        there=tree.already_there,
    )


def tree_failed(tree: TreeJob, error: P2pfsError, seconds: float) -> None:
    """It ended early, after that time."""
    cancelled = isinstance(error, Cancelled)
    _log.emit(
        LogLevel.info if cancelled else LogLevel.warn,
        "The download of '{name}' {outcome} after {seconds:.1f} s: {reason}",
        name=tree.prefix,
        outcome="was cancelled" if cancelled else "failed",
        seconds=seconds,
        reason=str(error),
    )
