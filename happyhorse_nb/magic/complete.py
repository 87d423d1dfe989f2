"""Tab completion of the magics: commands, options, values, images, variables and jobs."""

from __future__ import annotations

from typing import Any, NamedTuple

from happyhorse_nb.inputs.load import SUFFIXES, files, variables
from happyhorse_nb.magic.commands import COMMANDS
from happyhorse_nb.magic.options import Parser, cell_parser, input_options
from happyhorse_nb.render.words import plain
from happyhorse_nb.settings import process

_NAMES = ("%%happyhorse", "%happyhorse")
#: Lines whose first argument is an image.
_OF_IMAGES = ("%%happyhorse", "%happyhorse generate", "%happyhorse form")
_MATCHER = "happyhorse_nb"
#: Commands whose argument is a job.
_OF_JOBS = ("show", "compare", "wait", "stop", "resume", "again", "edit", "remove", "restore", "forget")
#: The longest text beside an offer, in characters.
_HINT = 44


class Offer(NamedTuple):
    """What Tab offers, and what JupyterLab shows beside it (``<unknown>`` without it)."""

    text: str
    hint: str


def install(shell: Any) -> None:
    """Complete the lines of the magics, in place of IPython's own matchers."""
    uninstall(shell)
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:
        # IPython before 8.6 has only a hook, which adds to the other offers.
        for name in _NAMES:
            shell.set_hook("complete_command", lambda _, event: complete(shell, event.line, event.symbol), str_key=name)
        return

    @context_matcher(identifier=_MATCHER)
    def matcher(context: Any) -> dict[str, Any]:
        line = context.line_with_cursor[: context.cursor_position]
        ours = line.split(None, 1)[:1] in ([name] for name in _NAMES)
        found = offered(shell, line, context.token) if ours else []
        # JupyterLab gives the text beside an offer the width of its longest word: so it is made one word.
        some = [SimpleCompletion(offer.text, type=offer.hint.replace(" ", "\N{NO-BREAK SPACE}")) for offer in found]
        return {"completions": some, "suppress": True, "ordered": True}

    shell.Completer.custom_matchers.append(matcher)


def uninstall(shell: Any) -> None:
    """Undo `install`. A hook is removed from the dispatcher itself: IPython has no other way."""
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != _MATCHER]
    dispatcher = shell.strdispatchers.get("complete_command")
    for name in _NAMES if dispatcher is not None else ():
        dispatcher.strs.pop(name, None)


def complete(shell: Any, line: str, word: str) -> list[str]:
    """The texts of `offered`."""
    return [offer.text for offer in offered(shell, line, word)]


def offered(shell: Any, line: str, word: str) -> list[Offer]:
    """What completes ``word``, the word before the cursor as IPython splits it; ``line`` goes up to the cursor."""
    words = line.split()
    before = words if not line or line[-1].isspace() else words[:-1]
    # IPython may split inside one of our words, at a quote for example; it replaces its own word only.
    typed = "" if len(before) == len(words) else words[-1]
    start = typed[: len(typed) - len(word)] if typed.endswith(word) else ""
    found = _offers(shell, before, typed)
    return [Offer(o.text.removeprefix(start), plain(o.hint, _HINT)) for o in found if o.text.startswith(typed)]


def _offers(shell: Any, before: list[str], typed: str) -> list[Offer]:
    if not before:
        # The cursor is in the magic's own name, which IPython completes.
        return []
    if before[0] == "%%happyhorse":
        return _of_parser(shell, cell_parser(), before[1:], typed)
    if len(before) == 1:
        return [*(Offer(c.name, c.summary) for c in COMMANDS.values()), Offer("-h", "list the commands")]
    command = COMMANDS.get(before[1])
    if command is None:
        return []
    if command.name in _OF_JOBS and not typed.startswith("-"):
        return _job_variables(shell) + _job_ids(removed=command.name == "restore")
    return _of_parser(shell, command.parser, before[2:], typed)


def _of_parser(shell: Any, parser: Parser, before: list[str], typed: str) -> list[Offer]:
    last, option = before[-1] if before else "", typed.partition("=")[0]
    if typed.startswith("--") and option != typed:
        return [Offer(f"{option}={choice}", _value(option)) for choice in parser.choices_of(option)]
    if last.startswith("--") and parser.takes_value(last):
        role = input_options().get(last)
        if role is not None:
            # A video is a job or an address, never a file of this machine.
            return _files(typed) + _variables(shell) if role.image else _job_variables(shell) + _job_ids(removed=False)
        found = [Offer(choice, _value(last)) for choice in parser.choices_of(last)]
        return found or (_files(typed, (".mp4",)) if last == "--save" else [])
    if not typed.startswith("-") and not before and parser.prog in _OF_IMAGES:
        return _files(typed) + _variables(shell)
    again = [option for option, role in input_options().items() if role.maximum > 1]
    return [Offer(option, parser.told(option)) for option in parser.options if option not in before or option in again]


def _value(option: str) -> str:
    return option.lstrip("-").replace("-", " ")


def _files(typed: str, endings: tuple[str, ...] = SUFFIXES) -> list[Offer]:
    """Files without a space in their names: a completion is one word."""
    return [
        Offer(name, "folder" if name.endswith("/") else "file")
        for name in files(typed, endings)
        if not any(c.isspace() for c in name.removeprefix(typed))
    ]


def _variables(shell: Any) -> list[Offer]:
    return [Offer(name, "variable") for name in variables(shell.user_ns, getattr(shell, "user_ns_hidden", {}))]


def _job_variables(shell: Any) -> list[Offer]:
    """Variables that hold a job or takes, but for IPython's own ``_`` and ``_12``."""
    from happyhorse_nb.job import Job, Takes

    some: list[tuple[str, Any]] = [
        (name, value)
        for name, value in list(shell.user_ns.items())
        if process.is_a(value, Job, Takes) and name[0] != "_"
    ]
    return [
        Offer(name, f"takes, {value.status}" if process.is_a(value, Takes) else value.prompt or "no prompt")
        for name, value in some
    ]


def _job_ids(*, removed: bool) -> list[Offer]:
    from happyhorse_nb.api import jobs

    return [Offer(job.snapshot.short_id, job.prompt or "no prompt") for job in jobs(removed=removed)[:50]]
