from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from happyhorse_nb import render
from happyhorse_nb.models import Cost, Status
from happyhorse_nb.render.tables import sums
from happyhorse_nb.render.words import columns
from render.samples import NOW, every_state, sample


def told(html: str) -> str:
    """The text of a table, without its tags."""
    html = html.replace('<span class="hh-dollar">$</span>', "")
    return " ".join(re.sub("<[^>]+>", " ", re.sub("<style>.*</style>", "", html)).split())


def test_the_sums_keep_bills_estimates_and_play_money_apart() -> None:
    jobs = [
        sample(Status.DONE),
        sample(Status.DONE, cost=Cost(Decimal("1.20"), billed=True)),
        sample(Status.PROCESSING),
        sample(Status.DONE, sandbox=True, cost=Cost(Decimal("9.00"), billed=True)),
    ]
    expected = "4 jobs, $2.60, about $0.70 of it not yet billed; $9.00 of play money"
    assert render.table_text(jobs, now=NOW).splitlines()[-1] == expected
    assert f"<caption>{expected}</caption>" in render.table(jobs, now=NOW)


def test_what_was_not_charged_or_not_bought_again_is_not_summed() -> None:
    jobs = [sample(Status.FAILED), sample(Status.REFUSED), sample(Status.DONE, reused=True)]
    assert render.table_text(jobs, now=NOW).splitlines()[-1] == "3 jobs"


def test_what_may_have_been_charged_is_summed() -> None:
    assert "1 job, about $0.70, not yet billed" in render.table_text([sample(Status.UNKNOWN)], now=NOW)


def test_what_was_spent_is_said_once_with_its_kind() -> None:
    play = sample(Status.DONE, sandbox=True)
    spent = {"today": [play], "this month": [play] * 3, "in all": [play] * 4}
    assert sums([play] * 4, spent=spent, whole=True) == (
        "4 jobs; $0.70 today, $2.10 this month, $2.80 in all, of play money"
    )
    # Of some of them it is said what these cost, too; and how to have back what is hidden.
    assert sums([play], spent=spent, removed=2) == (
        "1 job, $0.70 of play money; spent: $0.70 today, $2.10 this month, $2.80 in all, of play money. "
        "2 removed: `%happyhorse restore` undoes that"
    )
    real = {"today": [], "this month": [sample(Status.DONE)], "in all": [sample(Status.DONE), play]}
    assert sums([play] * 2, spent=real, whole=True) == (
        "2 jobs; $0.00 today, $0.70 this month, $0.70 in all; "
        "$0.00 today, $0.00 this month, $0.70 in all, of play money"
    )


def test_the_kind_of_money_is_in_no_row_unless_there_are_two() -> None:
    play, real = sample(Status.DONE, sandbox=True), sample(Status.PROCESSING)
    alone = told(render.table([play], now=NOW))
    assert alone.count("play") == 1
    assert " 0.70 today" in alone
    for text in (told(render.table([play, real], now=NOW)), render.table_text([play, real], now=NOW)):
        assert "0.70 play" in text
        assert "~0.70 " in text


def test_the_prompt_stands_first_and_whole() -> None:
    prompt = "Steam rises from the cup in slow motion, the spoon glints, shallow depth of field, golden hour"
    job = sample(Status.DONE, prompt=prompt)
    assert told(render.table([job], now=NOW)).index(prompt) < told(render.table([job], now=NOW)).index("h0192abc")
    text = render.table_text([job], now=NOW)
    assert text.splitlines()[0].split() == ["what", "state", "id", "how", "$", "when", "★", "file"]
    assert text.splitlines()[1].startswith("Steam rises from the cup in slow motion, the sp")


def test_a_star_and_the_order_are_seen() -> None:
    html = render.table([sample(Status.DONE)] * 2, now=NOW, stars=[True, False], sort="cost")
    assert html.count('aria-label="starred"') == 1
    assert '<th scope="col" role="columnheader" aria-sort="descending">$' in html
    text = render.table_text([sample(Status.DONE)] * 2, now=NOW, stars=[True, False])
    assert ["★" in line for line in text.splitlines()[1:3]] == [True, False]


def test_every_state_has_a_row_with_an_id_to_use() -> None:
    text = render.table_text(every_state(), now=NOW)
    assert len(text.splitlines()) == 1 + len(Status) + 2
    assert "h0192abc" in text
    assert "h0192abc" in text
    assert render.table(every_state(), now=NOW).count("<tr ") == 1 + len(Status)


def test_columns_stay_aligned_in_any_language() -> None:
    jobs = [sample(Status.DONE, prompt="猫が窓辺で眠る"), sample(Status.DONE, prompt="A cat sleeps")]
    first, second = render.table_text(jobs, now=NOW).splitlines()[1:3]
    assert columns(first[: first.index("5 s")]) == columns(second[: second.index("5 s")])


def test_a_file_is_a_link_where_the_notebooks_folder_is_known(tmp_path: Path) -> None:
    job = sample(Status.DONE, path=tmp_path / "v" / "a b.mp4")
    shown = render.table([job], now=NOW, start=tmp_path)
    assert '<a href="v/a%20b.mp4">v/a b.mp4</a>' in shown
    assert "<a " not in render.table([job], now=NOW)
    assert str(job.path) in render.table_text([job], now=NOW)


def test_no_jobs_is_said_in_words() -> None:
    assert render.table_text([], now=NOW) == "No jobs yet."
    assert "No jobs yet." in render.table([], now=NOW)


def test_the_date_is_that_of_the_request_in_a_persons_words() -> None:
    created = datetime(2026, 11, 30, 10, 12).astimezone().timestamp()
    job = sample(Status.DONE, created=created)
    for days, words in ((0, "today 10:12"), (1, "yesterday 10:12"), (9, "30 Nov 10:12"), (60, "30 Nov 2026")):
        now = (datetime(2026, 11, 30, 12).astimezone() + timedelta(days=days)).timestamp()
        assert f" {words}" in told(render.table([job], now=now))
        assert f" {words}" in render.table_text([job], now=now)
