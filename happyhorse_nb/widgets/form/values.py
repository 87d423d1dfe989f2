"""The values of a form: merged when the cell runs again, written as a cell, and what a press would do with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil
from pathlib import Path
from typing import Any

from happyhorse_nb.api.preview import Preview
from happyhorse_nb.inputs import FirstFrame, output_size
from happyhorse_nb.models import MODELS, Cost, Fit, Snapshot, Status
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import process

RANDOM, SAME, FIXED = "random", "same", "fixed"


@dataclass(frozen=True)
class Picture:
    """A first frame that is a chosen file or an object; ``name`` is the file's name or the object's class."""

    name: str
    value: Any = field(repr=False)


@dataclass(frozen=True)
class Values:
    """The values of a form. ``source`` names the first frame (a path, URL or variable) or is a `Picture`; ``params``
    are the models' parameters without the seed; ``seed`` is that of the modes *same* and *fixed*."""

    source: str | Picture = ""
    prompt: str = ""
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    seed_mode: str = RANDOM
    seed: int = 0
    takes: int = 1
    fit: Fit = False
    save: str = ""


def source_of(image: Any) -> str | Picture:
    """The source for an ``image`` argument."""
    if image is None:
        return ""
    if isinstance(image, (str, Path)):
        return str(image)
    return image if process.is_a(image, Picture) else Picture(type(image).__name__, image)


def merged(draft: Values, before: Values, now: Values) -> Values:
    """The draft, with the arguments of the cell that have changed from ``before`` to ``now``."""
    names = [f.name for f in fields(Values)]
    changed = {name: getattr(now, name) for name in names if _differ(getattr(before, name), getattr(now, name))}
    if "params" in changed:
        typed = {name: draft.params[name] for name in now.params if name in draft.params}
        stays = {name: value for name, value in typed.items() if before.params.get(name) == now.params[name]}
        changed["params"] = {**now.params, **stays}
    if "seed" in changed or "seed_mode" in changed:
        changed |= {"seed": now.seed, "seed_mode": now.seed_mode}
    if "source" in changed:
        changed.setdefault("fit", now.fit)
    return replace(draft, **changed)


def _differ(one: Any, other: Any) -> bool:
    if process.is_a(one, Picture) and process.is_a(other, Picture):
        # By identity: arrays compare element by element, and figures not at all.
        return one.value is not other.value
    return bool(one != other)


_ODD = re.compile(r"[^\w. -]")


def name_of(source: str | Picture, frame: FirstFrame, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    """The word for the first frame in a cell of this notebook, and a sentence on what was done for that.

    A chosen file is written into the working folder, never over another one. Where that is not possible it becomes a
    variable.
    """
    if isinstance(source, str):
        text = source.strip()
        return (text, "") if text.isprintable() else _variable(text, namespace)
    for name, value in list(namespace.items()):
        if value is source.value and not name.startswith("_") and not Path(name).exists():
            return name, ""
    data = source.value if isinstance(source.value, bytes) else frame.data
    if data is None:
        return frame.url or "", ""
    suffix = Path(source.name).suffix or f".{(frame.info.format if frame.info else 'png').lower()}"
    stem = _ODD.sub("_", Path(source.name).stem)[:80].strip(" .-") or "first-frame"
    try:
        path, made = _file(data, stem, suffix)
    except OSError:
        return _variable(data, namespace)
    return path, f"The picture was saved as {path} beside the notebook." if made else ""


def _file(data: bytes, stem: str, suffix: str) -> tuple[str, bool]:
    for count in range(1, 1000):
        path = Path(f"{stem}{suffix}" if count == 1 else f"{stem} {count}{suffix}")
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return str(path), False
            continue
        return str(path), True
    raise OSError("a thousand files of that name")


def _variable(value: Any, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    name, count = "first_frame", 1
    while (name in namespace and namespace[name] != value) or Path(name).exists():
        count += 1
        name = f"first_frame_{count}"
    namespace[name] = value
    return name, f"The picture is in the variable {name}, as long as this kernel lives."


#: Words that need no quotes in a cell's line.
_BARE = re.compile(r"[\w./:@%+,~=-]+", re.ASCII)
#: Beginnings of lines that IPython takes for its own prompt, copied along, and drops.
_COPIED = re.compile(r"\s*(>>>|\.\.\.|In \[|\.+:)", re.ASCII)


def cell(values: Values, image: str) -> str:
    """The cell that makes the same request; ``image`` is the word for the first frame.

    Without a prompt it is one line. Where IPython would change or drop words, and where the first frame is cropped, it
    is the call in Python.
    """
    given = image + values.save
    # IPython replaces $name depending on the number of single quotes after it.
    changed = ("$" in given and "'" in given) or any(_COPIED.match(one) for one in values.prompt.strip().splitlines())
    # --fit in a cell pads.
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
    """The word quoted for a cell's line, so that IPython and our parser read it unchanged. No line breaks."""
    # IPython replaces $name and {expression} before the magic gets the line.
    word = re.sub(r"\$(?=[\w.])", "$$", word).replace("{", "{{").replace("}", "}}")
    if _BARE.fullmatch(word):
        return word
    # There is no escape: each piece is quoted with the kind of quote that it does not contain.
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


@dataclass(frozen=True)
class Offer:
    """The words on the button, whether a press pays, and the words on the other button, if there is one."""

    words: str
    pays: bool = True
    another: str = ""


def offered(values: Values, *, ready: bool, before: Sequence[Snapshot], running: bool, cost: Cost | None) -> Offer:
    """What the buttons would do with these values.

    ``ready``: they can be sent. ``before``: those of the takes that exist already; ``running``: this form has made them
    and they run. ``cost``: of one video, in USD.
    """
    price_of_all, new, several = html.price(cost, values.takes), values.takes - len(before), values.takes > 1
    if not ready or (new == values.takes and not running):
        return Offer(f"Generate{f' {new}' if several else ''}{price_of_all}")
    if new and not running:
        return Offer(f"Generate {new} more{html.price(cost, new)}")
    if new or not all(snapshot.status.ended for snapshot in before):
        return Offer("Show those that are running" if several else "Show the one that is running", pays=False)
    done = all(snapshot.status == Status.DONE for snapshot in before)
    what = ("them" if several else "it") if done else ("the earlier ones" if several else "the earlier one")
    another = f"Make {values.takes} others{price_of_all}" if several else f"Make another{price_of_all}"
    # With a given seed the others would be the same videos.
    able = not several or values.seed_mode == RANDOM
    return Offer(f"Show {what}, nothing to pay", pays=False, another=another if able else "")


def expected(values: Values, seen: Preview, frame: FirstFrame | None, before: Sequence[Snapshot]) -> str:
    """HTML with the video's size, what is still to be paid, and how long it takes."""
    resolution = values.params.get("resolution")
    pixels = None
    if frame is not None and frame.info is not None and resolution is not None:
        pixels = output_size(frame.info.width, frame.info.height, resolution)
    return html.expected(
        pixels=pixels,
        cost=seen.cost,
        # In batches of those that are made at once.
        seconds=seen.seconds * ceil((values.takes - len(before)) / seen.at_once),
        sandbox=seen.sandbox,
        takes=values.takes,
        made=len(before),
        running=not all(snapshot.status.ended for snapshot in before),
    )
