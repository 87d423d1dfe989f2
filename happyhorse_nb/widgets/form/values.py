"""The values of a form: their kind, merged when the cell runs again, and what a press would do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil
from pathlib import Path
from typing import Any

from happyhorse_nb.api.preview import Preview
from happyhorse_nb.inputs import Input, output_size
from happyhorse_nb.models import EDITED, LONGEST, MODELS, Cost, Fit, Snapshot, Status
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import process

RANDOM, SAME, FIXED = "random", "same", "fixed"
#: The kinds of videos by the words of the switch, each with the input, by its option, that makes it one; empty for
#: text alone.
KINDS = {"Text": "", "Image": "image", "References": "references", "Edit": "video"}
TEXT, IMAGE, REFERENCES, EDIT = KINDS


def models_of(kind: str) -> list[str]:
    """The ids of the models that make videos of that kind."""
    given = [KINDS[kind]] if KINDS[kind] else []
    return [model.id for model in MODELS.values() if model.fits(given)]


def kind_of(model: str) -> str:
    """The kind of video that a model makes."""
    return next((kind for kind in KINDS if model in models_of(kind)), IMAGE)


@dataclass(frozen=True)
class Picture:
    """A picture that is a chosen file or an object; ``name`` is the file's name or the object's class."""

    name: str
    value: Any = field(repr=False)


@dataclass(frozen=True)
class Values:
    """The values of a form. ``source`` names the first frame (a path, URL or variable) or is a `Picture`, so do
    ``references``; ``video`` names the video to edit (a job, a URL or a variable). ``params`` are the parameters of all
    models without the seed; ``seed`` is that of the modes *same* and *fixed*."""

    source: str | Picture = ""
    references: tuple[str | Picture, ...] = ()
    video: str = ""
    prompt: str = ""
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    seed_mode: str = RANDOM
    seed: int = 0
    takes: int = 1
    fit: Fit = False
    unlisted: bool = False
    save: str = ""

    @property
    def kind(self) -> str:
        """The kind of video that the model makes."""
        return kind_of(self.model)

    @property
    def wanted(self) -> dict[str, Any]:
        """The parameters that the model takes, without the seed."""
        names = [p.name for p in MODELS[self.model].options if p.name != "seed"]
        return {name: self.params[name] for name in names if self.params.get(name) is not None}


def source_of(image: Any) -> str | Picture:
    """The source for an argument that is a picture."""
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
    if inputs := changed.keys() & {"source", "references", "video"}:
        changed.setdefault("fit", now.fit)
    if inputs and draft.kind != now.kind:
        changed["model"] = now.model
    return replace(draft, **changed)


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) != len(other) or any(map(_differ, one, other))
    if process.is_a(one, Picture) and process.is_a(other, Picture):
        # By identity: arrays compare element by element, and figures not at all.
        return one.value is not other.value
    return bool(one != other)


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


def expected(values: Values, seen: Preview, inputs: Sequence[Input], before: Sequence[Snapshot]) -> str:
    """HTML with the video's size, or what of an edit is billed, what is still to be paid, and how long it takes."""
    return html.expected(
        lead=_billed(values, inputs) if values.kind == EDIT else _size(values, inputs),
        by=": " if values.kind == EDIT else ", ",
        cost=seen.cost,
        # In batches of those that are made at once.
        seconds=seen.seconds * ceil((values.takes - len(before)) / seen.at_once),
        sandbox=seen.sandbox,
        takes=values.takes,
        made=len(before),
        running=not all(snapshot.status.ended for snapshot in before),
    )


def _size(values: Values, inputs: Sequence[Input]) -> str:
    """``1620 x 1080``: about the size of the video; empty where it is not known."""
    resolution, ratio = values.wanted.get("resolution"), values.wanted.get("ratio")
    info = inputs[0].info if inputs and values.kind == IMAGE else None
    if resolution is None or (info is None and ratio is None):
        return ""
    width, height = (info.width, info.height) if info is not None else map(int, str(ratio).split(":"))
    return "{} x {}".format(*output_size(width, height, resolution))


def _billed(values: Values, inputs: Sequence[Input]) -> str:
    """``5 s in + 5 s out in 720P``: the seconds that an edit is billed for."""
    known = next((one.seconds for one in inputs if one.seconds is not None), None)
    given = EDITED[1] if known is None else round(known)
    most = "at most " if known is None else ""
    return f"{most}{given} s in + {min(given, LONGEST)} s out in {values.wanted.get('resolution')}"
