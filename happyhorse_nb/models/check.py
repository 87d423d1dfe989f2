"""Checks parameters and prompts against a model's table, before anything is written down or sent."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from operator import index
from typing import Any, SupportsFloat, SupportsIndex

from happyhorse_nb.errors import InvalidRequest, meant
from happyhorse_nb.models.table import FIRST_FRAME, MODELS, REFERENCES, TAKES, VIDEO, Model, Param

# Han characters: the unified block with extensions A to I, the compatibility blocks, and the supplementary planes.
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def prompt_weight(text: str) -> int:
    """The length of a prompt as the API counts it: 2 for a Chinese character, 1 for any other."""
    return len(text) + len(_CHINESE.findall(text))


def fit_prompt(text: str, maximum: int) -> tuple[str, str]:
    """Split a prompt where the server would cut it: what it reads (weight at most ``maximum``), and the rest."""
    weight = 0
    for position, char in enumerate(text):
        weight += prompt_weight(char)
        if weight > maximum:
            return text[:position], text[position:]
    return text, ""


_NAME = re.compile(r"\{([^\W\d]\w*)\}")
#: Like Python's formatted strings: an attribute, an item, a format.
_MORE = re.compile(r"\{([^\W\d]\w*)[.:!\[][^{}]{0,60}\}")


def interpolate(body: str, namespace: Mapping[str, Any]) -> str:
    """The body with ``{name}`` replaced where the namespace has that name; other braces stay as they are."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(namespace[name]) if name in namespace else match.group(0)

    return _NAME.sub(value, body).strip()


def left(body: str, namespace: Mapping[str, Any]) -> list[str]:
    """A sentence for each pair of braces that stays in the prompt although a variable seems to be meant."""
    unknown = [name for name in _NAME.findall(body) if name not in namespace]
    more = [match.group() for match in _MORE.finditer(body) if match.group(1) in namespace]
    return [
        *(
            f"There is no variable {name}, so the prompt has {{{name}}} as it stands."
            for name in dict.fromkeys(unknown)
        ),
        *(f"The prompt has {text} as it stands: only a bare {{name}} is replaced." for text in dict.fromkeys(more)),
    ]


def find_model(model_id: Any) -> Model:
    """The model of that id. Raises `InvalidRequest` with the known ones."""
    found = MODELS.get(model_id) if isinstance(model_id, str) else None
    if found is None:
        known = f"the models are {', '.join(MODELS)}"
        what = f"model {_shown(model_id)} is not known"
        raise InvalidRequest(what, limit=known, remedy="Use one of them.", param="model")
    return found


def fitting(given: Collection[str], version: str = "") -> list[Model]:
    """The models that take these inputs, by their options, and need no other: those of that version, if there are any.

    A model without a version is only used by its id.
    """
    fit = [model for model in MODELS.values() if model.version and model.fits(given)]
    return [model for model in fit if model.version == version] or fit


def model_for(given: Collection[str], version: str) -> Model:
    """The model that makes a video of these inputs, by their options. Raises `InvalidRequest` where none does."""
    found = fitting(given, version)
    if not found:
        roles = {role.option: role.cell_option for role in (FIRST_FRAME, REFERENCES, VIDEO)}
        raise InvalidRequest(
            f"no model takes {' and '.join(name for name in roles if name in given)} together",
            limit="a video is made of an image, of references, of a video with or without references, or of text alone",
            remedy="Leave one of them out.",
            param=next(name for name in roles if name in given),
        )
    return found[0]


def check_params(model: Model, values: dict[str, Any], *, unlisted: bool = False) -> dict[str, Any]:
    """The parameters that are not None, in their proper types; with ``unlisted`` also choices that only Alibaba's pages
    have. Raises `InvalidRequest` for the first one outside its limits."""
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        _known(model, name)
    checked: dict[str, Any] = {}
    for param in model.options:
        if (value := given.get(param.name)) is not None:
            if param.choices:
                checked[param.name] = _choice(param.choices + param.unlisted * unlisted, value)
            else:
                checked[param.name] = _integer(param, value)
            if checked[param.name] is None:
                raise _outside(model, param, value)
    return checked


def check_prompt(model: Model, text: Any, *, fit: bool = False) -> tuple[str | None, str]:
    """The prompt to send, and what fitting did to it (empty for nothing).

    Raises `InvalidRequest` when it is too long, or no text.
    """
    param = model.param("prompt")
    if text is not None and not isinstance(text, str):
        raise InvalidRequest(
            f"prompt {_shown(text)} is no text",
            limit=f"{model.id} takes one of at most {param.maximum} characters",
            remedy="Give a str.",
            param="prompt",
        )
    text = (text or "").strip()
    if not text:
        if param.required:
            limit = f"{model.id} needs one"
            raise InvalidRequest("prompt is empty", limit=limit, remedy="Write what happens.", param="prompt")
        return None, ""
    half = re.search("[\ud800-\udfff]", text)
    if half:
        where = f"U+{ord(half[0]):X} at position {half.start() + 1}"
        raise InvalidRequest(
            f"prompt has half a character ({where})",
            limit="text can be sent only whole",
            remedy="Type it again.",
            param="prompt",
        )
    maximum = param.maximum or 0
    fitted, dropped = fit_prompt(text, maximum)
    if not dropped:
        return text, ""
    if fit:
        return fitted, f"prompt cut after “…{fitted[-24:]}” ({len(dropped)} characters dropped)"
    raise InvalidRequest(
        f"prompt has {prompt_weight(text)} characters, and the server would silently drop all after “…{fitted[-24:]}”",
        limit=f"it takes at most {maximum} (a Chinese one counts 2)",
        remedy="Shorten it, or cut it there with `--fit`.",
        param="prompt",
        fixable=True,
    )


