"""Snapshots as HTML: the card, its live part, and the line that keeps a video's place."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from happyhorse_nb.models import Snapshot
from happyhorse_nb.render import words
from happyhorse_nb.render.inline import Rules, inlined, rules
from happyhorse_nb.render.units import plain
from happyhorse_nb.render.view import view

if TYPE_CHECKING:
    from jinja2 import Environment


#: What may stand in an attribute's address as it is; quotes, blanks, "%", "#", "&", "<" and ">" may not.
_PUNCTUATION = ":;,.()[]{}*+~!=/-_"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Whatever a template prints is escaped: words of a server or a user can never become markup.
    return Environment(
        loader=PackageLoader("happyhorse_nb.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Else each card would look four times a second whether our own files have changed.
        auto_reload=False,
    )


def fill(template: str, **values: Any) -> str:
    """The template of that name with these values, each of them escaped but for HTML made by another template."""
    return _environment().get_template(template).render(**values).strip()


@cache
def style(*more: str) -> str:
    """The ``<style>`` element: what all views share and cards need, and the sheets of other views by their names."""
    return f"<style>{_sheet('style', *more)}</style>"


@cache
def _sheet(*names: str) -> str:
    """These sheets as one. It may stand in a saved output, so comments and indents are dropped."""
    from importlib.resources import files

    sheets = files("happyhorse_nb.render").joinpath("templates")
    text = "\n".join(sheets.joinpath(f"{name}.css").read_text("utf-8") for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*|(:)\s+", r"\1\2", " ".join(text.split()))


@cache
def _rules() -> Rules:
    return rules(_sheet("style", "takes"))


def link(sheet: str) -> str:
    """The sheet of that name as an element without a text that another page could show: for rules that look at what a
    front end puts around an output, and so cannot be attributes of ours."""
    return f'<link rel="stylesheet" href="data:text/css,{quote(_sheet(sheet), safe=_PUNCTUATION)}">'


def saved(thumb: str, live: str) -> str:
    """A card as static HTML that needs no kernel and no sheet, made of its first frame and of what it says."""
    return inlined(fill("card.html.j2", link=link("saved"), thumb=thumb, live=live), _rules())


def card(snapshot: Snapshot, thumbnail: bytes | None, *, now: float) -> str:
    """The whole card as static HTML: an ordinary output that needs no kernel.

    ``thumbnail`` is a small JPEG, ``now`` Unix seconds.
    """
    return saved(thumb(snapshot, thumbnail), live(snapshot, now=now))


def live(snapshot: Snapshot, *, now: float) -> str:
    """The part of a card that changes: state, times, bar, what there is to say, parameters."""
    return fill("live.html.j2", view=view(snapshot, now))


def question(price: str, prompt: str, *, why: str, said: str = "") -> str:
    """What stands in a card's place while it is asked whether to buy it: the price, why, and what went wrong."""
    return fill("question.html.j2", price=price, prompt=plain(prompt, 160), why=why, said=plain(said, 400))


def question_head(prompt: str, thumbnail: bytes | None) -> str:
    """The style and the first frame, small."""
    return style() + _thumb(prompt, thumbnail)


def question_card(prompt: str, thumbnail: bytes | None, live: str) -> str:
    """The same as static HTML, without a button."""
    return saved(_thumb(prompt, thumbnail), live)


def thumb(snapshot: Snapshot, thumbnail: bytes | None) -> str:
    """The first frame, small, as a data URI; a neutral box where there is none."""
    return _thumb(snapshot.prompt, thumbnail)


def _thumb(prompt: str, thumbnail: bytes | None) -> str:
    data = b64encode(thumbnail).decode("ascii") if thumbnail else ""
    return fill("thumb.html.j2", data=data, prompt=plain(prompt, 120))


def spoken(snapshot: Snapshot) -> str:
    """The state alone, for screen readers: they are told when it changes, not every second."""
    return fill("spoken.html.j2", state=words.state(snapshot))


def trouble(job_id: str, problem: Exception) -> str:
    """In place of a card's live part: why it could not be drawn or obeyed."""
    what = plain(f"{type(problem).__name__}: {problem}", 300)
    return fill("trouble.html.j2", id=plain(job_id, 40), what=what)


def placeholder(snapshot: Snapshot) -> str:
    """One quiet line where the video will appear. It has to make sense in a notebook that was saved in mid-way, too."""
    return place("Your video", "show", plain(snapshot.short_id, 40))


def place(what: str, command: str, ids: str) -> str:
    """The same for whatever will appear, and the command that brings it back."""
    return fill("placeholder.html.j2", what=what, command=command, id=ids, link=link("placeholder"))
