"""The commands of a tracker."""

from __future__ import annotations

from p2pfs.commands.definition import Definition, Kind, Option, Parameter
from p2pfs.commands.listing import listing
from p2pfs.commands.parsing import Definitions
from p2pfs.commands.shutting_down import shutting_down

ROLES = ("reader", "publisher")
"""What an invitation can make of a machine."""

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
        Definition(
            "invite",
            "Invite machines to a private swarm: print one line, for 'p2pfs join' there.",
            options=[
                Option("role", "what they become; reader by default", "role", ROLES),
                Option(
                    "names",
                    "the names that a publisher may publish: a pattern, or several with white "
                    "space between them",
                    "patterns",
                ),
                Option("uses", "how many machines may join by it; 1 by default", "count"),
                Option("expires", "for how long: 90s, 10m, 1h, 7d; 1h by default", "time"),
                Option(
                    "address", "where they reach the tracker, if not where it listens", "host:port"
                ),
            ],
            details=[
                "A reader downloads, and serves on what it has. A publisher may also publish, "
                "replace and unpublish the names that fit its patterns, such as 'models/*'; '*' "
                "is for all. A pattern that has white space or quotes in it is quoted once more, "
                "as in --names \"'my models/*' data/*\".",
                "Whoever has the line can join, and it is kept nowhere: hand it on by ssh, as in "
                "ssh TRACKER p2pfs tracker invite | p2pfs join.",
            ],
            owner_only=True,
        ),
        Definition(
            "members",
            "Show the members of a private swarm: role, names, since and until when, last seen.",
            only_tells=True,
            owner_only=True,
        ),
        Definition(
            "revoke",
            "Put a member out of a private swarm; nobody in it talks to that member any more.",
            [Parameter("name", "the member's name", Kind.MEMBER)],
            details=[
                "It is done at once, without a question. Only a new invitation lets it in again."
            ],
            owner_only=True,
        ),
        *shutting_down("tracker"),
    ]
)
