"""One job as a card, and as one line of text. Pure."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from happyhorse_nb.models import DEFAULT_MODEL, Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.inline import inlined, rules
from happyhorse_nb.render.words import joined, plain

if TYPE_CHECKING:
    from jinja2 import Environment


def link(path: Path, start: Path) -> tuple[str, str]:
    """What to show and what to link to: relative to ``start``, the notebook's folder, where that is possible."""
    try:
        relative = Path(os.path.relpath(path.absolute(), start.absolute())).as_posix()
    except ValueError:  # another drive: no relative path leads there
        return shown(path), path.absolute().as_uri()
    return (shown(path) if relative.startswith("../") else plain(relative, 300)), quote(relative)


def shown(path: Path) -> str:
    """The path as one line of plain text."""
    return plain(str(path), 4096)


@dataclass(frozen=True)
class Item:
    """One entry of the card's last line: words, and a piece of code to copy (an id, a command).

    ``kind`` says where it is not seen: ``now`` once the card's kernel is gone, ``way`` while buttons below do the same.
    """

    text: str = ""
    code: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Bar:
    """The progress bar: whole percent, and the same in words."""

    percent: int
    text: str


@dataclass(frozen=True)
class View:
    """All that one card says. ``phase`` is seconds into the pulse, so that it goes on where the last tick left it."""

    tone: str
    state: str
    detail: str
    prompt: str
    bar: Bar | None
    message: str
    remedy: tuple[Item, ...]
    note: str
    meta: tuple[Item, ...]
    id: str
    phase: float


#: Seconds; the same figure stands in style.css.
PULSE = 1.6


def view(snapshot: Snapshot, now: float) -> View:
    """The card of this snapshot at this instant (Unix seconds)."""
    message, remedy = words.say(snapshot)
    running = snapshot.status.running
    return View(
        tone=words.tone(snapshot),
        state=words.state(snapshot),
        detail=words.detail(snapshot, now),
        prompt=plain(snapshot.prompt, 160),
        bar=Bar(words.percent(snapshot), words.remaining(snapshot)) if running else None,
        message=message,
        remedy=spans(remedy),
        note=words.note(snapshot),
        meta=tuple(_meta(snapshot)),
        id=plain(snapshot.short_id, 40),
        phase=round(now % PULSE, 2),
    )


def spans(text: str) -> tuple[Item, ...]:
    """Our own words, split where a command stands between backticks."""
    pieces = enumerate(re.split(r"`([^`]+)`", text))
    return tuple(Item(code=piece) if number % 2 else Item(text=piece) for number, piece in pieces if piece)


def _meta(snapshot: Snapshot) -> list[Item]:
    status = snapshot.status
    items = [Item(joined(words.parameters(snapshot), words.pixels(snapshot)))]
    if snapshot.model and snapshot.model != DEFAULT_MODEL:
        items.append(Item(plain(snapshot.model, 60)))
    if status not in (Status.DONE, Status.REFUSED, Status.FAILED) and snapshot.charged:
        items.append(Item(words.money(snapshot)))
    if snapshot.sandbox:
        items.append(Item("sandbox"))
    # Our own, from the first instant to the last: commands, file names and the table call the job by it, too.
    items.append(Item(code=plain(snapshot.short_id, 40), kind="now"))
    if snapshot.name:
        items.append(Item("as", plain(snapshot.name, 60)))
    if snapshot.reused and status.running:
        items.append(Item("already on its way, nothing is bought again"))
    elif status == Status.DONE:
        # The command, and no option: the card may stand below a call in Python, or below `show`.
        items.append(Item("another take:", f"%happyhorse again {plain(snapshot.short_id, 40)}", kind="way"))
    return [item for item in items if item.text or item.code]


#: How a detail begins that reads on from the state without a comma.
_RUN_ON = ("in ", "after ", "today ", "yesterday ", "on ")


def line(snapshot: Snapshot, *, now: float) -> str:
    """One line without a line break or a terminal's control characters, ``now`` in Unix seconds."""
    detail = words.detail(snapshot, now)
    # "Done in 9 s", but "Generating, 9 s".
    joint = " " if detail.startswith(_RUN_ON) else ", "
    head = joined(words.state(snapshot), detail, by=joint)
    if snapshot.status.running and snapshot.progress.fraction > 0:
        head += f", {words.percent(snapshot)} %"
    if snapshot.short_id:
        head += f" ({plain(snapshot.short_id, 40)})"
    note = words.note(snapshot)
    said = joined(words.said(snapshot) if snapshot.path is None else shown(snapshot.path), note, by=" ")
    return f"{head}: {said}" if said else head


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
        # Else each card would check four times a second whether our own files have changed.
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
    # What stands between quotation marks is for people.
    return re.sub(r'("[^"]*")|\s*([{};,])\s*|(:)\s+', r"\1\2\3", " ".join(text.split()))


def sheet_link(sheet: str) -> str:
    """The sheet of that name as an element without a text that another page could show: for rules that look at what a
    front end puts around an output, and so cannot be attributes of ours."""
    return f'<link rel="stylesheet" href="data:text/css,{quote(_sheet(sheet), safe=_PUNCTUATION)}">'


def saved(thumb: str, live: str) -> str:
    """A card as static HTML that needs no kernel and no sheet, made of its `thumb` and its `live` part."""
    return inlined(
        fill("card.html.j2", link=sheet_link("saved"), thumb=thumb, live=live), rules(_sheet("style", "takes"))
    )


def card(snapshot: Snapshot, thumbnail: bytes | None, *, now: float) -> str:
    """The whole card as static HTML: an ordinary output that needs no kernel.

    ``thumbnail`` is a small JPEG, ``now`` Unix seconds.
    """
    return saved(thumb(snapshot.prompt, thumbnail), live(snapshot, now=now))


def live(snapshot: Snapshot, *, now: float) -> str:
    """The part of a card that changes: state, times, bar, what there is to say, parameters."""
    return fill("live.html.j2", view=view(snapshot, now))


def question(price: str, prompt: str, *, why: str, said: str = "") -> str:
    """What stands in a card's place while it is asked whether to buy it: the price, why, and what went wrong."""
    return fill("question.html.j2", price=price, prompt=plain(prompt, 160), why=why, said=plain(said, 400))


def thumb(prompt: str, thumbnail: bytes | None) -> str:
    """The first frame, small, as a data URI; a neutral box where there is none."""
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
    return will_appear("Your video", "show", plain(snapshot.short_id, 40))


def will_appear(what: str, command: str, ids: str) -> str:
    """The same for whatever will appear, and the command that brings it back."""
    return fill("placeholder.html.j2", what=what, command=command, id=ids, link=sheet_link("placeholder"))
