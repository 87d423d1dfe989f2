"""A job as a card, and as one line of text; and what all views share: templates, style sheets, links. Pure."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from happyhorse_nb.models import MODELS, Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.inline import inlined, rules
from happyhorse_nb.render.words import joined, plain

if TYPE_CHECKING:
    from jinja2 import Environment


def link(path: Path, start: Path) -> tuple[str, str]:
    """The text and the address of a link, relative to ``start``, the notebook's folder, where that is possible."""
    try:
        relative = Path(os.path.relpath(path.absolute(), start.absolute())).as_posix()
    except ValueError:  # on another drive, where no relative path leads
        return shown(path), path.absolute().as_uri()
    return (shown(path) if relative.startswith("../") else plain(relative, 300)), quote(relative)


def shown(path: Path) -> str:
    """The path as one line of plain text."""
    return plain(str(path), 4096)


@dataclass(frozen=True)
class Item:
    """A part of a line: text, and code to copy (an id, a command).

    ``kind`` says when it is hidden: ``now`` once the card's kernel is gone, ``way`` while buttons below do the same.
    """

    text: str = ""
    code: str = ""
    kind: str = ""


#: Seconds that the dot's pulse takes, as in style.css.
PULSE = 1.6


def view(snapshot: Snapshot, now: float) -> dict[str, Any]:
    """What the templates show of a job at ``now`` (Unix seconds)."""
    message, remedy = words.say(snapshot)
    running = snapshot.status.running
    return {
        "tone": words.tone(snapshot),
        "state": words.state(snapshot),
        "detail": words.detail(snapshot, now),
        "prompt": plain(snapshot.prompt, 160),
        "bar": {"percent": words.percent(snapshot), "text": words.remaining(snapshot)} if running else None,
        "message": message,
        "remedy": spans(remedy),
        "note": words.note(snapshot),
        "meta": _meta(snapshot),
        "id": plain(snapshot.short_id, 40),
        # Seconds into the pulse, which so goes on where the last update left it.
        "phase": round(now % PULSE, 2),
    }


def spans(text: str) -> tuple[Item, ...]:
    """A text of ours, split at the commands, which stand between backticks."""
    pieces = enumerate(re.split(r"`([^`]+)`", text))
    return tuple(Item(code=piece) if number % 2 else Item(text=piece) for number, piece in pieces if piece)


def _meta(snapshot: Snapshot) -> list[Item]:
    status = snapshot.status
    items = [Item(joined(words.parameters(snapshot), words.pixels(snapshot), words.sound(snapshot)))]
    if snapshot.model and snapshot.model != next(iter(MODELS)):
        items.append(Item(plain(snapshot.model, 60)))
    if status not in (Status.DONE, Status.REFUSED, Status.FAILED) and snapshot.charged:
        items.append(Item(words.money(snapshot)))
    if snapshot.sandbox:
        items.append(Item("sandbox"))
    # Our own id, which commands, file names and the table use too.
    items.append(Item(code=plain(snapshot.short_id, 40), kind="now"))
    if snapshot.name:
        items.append(Item("as", plain(snapshot.name, 60)))
    if snapshot.reused and status.running:
        items.append(Item("already on its way, nothing is bought again"))
    elif status == Status.DONE:
        # The command and not --again: the card may stand below a call in Python, or below `show`.
        items.append(Item("another take:", f"%happyhorse again {plain(snapshot.short_id, 40)}", kind="way"))
    return [item for item in items if item.text or item.code]


#: Details that begin like this follow the state without a comma.
_RUN_ON = ("in ", "after ", "today ", "yesterday ", "on ")


def line(snapshot: Snapshot, *, now: float) -> str:
    """The job as one line, free of line breaks and control characters; ``now`` is Unix seconds."""
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


