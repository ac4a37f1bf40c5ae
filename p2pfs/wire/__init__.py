"""The wire: messages, and the connections they go over.

Both daemons speak it: lines of JSON and raw bytes, as docs/protocol.md has them. Here are the
messages, the protocol that reads and writes them within its limits, requests that wait for their
answers, and how a listening side shares connections, attention and memory between hosts. What a
message means is the business of who is asked.
"""

from p2pfs.wire.admission import Admission
from p2pfs.wire.budget import Budget
from p2pfs.wire.delivery_watch import GAP, LEAST_RATE
from p2pfs.wire.host_rates import HostRates
from p2pfs.wire.keepalive import KeepAlive
from p2pfs.wire.long_reply import LineTooLong, LongReply
from p2pfs.wire.notices import Notices
from p2pfs.wire.protocol import LongLine, MessageProtocol
from p2pfs.wire.reception import Reception
from p2pfs.wire.requests import QUIET, Pending, RequestProtocol, said
from p2pfs.wire.sockets import TcpPath, is_plain_tcp, plain_socket, set_tcp_options, tcp_path

__all__ = [
    "GAP",
    "LEAST_RATE",
    "QUIET",
    "Admission",
    "Budget",
    "HostRates",
    "KeepAlive",
    "LineTooLong",
    "LongLine",
    "LongReply",
    "MessageProtocol",
    "Notices",
    "Pending",
    "Reception",
    "RequestProtocol",
    "TcpPath",
    "is_plain_tcp",
    "plain_socket",
    "said",
    "set_tcp_options",
    "tcp_path",
]
