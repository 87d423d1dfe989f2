"""One table for each model, of its inputs, parameters and prices: the only place where they and their limits stand.

Checks, magic options, ``%config`` defaults, form controls, help texts, the request body and the sandbox are made from
it. The limits are those of the API's reference for each model.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["text", "choice", "integer"]
#: Whether to make fit what breaks the limits. An image of too long a shape is padded (True, "pad") or cropped.
Fit = bool | Literal["pad", "crop"]


@dataclass(frozen=True)
class ImageLimits:
    """What the server takes as an image. Sides in pixels, aspect as longer over shorter side, size in bytes."""

    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    min_side: int = 300
    max_aspect: float = 2.5
    # "10 MB" is taken as 10 MiB: a server that means less refuses the rest for free.
    max_bytes: int = 10 * 1024 * 1024
    #: What Alibaba's pages allow for the same model and Modellix's do not; sent only on purpose.
    unlisted_bytes: int | None = None


@dataclass(frozen=True)
class Param:
    """One parameter of a model.

    ``minimum`` and ``maximum`` bound an integer's value or a text's weight (`prompt_weight`). ``default`` is what the
    server uses for a missing parameter. ``unlisted`` are choices that Alibaba's pages have and Modellix's do not, sent
    only on purpose. ``wire`` is its name in the request, if that is another.
    """

    name: str
    kind: Kind
    help: str
    required: bool = False
    default: str | int | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    unit: str = ""
    wire: str = ""

    @property
    def sent_as(self) -> str:
        """Its name in the request."""
        return self.wire or self.name


@dataclass(frozen=True)
class Role:
    """A model's inputs of one role: ``minimum`` to ``maximum`` of them, sent as a list if they may be several.

    ``option`` is its name as an argument, ``flag`` in a cell if that is another, ``wire`` in the request. ``image`` has
    the limits of a picture, and is None for a video. ``embedded``: a data URI will do, not only an http(s) address.
    ``uploaded``: where it would not, a picture of this machine is uploaded first, and its address sent.
    """

    name: str
    option: str
    wire: str
    help: str
    minimum: int = 1
    maximum: int = 1
    image: ImageLimits | None = None
    embedded: bool = True
    uploaded: bool = False
    flag: str = ""

    @property
    def words(self) -> str:
        """What messages call such an input: ``first frame``."""
        return self.name.replace("_", " ")

    @property
    def cell_option(self) -> str:
        """Its option in a cell: ``--ref``."""
        return self.flag or f"--{self.option}"


@dataclass(frozen=True)
class Model:
    """A model of the API: its id (also the last part of its address), its parameters and inputs in order, and the list
    price of a second of video by resolution (USD). ``kind`` says what it makes of what, in words."""

    id: str
    params: tuple[Param, ...]
    inputs: tuple[Role, ...]
    prices: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    provider: str = "alibaba"
    kind: str = ""
    version: str = ""

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

    @property
    def video(self) -> Role | None:
        """The input that is a video, if there is one."""
        return next((role for role in self.inputs if role.image is None), None)

    @property
    def edits(self) -> bool:
        """Whether it changes a video: what comes out is as long, at most `LONGEST` seconds, and both are billed."""
        return self.video is not None and "duration" not in [p.name for p in self.params]

    def seconds_billed(self, duration: Any, footage: float | None) -> int:
        """For how many seconds a request is billed: those of the video that is made, for an edit also those of the
        ``footage`` (seconds; None: not known, so the most there may be), both to the nearest second."""
        if not self.edits:
            return int(duration or self.param("duration").default or 0)
        given = EDITED[1] if footage is None else round(footage)
        return given + min(given, LONGEST)

    def fits(self, given: Collection[str]) -> bool:
        """Whether it takes these inputs, by their options, and needs no other."""
        needed = {role.option for role in self.inputs if role.minimum}
        return needed <= set(given) <= {role.option for role in self.inputs}


#: The most seconds of a video: of one that is made, and of what an edit keeps of its input (the API's reference).
LONGEST = 15
#: Seconds of a video that can be edited.
EDITED = (3, 60)

_PICTURE = (
    "path, http(s) URL, data URI, or the name of a variable that holds a path, bytes, a PIL image, a NumPy array "
)
FIRST_FRAME = Role(
    "first_frame",
    option="image",
    wire="first_frame_image",
    help=f"{_PICTURE}or a matplotlib figure",
    image=ImageLimits(unlisted_bytes=20 * 1024 * 1024),
)
REFERENCES = Role(
    "reference",
    option="references",
    flag="--ref",
    wire="reference_images",
    help="a picture of somebody or something in the video; the prompt calls them character1, character2 … in the order "
    f"given; {_PICTURE}or a matplotlib figure",
    maximum=9,
    image=ImageLimits(min_side=400, max_aspect=math.inf),
    embedded=False,
    uploaded=True,
)
VIDEO = Role(
    "video",
    option="video",
    flag="--edit",
    wire="input_video_url",
    help="the video to change: a job, or the http(s) URL of an MP4 or MOV of 3 to 60 s, at most 100 MB",
    embedded=False,
)
PROMPT = Param("prompt", "text", "what happens in the video, in any language", maximum=5000, unit="characters")
RESOLUTION = Param(
    "resolution",
    "choice",
    "total number of pixels; from a first frame the video keeps about its aspect",
    default="1080P",
    choices=("720P", "1080P"),
    unlisted=("480P",),
)
RATIO = Param(
    "ratio",
    "choice",
    "width to height of the video",
    default="16:9",
    choices=("16:9", "9:16", "1:1", "4:3", "3:4"),
    unlisted=("4:5", "5:4", "9:21", "21:9"),
)
DURATION = Param("duration", "integer", "length of the video", default=5, minimum=3, maximum=LONGEST, unit="seconds")
AUDIO = Param(
    "audio",
    "choice",
    "the sound: made anew as it fits (auto), or that of the video that is edited (origin)",
    default="auto",
    choices=("auto", "origin"),
    wire="audio_setting",
)
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

#: Modellix's list prices of 2026, USD for a second of video, by version; of 1.1 only those of text to video are
#: published, and the others are taken to be the same.
_PRICES = {
    "1.0": {"720P": Decimal("0.128"), "1080P": Decimal("0.229")},
    "1.1": {"720P": Decimal("0.1242"), "1080P": Decimal("0.1597")},
}
#: The versions of the models, the usual one first.
VERSIONS = tuple(_PRICES)
_DESCRIBED = replace(PROMPT, required=True)


def _family(version: str) -> tuple[Model, ...]:
    """The models of that version that make a new video."""

    def model(name: str, kind: str, params: tuple[Param, ...], *inputs: Role) -> Model:
        return Model(
            f"happyhorse-{version}-{name}", params, inputs, _PRICES[version], kind=f"{kind} to video", version=version
        )

    shaped = (_DESCRIBED, RESOLUTION, RATIO, DURATION, SEED)
    return (
        model("i2v", "image", (PROMPT, RESOLUTION, DURATION, SEED), FIRST_FRAME),
        model("t2v", "text", shaped),
        model("r2v", "reference", shaped, REFERENCES),
    )


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        *_family("1.0"),
        Model(
            "happyhorse-1.0-video-edit",
            (_DESCRIBED, RESOLUTION, AUDIO, SEED),
            (VIDEO, replace(REFERENCES, minimum=0, maximum=5)),
            _PRICES["1.0"],
            kind="video edit",
            version="1.0",
        ),
        *_family("1.1"),
    )
}
