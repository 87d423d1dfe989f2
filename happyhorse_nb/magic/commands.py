"""The line magic's commands: one function each, and one table that names them."""

from __future__ import annotations

import builtins
import re
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from types import ModuleType
from typing import Any

from happyhorse_nb.errors import JobNotFound, UsageError
from happyhorse_nb.magic.options import Parser, cell_parser, form_parser, params_of, takes_of
from happyhorse_nb.models.interpolate import interpolate, left

#: As a take is named on its card.
_ELEMENT = re.compile(r"(\w+)\[(\d{1,3})\]")
Setup = Callable[[Parser], object]


@dataclass(frozen=True)
class Command:
    """A command: what it takes, what it does, and what is said of it in the help."""

    name: str
    usage: str
    summary: str
    act: Callable[[Any, Namespace], None]
    setup: Setup | None = None

    @property
    def parser(self) -> Parser:
        """The parser of the command's arguments."""
        if self.name == "generate":
            return cell_parser("%happyhorse generate")
        if self.name == "form":
            return form_parser()
        parser = Parser(f"%happyhorse {self.name}", self.summary[:1].upper() + self.summary[1:] + ".")
        if self.setup is not None:
            self.setup(parser)
        return parser


def make(shell: Any, args: Namespace, body: str = "") -> None:
    """What a cell does: generate, bind, show, and wait where that is wanted."""
    from happyhorse_nb.jobs import display, generate

    if args.name is not None and (not args.name.isidentifier() or iskeyword(args.name)):
        raise UsageError(f"--name {args.name!r} cannot be a variable. Use letters, digits and _.")
    if args.name is not None and (hasattr(builtins, args.name) or isinstance(shell.user_ns.get(args.name), ModuleType)):
        raise UsageError(f"--name {args.name} would hide what Python or your notebook has under it. Use another name.")
    for sentence in left(body, shell.user_ns):
        print(sentence)
    made = generate(
        args.image,
        interpolate(body, shell.user_ns),
        model=args.model,
        fit=args.fit,
        again=args.again,
        save=args.save,
        namespace=shell.user_ns,
        takes=takes_of(args),
        **params_of(args),
    )
    if args.name is not None:
        shell.user_ns[args.name] = made
        made.bind(args.name)
    display.present(made, wait=args.wait)
    if made.error is not None:
        # In a cell that has waited, as in a program: what went wrong stops "run all".
        raise made.error


def _generate(shell: Any, args: Namespace) -> None:
    make(shell, args)


def _form(shell: Any, args: Namespace) -> None:
    from IPython.display import display

    from happyhorse_nb.widgets.form import form

    # As a text in a cell is: first a file, then a variable.
    made = form(
        args.image,
        model=args.model,
        takes=takes_of(args),
        fit=args.fit,
        save=args.save,
        **params_of(args),
    )
    display(made)  # type: ignore[no-untyped-call]  # IPython has no types


def _edit(shell: Any, args: Namespace) -> None:
    from IPython.display import display

    from happyhorse_nb.jobs import display as shown
    from happyhorse_nb.widgets.form import edit

    display(edit(shown.members(_named(shell, args.job))[0]))  # type: ignore[no-untyped-call]  # IPython has no types


def _jobs(shell: Any, args: Namespace) -> None:
    from IPython.display import display

    from happyhorse_nb.jobs import jobs
    from happyhorse_nb.jobs.query import chosen

    display(jobs(**chosen(args)))  # type: ignore[no-untyped-call]  # IPython has no types


def _gallery(shell: Any, args: Namespace) -> None:
    from IPython.display import display

    from happyhorse_nb.jobs.query import chosen
    from happyhorse_nb.widgets.gallery import gallery

    display(gallery(**chosen(args)))  # type: ignore[no-untyped-call]  # IPython has no types


