"""What both daemons are: a service with a state directory, ports and consoles, under twistd."""

from p2pfs.console.control.groups import Group
from p2pfs.daemon.descriptors import Descriptors, free_descriptors
from p2pfs.daemon.notify import Standing
from p2pfs.daemon.options import DaemonOptions
from p2pfs.daemon.program import run_program
from p2pfs.daemon.service import Daemon, run_under_twistd
from p2pfs.daemon.swarm_text import swarm_data, swarm_line

__all__ = [
    "Daemon",
    "DaemonOptions",
    "Descriptors",
    "Group",
    "Standing",
    "free_descriptors",
    "run_program",
    "run_under_twistd",
    "swarm_data",
    "swarm_line",
]
