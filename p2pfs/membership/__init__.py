"""Who belongs to a private swarm: what members may do, and how they are invited."""

from p2pfs.membership.invitation import (
    SECRET_SIZE,
    InvalidInvitation,
    Invitation,
    parse_invitation,
    secret_hash,
)
from p2pfs.membership.member import Role

__all__ = [
    "SECRET_SIZE",
    "InvalidInvitation",
    "Invitation",
    "Role",
    "parse_invitation",
    "secret_hash",
]
