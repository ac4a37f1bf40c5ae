"""Who gets what next: all the choices of a peer, without Twisted.

Which chunk is asked of whom, which source gets a connection, which downloader has its turn. Time
and randomness are handed in, so each choice can be tried by itself.
"""

from p2pfs.peer.policy.experience import Experience
from p2pfs.peer.policy.intake import Intake
from p2pfs.peer.policy.picker import Picker, PickerSource, Standing
from p2pfs.peer.policy.seats import Claim, Rank, share_out
from p2pfs.peer.policy.stragglers import Burden, straggler
from p2pfs.peer.policy.trial import Trial, patience
from p2pfs.peer.policy.upload_slots import UploadSlots
from p2pfs.peer.policy.want_lists import MOST_WANT_LISTS, WantList

__all__ = [
    "MOST_WANT_LISTS",
    "Burden",
    "Claim",
    "Experience",
    "Intake",
    "Picker",
    "PickerSource",
    "Rank",
    "Standing",
    "Trial",
    "UploadSlots",
    "WantList",
    "patience",
    "share_out",
    "straggler",
]
