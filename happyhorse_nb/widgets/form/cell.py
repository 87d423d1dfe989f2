"""The cell that makes the request of a form, and the words for its inputs in there."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from happyhorse_nb.inputs import Input
from happyhorse_nb.models import FIRST_FRAME, MODELS
from happyhorse_nb.widgets.form.values import RANDOM, Picture, Values

_ODD = re.compile(r"[^\w. -]")


def name_of(source: str | Picture, given: Input, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    """The word for a picture in a cell, and a sentence on what was done for that; ``given`` is what it was loaded as.

    A chosen file is written into the working folder, never over another one. Where that is not possible it becomes a
    variable.
    """
    if isinstance(source, str):
        text = source.strip()
        return (text, "") if text.isprintable() else _variable(text, given.role, namespace)
    for name, value in list(namespace.items()):
        if value is source.value and not name.startswith("_") and not Path(name).exists():
            return name, ""
    data = source.value if isinstance(source.value, bytes) else given.data
    if data is None:
        return given.url or "", ""
    suffix = Path(source.name).suffix or f".{(given.info.format if given.info else 'png').lower()}"
    stem = _ODD.sub("_", Path(source.name).stem)[:80].strip(" .-") or given.role.replace("_", "-")
    try:
        path, made = _file(data, stem, suffix)
    except OSError:
        return _variable(data, given.role, namespace)
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


def _variable(value: Any, role: str, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    name, count = role, 1
    while (name in namespace and namespace[name] != value) or Path(name).exists():
        count += 1
        name = f"{role}_{count}"
    namespace[name] = value
    return name, f"The picture is in the variable {name}, as long as this kernel lives."


#: Words that need no quotes in a cell's line.
_BARE = re.compile(r"[\w./:@%+,~=-]+", re.ASCII)
#: Beginnings of lines that IPython takes for its own prompt, copied along, and drops.
_COPIED = re.compile(r"\s*(>>>|\.\.\.|In \[|\.+:)", re.ASCII)


def cell(values: Values, inputs: Mapping[str, Sequence[str]]) -> str:
    """The cell that makes the same request; ``inputs`` are the words for its inputs by their options.

    Without a prompt it is one line. Where IPython would change or drop words, and where a picture is cropped, it is the
    call in Python.
    """
    given = "".join(word for words in inputs.values() for word in words) + values.save
    # IPython replaces $name depending on the number of single quotes after it.
    changed = ("$" in given and "'" in given) or any(_COPIED.match(one) for one in values.prompt.strip().splitlines())
    # --fit in a cell pads.
    if changed or values.fit == "crop":
        return _call(values, inputs)
    words = [quote(f"./{word}" if word.startswith("-") else word) for word in inputs.get(FIRST_FRAME.option, ())]
    roles = {role.option: role.cell_option for role in MODELS[values.model].inputs if role != FIRST_FRAME}
    options = [(option, word) for name, option in roles.items() for word in inputs.get(name, ())]
    for option, value in [*options, *_options(values)]:
        shown = quote(str(value))
        words.append(f"{option}={shown}" if str(value).startswith("-") else f"{option} {shown}")
    words += [f"--{name}" for name in ("fit", "unlisted") if getattr(values, name)]
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


def _call(values: Values, inputs: Mapping[str, Sequence[str]]) -> str:
    table, prompt = MODELS[values.model], values.prompt.strip()
    options: dict[str, Any] = {}
    for role in table.inputs:
        if some := list(inputs.get(role.option, ())):
            options[role.option] = some if role.maximum > 1 else some[0]
    image = options.pop(FIRST_FRAME.option, None)
    options |= {option.removeprefix("--"): value for option, value in _options(values)}
    options |= {name: getattr(values, name) for name in ("fit", "unlisted") if getattr(values, name)}
    first = f"{image!r}, {prompt!r}" if image is not None else f"prompt={prompt!r}"
    words = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"import happyhorse_nb as hh\n\nhh.generate({first}{words}, namespace=globals())"


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
