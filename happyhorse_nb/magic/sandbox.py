"""Switches this kernel to the embedded server and back."""

from __future__ import annotations

from argparse import Namespace
from urllib.parse import urlsplit

from happyhorse_nb.errors import HappyHorseError, MissingKey
from happyhorse_nb.settings import SANDBOX_KEY, account_of, current_account, home, process, told_origin, use


def switch(args: Namespace) -> str:
    """Start the sandbox with the given options, and use it from now on. Says what is in use."""
    from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess

    if args.off:
        if process.get("sandbox") is None:
            return f"This kernel uses no sandbox of its own: videos are made by {told_origin()}."
        left = _unfinished()
        _stop()
        use(None)
        return "This kernel uses the real server again." + left
    if args.if_no_key:
        try:
            account = current_account()
        except MissingKey:
            pass
        else:
            if account.realm == "sandbox":
                return "No API key is given: the sandbox on this machine renders the videos, for nothing."
            return f"The key from {account.source} is used: videos are made by {account.origin} and cost money."
    options = SandboxOptions.from_arguments(args)
    # On the port of the one before it, so that jobs it was rendering find it again and go on.
    port = _stop()
    try:
        sandbox = SandboxProcess(home() / "sandbox", options, port=port)
    except HappyHorseError:
        if not port:
            raise
        # Somebody else may have it now.
        sandbox = SandboxProcess(home() / "sandbox", options)
    process.put("sandbox", sandbox)
    use(account_of(SANDBOX_KEY, sandbox.origin, source="nobody: the sandbox takes any"))
    return (
        f"This kernel now uses the sandbox at {sandbox.origin}: videos are rendered here, for nothing.\n"
        "%happyhorse sandbox --off goes back."
    )


def _unfinished() -> str:
    """What becomes of the jobs of the sandbox that this kernel works on; empty where there are none."""
    if process.get("sandbox") is None:
        return ""
    from happyhorse_nb.jobs import engine

    count = sum(job.snapshot.sandbox for job in engine().running())
    if not count:
        return ""
    some = "1 job of the sandbox is" if count == 1 else f"{count} jobs of the sandbox are"
    return f"\n{some} not finished: %happyhorse sandbox goes on with {'it' if count == 1 else 'them'}."


def _stop() -> int:
    """Stop the sandbox of this kernel; the port it listened on, or the last one did, 0 where there was none."""
    running = process.get("sandbox")
    if running is not None:
        running.stop()
        process.put("sandbox", None)
        process.put("sandbox port", urlsplit(running.origin).port)
    return process.get("sandbox port") or 0
