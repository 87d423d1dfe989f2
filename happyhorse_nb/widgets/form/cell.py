"""The cell that does what a form does."""

from __future__ import annotations

import re
from typing import Any

from happyhorse_nb.models import MODELS
from happyhorse_nb.widgets.form.values import RANDOM, Values

#: Words that the parser of a cell's line, and IPython before it, take as they are.
_BARE = re.compile(r"[\w./:@%+,~=-]+", re.ASCII)
#: Where IPython takes the beginning of a cell's lines for a prompt that was copied along.
_COPIED = re.compile(r"(>>>|\.\.\.|In \[|\s*\.+:)")


def cell(values: Values, image: str) -> str:
    """The cell; ``image`` is what to call the first frame in it. Without a prompt it is one line."""
    words = [quote(f"./{image}" if image.startswith("-") else image)]
    for option, value in _options(values):
        shown = quote(str(value))
        words.append(f"{option}={shown}" if shown.startswith("-") else f"{option} {shown}")
    if values.fit:
        words.append("--fit")
    line, prompt = " ".join(words), values.prompt.strip()
    if not prompt:
        return f"%happyhorse generate {line}"
    # After an empty line IPython looks no further.
    return f"%%happyhorse {line}\n" + ("\n" if _COPIED.match(prompt) else "") + prompt


def quote(word: str) -> str:
    """The word as it has to stand in a cell's line: what the line's parser, and IPython before it, make of it is the
    word again. It must have no line break."""
    # IPython replaces $name and {expression} in every line before a magic sees it.
    word = re.sub(r"\$(?=[\w.])", "$$", word).replace("{", "{{").replace("}", "}}")
    if _BARE.fullmatch(word):
        return word
    # Quotes group, and there is no escape: a piece with one kind of quote stands between those of the other.
    pieces = re.findall(r"[^\"]+|\"+", word) or [""]
    return "".join(f"'{piece}'" if piece[0:1] == '"' else f'"{piece}"' for piece in pieces)


def _options(values: Values) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [("--model", values.model)]
    names = [p.name for p in MODELS[values.model].options]
    options += [(f"--{name}", values.params[name]) for name in names if values.params.get(name) is not None]
    if "seed" in names and values.seed_mode != RANDOM:
        options.append(("--seed", values.seed))
    if values.takes > 1:
        options.append(("--takes", values.takes))
    if values.save:
        options.append(("--save", values.save))
    return options
