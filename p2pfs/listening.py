"""Endpoint strings to listening ports and connections, with errors a person can use."""

from __future__ import annotations

from typing import cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_port
from p2pfs.errors import StartupProblem, UsageProblem
from p2pfs.reactor import Reactor

NONE = "none"
"""What an endpoint option says for "not yet, the console will tell"."""

# A port number out of range surfaces as an OverflowError from the socket itself, and what no
# host's name can be as one of the others.
_UNBINDABLE = (CannotListenError, OSError, OverflowError, TypeError, ValueError)


def listen(
    reactor: Reactor, description: str, factory: IProtocolFactory
) -> Deferred[IListeningPort]:
    """Listen at a server endpoint such as ``tcp:6880``.

    Raises, or fails with, `StartupProblem` when the string cannot be read or
    the endpoint not be bound. TCP and UNIX endpoints are bound on return.
    """
    endpoint = _server_endpoint(reactor, description)

    def explain(failure: Failure) -> Failure:
        failure.trap(*_UNBINDABLE)
        error = failure.value
        cause = getattr(error, "socketError", None) or error
        return Failure(
            StartupProblem(
                f"Cannot listen at '{description}' ({_reason(cause)}); "
                "choose another endpoint or stop what uses it."
            )
        )

    listening: Deferred[IListeningPort] = endpoint.listen(factory)
    return listening.addErrback(explain)


def check_server_endpoint(description: str) -> str:
    """The string as it is, if it can be read; raises `StartupProblem` otherwise."""
    # A reactor is asked when the endpoint is used.
    _server_endpoint(cast(Reactor, None), description)
    return description


def check_client_endpoint(description: str) -> str:
    """The same for that of a client; raises `UsageProblem`."""
    client_endpoint(cast(Reactor, None), description)
    return description


def client_endpoint(reactor: Reactor, description: str) -> IStreamClientEndpoint:
    """The client endpoint of a string such as ``tcp:tracker.example:6880``.

    Raises `UsageProblem` when it cannot be read.
    """
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    except Exception as error:  # each type of endpoint has errors of its own
        raise UsageProblem(
            f"'{description}' is not a client endpoint ({_reason(error)}); "
            "write for example tcp:192.0.2.1:6880."
        ) from None
    return endpoint


def address_endpoint(reactor: Reactor, address: Address, timeout: float) -> IStreamClientEndpoint:
    """The client endpoint of an address, with ``timeout`` seconds to connect."""
    for is_literal, endpoint in (
        (isIPAddress, TCP4ClientEndpoint),
        (isIPv6Address, TCP6ClientEndpoint),
    ):
        if is_literal(address.host):
            return endpoint(reactor, address.host, address.port, timeout)
    return HostnameEndpoint(reactor, address.host, address.port, timeout)


def tcp_endpoint_string(host: str, port: str, for_server: bool) -> str:
    """The endpoint string of a host and port typed into a console; raises `UsageProblem`."""
    number = parse_port(port)
    if number is None or (number == 0 and not for_server):  # a server may leave the choice open
        raise UsageProblem(f"'{port}' is not a port; give a number from 1 to 65535.")
    escaped = host.strip("[]").replace("\\", "\\\\").replace(":", "\\:")
    if for_server:
        return f"tcp:{port}:interface={escaped}"
    return f"tcp:{escaped}:{port}"


def bound_address(port: IListeningPort) -> Address:
    """Where a port listens; raises `StartupProblem` when it is not a TCP port."""
    bound = port.getHost()
    if not isinstance(bound, IPv4Address | IPv6Address):
        raise StartupProblem("Other machines need a TCP port; give an endpoint such as tcp:6881.")
    return Address(bound.host, bound.port)


def _server_endpoint(reactor: Reactor, description: str) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:  # each type of endpoint has errors of its own
        raise StartupProblem(
            f"'{description}' is not a server endpoint ({_reason(error)}); "
            "write for example tcp:6880 or tcp:6880:interface=127.0.0.1."
        ) from None
    return endpoint


def _reason(error: BaseException | None) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
