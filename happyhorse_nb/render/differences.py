"""What differs between requests that are compared, in words."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from happyhorse_nb.models import DEFAULT_MODEL, MODELS, Snapshot
from happyhorse_nb.render import words
from happyhorse_nb.render.units import plain

#: Characters of a prompt that are looked at, and words of a part that all have in common: of more, only both ends show.
_LONGEST, _COMMON = 5000, 16
# A Chinese or Japanese character is a word of its own.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|\s+|.")


@dataclass(frozen=True)
class Side:
    """One of the videos: its job, the first frame as a small JPEG, and what tells that frame from another one."""

    snapshot: Snapshot
    thumbnail: bytes | None = None
    frame: str = ""


@dataclass(frozen=True)
class Row:
    """One thing in which they differ, ``asked`` for or what came of it. The cells are words, or JPEGs in base64 for
    ``pictures``."""

    name: str
    cells: tuple[str, ...]
    asked: bool = True
    pictures: bool = False


@dataclass(frozen=True)
class Piece:
    """A part of a prompt, ``marked`` where it is not in the others."""

    text: str
    marked: bool = False


def differences(sides: Sequence[Side]) -> list[Row]:
    """The rows of the table: only what differs, prompts aside."""
    snapshots = [side.snapshot for side in sides]
    names = list(dict.fromkeys(param.name for model in MODELS.values() for param in model.options))
    names += [name for s in snapshots for name in s.params if name not in names]
    rows = [Row("model", tuple(plain(s.model or DEFAULT_MODEL, 60) for s in snapshots))]
    rows += [Row(name, tuple(words.value(s, name) for s in snapshots)) for name in dict.fromkeys(names)]
    rows.append(Row("size", tuple(words.pixels(s) for s in snapshots), asked=False))
    rows.append(Row("cost", tuple(words.money(s) for s in snapshots), asked=False))
    rows = [row for row in rows if len(set(row.cells)) > 1]
    if len({side.frame for side in sides}) > 1:
        pictures = tuple(b64encode(side.thumbnail or b"").decode("ascii") for side in sides)
        rows.append(Row("first frame", pictures, asked=False, pictures=True))
    return rows


def summary(rows: Sequence[Row], prompts: Sequence[object]) -> str:
    """One sentence over the table; empty where there is more than one thing to say."""
    names = [*(row.name for row in rows if row.asked or row.pictures), *(["prompt"] if prompts else [])]
    if not names:
        return "Nothing differs in what was asked for."
    return f"Nothing differs but the {names[0]}." if len(names) == 1 else ""


def prompts(sides: Sequence[Side]) -> list[tuple[Piece, ...]]:
    """Each side's prompt with what is not in the others marked; empty where all have the same."""
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
    # A blank between two words that differ belongs to them.
    for place, word in enumerate(own):
        if word.isspace() and 0 < place < len(own) - 1 and not shared[place - 1] and not shared[place + 1]:
            shared[place] = False
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
