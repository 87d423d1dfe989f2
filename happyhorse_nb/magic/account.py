"""Switches this process to the embedded server and back: `switch` for the magic, `use_sandbox` for Python."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from happyhorse_nb.errors import ConfigError, HappyHorseError, MissingKey, UsageError
from happyhorse_nb.settings import SANDBOX_KEY, account_of, current_account, home, process, use

if TYPE_CHECKING:
    from happyhorse_nb.sandbox import SandboxOptions


#: Names in the process's registry: the account of the sandbox started here, and the one in use before it.
_OWN, _BEFORE = "account of the sandbox", "account before the sandbox"


def use_sandbox(on: bool = True, **options: Any) -> None:
    """Use the embedded server in this process from now on: it renders real clips here, for free, without a key.

    ``on=False`` goes back to what was in use before. ``options`` say how it behaves, such as ``seconds`` (how long a
    task takes, default 10) or ``fail`` (a message with which its tasks fail); `%happyhorse sandbox -h` lists them. It
    ends with this process. Raises `UsageError` for an unknown option, `ConfigError` for a value that cannot work,
    `HappyHorseError` when the server does not start.
    """
    from happyhorse_nb.sandbox import SandboxOptions

    if not on:
        _off()
        return
    try:
        chosen = SandboxOptions(**options)
    except TypeError:
        known = [field.name for field in fields(SandboxOptions)]
        odd = next((name for name in options if name not in known), None)
        if odd is None:
            raise UsageError("hh.use_sandbox: an option has a value of a wrong type") from None
        raise UsageError(f"hh.use_sandbox has no option {odd!r}", limit=f"the options are {', '.join(known)}") from None
    _start(chosen)


def switch(args: Namespace) -> str:
    """Do what ``%happyhorse sandbox`` was asked for, and say which server is in use."""
    from happyhorse_nb.sandbox import SandboxOptions

    if args.off:
        return _off()
    if args.if_no_key:
        try:
            account = current_account()
        except MissingKey:
            pass
        else:
            if account.realm == "sandbox":
                return f"No API key is given: {account.maker}."
            return f"The key from {account.source} is used: {account.maker}."
    options = SandboxOptions.from_arguments(args)
    origin, told = _start(options), options.told()
    return (
        f"This kernel now uses the sandbox at {origin}: videos are rendered here, free of charge.\n"
        f"{f'As you asked: {told}{chr(10)}' if told else ''}%happyhorse sandbox --off goes back."
    )


def _start(options: SandboxOptions) -> str:
    """Start the sandbox, in place of an earlier one, and use it; returns its origin."""
    from happyhorse_nb.sandbox import SandboxProcess

    # On the earlier one's port, so that its running jobs find it again.
    port = _stop()
    try:
        sandbox = SandboxProcess(home() / "sandbox", options, port=port)
    except HappyHorseError:
        if not port:
            raise
        # Another program may have the port now.
        sandbox = SandboxProcess(home() / "sandbox", options)
    process.put("sandbox", sandbox)
    if not _is_own():
        # To go back to: without a keyring a typed key is stored nowhere else.
        process.put(_BEFORE, process.get("account"))
    own = account_of(SANDBOX_KEY, sandbox.origin, source="the sandbox, which needs none")
    process.put(_OWN, own)
    use(own)
    return sandbox.origin


def _off() -> str:
    """Stop the sandbox of this kernel, and use what was in use before it."""
    if process.get("sandbox") is None:
        return f"This kernel uses no sandbox of its own. {_in_use()}"
    from happyhorse_nb.engine import engine

    count = sum(job.snapshot.sandbox for job in engine().running())
    some = "1 job of the sandbox is" if count == 1 else f"{count} jobs of the sandbox are"
    unfinished = f"\n{some} not finished: %happyhorse sandbox goes on with {'it' if count == 1 else 'them'}."
    _stop()
    if _is_own():
        use(process.get(_BEFORE))
    return f"The sandbox of this kernel is off. {_in_use()}{unfinished if count else ''}"


def _is_own() -> bool:
    """Whether the account in use is that of a sandbox started here."""
    own = process.get(_OWN)
    return own is not None and process.get("account") is own


def _in_use() -> str:
    """A sentence on who makes the videos now, or what is missing for that."""
    try:
        account = current_account()
    except ConfigError as problem:
        said = str(problem)
        return said[:1].upper() + said[1:]
    return f"Now {account.maker}, with the key from {account.source}."


def _stop() -> int:
    """Stop the sandbox of this kernel. Returns the port of this or the last one, 0 where there was none."""
    running = process.get("sandbox")
    if running is not None:
        running.stop()
        process.put("sandbox", None)
        process.put("sandbox port", urlsplit(running.origin).port)
    return process.get("sandbox port") or 0
