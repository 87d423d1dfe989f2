"""One table of parameters per model: the only place where a parameter, its limits and its help are written.

Plain data, imported in a millisecond. Validation, magic options, ``%config`` defaults, form controls, help texts and
the request body are all made from it. The limits are those of the API's reference for each model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "images", "url", "text", "choice", "integer"]
#: Whether what breaks the limits is made to fit. An image of too long a shape is padded (True, "pad") or cropped.
Fit = bool | Literal["pad", "crop"]


@dataclass(frozen=True)
class ImageLimits:
    """What the server takes as an image. Sides in pixels, aspect as the longer side over the shorter, size in bytes."""

    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    min_side: int = 300
    max_aspect: float = 2.5
    max_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class Param:
    """One parameter of a model.

    ``minimum`` and ``maximum`` bound an integer's value, a text's weight (`prompt_weight`), or the number of images of
    a list. ``default`` is what the server does when the parameter is left out.
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
    image: ImageLimits | None = None


@dataclass(frozen=True)
class Model:
    """A model of the API: its id, which is also the last part of its address, and its parameters in order."""

    id: str
    params: tuple[Param, ...]
    provider: str = "alibaba"

    @property
    def slug(self) -> str:
        """The id as the API's list of models has it."""
        return f"{self.provider}/{self.id}"

    def param(self, name: str) -> Param:
        """The parameter of that name. Raises KeyError."""
        for param in self.params:
            if param.name == name:
                return param
        raise KeyError(name)

    @property
    def options(self) -> tuple[Param, ...]:
        """The parameters that are options of a cell: all but the first frame (positional) and the prompt (its body)."""
        return tuple(p for p in self.params if p.kind in ("choice", "integer"))


# "10 MB" is read as 10 MiB, the larger of the usual two: a server that means the smaller refuses the rest for free.
FIRST_FRAME = Param(
    "image",
    "image",
    "the first frame: a path, an http(s) URL, a data URI, or a variable that holds a path, bytes, a PIL image, "
    "a NumPy array or a matplotlib figure",
    required=True,
    image=ImageLimits(),
)
PROMPT = Param(
    "prompt",
    "text",
    "what happens in the video, in any language",
    maximum=5000,
    unit="characters",
)
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
    "start of the random numbers; drawn and shown when left out, and the same one does not promise the same video",
    minimum=0,
    maximum=2_147_483_647,
)

#: How many videos are made of one request, each with a seed of its own. The server knows nothing of it, so it is in no
#: model's table; as many as can be compared side by side.
TAKES = Param(
    "takes", "integer", "videos of the same request, each with a seed of its own", default=1, minimum=1, maximum=4
)

IMAGE_TO_VIDEO = (FIRST_FRAME, PROMPT, RESOLUTION, DURATION, SEED)

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model("happyhorse-1.0-i2v", IMAGE_TO_VIDEO),
        Model("happyhorse-1.1-i2v", IMAGE_TO_VIDEO),
    )
}

DEFAULT_MODEL = "happyhorse-1.0-i2v"
