"""What `hh.*` calls: one function for each action, which the magics and the widgets call too."""

from happyhorse_nb.api.calls import (
    again,
    balance,
    begin,
    create,
    forget,
    generate,
    jobs,
    price,
    remade,
    remove,
    restore,
    resume,
    wait,
)
from happyhorse_nb.api.catalog import Jobs
from happyhorse_nb.api.family import list_models
from happyhorse_nb.api.lookup import find, running, take_up
from happyhorse_nb.api.nested import run

__all__ = [
    "Jobs", "again", "balance", "begin", "create", "find", "forget", "generate", "jobs", "list_models", "price",
    "remade", "remove", "restore", "resume", "run", "running", "take_up", "wait",
]  # fmt: skip
