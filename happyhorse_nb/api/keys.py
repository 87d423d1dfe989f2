"""The keys of an account: typed in, and joined to one account."""

from __future__ import annotations

import re
from getpass import getpass

from happyhorse_nb.engine import engine
from happyhorse_nb.errors import UsageError
from happyhorse_nb.settings import KEY_VARIABLE, account_of, current_account, keep_key, told_origin, use


def login() -> str:
    """Ask for the key, unseen; keep it in the system's keyring, or else in this kernel. Says which."""
    origin = told_origin()
    typed = account_of(_ask(), origin)
    kept = keep_key(typed)
    where = "the system's keyring" if kept else "this kernel"
    use(account_of(typed.key.reveal(), origin, source=where))
    return f"The key is kept in {where}." + ("" if kept else " It is gone when the kernel ends.")


def same_account(letters: str) -> str:
    """Join another key of this server to the account in use; ``letters`` begin its fingerprint, if there are several.

    Says what that changes. Nothing is asked of the server. Raises `UsageError`, `MissingKey`, `LedgerError`.
    """
    letters = letters.lower()
    if re.fullmatch("[0-9a-f]*", letters) is None:
        # Not repeated: it may be a key.
        raise UsageError("--same-account takes the first letters of a key's fingerprint (0 to 9, a to f), not a key.")
    account, ledger = current_account(), engine().ledger
    realm, own = account.realm, account.key.fingerprint
    every, ours = ledger.keys(), ledger.keys_of(realm, own)
    named = [key for key in every if key.fingerprint.startswith(letters)]
    others = [key for key in every if key.origin == realm and key.fingerprint not in ours]
    known = f" The others used here are {'; '.join(map(str, others))}." if others else ""
    meant = [key for key in named if key in others]
    if len({key.account for key in meant}) > 1:
        raise UsageError(
            f"more than one key may be meant.{known} Name one by its first letters: "
            f"%happyhorse login --same-account {meant[0].letters}"
        )
    if meant:
        ledger.join(realm, own, meant[0].fingerprint)
        return (
            f"The jobs made with key {meant[0].letters} are this account's from now on. %happyhorse resume goes on "
            "with those that have not ended."
        )
    if letters and any(key.origin == realm for key in named):
        return f"Key {letters} is one of this account's already."
    where = "the sandbox" if realm == "sandbox" else realm
    if letters and named:
        raise UsageError(
            f"key {letters} was used on {named[0].origin}, and this kernel uses {where}: keys of two servers are never "
            f"one account.{known}"
        )
    raise UsageError(
        f"no job in the ledger was made on {where} with {f'key {letters}' if letters else 'another key'}.{known}"
    )


def _ask() -> str:
    try:
        key = getpass("Modellix API key: ").strip()
    except EOFError:
        key = ""
    except RuntimeError:
        # ipykernel's error for a front end that nobody sits at; it is of another class in each version.
        raise UsageError(f"nobody can be asked for a key here. Set {KEY_VARIABLE} before the run.") from None
    if not key:
        raise UsageError("no key was typed. Run %happyhorse login again.")
    return key
