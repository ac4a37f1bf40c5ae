"""What both daemons are: a service with a state directory, ports and consoles, under twistd."""

from p2pfs.daemon.descriptors import Descriptors, free_descriptors
from p2pfs.daemon.service import Daemon, DaemonOptions, run_under_twistd

__all__ = ["Daemon", "DaemonOptions", "Descriptors", "free_descriptors", "run_under_twistd"]
