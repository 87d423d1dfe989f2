"""Takes the API key without showing it."""

from __future__ import annotations

from getpass import getpass

from happyhorse_nb.errors import UsageError
from happyhorse_nb.settings import KEY_VARIABLE, account_of, keep_key, told_origin, use


def login() -> str:
    """Ask for the key, unseen; keep it in the system's keyring, or else in this kernel. Says which."""
    origin = told_origin()
    typed = account_of(_ask(), origin)
    kept = keep_key(typed)
    where = "the system's keyring" if kept else "this kernel"
    use(account_of(typed.key.reveal(), origin, source=where))
    return f"The key is kept in {where}." + ("" if kept else " It is gone when the kernel ends.")


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
