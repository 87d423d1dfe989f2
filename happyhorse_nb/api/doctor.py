"""What is set up and what is missing, in plain lines; the key is never among them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from happyhorse_nb._version import __version__
from happyhorse_nb.errors import HappyHorseError, TransportError, in_words_here
from happyhorse_nb.settings import Account, current_account, frontend, home, video_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.wire import text

#: What is missing without a part, and how to get it.
_WITHOUT = {"av": " (the sandbox needs it: pip install 'happyhorse-nb[sandbox]')"}
#: Models of the server that are named; today it has a handful.
_SHOWN = 10


def report() -> Iterator[str]:
    """One line after the other, so that what takes a while does not hold back what is known."""
    yield from map(in_words_here, _report())


def _report() -> Iterator[str]:
    yield f"happyhorse_nb {__version__}, Python {platform.python_version()}, {_versions()}"
    yield f"front end    {_front_end()}"
    yield from _folders()
    try:
        account = current_account()
    except HappyHorseError as problem:
        yield f"key          {problem}"
        return
    yield f"server       {account.origin}{' (on this machine: nothing costs money)' if account.sandbox else ''}"
    yield f"key          {'none is needed' if account.realm == 'sandbox' else f'from {account.source}'}"
    yield from _server(account)


def _versions() -> str:
    found = []
    for name in ("ipython", "ipykernel", "ipywidgets", "aiohttp", "av"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}{_WITHOUT.get(name, '')}")
    return ", ".join(found)


def _front_end() -> str:
    kind = "a notebook" if frontend.in_notebook() else "a terminal"
    waits = config().wait if config().wait is not None else frontend.waits_by_default()
    return f"{kind}; cells {'wait for their videos' if waits else 'come back at once'}"


def _folders() -> Iterator[str]:
    try:
        from happyhorse_nb.engine import engine

        run = engine()
        yield f"ledger       {run.ledger.path}, {_jobs(run.ledger.count())}"
        yield f"videos       {video_folder(config().folder, fallback=home())}"
    except HappyHorseError as problem:
        yield f"folders      {problem}"


def _server(account: Account) -> Iterator[str]:
    from happyhorse_nb.engine import engine

    try:
        run = engine()
        if not run.ask(lambda client: client.valid_key()):
            yield "answer       the server does not take this key. Type another one into %happyhorse login."
            return
        balance = run.ask(lambda client: client.balance())
        money = " of play money" if account.sandbox else ""
        told = [] if account.realm == "sandbox" else ["the key is good"]
        yield "answer       " + ", ".join(
            [*told, *([] if balance is None else [f"the balance is ${balance:.2f}{money}"])]
        )
        # Without the vendor in front, as everything here takes them.
        names = [slug.rpartition("/")[2] for slug in run.ask(lambda client: client.models()) if "happyhorse" in slug]
        yield f"models       {listed(names) or 'none of HappyHorse'}"
    except TransportError as problem:
        yield f"answer       {problem}. Is {account.origin} the server, and can it be reached from here?"
    except HappyHorseError as problem:
        yield f"answer       {problem}"


def listed(names: list[str]) -> str:
    """The server's names in one line that cannot fill a screen, nor move its cursor."""
    shown = [text(name)[:80] for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown) + more


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
