"""The addresses that a peer announces: which are recorded, and how."""

from __future__ import annotations

from p2pfs.addresses import Address, is_private, is_wildcard, parse_address
from p2pfs.errors import InvalidAddress, Refused


def recorded(announced: str, seen: Address | None, allow_announced_host: bool) -> Address:
    """The address to record for one that is announced; raises `P2pfsError`.

    ``seen`` is where the connection comes from, None where that has no address. Another host
    than that may be announced only with ``allow_announced_host``.
    """
    address = parse_address(announced)
    if is_wildcard(address.host):
        if seen is None:
            raise InvalidAddress("Over this connection the address needs a host.")
        address = Address(seen.host, address.port)
    trusted = seen is None or address.host == seen.host or allow_announced_host
    if not trusted:
        raise Refused(
            f"This host may not announce {address.host}; announce ':{address.port}', or have "
            "the tracker run with --allow-announced-host."
        )
    # What is recorded has to be readable to others: a scoped IPv6 host, for one, is not.
    return parse_address(str(address))


def recorded_inner(inner: str | None, recorded: str) -> str | None:
    """The inner address to record for one that is announced; None when it is of no use."""
    if inner is None:
        return None
    try:
        address = parse_address(inner)
    except InvalidAddress:
        return None
    if not is_private(address.host) or str(address) == recorded:
        return None
    return str(address)
