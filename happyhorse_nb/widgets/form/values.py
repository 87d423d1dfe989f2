"""What stands in a form, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from happyhorse_nb.models import Fit
from happyhorse_nb.settings import process

RANDOM, SAME, FIXED = "random", "same", "fixed"


@dataclass(frozen=True)
class Picture:
    """A first frame that is no text: a chosen file, or an object. ``name`` is what to call it."""

    name: str
    value: Any = field(repr=False)


@dataclass(frozen=True)
class Values:
    """What stands in a form. ``source`` is the text that names the first frame (a path, URL or variable) or a
    `Picture`; ``params`` the models' parameters but the seed; ``seed`` stands for a fixed one."""

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
    """How a form holds what was given as ``image``."""
    if image is None:
        return ""
    if isinstance(image, (str, Path)):
        return str(image)
    return image if process.is_a(image, Picture) else Picture(type(image).__name__, image)


def merged(draft: Values, before: Values, now: Values) -> Values:
    """What was typed, but for what the cell says otherwise than it did ``before``."""
    names = [f.name for f in fields(Values)]
    changed = {name: getattr(now, name) for name in names if _differ(getattr(before, name), getattr(now, name))}
    if "params" in changed:
        typed = {name: draft.params[name] for name in now.params if name in draft.params}
        kept = {name: value for name, value in typed.items() if before.params.get(name) == now.params[name]}
        changed["params"] = {**now.params, **kept}
    if "seed" in changed or "seed_mode" in changed:
        changed |= {"seed": now.seed, "seed_mode": now.seed_mode}
    if "source" in changed:
        changed.setdefault("fit", now.fit)
    return replace(draft, **changed)


def _differ(one: Any, other: Any) -> bool:
    if process.is_a(one, Picture) and process.is_a(other, Picture):
        # Arrays compare element by element, and figures not at all.
        return one.value is not other.value
    return bool(one != other)
