"""One table for each model, of its inputs, parameters and prices: the only place where they and their limits stand.

Checks, magic options, ``%config`` defaults, form controls, help texts, the request body and the sandbox are made from
it. The limits are those of the API's reference for each model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Kind = Literal["text", "choice", "integer"]
#: Whether to make fit what breaks the limits. An image of too long a shape is padded (True, "pad") or cropped.
Fit = bool | Literal["pad", "crop"]


@dataclass(frozen=True)
class ImageLimits:
    """What the server takes as an image. Sides in pixels, aspect as longer over shorter side, size in bytes."""

    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    min_side: int = 300
    max_aspect: float = 2.5
    max_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class Param:
    """One parameter of a model.

    ``minimum`` and ``maximum`` bound an integer's value or a text's weight (`prompt_weight`). ``default`` is what the
    server uses for a missing parameter.
    """

    name: str
    kind: Kind
    help: str
    required: bool = False
    default: str | int | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Role:
    """A model's inputs of one role: ``minimum`` to ``maximum`` of them, sent as a list if they may be several.

    ``option`` is its name as an argument and an option, ``wire`` in the request. ``image`` has the limits of a picture,
    and is None for a video. ``embedded``: a data URI will do, not only an http(s) address.
    """

    name: str
    option: str
    wire: str
    help: str
    minimum: int = 1
    maximum: int = 1
    image: ImageLimits | None = None
    embedded: bool = True

    @property
    def words(self) -> str:
        """What messages call such an input: ``first frame``."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Model:
    """A model of the API: its id (also the last part of its address), its parameters and inputs in order, and the list
    price of a second of video by resolution (USD)."""

    id: str
    params: tuple[Param, ...]
    inputs: tuple[Role, ...]
    prices: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    provider: str = "alibaba"

    @property
    def slug(self) -> str:
        """The id in the API's list of models."""
        return f"{self.provider}/{self.id}"

    def param(self, name: str) -> Param:
        """The parameter of that name. Raises KeyError."""
        return {param.name: param for param in self.params}[name]

    def role(self, name: str) -> Role:
        """The inputs of that role. Raises KeyError."""
        return {role.name: role for role in self.inputs}[name]

    @property
    def options(self) -> tuple[Param, ...]:
        """The parameters that are options of a cell: all but the prompt, its body."""
        return tuple(p for p in self.params if p.kind in ("choice", "integer"))


# "10 MB" is taken as 10 MiB: a server that means less refuses the rest for free.
FIRST_FRAME = Role(
    "first_frame",
    option="image",
    wire="first_frame_image",
    help="path, http(s) URL, data URI, or the name of a variable that holds a path, bytes, a PIL image, a NumPy array "
    "or a matplotlib figure",
    image=ImageLimits(),
)
PROMPT = Param("prompt", "text", "what happens in the video, in any language", maximum=5000, unit="characters")
RESOLUTION = Param(
    "resolution",
    "choice",
    "total number of pixels; the video keeps about the first frame's aspect",
    default="1080P",
    choices=("720P", "1080P"),
)
DURATION = Param("duration", "integer", "length of the video", default=5, minimum=3, maximum=15, unit="seconds")
SEED = Param(
    "seed",
    "integer",
    "random seed; drawn here when left out. The same seed does not guarantee the same video",
    minimum=0,
    maximum=2_147_483_647,
)

#: Videos made of one request, each with a seed of its own; at most as many as can be compared side by side. The server
#: does not know takes, so they are in no model's table.
TAKES = Param(
    "takes", "integer", "videos of the same request, each with a seed of its own", default=1, minimum=1, maximum=4
)

IMAGE_TO_VIDEO = (PROMPT, RESOLUTION, DURATION, SEED)
#: USD for a second of video.
PRICES = {"720P": Decimal("0.14"), "1080P": Decimal("0.24")}

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model("happyhorse-1.0-i2v", IMAGE_TO_VIDEO, (FIRST_FRAME,), PRICES),
        Model("happyhorse-1.1-i2v", IMAGE_TO_VIDEO, (FIRST_FRAME,), PRICES),
    )
}

DEFAULT_MODEL = "happyhorse-1.0-i2v"
