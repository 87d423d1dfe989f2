"""Every error this package raises on purpose.

    HappyHorseError
    ├── UsageError              the cell or the command is written wrongly
    ├── InvalidRequest          outside the documented limits; refused before anything is sent (also a ValueError)
    ├── ConfigError             a setting that cannot work
    │   └── MissingKey          no API key was given
    ├── TransportError          the network, not the server's words
    │   ├── NotSent             no byte of the request left, or only a part of it
    │   └── ConnectionLost      lost after it left, or the answer cannot be read
    ├── APIError                the server's answer is an error: status, code, message
    │   ├── BadRequest          400 and other refusals, or a 200 whose code is not 0
    │   ├── AuthenticationError 401
    │   ├── InsufficientBalance 402
    │   ├── NotFound            404
    │   ├── RateLimited         429, with the seconds to wait
    │   └── ServerError         408 and 5xx
    │       └── Redirected      3xx: ask elsewhere, which is not followed
    ├── DownloadError           the video cannot be had, or is none
    ├── LedgerError             the ledger cannot be read or written
    ├── JobNotFound             no job, or more than one, has that piece of an id
    ├── WaitTimeout             waiting took longer than asked (also a TimeoutError); the job goes on
    └── JobError                a job that ended without a video; holds the job
        ├── JobRefused          nothing was charged: refused by us or by the server, or never sent
        │   └── JobCancelled    taken out of the queue by the user
        ├── JobFailed           the server accepted the task and failed it; failed tasks are not charged
        ├── JobExpired          the server knows the task no longer
        ├── JobStopped          not watched any more; the task lives on
        └── OutcomeUnknown      not known whether the paid request was accepted

In a notebook each of them prints one line and no traceback: the line says what is wrong and what to do about it, in a
notebook by magics, in a script by Python and the console.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from happyhorse_nb.models import Snapshot

#: What a magic's arguments may be: an id, a piece of one, or a word in capitals that stands for one.
_ID = r"([\w-]*\w)"

#: From the most particular to the most general: what a notebook's reader types, and the same in a script.
_SAID = [
    (rf"%happyhorse login --same-account {_ID}(?= joins)", r"%happyhorse login --same-account \1 in IPython"),
    (rf"%happyhorse resume {_ID} --attach {_ID}", r'hh.resume("\1", attach="\2")'),
    (
        rf"%happyhorse (resume|wait|again|forget|remove|restore) {_ID}(?= goes| watches| tries| brings|[`:.;,]|$)",
        r'hh.\1("\2")',
    ),
    (rf"%happyhorse stop {_ID}", r'hh.find("\1").stop()'),
    (rf"%happyhorse show {_ID}", r'print(hh.find("\1").path)'),
    (r"%happyhorse (resume|wait|restore)\b(?! -)", r"hh.\1()"),
    (r"%happyhorse stop\b", "job.stop()"),
    (r"%happyhorse sandbox --off", "hh.use_sandbox(False)"),
    (r"%happyhorse sandbox\b", "hh.use_sandbox()"),
    (r"%happyhorse (doctor|jobs)\b", r"happyhorse-nb \1"),
    (r"[Tt]ype another one into `?%happyhorse login`?", "put another one into the variable MODELLIX_API_KEY"),
    (r"[Rr]un %happyhorse login again", "set the variable MODELLIX_API_KEY"),
    (r"three ways: set (\w+) before Jupyter starts .*?; type it into %happyhorse login; or", r"two ways: set \1, or"),
    (r"%config HappyHorse\.", "hh.config."),
    (r"%cd to", "os.chdir to"),
    (r"with `--again`", "with again=True"),
    (r"--again(?: \(again=True\)|\b)", "again=True"),
    (r"--fit \(fit=True\)", "fit=True"),
    (r"--save(?= )", "save"),
    (r"(?<!-)--attach(?=:)", "attach"),
    (r"without --attach", "without attach"),
    (r"([Rr])un the cell\b", r"\1un this"),
    (r"\bthis kernel\b", "this program"),
]


def in_words_here(text: str) -> str:
    """The text with its commands as they can be typed here."""
    if not any(sign in text for sign in ("%", "--", " cell", "kernel")) or magics_are_loaded():
        return text
    for typed, instead in _SAID:
        text = re.sub(typed, instead, text)
    return text


def magics_are_loaded() -> bool:
    """Whether this runs in an IPython that has our magics. Imports nothing."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return shell is not None and "happyhorse" in shell.magics_manager.magics["line"]


E = TypeVar("E", bound=Exception)
#: Letters from which on a name's beginning tells which one is meant; fewer are near too much.
_BEGUN = 3
#: Letters of the longest name that is compared with others: what is longer was pasted, and takes its time.
_LONG = 100


def lasting(kind: type[E]) -> type[E]:
    """The first class of exceptions that had this name and `Exception` for its base, which a reload makes anew.

    Python catches an exception by the identity of its class. Modules are reloaded one after the other, so some of them
    would raise new classes while others wait for the old ones.
    """
    # Python tells them in the order in which they were made, and needs no place of ours where a reload finds them.
    name = (kind.__module__, kind.__qualname__)
    return cast(type[E], next(one for one in Exception.__subclasses__() if (one.__module__, one.__qualname__) == name))


class HappyHorseError(Exception):
    """The base of all errors of this package."""

    def __str__(self) -> str:
        return in_words_here(super().__str__())

    def _render_traceback_(self, *_: object) -> list[str]:
        # IPython asks an exception for this before it formats a traceback: an expected error is one line.
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is copied by calling its class with its words alone, and most of these want more than that.
        # Process pools hang on an error that cannot be brought across.
        return _again, (type(self), self.args), self._state()

    def _state(self) -> dict[str, Any]:
        return self.__dict__


