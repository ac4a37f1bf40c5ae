"""The command that makes a tracker's swarm a private one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from p2pfs.cli.own_state import made_state_directory
from p2pfs.commands import Call
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import AuthorityProblem
from p2pfs.membership import (
    AUTHORITY_DIRECTORY,
    TRACKER_NAME_FILE,
    Authority,
    member_name,
    name_of_host,
    tracker_name_in,
)
from p2pfs.paths import given_path


def found_swarm(
    state: Path, call: Call, host: Callable[[], str] = socket.gethostname
) -> AnswerMessage:
    """Make or bring the authority of the tracker with that state directory.

    ``host`` says what this machine is called. Raises `AuthorityProblem` when there is one already,
    `InvalidMember` when there is no name for the tracker.
    """
    directory = state / AUTHORITY_DIRECTORY
    if os.path.lexists(directory):
        raise _there_is_one(directory)
    ca = call.options.get("ca")
    source = None if ca is None else given_path(ca)
    name = _tracker_name(call.options.get("name"), source, host)
    made_state_directory(state)
    if source is None:
        authority = Authority.create(directory, os.urandom, time.time, name)
    else:
        authority = Authority.bring(source, directory, os.urandom, name)
    whence = f"Brought the authority {source}" if source else "Made the authority"
    return AnswerMessage(
        {
            "fingerprint": authority.fingerprint,
            "tracker": name,
            "authority": str(directory),
            "until": authority.certificate.not_valid_after_utc.timestamp(),
        },
        [
            f"{whence} of a private swarm, {authority.fingerprint}.",
            f"Its tracker is called {name}. Keep a copy of {directory} where nobody else can read "
            "it: without it the swarm is lost.",
            "Start the tracker, again if it runs: from then on it lets in members only. Then "
            "'p2pfs tracker invite' makes invitations.",
        ],
    )


def _tracker_name(given: str | None, source: Path | None, host: Callable[[], str]) -> str:
    if given is not None:
        return member_name(given)
    # What is brought may be the backup of a tracker, which goes on under its name.
    if source is not None and os.path.lexists(source / TRACKER_NAME_FILE):
        return tracker_name_in(source)
    # A peer on this machine has the name without more.
    return name_of_host(f"tracker.{host()}")


def _there_is_one(directory: Path) -> AuthorityProblem:
    fingerprint = Authority.load(directory, os.urandom).fingerprint
    return AuthorityProblem(
        f"This tracker's swarm is private already, {fingerprint}, with its authority in "
        f"{directory}; nothing was changed."
    )
