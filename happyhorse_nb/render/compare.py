"""Videos side by side, and how their requests differ. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from happyhorse_nb.models import FIRST_FRAME, MODELS, Snapshot
from happyhorse_nb.render import words
from happyhorse_nb.render.cards import fill, link, shown, style
from happyhorse_nb.render.words import joined, plain

#: The most characters of a prompt that are compared. A common part of more than twice _COMMON words is shortened.
_LONGEST, _COMMON = 5000, 16
# A Chinese or Japanese character is a word of its own.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|\s+|.")


@dataclass(frozen=True)
class Side:
    """One of the videos: its job, the first frame as a small JPEG, and the frame's source, to compare it by."""

    snapshot: Snapshot
    thumbnail: bytes | None = None
    frame: str = ""


@dataclass(frozen=True)
class Row:
    """One difference; ``asked`` says whether it is in the requests, not only in the results. The cells are text, or for
    ``pictures`` JPEGs in base64."""

    name: str
    cells: tuple[str, ...]
    asked: bool = True
    pictures: bool = False


@dataclass(frozen=True)
class Piece:
    """A part of a prompt, ``marked`` where the others do not have it."""

    text: str
    marked: bool = False


def differences(sides: Sequence[Side]) -> list[Row]:
    """The rows of the table: only the differences, without the prompts."""
    snapshots = [side.snapshot for side in sides]
    names = list(dict.fromkeys(param.name for model in MODELS.values() for param in model.options))
    names += [name for s in snapshots for name in s.params if name not in names]
    rows = [Row("model", tuple(plain(s.model, 60) for s in snapshots))]
    rows += [Row(name, tuple(words.value(s, name) for s in snapshots)) for name in dict.fromkeys(names)]
    rows.append(Row("size", tuple(words.pixels(s) for s in snapshots), asked=False))
    rows.append(Row("cost", tuple(words.money(s) for s in snapshots), asked=False))
    rows = [row for row in rows if len(set(row.cells)) > 1]
    if len({side.frame for side in sides}) > 1:
        pictures = tuple(b64encode(side.thumbnail or b"").decode("ascii") for side in sides)
        models = [MODELS[s.model] for s in snapshots if s.model in MODELS]
        # References and videos are no frames.
        framed = all(FIRST_FRAME in model.inputs for model in models)
        rows.append(Row("first frame" if framed else "first input", pictures, asked=False, pictures=True))
    return rows


def summary(rows: Sequence[Row], prompts: Sequence[object]) -> str:
    """One sentence above the table; empty where there are several differences."""
    names = [*(row.name for row in rows if row.asked or row.pictures), *(["prompt"] if prompts else [])]
    if not names:
        return "Nothing differs in what was asked for."
    return f"Nothing differs but the {names[0]}." if len(names) == 1 else ""


def prompts(sides: Sequence[Side]) -> list[tuple[Piece, ...]]:
    """Each side's prompt in pieces, those marked that the others do not have; empty where all prompts are equal."""
    texts = [plain(side.snapshot.prompt, _LONGEST) for side in sides]
    if len(set(texts)) == 1:
        return []
    split = [_WORD.findall(text) for text in texts]
    return [_pieces(own, [other for other in split if other is not own]) for own in split]


def _pieces(own: list[str], others: list[list[str]]) -> tuple[Piece, ...]:
    shared = [True] * len(own)
    for other in others:
        here = [False] * len(own)
        for block in SequenceMatcher(None, own, other, autojunk=False).get_matching_blocks():
            here[block.a : block.a + block.size] = [True] * block.size
        shared = [a and b for a, b in zip(shared, here, strict=True)]
    # A blank between two words that differ is marked too.
    for at, word in enumerate(own):
        if word.isspace() and 0 < at < len(own) - 1 and not shared[at - 1] and not shared[at + 1]:
            shared[at] = False
    found: list[Piece] = []
    start = 0
    for end in range(1, len(own) + 1):
        if end == len(own) or shared[end] != shared[start]:
            found.append(Piece(_cut(own[start:end]) if shared[start] else "".join(own[start:end]), not shared[start]))
            start = end
    return tuple(found)


def _cut(common: list[str]) -> str:
    half = _COMMON // 2
    if len(common) <= 2 * _COMMON:
        return "".join(common)
    return f"{''.join(common[:half]).rstrip()} … {''.join(common[-half:]).lstrip()}"


LETTERS = "ABCD"


def comparison(sides: Sequence[Side], *, embed_limit: float, start: Path) -> dict[str, str]:
    """The MIME bundle of a comparison of two to four finished videos.

    They are embedded while together they have at most ``embed_limit`` (MB, a million bytes), else linked relative to
    ``start``, the notebook's folder.
    """
    rows, prompted = differences(sides), prompts(sides)
    embed = sum(_size(side) for side in sides if not words.unplayable(side.snapshot)) <= embed_limit * 1_000_000
    videos = [
        _video(side, letter, rows, embed=embed, start=start) for side, letter in zip(sides, LETTERS, strict=False)
    ]
    said = summary(rows, prompted)
    html = fill(
        "compare.html.j2",
        style=style("compare"),
        script=_script(),
        sides=videos,
        sounds=any(one["sound"] == "yes" and one["source"] for one in videos),
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


def _video(side: Side, letter: str, rows: Sequence[Row], *, embed: bool, start: Path) -> dict[str, object]:
    """What the template shows of one video; without a ``source`` there is ``trouble``."""
    snapshot = side.snapshot
    number = LETTERS.index(letter)
    told = joined(*(words.parameter(snapshot, row.name) or row.cells[number] for row in rows if row.asked))
    source = address = ""
    trouble = words.unplayable(snapshot)
    held = snapshot.video
    if snapshot.path is not None:
        _, address = link(snapshot.path, start)
    try:
        if snapshot.path is None:
            trouble = "This video has no file."
        elif trouble:
            pass
        elif embed:
            source = f"data:video/mp4;base64,{b64encode(snapshot.path.read_bytes()).decode('ascii')}"
        else:
            # Safe in an attribute: `link` has quoted the address.
            source = address if snapshot.path.is_file() else ""
            trouble = "" if source else "The file of this video is not there any more."
    except OSError as problem:
        trouble = f"The file of this video cannot be read: {plain(problem.strerror or problem, 100).lower()}."
    return {
        "letter": letter,
        "told": plain(told, 80),
        "label": plain(f"Video {letter}: {snapshot.prompt}" if snapshot.prompt else f"Video {letter}", 160),
        "source": source,
        "trouble": trouble,
        "link": address,
        "file": plain(snapshot.path.name, 200) if snapshot.path else "",
        # Empty where the page has to find out.
        "sound": "" if held is None else "yes" if held.sound is not None else "no",
        "width": snapshot.width,
        "height": snapshot.height,
    }


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


def chosen(sides: Sequence[Side], number: int) -> dict[str, str]:
    """The MIME bundle of the line under a comparison that says which video was chosen."""
    file = sides[number].snapshot.path
    others = "the other one stays" if len(sides) == 2 else "the others stay"
    name = f" ({plain(file.name, 200)})" if file else ""
    said = f"Kept {LETTERS[number]}{name}: it has the star; {others} in the gallery without one."
    return {"text/html": fill("compare_chosen.html.j2", style=style("compare"), said=said), "text/plain": said}
