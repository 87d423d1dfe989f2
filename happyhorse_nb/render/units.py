"""Numbers and instants as a person says them, and words from outside as one line of plain text."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain(text: object, limit: int) -> str:
    """One line of at most ``limit`` characters, free of control, escape and text direction characters."""
    # Far more than the limit is never looked at, so that a pasted book costs nothing at every tick.
    start = str(text)[: limit * 4 + 100]
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def sentence(text: str) -> str:
    """The text with a full stop where it ends without one, so that another sentence can follow."""
    return text if not text or text[-1] in ".!?…。！？:" else text + "."


def duration(seconds: float) -> str:
    """A measured time: ``48 s``, ``1 min 31 s``, ``2 h 5 min``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """A guessed time, no finer than the guess: ``a few seconds``, ``about 40 s``, ``about 2 min``."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 57.5:
        return f"about {5 * round(seconds / 5)} s"
    step = 30 if seconds < 165 else 60
    return f"about {duration(step * round(seconds / step))}"


def ago(seconds: float) -> str:
    """How long ago in one unit: ``just now``, ``12 min ago``, ``3 days ago``."""
    if seconds < 60:
        return "just now"
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    raise AssertionError("at least a minute, as checked above")


def instant(then: float, now: float) -> str:
    """A point in time on the local clock: ``today 10:12``, ``yesterday 10:12``, ``on 22 Nov 10:12``."""
    moment, present = (datetime.fromtimestamp(seconds).astimezone() for seconds in (then, now))
    clock = f"{moment:%H:%M}"
    if moment.date() == present.date():
        return f"today {clock}"
    if moment.date() == present.date() - timedelta(days=1):
        return f"yesterday {clock}"
    # Not strftime's month: it follows the process's locale, and the rest of the card is English.
    day = f"on {moment.day} {_MONTHS[moment.month - 1]}"
    return f"{day} {clock}" if moment.year == present.year else f"{day} {moment.year}"


def size(count: int) -> str:
    """Bytes in decimal units: ``80 kB``, ``4.1 MB``."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"
    return f"{count / 1_000_000:.1f} MB"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``11th``."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def columns(text: str) -> int:
    """How many terminal columns the text takes: a wide East Asian character takes two, a combining one none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
