"""The parts of the form that are HTML: the first frame, verdicts, counts, the estimate, the cell to copy."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.render.cards import Small, card, fill, sheet_link, style
from happyhorse_nb.render.player import video
from happyhorse_nb.render.words import about, joined, plain


def form_style() -> str:
    """The form's style sheet, and the script that adds what ipywidgets lacks."""
    return fill("form_style.html.j2", style=style("form"))


def preview(thumbnail: bytes | None, *, url: str = "", label: str = "") -> str:
    """The first frame as it will be sent, or an empty box. The browser fetches a picture with an address."""
    data = f"data:image/jpeg;base64,{b64encode(thumbnail).decode('ascii')}" if thumbnail else url
    return fill("preview.html.j2", source=data, label=plain(label, 80))


def reference(thumbnail: bytes | None, *, url: str, name: str, label: str, bad: bool) -> str:
    """A reference as it will be sent, above what the prompt calls it; ``bad`` where it cannot be."""
    data = f"data:image/jpeg;base64,{b64encode(thumbnail).decode('ascii')}" if thumbnail else url
    return fill("reference.html.j2", source=data, name=name, label=plain(label, 80), bad=bad)


def film(path: Path | None, *, poster: bytes | None, url: str, label: str, limit: float) -> str:
    """A player for the video to edit: a file up to ``limit`` (MB), or an address; else its picture, or an empty box."""
    source, still = url, f"data:image/jpeg;base64,{b64encode(poster).decode('ascii')}" if poster else ""
    with suppress(OSError):
        if path is not None and path.stat().st_size <= limit * 1_000_000:
            source = f"data:video/mp4;base64,{b64encode(path.read_bytes()).decode('ascii')}"
    return fill("film.html.j2", source=source, still=still, label=plain(label, 80))


def film_posters(name: str, pictures: Sequence[bytes | None]) -> str:
    """The style that draws these pictures, in their order, into the choices with this class."""
    data = [b64encode(picture).decode("ascii") if picture else "" for picture in pictures]
    return fill("film_posters.html.j2", name=name, pictures=data)


def verdict(text: str, tone: str = "") -> str:
    """One line about the input; ``tone`` is ``ok``, ``no``, ``warn`` or empty. Screen readers announce it."""
    return fill("verdict.html.j2", text=plain(text, 400), tone=tone)


def count(hint: str, weight: int, maximum: int) -> str:
    """``82 of 5000``, as the API counts."""
    return fill("count.html.j2", hint=hint, weight=weight, maximum=maximum, over=weight > maximum)


def picked(name: str) -> str:
    """The name of the file that was chosen."""
    return fill("verdict.html.j2", text=plain(name, 80), tone="name")


def price(cost: Cost | None, videos: int) -> str:
    """``, about $1.40``: the cost of so many videos, for the words on a button."""
    return "" if cost is None else f", {Cost(cost.amount * Decimal(videos))}"


def expected(
    *,
    lead: str,
    by: str,
    cost: Cost | None,
    seconds: float,
    sandbox: bool,
    takes: int = 1,
    made: int = 0,
    running: bool = False,
) -> str:
    """``1620 x 1080, about $1.20, about 1 min 30 s``: size, cost and time of all takes together. ``made`` of them exist
    already; ``running`` says that not all of those have ended. ``lead`` comes first, then ``by``."""
    new = takes - made
    parts = []
    if not new:
        parts.append("asked for already, nothing more to pay" if running else "made before, nothing now")
    elif cost is not None:
        whole = Cost(cost.amount * Decimal(new))
        parts.append(f"{whole}{' of play money' if sandbox else ''}{f' for {new}' if new > 1 else ''}")
    parts.append(about(seconds) if new else "")
    return fill("verdict.html.j2", text=joined(lead, joined(*parts), by=by), tone="")


def copied(cell: str, said: str) -> str:
    """The cell to copy, selected and copied at once where the browser allows it."""
    return fill("copied.html.j2", cell=cell, said=said, rows=min(12, cell.count("\n") + 2))


def saved_results(jobs: Sequence[tuple[Snapshot, Small]], *, embed_limit: float, start: Path, now: float) -> str:
    """What a saved notebook shows instead of the form: the cards and videos of ``jobs`` (snapshot and pictures).

    Together they embed at most ``embed_limit`` MB of video; the others are linked.
    """
    left, shown = embed_limit, []
    for snapshot, small in jobs:
        player = ""
        if snapshot.status == Status.DONE:
            weight = (snapshot.size or 0) / 1_000_000
            fits = weight <= left
            left -= weight if fits else 0
            player = video(snapshot, embed_limit=weight + 0.001 if fits else 0, start=start).data["text/html"]
        shown.append((card(snapshot, small, now=now), player))
    return fill("form_saved.html.j2", link=sheet_link("form_saved"), jobs=shown)
