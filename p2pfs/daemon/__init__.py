"""What both daemons are: a service with a state directory, ports and consoles, under twistd."""

from p2pfs.console.control.groups import Group
from p2pfs.daemon.descriptors import Descriptors, free_descriptors
from p2pfs.daemon.notify import Standing
from p2pfs.daemon.options import DaemonOptions
from p2pfs.daemon.program import run_program
from p2pfs.daemon.service import Daemon, run_under_twistd

__all__ = [
    "Daemon",
    "DaemonOptions",
    "Descriptors",
    "Group",
    "Standing",
    "free_descriptors",
    "run_program",
    "run_under_twistd",
]
