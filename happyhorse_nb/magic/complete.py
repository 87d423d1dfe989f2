"""What Tab offers in a line of ours: commands, options, values, images and variables."""

from __future__ import annotations

from typing import Any, NamedTuple

from happyhorse_nb.inputs.load import SUFFIXES, files, variables
from happyhorse_nb.magic.commands import COMMANDS
from happyhorse_nb.magic.options import Parser, cell_parser, input_options
from happyhorse_nb.render.words import plain
from happyhorse_nb.settings import process

_NAMES = ("%%happyhorse", "%happyhorse")
#: The lines that begin with a first frame.
_OF_IMAGES = ("%%happyhorse", "%happyhorse generate", "%happyhorse form")
_MATCHER = "happyhorse_nb"
#: Commands whose argument is a job.
_OF_JOBS = ("show", "compare", "wait", "stop", "resume", "again", "edit", "remove", "restore", "forget")
#: Characters of what is said beside an offer.
_HINT = 44


class Offer(NamedTuple):
    """What Tab offers, and what JupyterLab shows beside it, where it would write ``<unknown>`` else."""

    text: str
    hint: str


def install(shell: Any) -> None:
    """Let Tab offer what these lines take, and nothing else."""
    uninstall(shell)
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:
        # Before IPython 8.6 a hook is all there is; what others offer stands beside it.
        for name in _NAMES:
            shell.set_hook("complete_command", lambda _, event: complete(shell, event.line, event.symbol), str_key=name)
        return

    @context_matcher(identifier=_MATCHER)
    def matcher(context: Any) -> dict[str, Any]:
        line = context.line_with_cursor[: context.cursor_position]
        ours = line.split(None, 1)[:1] in ([name] for name in _NAMES)
        found = offered(shell, line, context.token) if ours else []
        # Lab gives what stands beside an offer the room of its longest word: so all of it is one.
        some = [SimpleCompletion(offer.text, type=offer.hint.replace(" ", "\N{NO-BREAK SPACE}")) for offer in found]
        return {"completions": some, "suppress": True, "ordered": True}

    shell.Completer.custom_matchers.append(matcher)


def uninstall(shell: Any) -> None:
    """Take that back. IPython has no way to do it for a hook, and asks all of a name."""
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != _MATCHER]
    dispatcher = shell.strdispatchers.get("complete_command")
    for name in _NAMES if dispatcher is not None else ():
        dispatcher.strs.pop(name, None)


def complete(shell: Any, line: str, word: str) -> list[str]:
    """Matches for ``word``, the word before the cursor as IPython breaks it; ``line`` goes up to there."""
    return [offer.text for offer in offered(shell, line, word)]


def offered(shell: Any, line: str, word: str) -> list[Offer]:
    """The same with what is said beside each."""
    words = line.split()
    before = words if not line or line[-1].isspace() else words[:-1]
    # IPython may break a word where we do not, at a quote for one; what it hands over is what it will replace.
    typed = "" if len(before) == len(words) else words[-1]
    start = typed[: len(typed) - len(word)] if typed.endswith(word) else ""
    found = _offers(shell, before, typed)
    return [Offer(o.text.removeprefix(start), plain(o.hint, _HINT)) for o in found if o.text.startswith(typed)]


def _offers(shell: Any, before: list[str], typed: str) -> list[Offer]:
    if not before:
        # The cursor stands in the magic's own name, which IPython completes.
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
        if last in input_options():
            return _files(typed) + _variables(shell)
        found = [Offer(choice, _value(last)) for choice in parser.choices_of(last)]
        return found or (_files(typed, (".mp4",)) if last == "--save" else [])
    if not typed.startswith("-") and not before and parser.prog in _OF_IMAGES:
        return _files(typed) + _variables(shell)
    return [Offer(option, parser.told(option)) for option in parser.options if option not in before]


def _value(option: str) -> str:
    return option.lstrip("-").replace("-", " ")


def _files(typed: str, endings: tuple[str, ...] = SUFFIXES) -> list[Offer]:
    """Those without a space: a completion is one word."""
    return [
        Offer(name, "folder" if name.endswith("/") else "file")
        for name in files(typed, endings)
        if not any(c.isspace() for c in name.removeprefix(typed))
    ]


def _variables(shell: Any) -> list[Offer]:
    return [Offer(name, "variable") for name in variables(shell.user_ns, getattr(shell, "user_ns_hidden", {}))]


def _job_variables(shell: Any) -> list[Offer]:
    """Those that a job or takes are bound to, as a cell's ``--name`` does it; not ``_`` and ``_12``."""
    from happyhorse_nb.job import Job, Takes

    return [
        Offer(name, f"takes, {value.status}" if process.is_a(value, Takes) else _words(value))
        for name, value in list(shell.user_ns.items())
        if process.is_a(value, Job, Takes) and name[0] != "_"
    ]


def _job_ids(*, removed: bool) -> list[Offer]:
    from happyhorse_nb.api import jobs

    return [Offer(job.snapshot.short_id, _words(job)) for job in jobs(removed=removed)[:50]]


def _words(job: Any) -> str:
    """What a person knows a job by."""
    return job.prompt or "no prompt"
