from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from happyhorse_nb import render
from happyhorse_nb.models import Cost, Status
from happyhorse_nb.render.units import columns
from render.samples import NOW, RUNNING, every_state, sample


def test_the_sums_keep_bills_estimates_and_play_money_apart() -> None:
    jobs = [
        sample(Status.DONE),
        sample(Status.DONE, cost=Cost(Decimal("1.20"), billed=True)),
        sample(Status.PROCESSING),
        sample(Status.DONE, sandbox=True, cost=Cost(Decimal("9.00"), billed=True)),
    ]
    expected = "4 jobs; $1.90 billed, about $0.70 not billed yet; $9.00 billed of play money (sandbox)"
    assert render.table_text(jobs, now=NOW).splitlines()[-1] == expected
    assert f"<caption>{expected}</caption>" in render.table(jobs, now=NOW)


def test_what_was_not_charged_or_not_bought_again_is_not_summed() -> None:
    jobs = [sample(Status.FAILED), sample(Status.REFUSED), sample(Status.DONE, reused=True)]
    assert render.table_text(jobs, now=NOW).splitlines()[-1] == "3 jobs"


def test_what_may_have_been_charged_is_summed() -> None:
    assert "about $0.70 not billed yet" in render.table_text([sample(Status.UNKNOWN)], now=NOW)


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
    assert '<a href="v/a%20b.mp4"><span class="hh-folder">v/</span>a b.mp4</a>' in shown
    assert "<a " not in render.table([job], now=NOW)
    assert str(job.path) in render.table_text([job], now=NOW)


def test_no_jobs_is_said_in_words() -> None:
    assert render.table_text([], now=NOW) == "No jobs yet."
    assert "No jobs yet." in render.table([], now=NOW)


def test_the_age_counts_from_the_request() -> None:
    assert "just now" in render.table_text([RUNNING], now=NOW)
