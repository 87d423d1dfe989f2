"""The gallery as HTML: a tile, and the static grid that is saved with the notebook."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.cards import fill, link, shown, spans, style
from happyhorse_nb.render.tables import mixed
from happyhorse_nb.render.words import joined, plain


@dataclass(frozen=True)
class Poster:
    """A job as the gallery shows it: its small JPEG where there is one, and that it is number ``take`` (from 1 on)
    ``of`` so many takes."""

    snapshot: Snapshot
    picture: bytes | None = None
    starred: bool = False
    removed: bool = False
    take: int = 1
    of: int = 1


def poster(one: Poster, number: int, *, mixed: bool) -> str:
    """A tile's picture and words; ``number`` is its position on the page. ``mixed``: some jobs on the page cost play
    money and some real, so each says which."""
    return fill("poster.html.j2", number=number, **_parts(one, None, mixed))


def posters(some: Sequence[Poster], *, start: Path, caption: str, empty: str) -> str:
    """The tiles as a grid that needs no kernel, with links relative to ``start``, the notebook's folder. It shows where
    the live gallery does not."""
    return fill(
        "posters.html.j2",
        style=style("gallery"),
        tiles=[_parts(one, start, mixed([each.snapshot for each in some])) for one in some],
        caption=spans(caption),
        empty=empty,
    )


def whereabouts(snapshot: Snapshot, start: Path) -> str:
    """Where a job's file is, relative to the notebook and absolute, and its id, to copy.

    Not as a link: inside a widget no front end resolves a relative one. The playing video has it.
    """
    path = snapshot.path
    return fill(
        "whereabouts.html.j2",
        shown=link(path, start)[0] if path is not None else "",
        full=shown(path.absolute()) if path is not None else "",
        there=path is not None and path.is_file(),
        id=plain(snapshot.short_id, 40),
        message=words.said(snapshot),
    )


def below(text: str) -> str:
    """A line beside the grid, such as the sums; commands stand between backticks."""
    return fill("below.html.j2", parts=spans(text))


def notice(text: str, tone: str = "") -> str:
    """A line that screen readers announce; ``tone`` is ``bad`` for an error."""
    return fill("notice.html.j2", text=plain(text, 400), tone=tone)


def _parts(one: Poster, start: Path | None, mixed: bool) -> dict[str, object]:
    snapshot = one.snapshot
    price = words.money(snapshot) if mixed else str(snapshot.cost or "")
    cost = price if snapshot.charged else "not charged"
    done = snapshot.status == Status.DONE
    return {
        "picture": b64encode(one.picture).decode("ascii") if one.picture else "",
        "prompt": plain(snapshot.prompt, 160) or "No prompt",
        "detail": joined(words.parameters(snapshot), cost),
        "tone": words.tone(snapshot),
        "state": "" if done else words.short_state(snapshot),
        "progress": words.remaining(snapshot) if snapshot.status.running and snapshot.progress.fraction > 0 else "",
        "starred": one.starred,
        "take": f"take {one.take} of {one.of}" if one.of > 1 else "",
        "link": link(snapshot.path, start)[1] if start is not None and done and snapshot.path is not None else "",
    }
