"""The sandbox as a process: ``python -m happyhorse_nb.sandbox.run``."""

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
    """Run a sandbox until it is told to stop, and return the exit status.

    It prints its origin, one line, once it answers, and under it what ``hint`` makes of that. ``folder`` is where the
    tasks are kept unless ``argv`` says so.
    """
    parsed = _parser(prog or "python -m happyhorse_nb.sandbox.run", folder).parse_args(argv)
    try:
        options = SandboxOptions.from_arguments(parsed)
        check_installed()
        sandbox = _serve(parsed.folder, options, parsed.port, hint=hint, with_parent=parsed.with_parent)
        asyncio.run(sandbox)
    except HappyHorseError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        # Before the loop had taken over the signal.
        pass
    return 0


def check_installed() -> None:
    """Raises `HappyHorseError` naming the library that the sandbox needs and does not find."""
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

    told = asyncio.Event()
    _on_signals(told)
    if with_parent:
        _on_closed_input(told)
    async with Sandbox(folder, options, port=port) as sandbox:
        sys.stdout.write(f"{sandbox.origin}\n")
        if hint is not None:
            sys.stdout.write(f"{hint(sandbox.origin)}\n")
            if trouble := options.told():
                sys.stdout.write(f"As you asked: {trouble}\n")
        sys.stdout.flush()
        await told.wait()


def _on_signals(told: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, told.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(told.set))


def _on_closed_input(told: asyncio.Event) -> None:
    """When whoever started this ends, however hard, the system closes its end of the pipe."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # The bare descriptor: a thread inside sys.stdin would hold its lock when the interpreter shuts down.
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(told.set)

    threading.Thread(target=watch, name="sandbox-parent", daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main())
