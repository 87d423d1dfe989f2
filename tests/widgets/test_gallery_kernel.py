"""The gallery in a real kernel: what a page is sent, what the buttons do, and what is saved with the notebook."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import happyhorse_nb
from happyhorse_nb.models import Status
from happyhorse_nb.store import Ledger
from store.rows import record
from support.kernel import Cell, Kernel
from widgets.gallery_ledger import fill

TESTS = Path(__file__).resolve().parent.parent
COUNT = 60


@pytest.fixture
def kernel(python: Path, tmp_path: Path, photo: Path, small_mp4: bytes) -> Iterator[Kernel]:
    fill(tmp_path / "home", COUNT, photo=photo, folder=tmp_path / "happyhorse-videos", mp4=small_mp4)
    path = os.pathsep.join([str(Path(happyhorse_nb.__file__).parent.parent), str(TESTS)])
    env = {"PYTHONPATH": path, "HAPPYHORSE_HOME": str(tmp_path / "home"), "MODELLIX_API_KEY": "none"}
    with Kernel(python, env=env, cwd=tmp_path) as kernel:
        yield kernel


def button(kernel: Kernel, words: str) -> str:
    [found] = [key for key, state in kernel.widgets.items() if state.get("description") == words]
    return found


def faces(kernel: Kernel) -> list[str]:
    """The posters that are seen, in order."""
    shown = [str(state.get("value")) for state in kernel.widgets.values() if "Poster " in str(state.get("value"))]
    return sorted(shown, key=lambda face: int(face.partition("Poster ")[2].partition(":")[0]))


def click(kernel: Kernel, words: str) -> None:
    kernel.click(button(kernel, words))


def slot(kernel: Kernel) -> list[str]:
    """What stands below the grid."""
    [found] = [s for s in kernel.widgets.values() if "hh-slot" in str(s.get("_dom_classes"))]
    return list(found["children"])


def opened(kernel: Kernel, code: str = "import happyhorse_nb as hh\nhh.gallery()") -> Cell:
    cell = kernel.run(code)
    assert cell.ok, cell.error
    return cell


@pytest.mark.every_kernel
def test_the_gallery_pages_plays_stars_and_forgets(kernel: Kernel, tmp_path: Path) -> None:
    cell = opened(kernel)
    assert len(faces(kernel)) == 24
    assert f"video {COUNT} of &lt;b&gt;many" in faces(kernel)[0]
    assert "<video" not in kernel.everything()

    click(kernel, "Play video 1")
    kernel.wait(lambda: "data:video/mp4" in str(list(kernel.widgets.values())), "the video")
    click(kernel, "Give video 1 a star")
    kernel.wait(
        lambda: any(s.get("description") == "Remove the star of video 1" for s in kernel.widgets.values()), "star"
    )

    click(kernel, "More of video 2")
    click(kernel, "Forget…")
    kernel.wait(lambda: "Forget it?" in str(list(kernel.widgets.values())), "the question")
    click(kernel, "Forget")
    kernel.wait(lambda: f"video {COUNT - 2} of" in faces(kernel)[1], "the next one in its place")
    lost = tmp_path / "happyhorse-videos" / ".trash" / f"video {COUNT - 1}.mp4"
    assert lost.is_file()
    # Neither is it in what is saved with the notebook.
    kernel.wait(lambda: f"video {COUNT - 1} of" not in str(kernel.data(cell)), "the saved grid without it")

    click(kernel, "Next page")
    kernel.wait(lambda: f"video {COUNT - 25} of" in faces(kernel)[0], "the second page")
    # Whatever page is looked at when something is forgotten, the first one is saved.
    click(kernel, "More of video 1")
    click(kernel, "Forget…")
    click(kernel, "Forget")
    kernel.wait(lambda: f"video {COUNT - 26} of" in faces(kernel)[0], "the next one in its place")
    kernel.wait(lambda: "The newest 24 of 58 jobs" in str(kernel.data(cell)), "the saved grid")
    assert f"video {COUNT} of" in str(kernel.data(cell))
    ledger = Ledger(tmp_path / "home")
    assert [row.snapshot.id for row in ledger.newest() if row.starred] == [f"job-{COUNT:08}"]
    ledger.close()


def test_picked_videos_are_compared_below_the_grid(kernel: Kernel) -> None:
    opened(kernel)
    click(kernel, "Pick video 1")
    click(kernel, "Pick video 3")
    kernel.wait(lambda: any(s.get("description") == "Compare 2" for s in kernel.widgets.values()), "the button")
    click(kernel, "Compare 2")
    kernel.wait(lambda: str(list(kernel.widgets.values())).count("data:video/mp4") >= 2, "both videos")


def test_what_is_edited_does_not_take_the_place_of_a_comparison(kernel: Kernel) -> None:
    opened(kernel)
    for number in (1, 3):
        click(kernel, f"Pick video {number}")
    kernel.wait(lambda: any(s.get("description") == "Compare 2" for s in kernel.widgets.values()), "the button")
    click(kernel, "Compare 2")
    kernel.wait(lambda: len(slot(kernel)) == 1, "the comparison")
    click(kernel, "More of video 3")
    click(kernel, "Edit")
    kernel.wait(lambda: len(slot(kernel)) == 2, "the form below it")
    click(kernel, "Close the comparison")
    kernel.wait(lambda: len(slot(kernel)) == 1, "the form alone")
    click(kernel, "Close the form")
    kernel.wait(lambda: slot(kernel) == [], "nothing")


def test_what_is_removed_is_brought_back_at_once_or_later(kernel: Kernel, tmp_path: Path) -> None:
    cell = opened(kernel)
    click(kernel, "More of video 2")
    click(kernel, "Remove")
    kernel.wait(lambda: f"video {COUNT - 2} of" in faces(kernel)[1], "the next one in its place")
    kernel.wait(lambda: f"video {COUNT - 1} of" not in str(kernel.data(cell)), "the saved grid without it")
    click(kernel, "Undo")
    kernel.wait(lambda: f"video {COUNT - 1} of" in faces(kernel)[1], "the same one again")

    for number in (1, 2, 3):
        click(kernel, f"Pick video {number}")
    kernel.wait(lambda: any(s.get("description") == "Remove 3" for s in kernel.widgets.values()), "the button")
    click(kernel, "Remove 3")
    kernel.wait(lambda: f"video {COUNT - 3} of" in faces(kernel)[0], "those after them")
    assert kernel.run(
        "import happyhorse_nb as hh; print(len(hh.jobs()), len(hh.jobs(removed=True)))"
    ).printed.split() == [
        str(COUNT - 3),
        "3",
    ]
    opened(kernel, "hh.gallery(removed=True)")
    kernel.wait(lambda: any(s.get("description") == "Restore: pick some" for s in kernel.widgets.values()), "its bar")


def test_takes_of_one_request_stand_together_and_say_so(kernel: Kernel, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    now = time.time()
    for seed, age in ((1, 30), (2, 7200)):
        row = record(
            "a take", owner=None, prompt="a take", params={"seed": seed}, status=Status.DONE, created=now - age
        )
        ledger.add(row, reuse=False)
    ledger.close()
    opened(kernel)
    shown = faces(kernel)
    assert ["take 1 of 2" in shown[0], "seed 2" in shown[0], "take 2 of 2" in shown[1], "seed 1" in shown[1]] == [
        True
    ] * 4
    assert not any('class="hh-take"' in face for face in shown[2:])


def test_what_is_typed_is_looked_for_at_each_key(kernel: Kernel) -> None:
    opened(kernel)
    [search] = [key for key, state in kernel.widgets.items() if state.get("placeholder") == "Search"]
    assert kernel.widgets[search]["continuous_update"] is True
    typed = "video 57"
    for end in range(1, len(typed) + 1):
        kernel.update(search, value=typed[:end])
    kernel.wait(lambda: ["video 57 of" in face for face in faces(kernel)] == [True], "the one that is meant")


def test_a_videos_request_is_edited_in_a_form_below_the_grid(kernel: Kernel) -> None:
    opened(kernel)
    click(kernel, "More of video 3")
    click(kernel, "Edit")
    kernel.wait(lambda: "Generate, about $" in str(list(kernel.widgets.values())), "the form")
    assert any(s.get("value") == f"video {COUNT - 2} of <b>many</b>" for s in kernel.widgets.values())
    kernel.wait(lambda: "JPEG, 640 x 427" in str(list(kernel.widgets.values())), "the first frame")
    assert "is not kept any more" not in str(list(kernel.widgets.values()))
    # It takes the place of the one before, and says so where there is no first frame to load.
    click(kernel, "More of video 9")
    click(kernel, "Edit")
    kernel.wait(lambda: "is not kept any more: choose one." in str(list(kernel.widgets.values())), "the reason")
    assert len(slot(kernel)) == 1


def test_a_video_of_a_model_that_is_not_known_any_more_is_not_edited_and_says_why(
    kernel: Kernel, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "home")
    ledger.add(record(owner=None, status=Status.DONE, model="happyhorse-0.1", created=time.time()), reuse=False)
    ledger.close()
    opened(kernel)
    click(kernel, "More of video 1")
    click(kernel, "Edit")
    kernel.wait(lambda: "happyhorse-0.1&#39; is not known" in str(list(kernel.widgets.values())), "the reason")


def test_what_goes_wrong_is_said_in_the_gallery(kernel: Kernel, tmp_path: Path) -> None:
    opened(kernel)
    (tmp_path / "happyhorse-videos" / ".trash").write_text("in the way")
    click(kernel, "More of video 1")
    click(kernel, "Forget…")
    click(kernel, "Forget")
    kernel.wait(lambda: "nothing was forgotten" in str(list(kernel.widgets.values())), "the reason")


def test_filters_choose_and_say_when_nothing_fits(kernel: Kernel) -> None:
    opened(kernel, "%load_ext happyhorse_nb\n%happyhorse gallery --text 'job-00000007 MANY'")
    assert [face.count("video 7 of") > 0 for face in faces(kernel)] == [True]
    opened(kernel, "import happyhorse_nb as hh\nhh.gallery(status='failures')")
    assert "No jobs match." in str(list(kernel.widgets.values()))
