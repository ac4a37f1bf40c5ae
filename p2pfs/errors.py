"""What can go wrong, in sentences for the person in front of the console.

Every error that p2pfs raises on purpose derives from :class:`P2pfsError`. Its
text is one sentence that says what happened and what to do next; every surface
shows that text and never a traceback.
"""


class P2pfsError(Exception):
    """Base of every error that p2pfs reports to a user."""


class UsageProblem(P2pfsError):
    """A command line or console line that cannot be understood."""


class InvalidName(P2pfsError):
    """A file name that may not be used on the network."""


class InvalidFileInfo(P2pfsError):
    """Sizes, chunk numbers or digests that contradict each other."""


class InvalidAddress(P2pfsError):
    """A peer address that is not ``host:port``."""


class MalformedMessage(P2pfsError):
    """A line from the network that is not a message of the protocol."""


class TrackerUnavailable(P2pfsError):
    """There is no tracker to ask, or it does not answer."""


class HandshakeFailed(P2pfsError):
    """There is no secure connection: one side is not who the other has to talk to."""


class Refused(P2pfsError):
    """The other side understood the request and answered with an error."""


class SourceFailed(P2pfsError):
    """A source did not deliver: refused, disconnected, silent or wrong."""


class NotAllowed(P2pfsError):
    """Whoever gave the command may not have this done."""


class NotFound(P2pfsError):
    """A file, share or download of that name does not exist."""


class AlreadyExists(P2pfsError):
    """Something of that name is in the way."""


class StorageProblem(P2pfsError):
    """The local disk refused: full, read-only, missing, or changed underneath."""


class OutOfResources(StorageProblem):
    """The system gives this process no thread or no memory for work with files."""


class DownloadFailed(P2pfsError):
    """A download ended without the whole file."""


class Cancelled(P2pfsError):
    """The user asked for it to stop."""


class LeftRunning(P2pfsError):
    """Whoever watched a download does not any more, and it goes on without."""


class StartupProblem(P2pfsError):
    """A daemon cannot start: its state directory, endpoint or options are unusable."""


class AuthorityProblem(StartupProblem):
    """The authority of a private swarm cannot be made, read or used."""


class InvalidMember(P2pfsError):
    """A name, role, pattern or request that no member of a private swarm may have."""


class NotAMember(P2pfsError):
    """A certificate that does not make its owner the member that is expected."""


class InvalidRevocations(P2pfsError):
    """A list of revocations that is none, or not signed by the swarm's authority."""


class BadSignature(P2pfsError):
    """A name that is not signed as it has to be, or cannot be signed by who wants to."""
