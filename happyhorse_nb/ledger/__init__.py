"""What is kept on disk: the jobs, the first frames, and which kernels are alive."""

from happyhorse_nb.ledger.filter import EVERYTHING, LISTED, ORDERS, Filter
from happyhorse_nb.ledger.frames import Frames
from happyhorse_nb.ledger.leases import Lease, Leases
from happyhorse_nb.ledger.ledger import Ledger
from happyhorse_nb.ledger.presence import Presence
from happyhorse_nb.ledger.questions import Take
from happyhorse_nb.ledger.record import Record, changing
from happyhorse_nb.ledger.unfinished import orphans

__all__ = [
    "EVERYTHING",
    "LISTED",
    "ORDERS",
    "Filter",
    "Frames",
    "Lease",
    "Leases",
    "Ledger",
    "Presence",
    "Record",
    "Take",
    "changing",
    "orphans",
]
