from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from render.samples import HOSTILE, NOW, RUNNING, every_state, sample

JPEG = b"\xff\xd8\xff\xe0 not a whole one"


class Page(HTMLParser):
    """A page's elements and its words, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "br", "link", "input", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def one(self, tag: str, **attrs: str) -> dict[str, str | None]:
        [found] = [a for t, a in self.elements if t == tag and attrs.items() <= a.items()]
        return found


@pytest.mark.parametrize("snapshot", every_state(), ids=lambda s: str(s.status))
def test_each_state_is_a_whole_card_of_its_own(snapshot: Snapshot) -> None:
    page = Page(render.card(snapshot, JPEG, now=NOW))
    assert "style" not in {tag for tag, _ in page.elements}
    assert render.words.state(snapshot) in page.text
    assert "5 s, 720P, seed 7" in page.text
    assert page.one("img")["width"] == "88"


@pytest.mark.parametrize("status", [s for s in Status if s.ended])
def test_nothing_in_an_ended_card_needs_a_kernel_or_still_claims_to_run(status: Status) -> None:
    html = render.card(sample(status), JPEG, now=NOW)
    page = Page(html)
    assert not {"button", "input", "script"} & {tag for tag, _ in page.elements}
    assert "progressbar" not in html
    assert "pending" not in page.text
    assert "processing" not in page.text


def test_a_running_card_has_its_bar_in_words_too() -> None:
    bar = Page(render.live(RUNNING, now=NOW)).one("div", role="progressbar")
    assert (bar["aria-valuemin"], bar["aria-valuenow"], bar["aria-valuemax"]) == ("0", "54", "100")
    assert bar["aria-valuetext"] == "54 %, about 40 s left"


def test_the_live_part_says_all_that_the_user_asked_for() -> None:
    text = Page(render.live(RUNNING, now=NOW)).text
    for piece in ("Generating", "48 s, about 40 s left", "about $0.70", "h0192abc", "as launch"):
        assert piece in text


def test_without_its_style_the_pieces_of_a_line_stay_apart() -> None:
    text = Page(render.live(sample(Status.DONE), now=NOW)).text
    assert "Done · in 1 min 31 s, $0.70" in text
    assert "1184 x 790 · h0192abc · as launch · another take: %happyhorse again h0192abc" in text


@pytest.mark.parametrize("snapshot", every_state(), ids=lambda s: str(s.status))
def test_a_job_has_one_id_from_first_to_last(snapshot: Snapshot) -> None:
    text = Page(render.card(snapshot, None, now=NOW)).text
    assert "h0192abc" in text
    assert "task-" not in text


def test_only_a_running_card_can_say_that_its_kernel_is_gone() -> None:
    assert "%happyhorse resume h0192abc" in render.live(RUNNING, now=NOW)
    assert "kernel was restarted" not in render.live(sample(Status.DONE), now=NOW)
    assert "kernel was restarted" not in render.takes_live([sample(Status.DONE)] * 2, now=NOW)
    assert "go on: <code>%happyhorse resume</code>" in render.takes_live([RUNNING, sample(Status.DONE)], now=NOW)


def test_the_next_step_is_named_where_there_is_one() -> None:
    assert (
        "another take: %happyhorse again h0192abc" in Page(render.live(sample(Status.DONE, reused=True), now=NOW)).text
    )
    joined = replace(RUNNING, reused=True)
    assert "nothing is bought again" in Page(render.live(joined, now=NOW)).text


def test_commands_in_a_remedy_are_code_to_copy() -> None:
    unknown = sample(Status.UNKNOWN)
    command = f"<code>%happyhorse resume TASK-ID --attach {unknown.short_id}</code>"
    assert command in render.live(unknown, now=NOW)


@pytest.mark.parametrize("field", ["prompt", "message", "remedy", "said", "name", "model", "task_id", "id"])
@pytest.mark.parametrize("status", [Status.PROCESSING, Status.FAILED, Status.DONE])
def test_words_from_outside_never_become_markup(field: str, status: Status) -> None:
    changes: dict[str, Any] = {field: HOSTILE}
    snapshot = sample(status, **changes)
    for html in (
        render.card(snapshot, None, now=NOW),
        render.live(snapshot, now=NOW),
        render.placeholder(snapshot),
        render.spoken(snapshot),
        render.table([snapshot], now=NOW),
        render.trouble(snapshot.id, ValueError(HOSTILE)),
    ):
        page = Page(html)
        assert not {"script", "img"} & {tag for tag, _ in page.elements}
        assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
        assert "\x1b" not in html
        assert "\u202e" not in html
    page = Page(render.card(snapshot, None, now=NOW))
    assert {tag for tag, _ in page.elements} <= {"link", "div", "span", "b", "bdi", "i", "code"}
    assert len(page.text) < 3000


def test_backticks_of_a_server_are_not_code() -> None:
    assert "<code>rm</code>" not in render.live(sample(Status.FAILED, message="run `rm` now"), now=NOW)


def test_a_hostile_parameter_is_text() -> None:
    snapshot = replace(RUNNING, params={"resolution": "<b>", "<i>": "<u>"})
    assert not {"i", "u"} & {
        tag for tag, _ in Page(render.live(sample(Status.DONE, params=snapshot.params), now=NOW)).elements
    }


def test_the_signed_link_of_a_video_is_nowhere() -> None:
    snapshot = sample(Status.DONE, video_url="https://cdn.example/signed?secret=1")
    shown = [render.card(snapshot, None, now=NOW), render.table([snapshot], now=NOW), render.line(snapshot, now=NOW)]
    assert not any("secret" in text for text in shown)


def test_a_card_without_a_thumbnail_keeps_its_shape() -> None:
    page = Page(render.card(RUNNING, None, now=NOW))
    assert page.one("span", **{"class": "hh-thumb hh-none"})


def test_the_style_follows_the_notebook_and_never_guesses_the_theme() -> None:
    style = render.style()
    assert style.startswith("<style>")
    assert "--jp-layout-color1" in style
    assert "prefers-reduced-motion" in style
    assert "prefers-color-scheme" not in style
    assert "</" not in style.removesuffix("</style>")


def test_the_placeholder_says_how_to_get_the_video_back() -> None:
    text = Page(render.placeholder(RUNNING)).text
    assert "%happyhorse show h0192abc" in text
    assert "\n" not in text


@pytest.mark.parametrize("snapshot", every_state(), ids=lambda s: str(s.status))
def test_a_saved_card_looks_the_same_without_a_style_sheet(snapshot: Snapshot) -> None:
    page = Page(render.card(snapshot, JPEG, now=NOW))
    card, line = (
        page.one("div", **{"class": "hh tex2jax_ignore mathjax_ignore"}),
        page.one("div", **{"class": "hh-line"}),
    )
    assert "--jp-layout-color1" in str(card["style"])
    assert "display:flex" in str(line["style"])
    # Only where styles are dropped do they keep the pieces of a line apart.
    assert {attrs.get("style") for _, attrs in page.elements if attrs.get("class") == "hh-sep"} <= {"display:none"}
    assert len(render.card(snapshot, None, now=NOW)) < 4_500


@pytest.mark.parametrize("snapshot", every_state(), ids=lambda s: str(s.status))
def test_the_terminal_has_each_state_in_one_line(snapshot: Snapshot) -> None:
    line = render.line(replace(snapshot, prompt=HOSTILE, message=HOSTILE), now=NOW)
    assert line.isprintable()
    assert render.words.state(snapshot) in line
    assert "`" not in line


def test_the_terminal_line_of_a_running_and_of_a_done_job() -> None:
    assert render.line(RUNNING, now=NOW) == "Generating, 48 s, about 40 s left, 54 % (h0192abc)"
    assert render.line(sample(Status.REFUSED, name=None), now=NOW).startswith("Refused, not charged (h0192abc): ")
    assert render.line(sample(Status.DONE), now=NOW) == "Done in 1 min 31 s, $0.70 (h0192abc)"
