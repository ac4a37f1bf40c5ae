"""What commands there are: their arguments, their help, and how words become calls of them.

Every surface (the program ``p2pfs``, its prompt, SSH, the Python prompt, manuals, completion)
takes them from here; what a command does is known to its daemon alone. All of this is pure.
"""

from p2pfs.commands.caller import SOMEBODY, Caller
from p2pfs.commands.completion import Expected, expected
from p2pfs.commands.definition import Definition, Kind, Option, Parameter
from p2pfs.commands.local import LOCAL_COMMANDS
from p2pfs.commands.parsing import HELP, Call, Definitions, bind, split_line
from p2pfs.commands.peer import PEER_COMMANDS
from p2pfs.commands.tracker import TRACKER_COMMANDS

__all__ = [
    "HELP",
    "LOCAL_COMMANDS",
    "PEER_COMMANDS",
    "SOMEBODY",
    "TRACKER_COMMANDS",
    "Call",
    "Caller",
    "Definition",
    "Definitions",
    "Expected",
    "Kind",
    "Option",
    "Parameter",
    "bind",
    "expected",
    "split_line",
]
