"""The commands of a peer."""

from __future__ import annotations

from p2pfs.commands.definition import Definition, Kind, Option, Parameter
from p2pfs.commands.listing import listing
from p2pfs.commands.parsing import Definitions
from p2pfs.commands.shutting_down import shutting_down
from p2pfs.hashing import HASHES

_NAME = Parameter("name", "the file's name on the network", Kind.NAME)
_HELD = Parameter("name", "the file's name on the network", Kind.HELD)

PEER_COMMANDS = Definitions(
    [
        Definition(
            "connect",
            "Join the tracker at an address, leaving the present one.",
            [
                Parameter("host", "IP address or host name of the tracker"),
                Parameter("port", "its TCP port"),
            ],
            owner_only=True,
        ),
        Definition(
            "publish",
            "Share a file, or every regular file in a directory.",
            [
                Parameter("path", "file or directory to share", Kind.PATH),
                Parameter("name", "its name on the network", optional=True),
            ],
            [Option("hash", "what makes the digests of its chunks", "hash", HASHES)],
            details=[
                "Without --hash, what is shared already keeps its hash, and anything else gets "
                "that of the daemon's own --hash. The same content with another hash counts as "
                "another content."
            ],
        ),
        Definition(
            "unpublish",
            "Share a file no more; an unfinished download is discarded.",
            [_HELD],
        ),
        listing("Show what the network offers, and what of it is here."),
        Definition(
            "download",
            "Fetch a file; with a name ending in '/', everything below it.",
            [
                Parameter("name", "its name on the network, or several", Kind.NAME, repeated=True),
                Parameter(
                    "path",
                    "where to put it: a path or directory; by default here",
                    Kind.PATH,
                    optional=True,
                    default=".",
                ),
            ],
            [
                Option("overwrite", "replace what exists there"),
                Option("detach", "do not wait for it; 'attach' does"),
                Option("wait-for", "if nobody offers it yet, wait until somebody does"),
            ],
            details=[
                "Of two words or more the last is PATH. For several names that is a directory, in "
                "which what is below a name has a directory of its own.",
                "The daemon downloads, whether or not anybody watches, and goes on after a "
                "restart, until it is done, or has failed, or 'cancel' ends it. What is there "
                "already, and right, is success.",
            ],
            background=True,
        ),
        Definition(
            "attach",
            "Watch a download that was asked for before, by whomever, until it has ended.",
            [Parameter("name", "the download's name, or several", Kind.DOWNLOAD, repeated=True)],
            background=True,
            only_tells=True,
        ),
        Definition(
            "status",
            "Show tracker, limits, downloads and uploads under way, and shares.",
            only_tells=True,
        ),
        Definition(
            "why",
            "Say what a download waits for, or why it failed: chunks, holders, errors.",
            [_NAME],
            only_tells=True,
        ),
        Definition(
            "doctor",
            "Look whether all is well: tracker, connections from others, room, clock, limits.",
            details=[
                "A line for each thing looked at: ok, FAIL with what to do, or ? where it is not "
                "known. The exit status is 1 when one fails."
            ],
            only_tells=True,
        ),
        Definition(
            "limit",
            "Limit the bytes a second of all uploads or downloads together, also after a restart.",
            [
                Parameter("direction", "upload or download", choices=["upload", "download"]),
                Parameter("rate", "e.g. 500K, 10M or none", optional=True),
            ],
        ),
        Definition(
            "cancel",
            "Stop a download; what came is kept.",
            [Parameter("name", "the download's name, or several", Kind.DOWNLOAD, repeated=True)],
        ),
        *shutting_down("peer"),
    ]
)
