"""The words and numbers that cards, tables and lines of text share. Pure."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any

from happyhorse_nb.errors import in_words_here, sentence
from happyhorse_nb.models import MODELS, STATES, Param, Snapshot, Status, remedy_of

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain(text: object, limit: int) -> str:
    """One line of at most ``limit`` characters, free of control, escape and text direction characters."""
    # Far more than the limit is never looked at, so that a pasted book costs nothing at every tick.
    start = str(text)[: limit * 4 + 100]
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def joined(*parts: str, by: str = ", ") -> str:
    """Those of the parts that are not empty, as one text."""
    return by.join(part for part in parts if part)


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


def state(snapshot: Snapshot) -> str:
    """The state in a word or a few: ``Queued, 3rd``, ``Generating``, ``Already made``."""
    if snapshot.status == Status.QUEUED and snapshot.position:
        return f"Queued, {ordinal(snapshot.position)}"
    if snapshot.status == Status.DONE and snapshot.reused:
        return "Already made"
    return STATES[snapshot.status].words


def short_state(snapshot: Snapshot) -> str:
    """The same for a table's column."""
    return STATES[snapshot.status].short or state(snapshot)


def brief(snapshot: Snapshot) -> str:
    """The same without its position or its past, in the middle of a sentence: ``queued``, ``generating``, ``done``."""
    called = STATES[snapshot.status]
    word = called.short or called.words
    return word[:1].lower() + word[1:]


def tone(snapshot: Snapshot) -> str:
    """What colours the state: ``run``, ``wait``, ``done``, ``bad`` or ``warn``."""
    return STATES[snapshot.status].tone


def detail(snapshot: Snapshot, now: float) -> str:
    """What stands beside the state: times, and for an end what it cost."""
    paid = ""
    if snapshot.status == Status.DONE and snapshot.reused:
        paid = "nothing now"
    elif snapshot.status == Status.DONE and not snapshot.shared:
        paid = money(snapshot)
    elif not snapshot.charged:
        paid = "not charged"
    elif snapshot.status in (Status.FAILED, Status.REFUSED):
        paid = f"charged {money(snapshot)}"
    theirs = f"the server says “{plain(snapshot.said, 60)}”" if snapshot.said else ""
    return joined(_time(snapshot, now), theirs, paid)


def say(snapshot: Snapshot) -> tuple[str, str]:
    """What there is to say about this state, and what to do: two sentences, either may be empty.

    The first may be a server's words; in the second, which is ours, a command stands between backticks.
    """
    message, remedy = plain(snapshot.message, 600), snapshot.remedy
    if not (message or snapshot.unsent):
        message = STATES[snapshot.status].message
        remedy = remedy or remedy_of(snapshot.status, snapshot)
    elif snapshot.status == Status.FAILED or (snapshot.status == Status.STOPPED and snapshot.task_id):
        remedy = remedy or remedy_of(snapshot.status, snapshot)
    return sentence(message), sentence(plain(remedy, 600))


def said(snapshot: Snapshot) -> str:
    """Both of them as one line of plain words."""
    message, remedy = say(snapshot)
    return joined(message, in_words_here(remedy), by=" ")


def note(snapshot: Snapshot) -> str:
    """What was done so that the request could be sent, as a sentence; empty where nothing was."""
    text = plain(snapshot.note, 300)
    return sentence(text[:1].upper() + text[1:])


def parameters(snapshot: Snapshot) -> str:
    """The parameters as they hold, those that were left out too: ``5 s, 720P, seed 7``."""
    if not snapshot.model and not snapshot.params:
        # Taken up by its id: what was asked for is not known here.
        return ""
    model = MODELS.get(snapshot.model)
    known = sorted(model.options, key=lambda param: not param.unit) if model else []
    words = [_parameter(param, snapshot.params.get(param.name)) for param in known]
    names = {param.name for param in known}
    words += [f"{name} {value}" for name, value in snapshot.params.items() if name not in names]
    return plain(", ".join(word for word in words if word), 200)


def parameter(snapshot: Snapshot, name: str) -> str:
    """One of them, so that it can stand alone: ``5 s``, ``720P``, ``seed 7``, ``random seed``; empty for none."""
    model = MODELS.get(snapshot.model)
    known = [param for param in model.options if param.name == name] if model else []
    if known:
        return plain(_parameter(known[0], snapshot.params.get(name)), 60)
    return plain(f"{name} {snapshot.params[name]}", 60) if name in snapshot.params else ""


