"""Runs the sandbox as a program: ``python -m happyhorse_nb.sandbox.run``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.sandbox.options import SandboxOptions

_NEEDS = {"av": "PyAV", "PIL": "Pillow", "numpy": "NumPy", "aiohttp": "aiohttp"}


def main(
    argv: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    folder: str | None = None,
    hint: Callable[[str], str] | None = None,
) -> int:
    """Run a sandbox until it is stopped, and return the exit status.

    Once it answers it prints a line with its origin, and below what ``hint`` says of that. ``folder`` is the default
    for where the tasks lie.
    """
    parsed = _parser(prog or "python -m happyhorse_nb.sandbox.run", folder).parse_args(argv)
    try:
        options = SandboxOptions.from_arguments(parsed)
        _check_installed()
        asyncio.run(_serve(parsed.folder, options, parsed.port, hint=hint, with_parent=parsed.with_parent))
    except HappyHorseError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        # It came before the loop handled the signal.
        pass
    return 0


def _check_installed() -> None:
    for module, name in _NEEDS.items():
        if find_spec(module) is None:
            raise HappyHorseError(
                f"the sandbox needs {name}", remedy="Install it: pip install 'happyhorse-nb[sandbox]'"
            )


def _parser(prog: str, folder: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A local server that speaks the API's wire format and renders real clips, for play money.",
        allow_abbrev=False,
    )
    shown = "" if folder is None else f" (default: {folder})"
    parser.add_argument("--folder", required=folder is None, default=folder, help=f"where the tasks are kept{shown}")
    parser.add_argument("--port", type=int, default=0, help="the port on loopback (default: any free one)")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input is closed")
    SandboxOptions.add_arguments(parser)
    return parser


async def _serve(
    folder: str, options: SandboxOptions, port: int, *, hint: Callable[[str], str] | None, with_parent: bool
) -> None:
    from happyhorse_nb.sandbox.server import Sandbox

    stop = asyncio.Event()
    _on_signals(stop)
    if with_parent:
        _on_closed_input(stop)
    async with Sandbox(folder, options, port=port) as sandbox:
        sys.stdout.write(f"{sandbox.origin}\n")
        if hint is not None:
            sys.stdout.write(f"{hint(sandbox.origin)}\n")
            if trouble := options.told():
                sys.stdout.write(f"As you asked: {trouble}\n")
        sys.stdout.flush()
        await stop.wait()


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _on_closed_input(stop: asyncio.Event) -> None:
    """Stop when the parent process ends: the system closes its end of the pipe even when it is killed."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # Not sys.stdin: this thread would hold its lock when the interpreter shuts down.
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="sandbox-parent", daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main())
