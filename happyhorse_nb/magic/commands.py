"""The line magic's commands: one table of what each is called, takes and does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

from happyhorse_nb.magic import actions
from happyhorse_nb.magic.options import Parser, cell_parser, offer_cell, offer_options, offer_request, offer_yes

#: Adds arguments to a parser.
Offer = Callable[[Parser], object]


class Command(NamedTuple):
    """A command: what is said of it in the help, what it does, and what it takes. What ``act`` returns is shown."""

    name: str
    usage: str
    summary: str
    act: Callable[[Any, Namespace], object]
    offers: tuple[Offer, ...] = ()

    @property
    def parser(self) -> Parser:
        """The parser of the command's arguments."""
        parser = Parser(f"%happyhorse {self.name}", self.summary[:1].upper() + self.summary[1:] + ".")
        for offer in self.offers:
            offer(parser)
        return parser


def _takes(name: str, told: str, **how: Any) -> Offer:
    return lambda parser: parser.add_argument(name, help=told, **how)


def _filters(parser: Parser) -> None:
    from happyhorse_nb.api.catalog import add_filters

    add_filters(parser)


def _sorted(parser: Parser) -> None:
    from happyhorse_nb.api.catalog import add_filters

    add_filters(parser, sort=True)


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
_ATTACH = _takes("--attach", "the job, unknown until now, whose task that id names", metavar="JOB")
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


def _image_if_any(parser: Parser) -> None:
    offer_request(parser, image="?")


def _changes(parser: Parser) -> None:
    offer_options(parser, defaults=False)


_TABLE = (
    Command("generate", "IMAGE [options]", "make a video without a prompt", actions.do_generate, (offer_cell,)),
    Command(
        "form", "[IMAGE] [options]", "fill in a form, see size, cost and time, and click", actions.do_form,
        (_image_if_any,),
    ),
    Command("edit", "JOB", "load a job's first frame, prompt and parameters into a form", actions.do_edit, (_JOB,)),
    Command("jobs", "[options]", "list the jobs, newest first, with what they cost", actions.do_jobs, (_sorted,)),
    Command(
        "gallery", "[options]", "show the videos as posters: play, star, compare, remove", actions.do_gallery,
        (_filters,),
    ),
    Command("show", "JOB", "bring a job's card or video into this cell", actions.do_show, (_JOB,)),
    Command(
        "compare", "JOB JOB ...", "play two to four videos side by side, in step", actions.do_compare, (_COMPARED,)
    ),
    Command("wait", "[JOB ...]", "wait for jobs, or for all that run", actions.do_wait, (_WAITED, _TIMEOUT)),
    Command("stop", "JOB", "watch a job no longer; its task lives on", actions.do_stop, (_JOB,)),
    Command(
        "resume", "[JOB | TASK-ID --attach JOB]", "go on with a job, or with all that are not ended", actions.do_resume,
        (_RESUMED, _ATTACH),
    ),
    Command(
        "again", "JOB [options]", "buy another video with a job's request; what an option says is changed",
        actions.do_again, (_JOB, _changes, offer_yes),
    ),
    Command(
        "remove", "JOB [JOB ...]", "leave jobs out of tables and gallery; nothing is wiped", actions.do_remove,
        (_REMOVED,),
    ),
    Command(
        "restore", "[JOB ...]", "bring back what was removed last, or these jobs", actions.do_restore, (_RESTORED,)
    ),
    Command(
        "forget", "JOB [--trash]", "wipe a job's prompt and pictures from the ledger", actions.do_forget, (_JOB, _TRASH)
    ),
    Command("balance", "", "say what the account holds", actions.do_balance),
    Command("doctor", "", "say what is set up, and what is missing", actions.do_doctor),
    Command("login", "[--same-account]", "type the API key in, unseen", actions.do_login, (_SAME_ACCOUNT,)),
    Command(
        "sandbox", "[options]", "use the embedded server: free, without a key", actions.do_sandbox,
        (_IF_NO_KEY, _OFF, _sandbox_options),
    ),
    Command("help", "", "show this help", lambda *_: help_text()),
)  # fmt: skip
COMMANDS = {command.name: command for command in _TABLE}

#: What a newcomer types; each is a line that runs.
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
    """All of it: the cell, its options, the commands, examples."""
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
