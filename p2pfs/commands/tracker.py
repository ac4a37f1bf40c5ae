"""The commands of a tracker."""

from __future__ import annotations

from p2pfs.commands.definition import Definition, Kind, Parameter
from p2pfs.commands.listing import listing
from p2pfs.commands.parsing import Definitions
from p2pfs.commands.shutting_down import shutting_down

TRACKER_COMMANDS = Definitions(
    [
        Definition(
            "start",
            "Listen for peers at one more host and port.",
            [
                Parameter("host", "address of the interface; 0.0.0.0 or :: for all"),
                Parameter("port", "TCP port; 0 for any that is free"),
            ],
            owner_only=True,
        ),
        Definition(
            "status",
            "Show where it listens, since when, how much it serves, and the quotas in use.",
            only_tells=True,
        ),
        Definition(
            "list_peers",
            "Show who is connected, since when, holding how much, and who can be reached.",
            only_tells=True,
        ),
        listing("Show the files that are offered: size, holders, and how fetching them gets on."),
        Definition(
            "list_chunkinfo",
            "Show which peer holds which chunks of a file.",
            [Parameter("name", "the file's name on the network", Kind.NAME)],
            only_tells=True,
        ),
        *shutting_down("tracker"),
    ]
)
