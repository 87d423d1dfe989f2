"""Registers the magics with a shell, runs them, and unregisters them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from happyhorse_nb.errors import HappyHorseError, UsageError, meant
from happyhorse_nb.magic.commands import COMMANDS, help_text
from happyhorse_nb.magic.complete import install, uninstall
from happyhorse_nb.magic.options import cell_parser
from happyhorse_nb.render.words import plain
from happyhorse_nb.settings import LEDGER_FILE, glance, home
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.register import register


def load(shell: Any) -> None:
    """Add ``%%happyhorse``, ``%happyhorse``, their completion and ``%config HappyHorse`` to a shell."""

    def happyhorse(line: str, cell: str | None = None) -> None:
        if cell is None:
            run_line(shell, line)
        else:
            run_cell(shell, line, cell)

    # What ? shows is the help of -h.
    happyhorse.__doc__ = help_text()
    shell.register_magic_function(happyhorse, "line_cell", "happyhorse")
    install(shell)
    _show_lists(shell)
    settings = config()
    settings.update_config(shell.config)
    if settings not in shell.configurables:
        shell.configurables.append(settings)
    unfinished = _unfinished()
    if unfinished:
        print(unfinished)


def unload(shell: Any) -> None:
    """Remove all that `load` has added. Running jobs go on."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("happyhorse", None)
    uninstall(shell)
    _show_lists(shell, False)
    if config() in shell.configurables:
        shell.configurables.remove(config())


def _show_lists(shell: Any, on: bool = True) -> None:
    """Show lists and tuples of jobs as a live table, or no longer with ``on=False``; all others stay as they are."""
    formatter = shell.display_formatter.ipython_display_formatter
    for kind in (list, tuple):
        try:
            ours = getattr(formatter.lookup_by_type(kind), "_of_happyhorse_nb", False)
        except KeyError:
            ours = True
        if ours:
            # Another extension's formatter is left alone.
            formatter.pop(kind, None)
            if on:
                formatter.for_type(kind, _show_list)


def _show_list(some: Any) -> None:
    from happyhorse_nb.job.display import show_several

    register()
    show_several(some)


# Recognised by this after the module was reloaded.
_show_list._of_happyhorse_nb = True  # type: ignore[attr-defined]  # noqa: SLF001  # our own


def run_cell(shell: Any, line: str, body: str) -> None:
    """``%%happyhorse IMAGE [options]`` with a prompt in its body."""
    from happyhorse_nb.magic.actions import make

    register()
    args = cell_parser().read(line)
    if args.help:
        print(help_text())
    else:
        make(shell, args, body)


def run_line(shell: Any, line: str) -> None:
    """``%happyhorse COMMAND …``."""
    from happyhorse_nb.magic import actions

    register()
    name, rest = (*line.split(maxsplit=1), "", "")[:2]
    if name in ("", "-h", "--help"):
        print(help_text())
        return
    command = COMMANDS.get(name)
    if command is None:
        shown = plain(name, 40)
        image = Path(name).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
        close = f"generate {shown}" if image else meant(name, COMMANDS)
        guess = f"Did you mean %happyhorse {close}?" if close else ""
        known = f"the commands are {', '.join(COMMANDS)}"
        raise UsageError(f"there is no command {shown!r}", limit=known, remedy=guess)
    parser = command.parser
    args = parser.read(rest)
    result = parser.format_help() if args.help else getattr(actions, f"do_{name}")(shell, args)
    if isinstance(result, str):
        print(result)
    elif result is not None:
        from IPython.display import display

        display(result)  # type: ignore[no-untyped-call]  # IPython has no types


def _unfinished() -> str:
    """One line on the videos that can be resumed, or an empty text. Loading the extension itself sends nothing."""
    folder = home(make=False)
    if not (folder / LEDGER_FILE).exists():
        # A newcomer need not wait for the import of what reads a ledger.
        return ""
    from happyhorse_nb.store import orphans

    try:
        realm, key = glance()
        left = orphans(folder, now=time.time(), origin=realm, key=key)
    except HappyHorseError:
        # Said when a video is made, not when the extension is loaded.
        return ""
    # Those that `resume` would take; it knows the key for certain.
    here = [record for record in left if record.origin == realm and key in (None, record.account)]
    if here:
        count, unsent = len(here), sum(record.snapshot.task_id is None for record in here)
        one = count == 1
        # To resume those that were queued is to send and to pay for them.
        sent = "" if not unsent else ", and not sent yet" if unsent == count else f", {unsent} of them not sent yet"
        how = "" if key else f", with the key {'it was' if one else 'they were'} made with"
        videos = "1 video was" if one else f"{count} videos were"
        return f"{videos} not finished when a kernel ended{sent}: %happyhorse resume goes on{how}."
    play = sum(record.origin == "sandbox" for record in left)
    if play and realm != "sandbox":
        videos = "1 video of the sandbox was" if play == 1 else f"{play} videos of the sandbox were"
        return f"{videos} not finished: %happyhorse sandbox, then %happyhorse resume."
    return ""