#: How prompts call references: as on Modellix's page, and as on Alibaba's later ones.
_REFERENCE = re.compile(r"\bcharacter\s?(\d{1,3})\b|\[image\s?(\d{1,3})\]", re.IGNORECASE)


def check_references(prompt: str, given: int) -> str:
    """What is odd about how a prompt names its references, of which so many are given; empty for nothing.

    Raises `InvalidRequest` for one that is not given.
    """
    named = [(match.group(), int(match[1] or match[2])) for match in _REFERENCE.finditer(prompt)]
    for name, number in named:
        if not 1 <= number <= given:
            count = "no reference is given" if not given else f"{given} given: character1 to character{given}"
            remedy = "Add it with `--ref`, or name another one."
            raise InvalidRequest(f"the prompt names {name}", limit=count, remedy=remedy, param="prompt")
    return "" if named or not given else "the prompt names none of the references (character1, character2 …)"


def check_takes(value: Any) -> int:
    """How many takes are asked for, one without a value. Raises `InvalidRequest`."""
    low, high = TAKES.minimum or 1, TAKES.maximum or 1
    if value is None:
        return low
    with suppress(TypeError):
        # NumPy's integers too. True equals 1 in Python, but nobody means it.
        number = low - 1 if isinstance(value, bool) else index(value)
        if low <= number <= high:
            return number
    raise InvalidRequest(
        f"takes cannot be {_shown(value)}",
        limit=f"a request gives {low} to {high} at a time",
        remedy=f"Use {_nearest(TAKES, value)}.",
        param="takes",
    )


def _known(model: Model, name: str) -> None:
    options = [p.name for p in model.options]
    if name not in options:
        close = meant(name, options)
        raise InvalidRequest(
            f"{name!r} is not a parameter of {model.id}",
            limit=f"it takes {', '.join(options)}",
            remedy=f"Did you mean {close}?" if close else "",
            param=name,
        )


def _choice(choices: Sequence[str], value: Any) -> str | None:
    """The choice that a text means, whatever its case; None for none of them."""
    return next((c for c in choices if isinstance(value, str) and c.casefold() == value.casefold()), None)


#: A whole number as text, perhaps with zeros after a point. (ASCII digits: ``int`` takes those of any script.)
_WHOLE = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?")


def _integer(param: Param, value: Any) -> int | None:
    """The integer within the parameter's limits that a value of any type means; None for none."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    number: int | None = None
    # (OverflowError: an infinite number. ValueError: no number, or thousands of digits.)
    with suppress(TypeError, ValueError, OverflowError):
        if isinstance(value, str):
            match = _WHOLE.fullmatch(value.strip())
            number = int(match[1]) if match else None
        elif not isinstance(value, bool):
            # True equals 1 in Python, but nobody means a seed by it.
            number = _exact(value)
    low, high = param.minimum, param.maximum
    return number if number is not None and (low or 0) <= number and (high is None or number <= high) else None


def _exact(value: Any) -> int | None:
    """The integer that a number of any library equals. Raises TypeError, ValueError, OverflowError."""
    with suppress(TypeError):
        if isinstance(value, SupportsIndex):
            return index(value)
    if not isinstance(value, SupportsFloat):
        return None
    number: Any = value  # it supports int, too
    return whole if (whole := int(number)) == number else None


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except ValueError:
        # Python refuses to print integers of thousands of digits.
        shown = f"(a huge {type(value).__name__})"
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _outside(model: Model, param: Param, value: Any) -> InvalidRequest:
    shown = _shown(value)
    if param.choices:
        if (choice := _choice(param.unlisted, value)) is not None:
            return unlisted_only(f"{param.name} {choice}", f"it takes {' or '.join(param.choices)}", param.name)
        return InvalidRequest(
            f"{param.name} {shown} is not offered by {model.id}",
            limit=f"it takes {' or '.join(param.choices)}",
            remedy=f"Use {meant(str(value)[:60], param.choices) or param.choices[0]}.",
            param=param.name,
        )
    unit = f" {param.unit}" if param.unit else ""
    # (Elsewhere -1 asks for a random seed.)
    random = ", or leave it out for a random one" if param.name == "seed" else ""
    return InvalidRequest(
        f"{param.name} {shown} cannot be used",
        limit=f"{model.id} takes a whole number from {param.minimum} to {param.maximum}{unit}",
        remedy=f"Use {_nearest(param, value)}{random}.",
        param=param.name,
    )


def unlisted_only(what: str, limit: str, param: str) -> InvalidRequest:
    """The error for what Alibaba's pages offer for a model, and Modellix's do not."""
    return InvalidRequest(
        f"{what} is on Alibaba's pages of the model, and Modellix's do not have it",
        limit=limit,
        remedy="Send it nevertheless with `--unlisted`; a refusal by the server costs nothing.",
        param=param,
    )


def _nearest(param: Param, value: Any) -> int:
    low, high = param.minimum or 0, param.maximum or 0
    # To a person ``20s`` is a number.
    number = re.match(r"\s*[+-]?\d+(\.\d+)?", value) if isinstance(value, str) else None
    try:
        return min(max(round(float(number[0] if number else value)), low), high)
    except (TypeError, ValueError, OverflowError):
        return param.default if isinstance(param.default, int) else low
