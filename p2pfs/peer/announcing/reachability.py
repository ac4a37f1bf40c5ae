"""What a user should know of who can connect to this peer, in a sentence."""

from __future__ import annotations

from p2pfs.addresses import Address, is_loopback, parse_address


def reach_warning(listening: Address, recorded: str | None, found: bool | None) -> str:
    """Why others cannot connect to a peer, and what to do; empty if they can, or nobody knows.

    ``recorded`` is the address that its tracker knows, if any, and ``found`` whether that has
    found it there.
    """
    if recorded is None:
        return ""
    is_local = is_loopback(parse_address(recorded).host)
    if is_loopback(listening.host) and not is_local:
        return (
            f"Others cannot connect to this peer: it listens on {listening} only, while its "
            f"tracker is elsewhere; start it with --listen tcp:{listening.port} and open that port."
        )
    if is_local and not is_loopback(listening.host):
        return (
            f"Other machines cannot fetch from this peer: its tracker knows it as {recorded}; "
            "give the tracker's address in the network with --tracker, not a loopback one."
        )
    if found is False:
        return (
            f"Others cannot connect to this peer: its tracker tried {recorded}, and did not find "
            "it there. It serves only those that it can connect to itself, or that are behind the "
            "same router; open that port, or have the router forward it."
        )
    return ""