def _again(kind: type[HappyHorseError], words: tuple[Any, ...]) -> HappyHorseError:
    problem = kind.__new__(kind, *words)
    problem.args = words
    return problem


class UsageError(HappyHorseError):
    """A cell or a command that cannot be understood."""


class InvalidRequest(HappyHorseError, ValueError):
    """Outside the documented limits, so refused before anything is paid for.

    ``param`` is the parameter's name; ``fixable`` is True where ``fit=True`` makes it fit.
    """

    def __init__(self, message: str, *, param: str | None = None, fixable: bool = False) -> None:
        super().__init__(message)
        self.param = param
        self.fixable = fixable


class ConfigError(HappyHorseError):
    """A setting that cannot work, such as an origin with a path in it."""


class MissingKey(ConfigError):
    """No API key was given."""


class TransportError(HappyHorseError):
    """The network failed, not the server."""


class NotSent(TransportError):
    """The request never left this machine as a whole, so nothing was accepted, and it is safe to send it again.

    ``begun`` is True where a part of it has left: then nobody but the user sends it again.
    """

    def __init__(self, message: str, *, begun: bool = False) -> None:
        super().__init__(message)
        self.begun = begun


class ConnectionLost(TransportError):
    """The connection was lost after the request had left, or what came back cannot be read."""


class APIError(HappyHorseError):
    """The server answered with an error.

    ``status`` is the HTTP status, ``code`` the one in the body (the same, or not 0 in a 200), ``message`` the server's
    words, ``task_id`` the task that was asked about, if any.
    """

    def __init__(self, message: str, *, status: int, code: int | None = None, task_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.task_id = task_id


class BadRequest(APIError):
    """The server refused the request; nothing was charged."""


class AuthenticationError(APIError):
    """The key is missing, wrong or revoked (401)."""


class InsufficientBalance(APIError):
    """The account's balance is too low (402)."""


class NotFound(APIError):
    """No such task or model (404); a task that has expired answers this too."""


class RateLimited(APIError):
    """Too many requests or tasks at once (429). ``retry_after`` is seconds, None when the server is silent."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 429,
        code: int | None = None,
        task_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, task_id=task_id)
        self.retry_after = retry_after


class ServerError(APIError):
    """The server, or something before it, is in trouble (408, 5xx)."""


class Redirected(ServerError):
    """The server, or something before it, sends on to another address. It is not followed: the key goes nowhere else.

    ``origin`` is that address's scheme and host, all that is told of it; ``remedy`` what to do where it is the server's
    new one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | None = None,
        task_id: str | None = None,
        origin: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message, status=status, code=code, task_id=task_id)
        self.origin = origin
        self.remedy = remedy

    def __str__(self) -> str:
        whole = f"the server answers {self.status}: {self.message}. {self.remedy}" if self.remedy else self.message
        return in_words_here(whole)


class DownloadError(HappyHorseError):
    """The video cannot be had, or what came is not a playable video.

    ``refused`` is True where the link itself was turned down, so that a fresh one is needed.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class LedgerError(HappyHorseError):
    """The ledger cannot be read or written."""


class JobNotFound(HappyHorseError, LookupError):
    """No job has that piece of an id, or more than one has."""


class WaitTimeout(HappyHorseError, TimeoutError):
    """Waiting took longer than asked for. The job itself goes on."""


class JobError(HappyHorseError):
    """A job that ended without a video. ``job`` is the `Job` (None in a copy), ``snapshot`` its last state."""

    def __init__(self, message: str, *, snapshot: Snapshot, job: Any = None) -> None:
        super().__init__(message)
        self.snapshot = snapshot
        self.job = job

    def _state(self) -> dict[str, Any]:
        # A job lives in its process: its thread, its callbacks and its ledger do not come along.
        return {**super()._state(), "job": None}

    @property
    def task_id(self) -> str | None:
        """The server's id of the task, None when it never gave one."""
        return self.snapshot.task_id


class JobRefused(JobError):
    """Refused before anything was charged, or never sent at all."""


class JobCancelled(JobRefused):
    """Taken out of the queue by the user before the server had it."""


class JobFailed(JobError):
    """The task failed on the server. Failed tasks are not charged."""


class JobExpired(JobError):
    """The server does not know the task any more."""


class JobStopped(JobError):
    """The job is not watched any more. Its task lives on, and can be taken up again."""


class OutcomeUnknown(JobError):
    """It is not known whether the paid request was accepted, so it is not sent again by itself."""


def meant(word: str, known: Iterable[str]) -> str | None:
    """Which of the ``known`` names was meant by one that there is not: the one it begins, or the nearest of those that
    a slip or two of the finger lie away (a letter too many, too few, another one, or two in each other's place). None
    where none is so near: a wrong guess helps less than no guess.
    """
    typed, names = word.casefold(), list(known)
    begun = [name for name in names if len(typed) >= _BEGUN and name.casefold().startswith(typed)]
    if begun:
        return begun[0]
    if not _BEGUN <= len(typed) <= _LONG:
        return None
    near = [(_slips(typed, name.casefold()), name) for name in names if len(name) <= _LONG]
    slips, name = min(near, key=lambda found: found[0], default=(_LONG, ""))
    return name if slips <= max(1, len(typed) // 3) else None


def _slips(one: str, two: str) -> int:
    """How many slips of the finger lie between two words: the optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(two, 1):
            best = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == two[j - 2] and one[i - 2] == other:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]


def _tree(kind: type[HappyHorseError]) -> list[type[HappyHorseError]]:
    return [kind, *(lower for one in kind.__subclasses__() for lower in _tree(one))]


globals().update({kind.__name__: kind for kind in _tree(lasting(HappyHorseError)) if kind.__module__ == __name__})
