"""Every error this package raises on purpose.

    HappyHorseError
    ├── UsageError              the cell or the command is written wrongly
    ├── InvalidRequest          outside the documented limits; refused before anything is sent (also a ValueError)
    ├── ConfigError             a setting that cannot work
    │   └── MissingKey          no API key was given
    ├── TransportError          the network, not the server's words
    │   ├── NotSent             no byte of the request left, or only a part of it
    │   └── ConnectionLost      lost after it left, or the answer cannot be read
    │       └── UploadUnknown   not known whether the server has taken a picture; nothing was paid for
    ├── APIError                the server's answer is an error: status, code, message
    │   ├── BadRequest          400 and other refusals, or a 200 whose code is not 0
    │   ├── AuthenticationError 401
    │   ├── InsufficientBalance 402
    │   ├── NotFound            404
    │   ├── RateLimited         429, with the seconds to wait
    │   └── ServerError         408, 409, 425 and 5xx
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

Each has what is wrong, the limit and the remedy as fields: ``what``, ``limit`` and ``remedy``. ``str(error)`` is one
line of them, all that a notebook prints. ``what`` may hold words of a server or a user; the other two are ours alone.
A command in them stands between backticks, as a notebook types it, and `IN_PYTHON` has what a script types instead.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from happyhorse_nb.models import Snapshot

#: What texts of ours name between backticks, as it is typed where there are no magics, the most particular first.
#: ``{rest}`` is what follows the command, ``{args}`` the same as arguments in Python.
IN_PYTHON = {
    "%happyhorse login --same-account": "%happyhorse login --same-account{rest} in IPython",
    "%happyhorse login": 'os.environ["MODELLIX_API_KEY"]',
    "%happyhorse sandbox --off": "hh.use_sandbox(False)",
    "%happyhorse sandbox": "hh.use_sandbox()",
    "%happyhorse stop": "hh.find({args}).stop()",
    "%happyhorse show": "print(hh.find({args}).path)",
    "%happyhorse doctor": "happyhorse-nb doctor{rest}",
    "%happyhorse models": "hh.list_models()",
    "%happyhorse jobs": "happyhorse-nb jobs{rest}",
    **{
        f"%happyhorse {name}": f"hh.{name}({{args}})"
        for name in ("resume", "wait", "again", "forget", "remove", "restore", "form")
    },
    "%config HappyHorse.": "hh.config.{rest}",
    "%cd": "os.chdir()",
    "--again": "again=True",
    "--fit": "fit=True",
    "--unlisted": "unlisted=True",
    "--model": "model",
    "--ref": "references",
    "--edit": "video",
    "--yes": "yes=True",
    "--save": "save",
    "--attach": "attach",
}


def in_words_here(text: str) -> str:
    """A text of ours as plain words: what stands between backticks as it is typed here, without them.

    Never for the words of a server or a user, who may have put anything between backticks.
    """
    if "`" not in text:
        return text
    typed = _in_cells if magics_are_loaded() else _in_python
    return re.sub("`([^`]+)`", lambda code: typed(code[1]), text)


def _in_cells(code: str) -> str:
    # An option's reader may have called Python: ``--fit (fit=True)``.
    instead = IN_PYTHON.get(code, "")
    return f"{code} ({instead})" if instead.endswith("=True") else code


def _in_python(code: str) -> str:
    for typed, instead in IN_PYTHON.items():
        rest = code.removeprefix(typed)
        if code.startswith(typed) and (rest[:1] in ("", " ") or typed.endswith(".")):
            # ``8f31 --attach 77aa`` is ``"8f31", attach="77aa"``.
            args = [f"{word[2:]}=" if word.startswith("--") else f'"{word}", ' for word in rest.split()]
            return instead.format(rest=rest, args="".join(args).removesuffix(", "))
    return code


def sentence(text: str) -> str:
    """The text with a full stop where it has no end of its own, so that another sentence can follow."""
    text = text.strip()
    return text if not text or text[-1] in ".!?…。！？:" else text + "."


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
    """The base of all errors of this package, each of which has these fields.

    ``what`` (str) is what is wrong, and may hold words of a server or a user. ``limit`` (str) is what is taken instead,
    ``remedy`` (str) what to do, in whole sentences; both are empty where there is none.
    """

    def __init__(self, what: str, *, limit: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.limit = limit
        self.remedy = remedy

    @property
    def why(self) -> str:
        """What is wrong, with the limit: the line without what to do about it."""
        return f"{self.what.rstrip('.')}; {in_words_here(self.limit)}" if self.limit else self.what

    def __str__(self) -> str:
        return f"{sentence(self.why)} {in_words_here(self.remedy)}" if self.remedy else self.why

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

    def __init__(self, what: str, *, param: str | None = None, fixable: bool = False, **fields: str) -> None:
        super().__init__(what, **fields)
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

    def __init__(self, what: str, *, begun: bool = False, **fields: str) -> None:
        super().__init__(what, **fields)
        self.begun = begun


class ConnectionLost(TransportError):
    """The connection was lost after the request had left, or what came back cannot be read."""


class UploadUnknown(ConnectionLost):
    """It is not known whether the server has taken a picture, so it is not sent again by itself. Nothing was paid for;
    if it was taken, it counts against the pictures that the server holds until it expires."""


class APIError(HappyHorseError):
    """The server answered with an error.

    ``status`` is the HTTP status, ``code`` the one in the body (the same, or not 0 in a 200), ``message`` the server's
    words, ``task_id`` the task that was asked about, if any.
    """

    def __init__(
        self, message: str, *, status: int, code: int | None = None, task_id: str | None = None, **fields: str
    ) -> None:
        super().__init__(message, **fields)
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
        **fields: str,
    ) -> None:
        super().__init__(message, status=status, code=code, task_id=task_id, **fields)
        self.retry_after = retry_after


class ServerError(APIError):
    """The server, or something before it, is in trouble (408, 409, 425, 5xx)."""


class Redirected(ServerError):
    """The server, or something before it, sends on to another address. It is not followed: the key goes nowhere else.

    ``origin`` is that address's scheme and host, all that is told of it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | None = None,
        task_id: str | None = None,
        origin: str = "",
        **fields: str,
    ) -> None:
        super().__init__(message, status=status, code=code, task_id=task_id, **fields)
        self.what = f"the server answers {status}: {message}"
        self.origin = origin


class DownloadError(HappyHorseError):
    """The video cannot be had, or what came is not a playable video.

    ``refused`` is True where the link itself was turned down, so that a fresh one is needed.
    """

    def __init__(self, what: str, *, refused: bool = False, **fields: str) -> None:
        super().__init__(what, **fields)
        self.refused = refused


class LedgerError(HappyHorseError):
    """The ledger cannot be read or written."""


class JobNotFound(HappyHorseError, LookupError):
    """No job has that piece of an id, or more than one has."""


class WaitTimeout(HappyHorseError, TimeoutError):
    """Waiting took longer than asked for. The job itself goes on."""


class JobError(HappyHorseError):
    """A job that ended without a video. ``job`` is the `Job` (None in a copy), ``snapshot`` its last state."""

    def __init__(self, what: str, *, snapshot: Snapshot, job: Any = None, **fields: str) -> None:
        super().__init__(what, **fields)
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
