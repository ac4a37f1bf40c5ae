"""The peer's answer to ``list_files``: what its tracker lists, and what of it is here."""

from __future__ import annotations

from p2pfs.chunks import FileInfo
from p2pfs.commands import Call
from p2pfs.console.command import Answer
from p2pfs.console.listed_files import COLUMNS, Column, ListedFiles
from p2pfs.peer.announcing import Listing
from p2pfs.peer.library import Library
from p2pfs.peer.peer import Peer

_ALL = "yes"

_COLUMNS = [
    *COLUMNS,
    Column("here", lambda file: file["have"]),
]


async def list_files(peer: Peer, call: Call) -> Answer:
    """The files that are asked for.

    Raises `UsageProblem` for what cannot be asked, and as `Listing.next_page` does.
    """
    shown = ListedFiles(call)
    await peer.share_watcher.restored()
    await peer.announcer.needed()
    listing = Listing(peer.announcer.client, shown.pattern.beginning, shown.after)
    while not (listing.ended or shown.full):
        page = await listing.next_page()
        for name in filter(shown.pattern.matches, page):
            info = page[name]
            have = _have(peer.library, name, info)
            file = {
                "name": name,
                "size": info.filesize,
                "chunks": info.totalchunknum,
                "hash": info.function.value,
                "age": listing.ages.get(name),
                "have": have,
            }
            if not shown.add(file, have == _ALL):
                break
    return shown.answer(_COLUMNS, "The network offers no file", kept_here=True)


def _have(library: Library, name: str, info: FileInfo) -> str:
    """How much of a file is here: nothing, a part in whole per cent, or all."""
    held = library.get(name)
    if held is None or held.info != info or held.withheld:
        return "no"
    if held.chunks.whole:
        return _ALL
    return f"{100 * len(held.chunks) // info.totalchunknum} %" if held.chunks else "no"
