"""What Tab offers in a line of ours: commands, options, values, images and variables."""

from __future__ import annotations

from typing import Any

from happyhorse_nb.images.offers import SUFFIXES, files, variables
from happyhorse_nb.magic.commands import COMMANDS
from happyhorse_nb.magic.options import Parser, cell_parser
from happyhorse_nb.settings import process

_NAMES = ("%%happyhorse", "%happyhorse")
_MATCHER = "happyhorse_nb"
#: Commands whose argument is a job.
_OF_JOBS = ("show", "compare", "wait", "stop", "resume", "again", "edit", "forget")


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
        found = complete(shell, line, context.token) if ours else []
        return {"completions": [SimpleCompletion(match) for match in found], "suppress": True, "ordered": True}

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
    words = line.split()
    before = words if not line or line[-1].isspace() else words[:-1]
    # IPython may break a word where we do not, at a quote for one; what it hands over is what it will replace.
    typed = "" if len(before) == len(words) else words[-1]
    start = typed[: len(typed) - len(word)] if typed.endswith(word) else ""
    found = _offers(shell, before, typed)
    return [match.removeprefix(start) for match in found if match.startswith(typed)]


def _offers(shell: Any, before: list[str], typed: str) -> list[str]:
    if not before:
        # The cursor stands in the magic's own name, which IPython completes.
        return []
    if before[0] == "%%happyhorse":
        return _of_parser(shell, cell_parser(), before[1:], typed)
    if len(before) == 1:
        return [*COMMANDS, "-h"]
    command = COMMANDS.get(before[1])
    if command is None:
        return []
    if command.name in _OF_JOBS and not typed.startswith("-"):
        return _job_variables(shell) + _job_ids()
    return _of_parser(shell, command.parser, before[2:], typed)


def _of_parser(shell: Any, parser: Parser, before: list[str], typed: str) -> list[str]:
    last, option = before[-1] if before else "", typed.partition("=")[0]
    if typed.startswith("--") and option != typed:
        return [f"{option}={choice}" for choice in parser.choices_of(option)]
    if last.startswith("--") and parser.takes_value(last):
        return parser.choices_of(last) or (_files(typed, (".mp4",)) if last == "--save" else [])
    if typed.startswith("-"):
        return [option for option in parser.options if option not in before]
    if parser.prog in ("%%happyhorse", "%happyhorse generate", "%happyhorse form") and not before:
        return _files(typed) + _variables(shell)
    return [option for option in parser.options if option not in before]


def _files(typed: str, endings: tuple[str, ...] = SUFFIXES) -> list[str]:
    """Those without a space: a completion is one word."""
    return [name for name in files(typed, endings) if not any(c.isspace() for c in name.removeprefix(typed))]


def _variables(shell: Any) -> list[str]:
    return variables(shell.user_ns, getattr(shell, "user_ns_hidden", {}))


def _job_variables(shell: Any) -> list[str]:
    """Those that a job or takes are bound to, as a cell's ``--name`` does it; not ``_`` and ``_12``."""
    from happyhorse_nb.jobs import Job, Takes

    return [name for name, value in shell.user_ns.items() if process.is_a(value, Job, Takes) and name[0] != "_"]


def _job_ids() -> list[str]:
    from happyhorse_nb.jobs import jobs

    return [job.snapshot.short_id for job in jobs()[:50]]
