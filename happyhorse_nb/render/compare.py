"""Finished videos side by side, playing in step: HTML with its script, which needs no kernel."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from happyhorse_nb.render import words
from happyhorse_nb.render.differences import Row, Side, differences, prompts, summary
from happyhorse_nb.render.links import link, shown
from happyhorse_nb.render.page import fill, style
from happyhorse_nb.render.units import plain

LETTERS = "ABCD"


@dataclass(frozen=True)
class _Video:
    """What the page is told of one video; without a ``source`` there is ``trouble``."""

    letter: str
    told: str
    label: str
    source: str
    trouble: str
    link: str
    file: str
    width: int | None
    height: int | None


def comparison(sides: Sequence[Side], *, embed_limit: float, start: Path) -> dict[str, str]:
    """The MIME bundle of a comparison of two to four finished videos.

    They are inside of it while all together have at most ``embed_limit`` (MB, a million bytes), else by links relative
    to ``start``, the notebook's folder.
    """
    rows, prompted = differences(sides), prompts(sides)
    embed = sum(_size(side) for side in sides) <= embed_limit * 1_000_000
    videos = [
        _video(side, letter, rows, embed=embed, start=start) for side, letter in zip(sides, LETTERS, strict=False)
    ]
    said = summary(rows, prompted)
    html = fill(
        "compare.html.j2",
        style=style("compare"),
        script=_script(),
        sides=videos,
        rows=rows,
        prompts=prompted,
        said=said,
    )
    return {"text/html": html, "text/plain": _text(sides, rows, said)}


def _size(side: Side) -> int:
    try:
        return side.snapshot.path.stat().st_size if side.snapshot.path else 0
    except OSError:
        return 0


def _video(side: Side, letter: str, rows: Sequence[Row], *, embed: bool, start: Path) -> _Video:
    snapshot = side.snapshot
    place = LETTERS.index(letter)
    told = ", ".join(words.parameter(snapshot, row.name) or row.cells[place] for row in rows if row.asked)
    source = trouble = address = ""
    if snapshot.path is not None:
        _, address = link(snapshot.path, start)
    try:
        if snapshot.path is None:
            trouble = "This video has no file."
        elif embed:
            source = f"data:video/mp4;base64,{b64encode(snapshot.path.read_bytes()).decode('ascii')}"
        else:
            # `link` has quoted the address, so that it can stand in an attribute.
            source = address if snapshot.path.is_file() else ""
            trouble = "" if source else "The file of this video is not there any more."
    except OSError as problem:
        trouble = f"The file of this video cannot be read: {plain(problem.strerror or problem, 100).lower()}."
    return _Video(
        letter=letter,
        told=plain(told, 80),
        label=plain(f"Video {letter}: {snapshot.prompt}" if snapshot.prompt else f"Video {letter}", 160),
        source=source,
        trouble=trouble,
        link=address,
        file=plain(snapshot.path.name, 200) if snapshot.path else "",
        width=snapshot.width,
        height=snapshot.height,
    )


def _text(sides: Sequence[Side], rows: Sequence[Row], said: str) -> str:
    lines = [
        f"{letter}  {shown(s.snapshot.path)}" for s, letter in zip(sides, LETTERS, strict=False) if s.snapshot.path
    ]
    told = [f"{row.name}: {', '.join(row.cells)}" for row in rows if not row.pictures]
    lines += [said] if said else []
    if any(side.snapshot.prompt != sides[0].snapshot.prompt for side in sides):
        told += [f"prompt {x}: {plain(s.snapshot.prompt, 160)}" for s, x in zip(sides, LETTERS, strict=False)]
    return "\n".join([*lines, *told])


@cache
def _script() -> str:
    from importlib.resources import files

    return files("happyhorse_nb.render").joinpath("templates", "compare.js").read_text("utf-8").strip()


def kept(sides: Sequence[Side], place: int) -> str:
    """What stands under a comparison once one of them was chosen: HTML."""
    return fill("compare_kept.html.j2", style=style("compare"), letter=LETTERS[place], said=kept_text(sides, place))


def kept_text(sides: Sequence[Side], place: int) -> str:
    """The same in plain text."""
    file = sides[place].snapshot.path
    others = "the other one stays" if len(sides) == 2 else "the others stay"
    told = f"Kept {LETTERS[place]}" + (f" ({plain(file.name, 200)})" if file else "")
    return f"{told}: it has the star; {others} in the gallery without one."
