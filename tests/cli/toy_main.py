"""The program ``p2pfs``, as it would be for daemons with toy commands."""

from __future__ import annotations

import sys

from p2pfs.cli.main import main
from tests.console.toy_commands import TOY_COMMANDS

if __name__ == "__main__":
    sys.exit(main(roles={"peer": TOY_COMMANDS, "tracker": TOY_COMMANDS}))
