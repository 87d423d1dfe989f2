"""``%config HappyHorse``: defaults of options, and settings that are no options."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from traitlets import Bool, Dict, Enum, Float, Integer, TraitError, TraitType, Unicode, validate
from traitlets.config import Configurable

from happyhorse_nb.errors import ConfigError
from happyhorse_nb.models import MODELS, VERSIONS, Cost, Param
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.folders import absolute


def _default_of(param: Param) -> TraitType[Any, Any]:
    """The trait for the default of one option; None leaves it to the server."""
    told = f"{param.help} (default of --{param.name}; the server's own is {param.default or 'a random one'})"
    if param.choices:
        return Enum(list(param.choices), default_value=None, allow_none=True, help=told)
    return Integer(None, allow_none=True, min=param.minimum, max=param.maximum, help=told)


#: How traitlets begins what it says of a bad value, which `Config` leaves out.
_TRAIT = "The 'prices' trait of a HappyHorse instance"


class Settings(Configurable):
    """The settings that belong to no model; `HappyHorse` adds one for each option of the models."""

    model = Enum(
        list(MODELS),
        default_value=None,
        allow_none=True,
        help="the model (default of --model); None: as the inputs ask",
    )
    version = Enum(
        list(VERSIONS), default_value=VERSIONS[0], help="the version of the models; an edit is always of 1.0"
    )
    references = Enum(
        ["upload", "inline"],
        default_value="upload",
        help="how pictures of this machine reach the server as references: uploaded first (it keeps them for about 7 "
        "days), or inside the request, which Modellix's pages do not have",
    )
    wait = Bool(
        None,
        allow_none=True,
        help="whether a cell waits for its video; None: only where nobody watches (headless runs, Colab)",
    )
    folder = Unicode("", help="where videos go; empty: happyhorse-videos beside the notebook")
    embed_limit = Float(15.0, min=0, help="videos up to this many MB are embedded in the notebook, larger ones linked")
    reuse = Bool(True, help="show the video that an equal request has made instead of buying it again")
    notify = Bool(False, help="a notice by the browser, or a terminal's bell, when a video of over a minute is done")
    budget = Float(
        None,
        allow_none=True,
        min=0,
        help="USD that this kernel may spend, by the estimates, and as much of play money; None: no limit",
    )
    ask_above = Float(
        5.0,
        allow_none=True,
        min=0,
        help="USD, or play money, above which what one cell or call would buy is asked about first, unless it says "
        "--yes (yes=True); None: never",
    )
    requests_per_minute = Integer(100, min=1, help="requests to the server, all jobs together")
    max_concurrent = Integer(2, min=1, help="tasks that may run at once; the others queue here")
    max_poll_gap = Float(None, allow_none=True, min=0.1, help="longest wait between two looks at a task, in seconds")
    deadline = Float(
        None,
        allow_none=True,
        min=1,
        help="seconds a task is watched, after which resume watches it again; None: four times what such a task takes, "
        "but at least 30 minutes",
    )
    max_backoff = Float(
        30.0, min=0.01, help="longest wait between two tries while the server cannot be reached, in seconds"
    )
    send_patience = Float(60.0, min=0, help="seconds for which a request that cannot be sent is tried again")
    missing_patience = Float(
        60.0, min=0, help="seconds for which the server must say that it does not know a task until that is believed"
    )
    fetch_patience = Float(30.0, min=0, help="seconds for which a finished video that does not come is tried again")
    schema_url = Unicode(
        "https://www.modellix.ai/models/{provider}/{model}/api_schema",
        help="where doctor --schema reads what the service itself says of a model; the key does not go there",
    )
    prices = Dict(
        help="USD a second of video by resolution, for all models or for each: {'720P': 0.1} or {'happyhorse-1.1-t2v': "
        "{'720P': 0.1}}; empty: Modellix's list prices. For the estimate, never a bill",
    )

    @validate("prices")
    def _amounts(self, proposal: dict[str, Any]) -> dict[str, Any]:
        def check(prices: Mapping[Any, Any]) -> None:
            for name, price in prices.items():
                if name in MODELS and isinstance(price, Mapping):
                    check(price)
                elif isinstance(price, bool) or not isinstance(price, (int, float, Decimal)) or not price >= 0:
                    raise TraitError(
                        f"{_TRAIT} takes USD a second, such as {{'720P': 0.1}}, not {price!r} for {name!r}"
                    )

        check(proposal["value"])
        return dict(proposal["value"])

    @validate("folder")
    def _in_the_working_folder_of_now(self, proposal: dict[str, Any]) -> str:
        # Resolved at once, so that it stays the same folder after a %cd.
        return str(absolute(proposal["value"])) if proposal["value"] else ""

    def estimate(self, params: dict[str, Any], *, model: str, footage: float | None = None) -> Cost | None:
        """What a request costs by the prices; None where there is no price.

        ``footage`` is the length (seconds) of the video that is edited, the longest there may be where it is not known.
        """
        table = MODELS[model]
        values = {p.name: params.get(p.name, p.default) for p in table.options}
        ours = {name: price for name, price in self.prices.items() if name not in MODELS}
        prices: Mapping[str, Any] = self.prices.get(model) or ours or table.prices
        price = prices.get(str(values.get("resolution")))
        if price is None:
            return None
        seconds = table.seconds_billed(values.get("duration"), footage)
        return Cost((Decimal(str(price)) * seconds).quantize(Decimal("0.0001")))

    def defaults(self, model: str) -> dict[str, Any]:
        """The options' defaults that the user has set."""
        found = {p.name: getattr(self, p.name, None) for p in MODELS[model].options}
        return {name: value for name, value in found.items() if value is not None}


