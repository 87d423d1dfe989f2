from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from happyhorse_nb.models import Progress, Status
from happyhorse_nb.widgets.output import WIDGET_VIEW
from widgets.fakes import FakeJob, FakeOutputs, running, show


@pytest.fixture
def outputs() -> FakeOutputs:
    return FakeOutputs()


@pytest.fixture
def video(tmp_path: Path, small_mp4: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "happyhorse-videos" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(small_mp4)
    return path


def widgets_in(outputs: FakeOutputs) -> dict[str, list[Any]]:
    """The widgets of the panel, by the name of their class."""
    [bundle] = [bundle for _, _, bundle in outputs.events if WIDGET_VIEW in bundle]
    found: dict[str, list[Any]] = {}

    def walk(widget: Any) -> None:
        found.setdefault(type(widget).__name__, []).append(widget)
        for child in getattr(widget, "children", ()):
            walk(child)

    # The registry is where a front end's id leads to; ipywidgets 7 keeps it under another name.
    registry = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    walk(registry[bundle[WIDGET_VIEW]["model_id"]])
    return found


def all_widgets(outputs: FakeOutputs) -> list[Any]:
    return [widget for widgets in widgets_in(outputs).values() for widget in widgets]


def panel_text(outputs: FakeOutputs) -> str:
    return " ".join(widget.value for widget in widgets_in(outputs)["HTML"])


def test_a_running_job_gets_a_live_panel_and_a_place_for_its_video(outputs: FakeOutputs) -> None:
    show(FakeJob(), embed_limit=15, outputs=outputs)
    panel, place = (place.bundle for place in outputs.outputs)
    assert WIDGET_VIEW in panel
    assert panel["text/plain"].startswith("Generating, 4 s")
    assert "%happyhorse show h0192abc" in place["text/html"]
    assert "Generating" in panel_text(outputs)


def test_where_widgets_do_not_run_the_panel_is_no_second_and_stale_card(outputs: FakeOutputs) -> None:
    show(FakeJob(), embed_limit=15, outputs=outputs)
    assert outputs.outputs[0].bundle["text/html"] == ""


def test_at_the_end_the_video_comes_first_and_then_the_static_card(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.done(video)
    (what_1, first, bundle_1), (what_2, second, bundle_2) = outputs.events[2:]
    assert (what_1, first) == ("change", 1)
    assert "data:video/mp4;base64," in bundle_1["text/html"]
    assert bundle_1["text/plain"] == str(video)
    assert (what_2, second) == ("change", 0)
    assert "Done" in bundle_2["text/html"]
    assert WIDGET_VIEW not in bundle_2


def test_above_the_limit_the_video_is_linked(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=0, outputs=outputs)
    job.done(video)
    assert 'src="happyhorse-videos/clip.mp4"' in outputs.shown[1]


@pytest.mark.parametrize("status", [Status.REFUSED, Status.FAILED, Status.EXPIRED, Status.UNKNOWN, Status.STOPPED])
def test_an_end_without_a_video_leaves_the_card_alone(outputs: FakeOutputs, status: Status) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.to(status=status, message="so it is")
    card, place = outputs.shown
    assert "so it is" in card
    assert place == ""


def test_only_the_first_end_counts(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    [listener] = job.listeners
    job.done(video)
    shown = list(outputs.events)
    listener(running())
    listener(running(status=Status.FAILED))
    assert outputs.events == shown
    assert "Done" in panel_text(outputs)
    assert not job.listeners


def test_the_panel_of_a_page_that_was_reloaded_offers_the_video(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.done(video)
    assert [button.description for button in widgets_in(outputs)["Button"]] == ["Show video"]
    assert "progressbar" not in panel_text(outputs)


def test_after_a_failure_there_is_nothing_to_click(outputs: FakeOutputs) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.to(status=Status.FAILED)
    assert "Button" not in widgets_in(outputs)


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_a_job_that_has_ended_is_shown_without_a_widget(outputs: FakeOutputs, video: Path, status: Status) -> None:
    show(FakeJob(running(status=status, path=video)), embed_limit=15, outputs=outputs)
    assert [what for what, _, _ in outputs.events] == ["put"] * (2 if status is Status.DONE else 1)
    assert not any(WIDGET_VIEW in bundle for _, _, bundle in outputs.events)


def test_a_job_that_ends_while_it_is_being_shown_is_not_missed(outputs: FakeOutputs, video: Path) -> None:
    class Hasty(FakeJob):
        def subscribe(self, listener: Any) -> Any:
            self.done(video)
            return super().subscribe(listener)

    job = Hasty()
    show(job, embed_limit=15, outputs=outputs)
    assert "data:video/mp4" in outputs.shown[1]
    assert not job.listeners


def test_the_button_stops_the_job_and_says_what_it_does(outputs: FakeOutputs) -> None:
    job = FakeJob(running(status=Status.QUEUED, position=2))
    show(job, embed_limit=15, outputs=outputs)
    [button] = widgets_in(outputs)["Button"]
    assert button.description == "Take out"
    job.to(status=Status.PROCESSING)
    assert button.description == "Stop watching"
    button.click()
    assert job.stopped == 1


def test_no_users_words_in_a_description(outputs: FakeOutputs) -> None:
    show(FakeJob(running(prompt="<b>secret", name="secret")), embed_limit=15, outputs=outputs)
    for widget in all_widgets(outputs):
        assert "secret" not in getattr(widget, "description", "")


def test_the_page_is_told_at_most_twice_a_second_and_of_nothing_that_did_not_change(outputs: FakeOutputs) -> None:
    job = FakeJob()
    start = time.monotonic()
    show(job, embed_limit=15, outputs=outputs)
    sent: list[str] = []
    for widget in all_widgets(outputs):
        widget.observe(lambda change: sent.append(change.name), ["value", "description", "children"])
    for tick in range(50):
        job.to(progress=Progress(fraction=tick / 100, elapsed=tick, left=50))
    # In the time that it really took; on a clock of its own it is tested with the rate.
    assert len(sent) <= 2 * (1 + time.monotonic() - start)


def test_the_thumbnail_comes_when_it_is_known(outputs: FakeOutputs) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    assert "data:image/jpeg" not in panel_text(outputs)
    job.thumbnail = b"\xff\xd8\xff"
    job.to(status=Status.PROCESSING)
    assert "data:image/jpeg;base64,/9j/" in panel_text(outputs)


def test_screen_readers_hear_states_not_seconds(outputs: FakeOutputs) -> None:
    show(FakeJob(), embed_limit=15, outputs=outputs)
    live = [w.value for w in widgets_in(outputs)["HTML"] if "aria-live" in w.value]
    assert all("Generating" in value and " s" not in value for value in live)


def test_what_cannot_be_drawn_is_said_in_the_card_and_harms_no_job(outputs: FakeOutputs) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    job.to(progress=Progress(fraction=float("nan")))
    assert "ValueError: cannot convert float NaN to integer" in panel_text(outputs)
    assert "%happyhorse show h0192abcdef" in panel_text(outputs)


def test_an_end_that_the_page_does_not_take_is_said_in_the_panel(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    outputs.outputs[1].broken = True
    job.done(video)
    assert "OSError: the page is gone" in panel_text(outputs)
    assert [button.description for button in widgets_in(outputs)["Button"]] == ["Show video"]
    assert not job.listeners


def test_a_stop_that_fails_is_said_in_the_card(outputs: FakeOutputs) -> None:
    class Stuck(FakeJob):
        def stop(self) -> None:
            raise RuntimeError("no loop")

    job = Stuck()
    show(job, embed_limit=15, outputs=outputs)
    widgets_in(outputs)["Button"][0].click()
    assert "RuntimeError: no loop" in panel_text(outputs)
    job.to(progress=Progress(fraction=0.5, elapsed=60))
    assert "RuntimeError: no loop" in panel_text(outputs)
    assert "Generating" in panel_text(outputs)


def test_many_threads_end_a_job_once(outputs: FakeOutputs, video: Path) -> None:
    job = FakeJob()
    show(job, embed_limit=15, outputs=outputs)
    [listener] = job.listeners
    done = replace(job.snapshot, status=Status.DONE, path=video)
    threads = [threading.Thread(target=listener, args=(done,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [what for what, _, _ in outputs.events] == ["put", "put", "change", "change"]
