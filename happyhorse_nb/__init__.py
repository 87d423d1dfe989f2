"""Make video from a notebook: a ``%%happyhorse`` cell, or `generate` in Python.

    %load_ext happyhorse_nb

    %%happyhorse rocket.jpg --duration 5 --resolution 720P
    The rocket lifts off; smoke rolls towards the camera

``import happyhorse_nb`` loads nothing heavy: each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from happyhorse_nb._version import __version__

if TYPE_CHECKING:
    from happyhorse_nb.api import (
        again,
        balance,
        find,
        forget,
        generate,
        jobs,
        list_models,
        remove,
        restore,
        resume,
        run,
        wait,
    )
    from happyhorse_nb.client import Client
    from happyhorse_nb.errors import (
        APIError,
        AuthenticationError,
        BadRequest,
        ConfigError,
        ConnectionLost,
        DownloadError,
        HappyHorseError,
        InsufficientBalance,
        InvalidRequest,
        JobCancelled,
        JobError,
        JobExpired,
        JobFailed,
        JobNotFound,
        JobRefused,
        JobStopped,
        LedgerError,
        MissingKey,
        NotFound,
        NotSent,
        OutcomeUnknown,
        RateLimited,
        Redirected,
        ServerError,
        TransportError,
        UploadUnknown,
        UsageError,
        WaitTimeout,
    )
    from happyhorse_nb.job import Job, Takes
    from happyhorse_nb.magic.account import use_sandbox
    from happyhorse_nb.models import Cost, Snapshot, Status
    from happyhorse_nb.settings.config import public as config
    from happyhorse_nb.widgets.compare import compare
    from happyhorse_nb.widgets.form import form
    from happyhorse_nb.widgets.gallery import gallery

__all__ = [
    "APIError", "AuthenticationError", "BadRequest", "Client", "ConfigError", "ConnectionLost", "Cost", "DownloadError",
    "HappyHorseError", "InsufficientBalance", "InvalidRequest", "Job", "JobCancelled", "JobError", "JobExpired",
    "JobFailed", "JobNotFound", "JobRefused", "JobStopped", "LedgerError", "MissingKey", "NotFound", "NotSent",
    "OutcomeUnknown", "RateLimited", "Redirected", "ServerError", "Snapshot", "Status", "Takes", "TransportError",
    "UploadUnknown", "UsageError", "WaitTimeout", "__version__", "again", "balance", "compare", "config", "find",
    "forget", "form", "gallery", "generate", "jobs", "list_models", "load_ipython_extension", "remove", "restore",
    "resume", "run", "unload_ipython_extension", "use_sandbox", "wait",
]  # fmt: skip

_HOMES = {
    **dict.fromkeys(
        [
            "again",
            "balance",
            "find",
            "forget",
            "generate",
            "jobs",
            "list_models",
            "remove",
            "restore",
            "resume",
            "run",
            "wait",
        ],
        "api",
    ),
    **dict.fromkeys(["Job", "Takes"], "job"),
    **dict.fromkeys(["Cost", "Snapshot", "Status"], "models"),
    "Client": "client",
    "compare": "widgets.compare",
    "form": "widgets.form",
    "gallery": "widgets.gallery",
    "use_sandbox": "magic.account",
    "config": "settings.config",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "errors")
    if home in ("api", "job", "widgets.form"):
        from happyhorse_nb.widgets.register import register

        register()
    found = getattr(import_module(f"{__name__}.{home}"), "public" if name == "config" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext happyhorse_nb``: the magics, their completion, and ``%config HappyHorse``."""
    from happyhorse_nb.magic.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext happyhorse_nb``. Jobs that run go on."""
    from happyhorse_nb.magic.extension import unload

    unload(shell)
