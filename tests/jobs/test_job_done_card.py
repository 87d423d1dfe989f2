"""The buttons of a done card: they act while the kernel lives, and what they make is saved as ordinary outputs."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

import happyhorse_nb as hh
from happyhorse_nb.models import Status
from happyhorse_nb.widgets.card import show
from happyhorse_nb.widgets.output import WIDGET_VIEW
from jobs.conftest import Generate
from support.fake_server import FakeServer
from widgets.fakes import FakeOutputs


@pytest.fixture
def job(generate: Generate) -> Any:
    made = generate(duration=5, resolution="720P", seed=7)
    made.result()
    return made


def shown(job: Any, **how: Any) -> FakeOutputs:
    outputs = FakeOutputs()
    show(job, embed_limit=15, outputs=outputs, buttons=True, **how)
    return outputs


def press(outputs: FakeOutputs, words: str) -> None:
    [button] = [b for b in row(outputs)["Button"] if b.description.startswith(words)]
    button.click()


def tree(bundle: Any) -> dict[str, list[Any]]:
    """The widgets that a bundle shows, by the name of their class."""
    found: dict[str, list[Any]] = {}

    def walk(widget: Any) -> None:
        found.setdefault(type(widget).__name__, []).append(widget)
        for child in getattr(widget, "children", ()):
            walk(child)

    # The registry is where a front end's id leads to; ipywidgets 7 keeps it under another name.
    registry = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    walk(registry[bundle[WIDGET_VIEW]["model_id"]])
    return found


def row(outputs: FakeOutputs) -> dict[str, list[Any]]:
    """The widgets of the row, by class: it is the newest view beside a done card."""
    return tree(
        [bundle for _, _, bundle in outputs.events if WIDGET_VIEW in bundle and "hh-actions" in classes(bundle)][-1]
    )


def classes(bundle: Any) -> str:
    return " ".join(tree(bundle)["VBox"][0]._dom_classes)


def below(outputs: FakeOutputs) -> str:
    """What stands under the video, as it is saved."""
    return outputs.events[-1][2]["text/html"]


def test_a_done_card_says_what_its_buttons_do_and_cost(job: Any) -> None:
    said = [button.description for button in row(shown(job))["Button"]]
    assert said == ["Make it in 1080P, about $1.14", "Another seed, about $0.64", "Edit", "☆"]
    copied = " ".join(html.value for html in row(shown(job))["HTML"])
    assert str(job.path) in copied


def test_the_card_itself_stays_an_ordinary_output_without_a_button(job: Any) -> None:
    card, video, *_ = [p.bundle for p in shown(job).outputs if WIDGET_VIEW not in p.bundle and p.bundle["text/html"]]
    assert "<button" not in card["text/html"]
    assert "Download</a>" in video["text/html"]


def test_one_that_is_large_already_is_not_offered_larger(generate: Generate) -> None:
    large = generate(resolution="1080P", seed=7)
    large.result()
    assert not [b for b in row(shown(large))["Button"] if "1080P" in b.description]


def test_made_in_1080p_twice_it_is_bought_once_with_its_own_seed(job: Any, fake_server: FakeServer) -> None:
    first, second = shown(job), shown(job)
    press(first, "Make it")
    press(first, "Make it")
    press(second, "Make it")
    hh.wait()
    sent = [request.json for request in fake_server.of("submit")]
    assert len(sent) == 2
    assert (sent[1]["resolution"], sent[1]["seed"], sent[1]["duration"]) == ("1080P", 7, 5)


def test_what_a_button_has_made_is_an_ordinary_output_at_its_end(job: Any) -> None:
    outputs = shown(job)
    press(outputs, "Make it")
    hh.wait()
    assert "data:video/mp4" in below(outputs)
    assert "1080P" in below(outputs)
    assert WIDGET_VIEW not in outputs.events[-1][2]


def test_two_clicks_on_another_seed_are_one_wish_until_its_video_is_there(job: Any, fake_server: FakeServer) -> None:
    fake_server.words = ("pending",)
    outputs = shown(job)
    press(outputs, "Another")
    press(outputs, "Another")
    assert len(hh.jobs()) == 2


def test_a_star_is_given_and_taken(job: Any) -> None:
    outputs = shown(job)
    press(outputs, "☆")
    assert job.starred
    assert [b.description for b in row(shown(job))["Button"]][-1] == "★"
    press(outputs, "★")
    assert not job.starred


def test_edit_opens_the_form_with_the_request_below_the_card(job: Any) -> None:
    outputs = shown(job)
    press(outputs, "Edit")
    assert [area.value for area in row(outputs)["Textarea"]] == ["The rocket lifts off"]


def test_a_press_that_fails_says_so_and_can_be_made_again(job: Any) -> None:
    outputs = shown(job)
    hh.forget(job)
    press(outputs, "Another")
    said = " ".join(html.value for html in row(outputs)["HTML"])
    assert "cannot be repeated" in said
    assert job.status == Status.DONE
