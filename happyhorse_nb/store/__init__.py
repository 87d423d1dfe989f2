"""What is on disk: the jobs, their first frames, and which kernels are alive."""

from happyhorse_nb.store.filter import EVERYTHING, LISTED, ORDERS, Filter
from happyhorse_nb.store.frames import Frames
from happyhorse_nb.store.leases import Lease, Leases
from happyhorse_nb.store.ledger import Ledger
from happyhorse_nb.store.presence import Presence, orphans
from happyhorse_nb.store.questions import Take
from happyhorse_nb.store.record import Record, StoredInput, changing
from happyhorse_nb.store.uploads import Claim, Picture, Room

__all__ = [
    "EVERYTHING",
    "LISTED",
    "ORDERS",
    "Claim",
    "Filter",
    "Frames",
    "Lease",
    "Leases",
    "Ledger",
    "Picture",
    "Presence",
    "Record",
    "Room",
    "StoredInput",
    "Take",
    "changing",
    "orphans",
]
