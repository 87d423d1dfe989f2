"""The line magic's commands: one table of what each is called, takes and does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from happyhorse_nb.magic import actions
from happyhorse_nb.magic.options import Parser, cell_parser, form_parser, offer_options, offer_yes

Setup = Callable[[Parser], object]


@dataclass(frozen=True)
class Command:
    """A command: what it takes, what it does, and what is said of it in the help.

    ``setup`` adds its arguments to a parser; ``whole`` makes the parser instead.
    """

    name: str
    usage: str
    summary: str
    act: Callable[[Any, Namespace], None]
    setup: Setup | None = None
    whole: Callable[[], Parser] | None = None

    @property
    def parser(self) -> Parser:
        """The parser of the command's arguments."""
        if self.whole is not None:
            return self.whole()
        parser = Parser(f"%happyhorse {self.name}", self.summary[:1].upper() + self.summary[1:] + ".")
        if self.setup is not None:
            self.setup(parser)
        return parser


def _one_job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", help="any unambiguous piece of a job's id, or its variable")


def _changed_job(parser: Parser) -> None:
    _one_job(parser)
    offer_options(parser, defaults=False)
    offer_yes(parser)


def _some_jobs(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="*", help="pieces of ids; without any, all that run")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer than this; the jobs go on")


def _forgotten_job(parser: Parser) -> None:
    _one_job(parser)
    parser.add_argument("--trash", action="store_true", help="move its video into the folder .trash beside it")


def _joined_key(parser: Parser) -> None:
    parser.add_argument(
        "--same-account",
        metavar="KEY",
        nargs="?",
        const="",
        help="join the jobs of another key of this server to this account, for good; no key is typed; "
        "KEY is the first letters of its fingerprint, where there are several",
    )


def _filters(parser: Parser) -> None:
    from happyhorse_nb.api.catalog import FIELDS

    for field in FIELDS:
        parser.offer(f"--{field.name}", field.offers, field.metavar, field.help)


def _list(parser: Parser) -> None:
    from happyhorse_nb.api.catalog import SORT

    _filters(parser)
    parser.offer(f"--{SORT.name}", SORT.offers, SORT.metavar, SORT.help)


def _removed_jobs(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="+", help="pieces of ids, or variables")


def _restored_jobs(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="*", help="pieces of ids; without any, what was removed last")


def _jobs_to_compare(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="+", help="two to four: pieces of ids, or variables")


def _maybe_job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="?", help="a piece of an id, or a task id from elsewhere")
    parser.add_argument("--attach", metavar="JOB", help="the job, unknown until now, whose task that id names")


def _sandbox_options(parser: Parser) -> None:
    from happyhorse_nb.sandbox import SandboxOptions

    parser.add_argument("--if-no-key", action="store_true", help="only where no API key is given")
    parser.add_argument("--off", action="store_true", help="go back to the real server")
    SandboxOptions.add_arguments(parser)


def _help(shell: Any, args: Namespace) -> None:
    print(help_text())


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "generate",
            "IMAGE [options]",
            "make a video without a prompt",
            actions.do_generate,
            whole=lambda: cell_parser("%happyhorse generate"),
        ),
        Command(
            "form",
            "[IMAGE] [options]",
            "fill in a form, see size, cost and time, and click",
            actions.do_form,
            whole=form_parser,
        ),
        Command(
            "edit", "JOB", "load a job's first frame, prompt and parameters into a form", actions.do_edit, _one_job
        ),
        Command("jobs", "[options]", "list the jobs, newest first, with what they cost", actions.do_jobs, _list),
        Command(
            "gallery",
            "[options]",
            "show the videos as posters: play, star, compare, remove",
            actions.do_gallery,
            _filters,
        ),
        Command("show", "JOB", "bring a job's card or video into this cell", actions.do_show, _one_job),
        Command(
            "compare",
            "JOB JOB ...",
            "play two to four videos side by side, in step",
            actions.do_compare,
            _jobs_to_compare,
        ),
        Command("wait", "[JOB ...]", "wait for jobs, or for all that run", actions.do_wait, _some_jobs),
        Command("stop", "JOB", "watch a job no longer; its task lives on", actions.do_stop, _one_job),
        Command(
            "resume",
            "[JOB | TASK-ID --attach JOB]",
            "go on with a job, or with all that are not ended",
            actions.do_resume,
            _maybe_job,
        ),
        Command(
            "again",
            "JOB [options]",
            "buy another video with a job's request; what an option says is changed",
            actions.do_again,
            _changed_job,
        ),
        Command(
            "remove",
            "JOB [JOB ...]",
            "leave jobs out of tables and gallery; nothing is wiped",
            actions.do_remove,
            _removed_jobs,
        ),
        Command(
            "restore",
            "[JOB ...]",
            "bring back what was removed last, or these jobs",
            actions.do_restore,
            _restored_jobs,
        ),
        Command(
            "forget",
            "JOB [--trash]",
            "wipe a job's prompt and pictures from the ledger",
            actions.do_forget,
            _forgotten_job,
        ),
        Command("balance", "", "say what the account holds", actions.do_balance),
        Command("doctor", "", "say what is set up, and what is missing", actions.do_doctor),
        Command("login", "[--same-account]", "type the API key in, unseen", actions.do_login, _joined_key),
        Command(
            "sandbox", "[options]", "use the embedded server: free, without a key", actions.do_sandbox, _sandbox_options
        ),
        Command("help", "", "show this help", _help),
    )
}


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
    width = max(len(f"{c.name} {c.usage}") for c in COMMANDS.values())
    lines = [f"  {f'{c.name} {c.usage}'.ljust(width)}  {c.summary}" for c in COMMANDS.values()]
    return "\n".join(
        [
            cell_parser().format_help().rstrip(),
            "",
            "defaults of the model, its parameters and --wait, and more settings: %config HappyHorse",
            "",
            "%happyhorse COMMAND (each takes -h):",
            *lines,
            "",
            "examples:",
            *(f"  {line}".rstrip() for line in EXAMPLES),
        ]
    )
