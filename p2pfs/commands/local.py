"""The commands that the program ``p2pfs`` does itself: no daemon has to run for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2pfs.commands.definition import Definition, Kind, Option, Parameter

SHELLS = ("bash", "zsh", "fish")
"""The shells whose words can be completed."""

NO_DAEMON = "It needs no daemon."


def _of_both(daemon: str) -> list[Definition]:
    return [
        Definition(
            "console",
            "Open a prompt with history and Tab completion.",
            details=[f"Commands that are given there are the {daemon}'s."],
        ),
        Definition(
            "completion",
            "Print what makes a shell complete this program's words.",
            [Parameter("shell", "the shell that is to read it", choices=SHELLS)],
            details=[f'For bash in ~/.bashrc: eval "$(p2pfs completion bash)". {NO_DAEMON}'],
        ),
    ]


_JOIN = Definition(
    "join",
    "Join a private swarm by an invitation, as a member with a certificate of its own.",
    [
        Parameter(
            "file",
            "a file that has the invitation; without it, standard input, or a prompt",
            Kind.PATH,
            optional=True,
        )
    ],
    [Option("name", "what the member is to be called; by default this machine's name", "name")],
    [
        "An invitation is what 'p2pfs tracker invite' prints at the tracker, so over ssh all of "
        "it is: ssh TRACKER p2pfs tracker invite | p2pfs join. It is a secret, and no argument, "
        "as everybody on a machine can see those.",
        "The key of this peer is made here and never leaves its state directory. The tracker is "
        "known by the invitation's fingerprint before it is told anything. When the answer is "
        "lost, the same invitation can be given again, and counts once.",
        f"{NO_DAEMON} A peer that runs already is a member from its next start on.",
    ],
)

_PRIVATE = Definition(
    "private",
    "Make this tracker's swarm a private one: make the authority that says who is a member.",
    options=[
        Option(
            "ca",
            "bring an authority from there: key.pem, certificate.pem and, if it is not its own "
            "root, chain.pem",
            "dir",
            kind=Kind.PATH,
        ),
        Option(
            "name",
            "what the tracker is called as a member; by default 'tracker.' and this machine's name",
            "name",
        ),
    ],
    details=[
        "It is in 'authority' in the state directory, and a copy of that directory is its backup; "
        "with --ca such a copy becomes the authority of a new tracker. Who is a member, and who "
        "was revoked, is in members.sqlite beside it. Whoever has the authority's key decides "
        "who is a member.",
        f"{NO_DAEMON} A tracker that runs already has to be started again.",
    ],
)

LOCAL_COMMANDS: Mapping[str, Sequence[Definition]] = {
    "peer": [*_of_both("peer"), _JOIN],
    "tracker": [*_of_both("tracker"), _PRIVATE],
}
"""By the kind of daemon before whose commands they stand."""
