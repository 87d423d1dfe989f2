"""What cards, takes and comparison make of the file: its sound, its codec; and the pictures of the inputs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from happyhorse_nb.models import Progress, Status
from happyhorse_nb.store.record import StoredInput
from happyhorse_nb.widgets.compare import Comparison
from support.videos import make_video
from widgets.fakes import FakeJob, FakeOutputs, running, show
from widgets.test_widgets_card import all_widgets, panel_text


@pytest.fixture
def outputs() -> FakeOutputs:
    return FakeOutputs()


def picture(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (352, 235), color).save(out, "JPEG")
    return out.getvalue()


def referring(count: int = 3, **changes: Any) -> Any:
    job = FakeJob(running(**changes))
    colors = ("red", "green", "blue", "white", "black", "gold", "navy", "lime", "pink")
    job.inputs = tuple(
        StoredInput("reference", f"{number:064x}", f"{color}.png", picture(color))
        for number, color in enumerate(colors[:count], 1)
    )
    return job


def finished(path: Path, number: int = 1) -> Any:
    return FakeJob(running(status=Status.DONE, id=f"{number:08x}c0de", path=path))


@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_a_video_that_no_browser_plays_gets_a_line_live_and_when_it_is_shown_again(
    tmp_path: Path, outputs: FakeOutputs, codec: str
) -> None:
    path = make_video(tmp_path / "clip.mp4", codec=codec, sound="aac")
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.done(path)
    again = FakeOutputs()
    show(job, embed_limit=15, outputs=again)
    name = {"libx265": "HEVC", "mpeg4": "MPEG-4 part 2"}[codec]
    for shown in (outputs.shown, again.shown):
        html = " ".join(shown)
        assert f"This video is {name}, which a browser cannot play." in html
        assert "<video" not in html
        assert "with sound" in html
        assert "clip.mp4" in html


def test_the_card_says_whether_there_is_sound(tmp_path: Path, outputs: FakeOutputs) -> None:
    loud, silent = (make_video(tmp_path / f"{name}.mp4", sound=name) for name in ("aac", ""))
    for path in (loud, silent):
        show(finished(path), embed_limit=15, outputs=outputs)
    assert ["with sound" in html for html in outputs.shown] == [True, False, False, False]
    assert all(" muted" in outputs.shown[number] for number in (1, 3))


def test_a_comparison_shows_a_line_for_the_one_that_cannot_be_played(tmp_path: Path) -> None:
    files = make_video(tmp_path / "a.mp4", sound="aac"), make_video(tmp_path / "b.mp4", codec="libx265")
    jobs = [finished(path, number) for number, path in enumerate(files)]
    html = Comparison(jobs, embed_limit=15).bundle()["text/html"]
    assert html.count("<video ") == 1
    assert "This video is HEVC" in html
    assert 'data-sound="yes"' in html


def test_a_file_that_is_gone_is_said_as_before(tmp_path: Path, outputs: FakeOutputs) -> None:
    show(finished(tmp_path / "gone.mp4"), embed_limit=15, outputs=outputs)
    assert "is not there any more" in outputs.shown[1]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_references_stand_in_a_strip_and_are_sent_once(outputs: FakeOutputs, tmp_path: Path, count: int) -> None:
    job = referring(count)
    show(job, embed_limit=15, outputs=outputs)
    text = panel_text(outputs)
    assert [f"character{number}</fig" in text for number in range(1, 10)] == [n <= count for n in range(1, 10)]
    assert text.count("data:image/jpeg") == count
    # Nine pictures in some tens of kilobytes.
    assert len(text) < 45_000
    sent: list[str] = []
    for widget in all_widgets(outputs):
        widget.observe(lambda change: sent.append(str(change["new"])))
    for step in range(5):
        job.to(progress=Progress(fraction=step / 5, elapsed=step))
    job.done(make_video(tmp_path / "clip.mp4"))
    assert sent
    assert not any("data:image" in one for one in sent)
    # The card that is saved has them again, in an output of its own.
    assert outputs.shown[0].count("data:image/jpeg") == count


def test_an_edit_shows_the_poster_of_its_video_and_with_references_what_is_which(outputs: FakeOutputs) -> None:
    film = StoredInput("video", "job:1234", "clip.mp4", picture("red"), 5.0)
    alone = FakeJob()
    alone.inputs = (film,)
    show(alone, embed_limit=15, outputs=outputs)
    assert panel_text(outputs).count("data:image/jpeg") == 1
    assert "figcaption" not in panel_text(outputs).partition("</style>")[2]
    both, others = referring(1), FakeOutputs()
    both.inputs = (film, *both.inputs)
    show(both, embed_limit=15, outputs=others)
    text = panel_text(others)
    assert "<figcaption>video<" in text
    assert "<figcaption>character1<" in text
