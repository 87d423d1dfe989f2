"""What can be compared, and the buttons that keep one of the videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

import happyhorse_nb as hh
from happyhorse_nb.job import Takes
from happyhorse_nb.models import Status
from happyhorse_nb.widgets.compare import Comparison, check
from happyhorse_nb.widgets.output import WIDGET_VIEW
from widgets.fakes import FakeJob, FakeOutputs, running


class DoneJob(FakeJob):
    """A finished job with a star to be given."""

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(running(status=Status.DONE, id=f"{number:08x}c0de", task_id=f"task-{number}", path=path))
        self.starred = False

    def star(self, on: bool = True) -> None:
        self.starred = on


Make = Callable[[int], Any]


@pytest.fixture
def make(tmp_path: Path, small_mp4: bytes) -> Make:
    def make(number: int) -> Any:
        path = tmp_path / f"clip {number}.mp4"
        path.write_bytes(small_mp4)
        return DoneJob(number, path)

    return make


def refusal(*jobs: Any) -> str:
    with pytest.raises(hh.InvalidRequest) as caught:
        check(jobs)
    told = str(caught.value)
    assert "\n" not in told
    return told


@pytest.mark.parametrize("count", [0, 1, 5])
def test_fewer_than_two_or_more_than_four_are_refused(make: Make, count: int) -> None:
    assert f"2 to 4 finished videos, not {count}." in refusal(*map(make, range(count)))


def test_what_has_no_video_is_refused_by_its_name(make: Make) -> None:
    job: Any = FakeJob()
    assert refusal(make(1), job) == (
        'compare: job h0192abc is processing and has no video yet. Wait for it: hh.wait("h0192abc")'
    )
    job.to(status=Status.FAILED)
    assert "job h0192abc is failed and has no video. Leave it out." in refusal(make(1), job)
    gone = make(2)
    gone.snapshot.path.unlink()
    assert "clip 2.mp4 any more" in refusal(make(1), gone)
    assert "job 00000001 is named twice" in refusal(make(1), make(1))


def test_ids_are_looked_up() -> None:
    with pytest.raises(hh.JobNotFound, match=r"no job has 'clip\.mp4' in its id"):
        hh.compare("clip.mp4", "other.mp4")
    with pytest.raises(hh.InvalidRequest, match="not 0"):
        hh.compare()
    with pytest.raises(hh.InvalidRequest, match="not a int"):
        hh.compare([5])  # type: ignore[arg-type]  # what is tested
    with pytest.raises(hh.InvalidRequest, match="not a PosixPath"):
        hh.compare(Path("clip.mp4"))  # type: ignore[arg-type]  # what is tested


def test_of_takes_those_that_are_done_are_compared(make: Make) -> None:
    failed: Any = FakeJob(running(status=Status.FAILED))
    two = make(1), make(2)
    assert hh.compare(Takes([two[0], failed, two[1]])).jobs == two
    with pytest.raises(hh.InvalidRequest, match="no video yet"):
        hh.compare(Takes([make(1), FakeJob()]))  # type: ignore[list-item]  # a job without a server


def test_without_a_notebook_it_is_text(make: Make) -> None:
    told = repr(hh.compare(make(1), make(2))).splitlines()
    assert [line.rpartition("/")[2] for line in told] == [
        "clip 1.mp4",
        "clip 2.mp4",
        "Nothing differs in what was asked for.",
    ]


def test_keeping_one_gives_it_the_star_and_leaves_words_in_place_of_the_buttons(make: Make) -> None:
    jobs = [make(1), make(2), make(3)]
    jobs[2].star()
    outputs = FakeOutputs()
    place = outputs()
    comparison = Comparison(jobs, embed_limit=15)
    place.put(comparison.row(place))
    row = widget(place.bundle)
    assert [button.description for button in row.children[:-1]] == ["Keep A", "Keep B", "Keep C"]
    row.children[1].click()
    assert [job.starred for job in jobs] == [False, True, False]
    assert "Kept B (clip 2.mp4)" in place.bundle["text/html"]
    assert WIDGET_VIEW not in place.bundle
    # A page that was reloaded meanwhile still has the row.
    [left] = row.children
    assert "Kept B (clip 2.mp4)" in left.value


def test_a_star_that_cannot_be_given_is_said_beside_the_buttons(make: Make) -> None:
    class Stuck(DoneJob):
        def star(self, on: bool = True) -> None:
            raise hh.LedgerError("the ledger is locked")

    jobs: list[Any] = [make(1), Stuck(2, make(2).snapshot.path)]
    place = FakeOutputs()()
    place.put(Comparison(jobs, embed_limit=15).row(place))
    row = widget(place.bundle)
    row.children[1].click()
    assert "the ledger is locked" in row.children[-1].value
    assert len(row.children) == 3


def widget(bundle: Any) -> Any:
    registry = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    return registry[bundle[WIDGET_VIEW]["model_id"]]
