"""The downloads that failed last: why is remembered, but not of all that ever did."""

from __future__ import annotations

from p2pfs.peer.downloading.failed_downloads import MOST_KEPT, FailedDownload, FailedDownloads


def test_failed_downloads_are_remembered_within_bounds() -> None:
    """The last ones, each name once, until a download of it succeeds."""
    failed = FailedDownloads()
    for number in [*range(MOST_KEPT), 0, MOST_KEPT]:
        failed.note(FailedDownload(str(number), float(number), f"error {number}", None))
    assert failed.get("0") is not None
    assert failed.get("1") is None
    failed.forget("0")
    assert failed.get("0") is None


def test_the_last_failure_of_a_name_counts() -> None:
    """Who asks why wants to know of the last attempt, which also is forgotten last."""
    failed = FailedDownloads()
    failed.note(FailedDownload("f", 1.0, "the first error", None))
    for number in range(MOST_KEPT - 1):
        failed.note(FailedDownload(str(number), 2.0, "an error", None))
    failed.note(FailedDownload("f", 3.0, "the last error", None))
    failed.note(FailedDownload("g", 4.0, "an error", None))
    last = failed.get("f")
    assert last is not None
    assert last.error == "the last error"
    assert failed.get("0") is None
