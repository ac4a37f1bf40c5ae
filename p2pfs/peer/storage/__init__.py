"""Files on the disk: chunks read, hashed, written, and what tells whether somebody else wrote.

All that blocks is meant for a thread, and all goes through a `Disk`, which tests replace.
"""

from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import (
    ChunkReader,
    FileAway,
    FileChanged,
    FileGone,
    Stamp,
    already_exists,
    explained,
    remove,
)
from p2pfs.peer.storage.hashing import (
    FileHasher,
    copy_chunks,
    hash_list,
    is_right,
    right_chunks,
    right_chunks_of,
)
from p2pfs.peer.storage.journal import Traces, read_journal
from p2pfs.peer.storage.part_file import Owner, PartFile
from p2pfs.peer.storage.part_place import (
    identity_at,
    is_part_name,
    is_same,
    part_name,
    remove_part,
)

__all__ = [
    "ChunkReader",
    "Disk",
    "FileAway",
    "FileChanged",
    "FileGone",
    "FileHasher",
    "Owner",
    "PartFile",
    "Stamp",
    "Traces",
    "already_exists",
    "copy_chunks",
    "explained",
    "hash_list",
    "identity_at",
    "is_part_name",
    "is_right",
    "is_same",
    "part_name",
    "read_journal",
    "remove",
    "remove_part",
    "right_chunks",
    "right_chunks_of",
]
