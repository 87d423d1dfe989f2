"""A notice by the browser: for a video that took long, and no script is left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.widgets.output import MimeBundle, notice
from render.samples import sample

NOW = 1_800_000_000.0


class Place:
    """Remembers the bundle that stands in it."""

    def __init__(self) -> None:
        self.bundle: MimeBundle = {}

    def put(self, bundle: MimeBundle) -> None:
        self.bundle = bundle

    def change(self, bundle: MimeBundle) -> None:
        self.bundle = bundle


def told(snapshot: Snapshot) -> tuple[list[str], str]:
    """The scripts that stood in the cell one after the other, and what stands there in the end."""
    place, later = Place(), list[Callable[[], None]]()
    tell = notice(outputs=lambda: place, clock=lambda: NOW, later=lambda _, act: later.append(act))
    scripts = [str(place.bundle["application/javascript"])]
    tell(snapshot)
    scripts.append(str(place.bundle.get("application/javascript", "")))
    for act in later:
        act()
    return scripts, str(place.bundle)


def ended(status: Status, seconds: float, **more: object) -> Snapshot:
    return replace(sample(status), created=NOW - seconds, ended=NOW, **more)  # type: ignore[arg-type]


def test_a_video_of_over_a_minute_is_said_and_the_script_goes() -> None:
    scripts, left = told(ended(Status.DONE, 95, name="launch", prompt="The rocket lifts off"))
    assert "requestPermission" in scripts[0]
    assert '"Video launch is done, after 1 min 35 s"' in scripts[1]
    assert "The rocket lifts off" in scripts[1]
    assert "Notification" not in left


@pytest.mark.parametrize(("status", "seconds"), [(Status.DONE, 20), (Status.FAILED, 95), (Status.STOPPED, 95)])
def test_what_was_quick_or_is_no_video_is_not_said(status: Status, seconds: float) -> None:
    scripts, left = told(ended(status, seconds))
    assert scripts[1] == ""
    assert "Notification" not in left


def test_nothing_in_a_prompt_ends_the_script() -> None:
    scripts, _ = told(ended(Status.DONE, 95, name=None, prompt="</script>\"'); alert(1) //\u2028"))
    assert "</script>" not in scripts[1]
    assert "\\\"'); alert(1) //" in scripts[1]
