"""The account: a report on what is set up, typing the key in, and joining keys. The key is never shown."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from getpass import getpass
from importlib.metadata import PackageNotFoundError, version

from happyhorse_nb._version import __version__
from happyhorse_nb.engine import engine
from happyhorse_nb.errors import HappyHorseError, TransportError, UsageError, in_words_here
from happyhorse_nb.render.words import joined
from happyhorse_nb.settings import (
    KEY_VARIABLE,
    Account,
    account_of,
    current_account,
    frontend,
    home,
    store_key,
    told_origin,
    use,
    video_folder,
)
from happyhorse_nb.settings.config import config
from happyhorse_nb.wire import text

#: The most models of the server that are named.
_SHOWN = 10


def report() -> Iterator[str]:
    """What is set up and what is missing, line by line, so that slow parts do not hold up the others."""
    yield f"happyhorse_nb {__version__}, Python {platform.python_version()}, {_versions()}"
    kind = "a notebook" if frontend.in_notebook() else "a terminal"
    waits = config().wait if config().wait is not None else frontend.waits_by_default()
    yield f"front end    {kind}; cells {'wait for their videos' if waits else 'come back at once'}"
    try:
        ledger = engine().ledger
        count = ledger.count()
        yield f"ledger       {ledger.path}, {count} job{'' if count == 1 else 's'}"
        yield f"videos       {video_folder(config().folder, fallback=home())}"
    except HappyHorseError as problem:
        yield f"folders      {problem}"
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
            hint = " (the sandbox needs it: pip install 'happyhorse-nb[sandbox]')" if name == "av" else ""
            found.append(f"no {name}{hint}")
    return ", ".join(found)


def _server(account: Account) -> Iterator[str]:
    try:
        run = engine()
        if not run.ask(lambda client: client.valid_key()):
            yield "answer       the server does not take this key. " + in_words_here(
                "Put another one into `%happyhorse login`."
            )
            return
        balance = run.ask(lambda client: client.balance())
        money = " of play money" if account.sandbox else ""
        good = "" if account.realm == "sandbox" else "the key is good"
        yield f"answer       {joined(good, '' if balance is None else f'the balance is ${balance:.2f}{money}')}"
        # Without the provider in front, as all our options name them.
        names = [slug.rpartition("/")[2] for slug in run.ask(lambda client: client.models()) if "happyhorse" in slug]
        yield f"models       {listed(names) or 'none of HappyHorse'}"
    except TransportError as problem:
        yield f"answer       {problem}. Is {account.origin} the server, and can it be reached from here?"
    except HappyHorseError as problem:
        yield f"answer       {problem}"


def listed(names: list[str]) -> str:
    """The server's names in one line, cut to a length and without control characters."""
    shown = [text(name)[:80] for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown) + more


def login() -> str:
    """Ask for the key without showing it, store it in the system's keyring, else in this kernel, and say which."""
    origin = told_origin()
    typed = account_of(_ask(), origin)
    stored = store_key(typed)
    where = "the system's keyring" if stored else "this kernel"
    use(account_of(typed.key.reveal(), origin, source=where))
    return f"The key is kept in {where}." + ("" if stored else " It is gone when the kernel ends.")


def same_account(letters: str) -> str:
    """Join another key of this server to the account in use, and say what that changes; the server is not asked.

    ``letters``: the first letters of its fingerprint, where there are several. Raises `UsageError`, `MissingKey`,
    `LedgerError`.
    """
    letters = letters.lower()
    if re.fullmatch("[0-9a-f]*", letters) is None:
        # Not repeated in the error: it may be a key.
        raise UsageError(
            "--same-account takes no key", limit="it takes the first letters of a key's fingerprint (0 to 9, a to f)"
        )
    account, ledger = current_account(), engine().ledger
    realm, own = account.realm, account.key.fingerprint
    every, ours = ledger.keys(), ledger.keys_of(realm, own)
    named = [key for key in every if key.fingerprint.startswith(letters)]
    others = [key for key in every if key.origin == realm and key.fingerprint not in ours]
    known = f"the others used here are {'; '.join(map(str, others))}" if others else ""
    meant = [key for key in named if key in others]
    if len({key.account for key in meant}) > 1:
        raise UsageError(
            "more than one key may be meant",
            limit=known,
            remedy=f"Name one by its first letters: `%happyhorse login --same-account {meant[0].letters}`",
        )
    if meant:
        ledger.join(realm, own, meant[0].fingerprint)
        return in_words_here(
            f"The jobs made with key {meant[0].letters} are this account's from now on. `%happyhorse resume` goes on "
            "with those that have not ended."
        )
    if letters and any(key.origin == realm for key in named):
        return f"Key {letters} is one of this account's already."
    where = "the sandbox" if realm == "sandbox" else realm
    if letters and named:
        raise UsageError(
            f"key {letters} was used on {named[0].origin}, and in use here is {where}: keys of two servers are never "
            "one account",
            limit=known,
        )
    raise UsageError(
        f"no job in the ledger was made on {where} with {f'key {letters}' if letters else 'another key'}", limit=known
    )


def _ask() -> str:
    try:
        key = getpass("Modellix API key: ").strip()
    except EOFError:
        key = ""
    except RuntimeError:
        # What ipykernel raises where nobody can type; the class differs between versions.
        raise UsageError("nobody can be asked for a key here", remedy=f"Set {KEY_VARIABLE} before the run.") from None
    if not key:
        raise UsageError("no key was typed", remedy="Type one into `%happyhorse login`.")
    return key
