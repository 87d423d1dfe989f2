"""What may be asked of the jobs, in a user's words: the one table of filters, and what they mean."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.ledger import ORDERS, Filter
from happyhorse_nb.models import MODELS, Status

#: Words for several states at once. An end without a video is a failure, whoever's fault it is.
GROUPS: dict[str, frozenset[Status]] = {
    "all": frozenset(),
    "running": frozenset(status for status in Status if status.running),
    "ended": frozenset(status for status in Status if status.ended),
    "failures": frozenset(status for status in Status if status.ended and status != Status.DONE),
}
#: Words that are looked for at once; each is a condition of SQLite's, which takes no thousand.
_WORDS = 100
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")


@dataclass(frozen=True)
class Field:
    """One filter: its name in Python and as an option, what it takes, and some of the values."""

    name: str
    help: str
    metavar: str = ""
    offers: tuple[str, ...] = ()

    @property
    def flag(self) -> bool:
        """Whether it takes no value."""
        return not self.metavar


FIELDS = (
    Field("status", "only these states, with commas between them", "STATE", (*map(str, Status), *GROUPS)),
    Field("text", "only those with these words in prompt, id or file name", "WORDS"),
    Field("since", "only those of the last 30min, 12h or 2d, or since a date", "WHEN", ("1h", "12h", "1d", "7d")),
    Field("model", "only those of this model", "ID", tuple(MODELS)),
    Field("starred", "only those with a star"),
    Field("removed", "only those that were removed"),
)
#: In which order the table stands; the gallery has one of its own.
SORT = Field("sort", "in this order; without it the newest first", "ORDER", tuple(ORDERS))


def query(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool | None = None,
    *,
    now: float | None = None,
) -> Filter:
    """The filter of these words; None lets every job pass, but those that are forgotten, or removed and not asked for.
    ``now`` is Unix seconds, the clock's where left out.

    Raises `InvalidRequest` in one line that says what can be given.
    """
    return Filter(
        status=_states(status),
        text=_text(text),
        since=None if since is None else _instant(since, time.time() if now is None else now),
        model=_model(model),
        starred=_flag("starred", starred),
        forgotten=False,
        removed=bool(_flag("removed", removed)),
    )


def order(word: str | None) -> str:
    """The order of that word, newest first for None. Raises `InvalidRequest`."""
    found = "newest" if word is None else str(word).strip().lower()
    if found not in ORDERS:
        raise InvalidRequest(f"there is no order {_short(str(word))!r}. There are {', '.join(ORDERS)}.", param="sort")
    return found


def chosen(args: Namespace) -> dict[str, Any]:
    """The filters among parsed options."""
    return {field.name: getattr(args, field.name) for field in FIELDS}


def _states(given: object) -> frozenset[Status]:
    if given is None:
        return frozenset()
    # One that is no text and cannot be gone through is no state either, and said to be none.
    some = given if isinstance(given, Iterable) else (given,)
    words = str(given).split(",") if isinstance(given, str) else [str(word) for word in some]
    found: set[Status] = set()
    for word in (word.strip().lower() for word in words):
        if word == "all":
            return frozenset()
        if word in GROUPS:
            found |= GROUPS[word]
        elif word in Status._value2member_map_:
            found.add(Status(word))
        else:
            known = ", ".join([*map(str, Status), *GROUPS])
            raise InvalidRequest(f"there is no status {_short(word)!r}. There are {known}.", param="status")
    return frozenset(found)


def _text(given: object) -> str:
    if given is None:
        return ""
    words = given.split() if isinstance(given, str) else []
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        # Half a character, which no file of ours can hold.
        words = []
    if not isinstance(given, str) or (given.strip() and not words) or len(words) > _WORDS:
        raise InvalidRequest(
            f"text={_short(ascii(given))} cannot be looked for. Give up to {_WORDS} words of prompt, id or file name.",
            param="text",
        )
    return " ".join(words)


def _flag(name: str, given: object) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    raise InvalidRequest(f"{name}={_short(repr(given))} is neither True nor False.", param=name)


def _instant(given: object, now: float) -> float:
    """Unix seconds."""
    try:
        if isinstance(given, timedelta):
            return now - given.total_seconds()
        if isinstance(given, datetime):
            return given.timestamp()
        if isinstance(given, date):
            return datetime(given.year, given.month, given.day).astimezone().timestamp()
        if isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given):
            return float(given)
        if isinstance(given, str):
            span = _SPAN.fullmatch(given.strip().lower())
            if span:
                return now - float(span[1]) * _UNITS[span[2]]
            return datetime.fromisoformat(given.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidRequest(
        f"since={_short(str(given))!r} is no time. Give 30min, 12h, 2d, a date such as 2026-11-20, a datetime, a "
        "timedelta, or Unix seconds.",
        param="since",
    )


def _model(given: str | None) -> str:
    # A model that the ledger knows and this version does not would be told apart by its id too.
    if given is None or not str(given).strip():
        return ""
    if str(given) not in MODELS:
        raise InvalidRequest(f"there is no model {_short(str(given))!r}. There are {', '.join(MODELS)}.", param="model")
    return str(given)


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"
