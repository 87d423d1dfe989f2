"""``happyhorse-nb jobs``: the table as text, filtered as in a notebook."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def jobs(argv: Sequence[str]) -> int:
    """Print the jobs that fit. Raises `InvalidRequest`, `LedgerError`."""
    from happyhorse_nb.jobs import jobs as listed
    from happyhorse_nb.jobs.query import FIELDS, SORT, chosen

    parser = argparse.ArgumentParser(
        prog="happyhorse-nb jobs", description="List the jobs, newest first, with what they cost.", allow_abbrev=False
    )
    for field in (*FIELDS, SORT):
        if field.flag:
            parser.add_argument(f"--{field.name}", action="store_true", default=None, help=field.help)
        else:
            parser.add_argument(f"--{field.name}", metavar=field.metavar, help=field.help)
    args = parser.parse_args(argv)
    print(listed(**chosen(args), sort=args.sort))
    return 0
