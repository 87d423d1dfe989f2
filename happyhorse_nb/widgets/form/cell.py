"""The cell that does what a form does."""

from __future__ import annotations

import re
from typing import Any

from happyhorse_nb.models import MODELS
from happyhorse_nb.widgets.form.values import RANDOM, Values

#: Words that the parser of a cell's line, and IPython before it, take as they are.
_BARE = re.compile(r"[\w./:@%+,~=-]+", re.ASCII)
#: Where IPython may take the beginning of a cell's line for a prompt that was copied along, and drop it.
_COPIED = re.compile(r"\s*(>>>|\.\.\.|In \[|\.+:)", re.ASCII)


def cell(values: Values, image: str) -> str:
    """The cell; ``image`` is what to call the first frame in it.

    Without a prompt it is one line. With words that IPython would change or drop, and where the first frame is cropped,
    it is the call in Python.
    """
    given = image + values.save
    # Whether IPython replaces $name depends on how many single quotes follow it.
    changed = ("$" in given and "'" in given) or any(_COPIED.match(one) for one in values.prompt.strip().splitlines())
    # In a cell --fit pads.
    if changed or values.fit == "crop":
        return _call(values, image)
    words = [quote(f"./{image}" if image.startswith("-") else image)]
    for option, value in _options(values):
        shown = quote(str(value))
        words.append(f"{option}={shown}" if str(value).startswith("-") else f"{option} {shown}")
    if values.fit:
        words.append("--fit")
    line, prompt = " ".join(words), values.prompt.strip()
    if not prompt:
        return f"%happyhorse generate {line}"
    return f"%%happyhorse {line}\n{prompt}"


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


def _call(values: Values, image: str) -> str:
    options = {option.removeprefix("--"): value for option, value in _options(values)}
    if values.fit:
        options["fit"] = values.fit
    words = "".join(f", {name}={value!r}" for name, value in options.items())
    return (
        f"import happyhorse_nb as hh\n\nhh.generate({image!r}, {values.prompt.strip()!r}{words}, namespace=globals())"
    )


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
