"""The table of the line magic's commands, and the help made from it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from happyhorse_nb.magic.options import Parser, cell_parser, offer_cell, offer_options, offer_request, offer_yes

#: Adds arguments to a parser.
Adds = Callable[[Parser], object]


class Command(NamedTuple):
    """A command: what the help says of it, and what adds its arguments. The function ``do_NAME`` of `magic.actions`
    runs it."""

    name: str
    usage: str
    summary: str
    adds: tuple[Adds, ...] = ()

    @property
    def parser(self) -> Parser:
        """The parser of the command's arguments."""
        parser = Parser(f"%happyhorse {self.name}", self.summary[:1].upper() + self.summary[1:] + ".")
        for add in self.adds:
            add(parser)
        return parser


def _takes(name: str, words: str, **how: Any) -> Adds:
    return lambda parser: parser.add_argument(name, help=words, **how)


def _filters(parser: Parser, *, sort: bool = False) -> None:
    from happyhorse_nb.api.catalog import add_filters

    add_filters(parser, sort=sort)


def _sandbox_options(parser: Parser) -> None:
    from happyhorse_nb.sandbox import SandboxOptions

    SandboxOptions.add_arguments(parser)


_JOB = _takes("job", "any unambiguous piece of a job's id, or its variable", metavar="JOB")
_WAITED = _takes("job", "pieces of ids; without any, all that run", metavar="JOB", nargs="*")
_COMPARED = _takes("job", "two to four: pieces of ids, or variables", metavar="JOB", nargs="+")
_RESUMED = _takes("job", "a piece of an id, or a task id from elsewhere", metavar="JOB", nargs="?")
_REMOVED = _takes("job", "pieces of ids, or variables", metavar="JOB", nargs="+")
_RESTORED = _takes("job", "pieces of ids; without any, what was removed last", metavar="JOB", nargs="*")
_TIMEOUT = _takes("--timeout", "wait no longer than this; the jobs go on", type=float, metavar="SECONDS")
_ATTACH = _takes("--attach", "the unknown job that this task belongs to", metavar="JOB")
_TRASH = _takes("--trash", "move its video into the folder .trash beside it", action="store_true")
_IF_NO_KEY = _takes("--if-no-key", "only where no API key is given", action="store_true")
_OFF = _takes("--off", "go back to the real server", action="store_true")
_SAME_ACCOUNT = _takes(
    "--same-account",
    "join the jobs of another key of this server to this account, for good; no key is typed; KEY is the first letters "
    "of its fingerprint, where there are several",
    metavar="KEY",
    nargs="?",
    const="",
)


_SCHEMA = _takes(
    "--schema",
    "show where the service's public description of the models differs from the tables here; the key is not sent",
    action="store_true",
)


_TABLE = (
    Command("generate", "IMAGE [options]", "make a video without a prompt", (offer_cell,)),
    Command(
        "form", "[IMAGE] [options]", "fill in a form, see size, cost and time, and click",
        (offer_request,),
    ),
    Command("edit", "JOB", "load a job's inputs, prompt and parameters into a form", (_JOB,)),
    Command("jobs", "[options]", "list the jobs, newest first, with what they cost", (partial(_filters, sort=True),)),
    Command("gallery", "[options]", "show the videos as posters: play, star, compare, remove", (_filters,)),
    Command("show", "JOB", "bring a job's card or video into this cell", (_JOB,)),
    Command("compare", "JOB JOB ...", "play two to four videos side by side, in step", (_COMPARED,)),
    Command("wait", "[JOB ...]", "wait for jobs, or for all that run", (_WAITED, _TIMEOUT)),
    Command("stop", "JOB", "stop watching a job; its task goes on", (_JOB,)),
    Command(
        "resume", "[JOB | TASK-ID --attach JOB]", "resume a job, or all unfinished ones",
        (_RESUMED, _ATTACH),
    ),
    Command(
        "again", "JOB [options]", "buy another video with a job's request, changed as the options say",
        (_JOB, lambda parser: offer_options(parser, defaults=False), offer_yes),
    ),
    Command("remove", "JOB [JOB ...]", "hide jobs from tables and gallery; nothing is wiped", (_REMOVED,)),
    Command("restore", "[JOB ...]", "bring back what was removed last, or these jobs", (_RESTORED,)),
    Command("forget", "JOB [--trash]", "wipe a job's prompt and pictures from the ledger", (_JOB, _TRASH)),
    Command("balance", "", "show the account's balance"),
    Command("models", "", "list the models: what each takes and costs, and how long it took here"),
    Command("doctor", "[--schema]", "show what is set up and what is missing", (_SCHEMA,)),
    Command("login", "[--same-account]", "enter the API key, which is not shown", (_SAME_ACCOUNT,)),
    Command(
        "sandbox", "[options]", "use the embedded server: free, without a key", (_IF_NO_KEY, _OFF, _sandbox_options)
    ),
    Command("help", "", "show this help"),
)  # fmt: skip
COMMANDS = {command.name: command for command in _TABLE}

#: Examples for a newcomer; each line runs.
EXAMPLES = (
    "%%happyhorse rocket.jpg --duration 5 --resolution 720P --name launch",
    "The rocket lifts off; smoke rolls towards the camera",
    "",
    "%happyhorse wait launch",
    "%happyhorse compare launch 8f31",
    "%happyhorse jobs --since 7d --sort cost",
    "%happyhorse gallery --starred",
)


def help_text() -> str:
    """The whole help: the cell, its options, the commands, examples."""
    usages = {f"{command.name} {command.usage}": command.summary for command in _TABLE}
    width = max(map(len, usages))
    return "\n".join(
        [
            cell_parser().format_help().rstrip(),
            "",
            "defaults of the model, its parameters and --wait, and more settings: %config HappyHorse",
            "",
            "%happyhorse COMMAND (each takes -h):",
            *(f"  {usage.ljust(width)}  {summary}" for usage, summary in usages.items()),
            "",
            "examples:",
            *(f"  {line}".rstrip() for line in EXAMPLES),
        ]
    )
