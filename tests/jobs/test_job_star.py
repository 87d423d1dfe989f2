"""A star is given to any job, running or ended, and is the same wherever the job is looked at."""

from __future__ import annotations

import happyhorse_nb as hh
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended


def test_a_star_stays_while_the_job_goes_on_and_is_seen_by_all_who_hold_it(
    generate: Generate,
) -> None:
    job = generate()
    assert [job.starred] == [False]
    job.star()
    job.result(timeout=DEADLINE)
    assert [job.starred] == [True]
    found = hh.find(job.id)
    assert found.starred
    found.star(False)
    assert [job.starred] == [False]


def test_a_star_given_after_the_submit_is_in_the_frame(generate: Generate) -> None:
    job = generate()
    job.star()
    assert hh.jobs(starred=True).to_frame()["starred"].tolist() == [True]
    job.star(False)
    assert hh.jobs().to_frame()["starred"].tolist() == [False]
    ended(job)
