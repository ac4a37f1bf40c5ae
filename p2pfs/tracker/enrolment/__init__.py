"""Who may join a private swarm, and who has: invitations, members and revocations on record."""

from p2pfs.tracker.enrolment.enrolment import Enrolment
from p2pfs.tracker.enrolment.invitations import Invitations, NotInvited
from p2pfs.tracker.enrolment.records import NotEnrolled, Records
from p2pfs.tracker.enrolment.values import Applicant, Enrolled, Issued, Revocation, Terms

__all__ = [
    "Applicant",
    "Enrolled",
    "Enrolment",
    "Invitations",
    "Issued",
    "NotEnrolled",
    "NotInvited",
    "Records",
    "Revocation",
    "Terms",
]
