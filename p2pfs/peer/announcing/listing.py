"""What a tracker lists below a name, page by page, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Callable

from p2pfs.chunks import FileInfo
from p2pfs.errors import InvalidName, Refused
from p2pfs.names import check_filename, check_prefix
from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.wire.messages import MOST_AGE, ReplyFileList

MOST_LISTED = 2_000_000
"""Files of one list that are gone through: twice as many as a tracker has, by default."""


class Listing:
    """Goes through the files of a tracker whose names begin with ``prefix``.

    Only one page is held at a time, and a list without end is given up: one that
    comes back to names that were passed, or has more than `MOST_LISTED`.
    """

    def __init__(self, client: Callable[[], TrackerClient], prefix: str, after: str = "") -> None:
        """``client`` is asked for the connection to the tracker, anew for each page.

        Names up to ``after`` are passed over. Raises `InvalidName` when no name begins so.
        """
        check_prefix(prefix)
        check_prefix(after)
        self._client = client
        self._prefix = prefix
        self._after = after
        self._passed = 0
        self.ended = False
        """True once there is no further page."""
        self.ages: dict[str, int] = {}
        """Of the files of the last page: how many seconds each is listed, if the tracker says."""

    async def next_page(self) -> dict[str, FileInfo]:
        """The next files, in the tracker's order; names that may not be used are left out.

        Raises `Refused` when the list makes no sense, and as `TrackerClient.list_page` does.
        """
        page = await self._client().list_page(self._prefix, self._after)
        passed, last = self._after, max(page.filelist, default="")
        files = {name: info for name, info in page.filelist.items() if self._is_new(name)}
        self.ages = _plausible_ages(page, files)
        self._passed += len(page.filelist)
        self.ended = not page.more
        if page.more and last <= passed:
            raise Refused(
                "The tracker's list of files goes round in circles; join another tracker with "
                "'connect'."
            )
        if page.more and self._passed > MOST_LISTED:
            raise Refused(
                f"The tracker lists more than {MOST_LISTED:,} files; ask for what is below one "
                "name."
            )
        self._after = last
        return files

    def _is_new(self, name: str) -> bool:
        if not name.startswith(self._prefix) or name <= self._after:
            return False
        try:
            check_filename(name)
        except InvalidName:
            return False
        return True


def _plausible_ages(page: ReplyFileList, files: dict[str, FileInfo]) -> dict[str, int]:
    """What a page says of how long each of these files is listed; nothing if it cannot be so."""
    if len(page.ages) != len(page.filelist):
        return {}
    stated = zip(sorted(page.filelist), page.ages, strict=True)
    return {name: age for name, age in stated if name in files and 0 <= age <= MOST_AGE}
