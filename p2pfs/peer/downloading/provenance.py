"""Whether the tracker may be believed what a name means, before anything is fetched by that."""

from __future__ import annotations

from p2pfs.errors import BadSignature, DownloadFailed
from p2pfs.membership import NameSigning, Signature
from p2pfs.peer.library import Holding
from p2pfs.wire.messages import ReplyFileLocation

REVOKED = "the certificate of who signed it was revoked meanwhile"
"""Why a download may not go on."""


def checked(
    signing: NameSigning, location: ReplyFileLocation, known: Holding | None
) -> Signature | None:
    """The signature by which a name means what a location says; None where it needs none.

    ``known`` is what this peer holds under the name: its own signature goes on counting for the
    same content, and no older content takes its place. Raises `DownloadFailed` when nobody who
    may has said so.
    """
    name, info, offered = location.filename, location.fileinfo, location.signature
    kept = known.signature if known is not None else None
    try:
        if known is not None and kept is not None and not signing.is_void(kept):
            if known.info == info:
                return kept
            if offered is not None and signing.is_same_owner(kept, offered):
                _check_newer(name, kept, offered)
        signing.check(name, info, offered)
    except BadSignature as error:
        raise DownloadFailed(
            f"'{name}' was not downloaded, as the tracker says of it what nobody vouches for: "
            f"{error}"
        ) from None
    return offered


def _check_newer(name: str, kept: Signature, offered: Signature) -> None:
    if offered.at <= kept.at:
        raise BadSignature(
            f"What this peer has of '{name}' is newer; ask another tracker, or unpublish that "
            "first to have the older one."
        )