def _show(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import display

    display.present(_named(shell, args.job))


def _wait(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import display, running, wait

    some = [job for piece in args.job for job in display.members(_named(shell, piece))] or running()
    if not some:
        print("Nothing runs.")
        return
    wait(*some, timeout=args.timeout)
    states = Counter(str(job.status) for job in some)
    ended = f"{len(some)} job{'' if len(some) == 1 else 's'} ended"
    print(f"{ended}: {', '.join(f'{count} {state}' for state, count in states.items())}.")
    for job in some:
        if job.error is not None:
            raise job.error


def _compare(shell: Any, args: Namespace) -> None:
    from IPython.display import display

    from happyhorse_nb.widgets.compare import compare

    named = [_named(shell, piece) for piece in args.job]
    display(compare(*named))  # type: ignore[no-untyped-call]  # IPython has no types


def _stop(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import display

    named = _named(shell, args.job)
    if named.done():
        for job in display.members(named):
            print(f"{job.snapshot.short_id} is {job.status} already.")
        return
    running = [job for job in display.members(named) if not job.done()]
    queued = [job for job in running if job.status == "queued"]
    named.stop()
    for job in running:
        if job in queued and job.done():
            print(f"{job.snapshot.short_id} is taken out of the queue; nothing was sent.")
        else:
            print(f"{job.snapshot.short_id} is not watched any more; a task that the server has goes on there.")


def _resume(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import display, take_up

    bound = None if args.job is None else _bound(shell, args.job)
    named = None if args.job is None else [args.job]
    taken = take_up(named if bound is None else [job.id for job in display.members(bound)])
    for job in taken.jobs:
        display.present(job)
    if taken.refusal is not None:
        raise taken.refusal
    if not taken.jobs:
        print("Nothing to resume: every task of this account has ended.")


def _again(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import again, display

    display.present(again(_named(shell, args.job)))


def _forget(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs import display, forget

    for job in display.members(_named(shell, args.job)):
        had_file = job.path is not None and job.path.exists()
        forget(job, trash=args.trash)
        where = "lies in the folder .trash beside it" if args.trash and had_file else "is not touched"
        print(f"{job.snapshot.short_id} is forgotten; its video file {where}.")


def _doctor(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.jobs.doctor import report

    for line in report():
        print(line, flush=True)


def _login(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.magic.login import login

    print(login())


def _sandbox(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.magic.sandbox import switch

    print(switch(args))


def _help(shell: Any, args: Namespace) -> None:
    print(help_text())


def _named(shell: Any, piece: str) -> Any:
    """The job or the takes of that variable (``launch[0]`` is the first take), else the job of that piece of an id.

    Raises `JobNotFound`.
    """
    from happyhorse_nb.jobs import find

    bound = _bound(shell, piece)
    return find(piece) if bound is None else bound


def _bound(shell: Any, piece: str) -> Any:
    """The job or the takes of that variable, None where there is no such one. Raises `JobNotFound` for no such take."""
    from happyhorse_nb.jobs import Job, Takes

    element = _ELEMENT.fullmatch(piece)
    if element is None:
        bound = shell.user_ns.get(piece)
        return bound if isinstance(bound, (Job, Takes)) else None
    bound, place = shell.user_ns.get(element[1]), int(element[2])
    if isinstance(bound, Takes):
        if place >= len(bound):
            raise JobNotFound(
                f"{element[1]} has {len(bound)} takes: {element[1]}[0] to {element[1]}[{len(bound) - 1}]."
            )
        return bound[place]
    if isinstance(bound, Job):
        raise JobNotFound(f"{element[1]} is one job, not takes: it is named without [{place}].")
    return None


def _one_job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", help="any unambiguous piece of a job's id, or its variable")


def _some_jobs(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="*", help="pieces of ids; without any, all that run")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer than this; the jobs go on")


def _forgotten_job(parser: Parser) -> None:
    _one_job(parser)
    parser.add_argument("--trash", action="store_true", help="move its video into the folder .trash beside it")


def _filters(parser: Parser) -> None:
    from happyhorse_nb.jobs.query import FIELDS

    for field in FIELDS:
        parser.offer(f"--{field.name}", field.offers, field.metavar, field.help)


def _jobs_to_compare(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="+", help="two to four: pieces of ids, or variables")


def _maybe_job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", nargs="?", help="a piece of an id, or a task id from elsewhere")


def _sandbox_options(parser: Parser) -> None:
    from happyhorse_nb.sandbox import SandboxOptions

    parser.add_argument("--if-no-key", action="store_true", help="only where no API key is given")
    parser.add_argument("--off", action="store_true", help="go back to the real server")
    SandboxOptions.add_arguments(parser)


COMMANDS = {
    command.name: command
    for command in (
        Command("generate", "IMAGE [options]", "make a video without a prompt", _generate),
        Command("form", "[IMAGE] [options]", "fill in a form, see what comes of it, and click", _form),
        Command("edit", "JOB", "load a job's first frame, prompt and parameters into a form", _edit, _one_job),
        Command("jobs", "[options]", "list the jobs, newest first, with what they cost", _jobs, _filters),
        Command("gallery", "[options]", "show the videos as posters: play, star, compare, forget", _gallery, _filters),
        Command("show", "JOB", "bring a job's card or video into this cell", _show, _one_job),
        Command("compare", "JOB JOB ...", "play two to four videos side by side, in step", _compare, _jobs_to_compare),
        Command("wait", "[JOB ...]", "wait for jobs, or for all that run", _wait, _some_jobs),
        Command("stop", "JOB", "watch a job no longer; its task lives on", _stop, _one_job),
        Command("resume", "[JOB]", "go on with a job, or with all that are not ended", _resume, _maybe_job),
        Command("again", "JOB", "buy another video with a job's request", _again, _one_job),
        Command("forget", "JOB [--trash]", "wipe a job's prompt and pictures from the ledger", _forget, _forgotten_job),
        Command("doctor", "", "say what is set up, and what is missing", _doctor),
        Command("login", "", "type the API key in, unseen", _login),
        Command("sandbox", "[options]", "use the embedded server: free, without a key", _sandbox, _sandbox_options),
        Command("help", "", "show this help", _help),
    )
}


def help_text() -> str:
    """All of it: the cell, its options, the commands."""
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
        ]
    )
