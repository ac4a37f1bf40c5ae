"""The peer's commands, as its consoles offer them."""

from p2pfs.peer.commands.access import place_check
from p2pfs.peer.commands.commands import peer_commands

__all__ = ["peer_commands", "place_check"]