def value(snapshot: Snapshot, name: str) -> str:
    """The same under its name, as in a table's row: ``5 s``, ``720P``, ``7``, ``random``."""
    said = parameter(snapshot, name)
    return said.removeprefix(f"{name} ").removesuffix(f" {name}")


def pixels(snapshot: Snapshot) -> str:
    """The video's size, empty while it is not known: ``1184 x 790``."""
    return f"{snapshot.width} x {snapshot.height}" if snapshot.width and snapshot.height else ""


def sound(snapshot: Snapshot) -> str:
    """``with sound`` for a video that has some; empty for any other, and where that is not known."""
    return "with sound" if snapshot.video is not None and snapshot.video.sound is not None else ""


def unplayable(snapshot: Snapshot) -> str:
    """What there is to say of a video that a browser cannot play; empty for any other."""
    if snapshot.video is None or snapshot.video.playable:
        return ""
    codec = plain(snapshot.video.codec, 40)
    return f"This video is {codec}, which a browser cannot play. Its file is whole: open it in a player such as VLC."


def money(snapshot: Snapshot) -> str:
    """The estimate or the bill: ``about $0.70``, ``$0.70``, ``$0.70 of play money``; empty when there is neither."""
    if snapshot.cost is None:
        return ""
    return f"{snapshot.cost} of play money" if snapshot.sandbox else str(snapshot.cost)


def amount(snapshot: Snapshot) -> str:
    """The same as a bare number under a ``$``, with ``~`` for an estimate: ``0.70``, ``~0.70``; empty for none."""
    cost = snapshot.charge
    return "" if cost is None else f"{'' if cost.billed else '~'}{cost.amount:.2f}"


def remaining(snapshot: Snapshot) -> str:
    """``54 %, about 40 s left``: the bar in words."""
    left = snapshot.progress.left
    share = f"{percent(snapshot)} %"
    return f"{share}, {about(left)} left" if left is not None and left > 0 else share


def percent(snapshot: Snapshot) -> int:
    """How far the bar goes, 0 to 100, and 100 only at the end."""
    if snapshot.status == Status.DONE:
        return 100
    return min(99, max(0, int(snapshot.progress.fraction * 100)))


def _parameter(param: Param, value: Any) -> str:
    value = param.default if value is None else value
    if value is None:
        return f"random {param.name}" if param.name == "seed" else ""
    if param.unit == "seconds":
        return f"{value} s"
    # 720P and 16:9 say themselves what they are; a bare "auto" does not.
    return str(value) if param.kind == "choice" and str(value)[:1].isdigit() else f"{param.name} {value}"


def _time(snapshot: Snapshot, now: float) -> str:
    left, elapsed = snapshot.progress.left, snapshot.progress.elapsed
    if snapshot.status == Status.QUEUED:
        return f"starts in {about(left)}" if left is not None and left > 0 else ""
    coming = snapshot.progress.size
    if snapshot.status == Status.DOWNLOADING and coming:
        came = f"{size(int(coming * snapshot.progress.fraction))} of {size(coming)}"
        return f"{came}, {about(left)} left" if left is not None and left > 0 else came
    if snapshot.status.running:
        if left is not None and left > 0:
            return f"{duration(elapsed)}, {about(left)} left"
        late = left is None and snapshot.progress.fraction > 0 and snapshot.status != Status.DOWNLOADING
        return f"{duration(elapsed)}, longer than usual" if late else duration(elapsed)
    if snapshot.status == Status.DONE and snapshot.reused:
        when = instant(snapshot.ended or snapshot.created, now)
        return f"{when} for {money(snapshot)}" if snapshot.cost else when
    seconds = snapshot.took
    if seconds is None and snapshot.ended is not None and snapshot.submitted is not None:
        seconds = snapshot.ended - snapshot.submitted
    if seconds is None or snapshot.status in (Status.UNKNOWN, Status.CANCELLED, Status.REFUSED, Status.EXPIRED):
        return ""
    return f"{'in' if snapshot.status == Status.DONE else 'after'} {duration(seconds)}"
