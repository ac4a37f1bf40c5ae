"""Membership: who belongs to a private swarm, and how one can tell.

An authority issues certificates to members, each with a name, a role and, for a publisher, the
names that it may publish; it revokes them too. Here is what is pure of that: certificates, lists
of revocations, and whether they hold. Who asks for them, over which connections, is the business
of the daemons.
"""

from p2pfs.membership.authority import MEMBER_SECONDS, Authority
from p2pfs.membership.authority_files import (
    AUTHORITY_DIRECTORY,
    TRACKER_NAME_FILE,
    tracker_name_in,
)
from p2pfs.membership.certificates import (
    encode_chain,
    read_certificate,
    read_member,
    read_request,
    renewal_due,
    request_certificate,
    swarm_fingerprint,
)
from p2pfs.membership.invitation import (
    MAX_ADDRESSES,
    SECRET_SIZE,
    InvalidInvitation,
    Invitation,
    parse_invitation,
    secret_hash,
)
from p2pfs.membership.joined import (
    MEMBERSHIP_FILE,
    REVOCATIONS_FILE,
    Joined,
    kept_revocations,
    write_revocations,
)
from p2pfs.membership.member import Member, Role, check_patterns, member_name, name_of_host
from p2pfs.membership.name_signing import NameSigning, OpenNames
from p2pfs.membership.private_names import PrivateNames, SigningMember
from p2pfs.membership.revocations import RevocationList
from p2pfs.membership.signature import Signature, Signer, of_record, to_record
from p2pfs.membership.verification import ANY_ROLE, MAX_CHAIN, verify

__all__ = [
    "ANY_ROLE",
    "AUTHORITY_DIRECTORY",
    "MAX_ADDRESSES",
    "MAX_CHAIN",
    "MEMBERSHIP_FILE",
    "MEMBER_SECONDS",
    "REVOCATIONS_FILE",
    "SECRET_SIZE",
    "TRACKER_NAME_FILE",
    "Authority",
    "InvalidInvitation",
    "Invitation",
    "Joined",
    "Member",
    "NameSigning",
    "OpenNames",
    "PrivateNames",
    "RevocationList",
    "Role",
    "Signature",
    "Signer",
    "SigningMember",
    "check_patterns",
    "encode_chain",
    "kept_revocations",
    "member_name",
    "name_of_host",
    "of_record",
    "parse_invitation",
    "read_certificate",
    "read_member",
    "read_request",
    "renewal_due",
    "request_certificate",
    "secret_hash",
    "swarm_fingerprint",
    "to_record",
    "tracker_name_in",
    "verify",
    "write_revocations",
]