#: Named as the user types it: ``%config HappyHorse.duration = 8``. It has a trait for each option of any model.
_OPTIONS = {p.name: _default_of(p) for model in MODELS.values() for p in model.options}
HappyHorse = cast(
    type[Settings], type("HappyHorse", (Settings,), {**_OPTIONS, "__doc__": __doc__, "__module__": __name__})
)

# %config shows only traits with this tag: ours, not those of every Configurable.
for _name in set(HappyHorse.class_trait_names()) - set(Configurable.class_trait_names()):
    HappyHorse.class_traits()[_name].tag(config=True)


def embed_limit() -> float:
    """The largest video to embed in the notebook, in MB; no limit in Voilà, where a linked one is black."""
    return math.inf if frontend.in_voila() else config().embed_limit


def config() -> Settings:
    """The settings of this process: one object for the magics and for Python."""
    return process.once("config", HappyHorse, forks=True)


class UnknownSetting(ConfigError, AttributeError):
    """There is no setting of that name."""


class Config:
    """``hh.config``: the settings of ``%config HappyHorse`` in Python, such as ``hh.config.resolution = "720P"``.

    Raises `ConfigError` in one line for an unknown name or a bad value.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # Python and IPython look for names of their own.
            raise AttributeError(name)
        self._check(name)
        return getattr(config(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._check(name)
        try:
            setattr(config(), name, value)
        except TraitError as problem:
            # The words of traitlets, without the names of its classes, in one line.
            why = re.sub(r"^The (?:value of the )?'\w+' trait of an? \w+ instance ", "", " ".join(str(problem).split()))
            raise ConfigError(f"hh.config.{name}: {why[:200]}") from None

    def __dir__(self) -> list[str]:
        return _names()

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {getattr(config(), name)!r}" for name in _names())

    def _check(self, name: str) -> None:
        if name not in _names():
            close = difflib.get_close_matches(name, _names(), n=1)
            guess = f"Did you mean {close[0]}?" if close else ""
            raise UnknownSetting(
                f"hh.config has no {name!r}", limit=f"the settings are {', '.join(_names())}", remedy=guess
            )


def _names() -> list[str]:
    return sorted(config().trait_names(config=True))


#: What users know as ``hh.config``.
public = Config()