#: Punctuation that an address in an attribute may hold unquoted; quotes, blanks, "%", "#", "&", "<", ">" are not.
_PUNCTUATION = ":;,.()[]{}*+~!=/-_"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # All that a template prints is escaped: words of a server or a user never become markup. No auto_reload: each card
    # would check four times a second whether our own files have changed.
    return Environment(
        loader=PackageLoader("happyhorse_nb.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def fill(template: str, **values: Any) -> str:
    """Render a template. Values are escaped, but for HTML made by another template (``|safe``)."""
    return _environment().get_template(template).render(**values).strip()


@cache
def style(*more: str) -> str:
    """The ``<style>`` element that all views share, with the sheets of other views by their names."""
    return f"<style>{_sheet('style', *more)}</style>"


@cache
def _sheet(*names: str) -> str:
    """These sheets as one, without comments and indents, since notebooks save it."""
    from importlib.resources import files

    sheets = files("happyhorse_nb.render").joinpath("templates")
    text = "\n".join(sheets.joinpath(f"{name}.css").read_text("utf-8") for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    # Blanks within quotation marks stay.
    return re.sub(r'("[^"]*")|\s*([{};,])\s*|(:)\s+', r"\1\2\3", " ".join(text.split()))


def sheet_link(sheet: str) -> str:
    """A sheet as a ``<link>``: for rules on what the front end puts around an output, which no attribute can replace.
    A ``<style>`` element would show as text where HTML becomes markdown."""
    return f'<link rel="stylesheet" href="data:text/css,{quote(_sheet(sheet), safe=_PUNCTUATION)}">'


def saved(prompt: str, small: Small, live: str) -> str:
    """A card as static HTML that needs no kernel and no style sheet, made of its pictures and its `live` part."""
    row = "" if _single(small) else "hh-with-strip-below" if _below(small) else "hh-with-strip"
    html = fill("card.html.j2", link=sheet_link("saved"), thumb=thumb(prompt, small), live=live, row=row)
    return inlined(html, rules(_sheet("style", "takes")))


def card(snapshot: Snapshot, small: Small, *, now: float) -> str:
    """The card as static HTML, which needs no kernel; ``now`` is Unix seconds."""
    return saved(snapshot.prompt, small, live(snapshot, now=now))


def live(snapshot: Snapshot, *, now: float) -> str:
    """The part of a card that changes: state, times, progress bar, messages, parameters."""
    return fill("live.html.j2", view=view(snapshot, now))


def question(price: str, prompt: str, *, why: str, said: str = "") -> str:
    """The question before something is bought: the price, why it is asked, and what went wrong."""
    return fill("question.html.j2", price=price, prompt=plain(prompt, 160), why=why, said=plain(said, 400))


@dataclass(frozen=True)
class Picture:
    """One of a job's inputs: what the prompt calls it, a small JPEG where there is one, and its own name."""

    caption: str
    data: bytes | None = None
    label: str = ""


#: What a card shows of its inputs: a small JPEG, or none, or several pictures with captions.
Small = bytes | Sequence[Picture] | None
#: So many of them stand beside the words; more are a strip below these.
_BESIDE = 2


def thumb(prompt: str, small: Small) -> str:
    """The small first frame, or an empty box where there is none; or the strip of several pictures."""
    if small is None or isinstance(small, bytes):
        return fill("thumb.html.j2", data=_encoded(small), prompt=plain(prompt, 120))
    shown = [
        {"caption": plain(one.caption, 40), "label": plain(one.label, 80), "data": _encoded(one.data)} for one in small
    ]
    return fill("strip.html.j2", pictures=shown, below=_below(small))


def _single(small: Small) -> bool:
    return small is None or isinstance(small, bytes)


def _below(small: Small) -> bool:
    return not _single(small) and len(small or ()) > _BESIDE


def _encoded(picture: bytes | None) -> str:
    return b64encode(picture).decode("ascii") if picture else ""


def spoken(snapshot: Snapshot) -> str:
    """The state alone, for screen readers, which so announce a new state and not each second."""
    return fill("spoken.html.j2", state=words.state(snapshot))


def trouble(job_id: str, problem: Exception) -> str:
    """In place of a card's live part: why it could not be drawn, or why a click failed."""
    what = plain(f"{type(problem).__name__}: {problem}", 300)
    return fill("trouble.html.j2", id=plain(job_id, 40), what=what)


def placeholder(snapshot: Snapshot) -> str:
    """A line where the video will appear. A notebook saved meanwhile shows it too."""
    return will_appear("Your video", "show", plain(snapshot.short_id, 40))


def will_appear(what: str, command: str, ids: str) -> str:
    """Such a line, with the command that brings the output back."""
    return fill("placeholder.html.j2", what=what, command=command, id=ids, link=sheet_link("placeholder"))
