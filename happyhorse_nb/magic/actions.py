"""What the magic does: ``make`` for a cell, and ``do_NAME`` for each command. What a function returns is shown.

Imported when a cell or a command runs, so that loading the extension stays quick.
"""

from __future__ import annotations

import builtins
import time
from argparse import Namespace
from collections.abc import Sequence
from keyword import iskeyword
from types import ModuleType
from typing import Any

from happyhorse_nb.api import (
    again,
    balance,
    begin,
    create,
    forget,
    jobs,
    list_models,
    remove,
    restore,
    running,
    take_up,
)
from happyhorse_nb.api.catalog import chosen
from happyhorse_nb.errors import UsageError, in_words_here
from happyhorse_nb.job import display
from happyhorse_nb.job.display import Pending
from happyhorse_nb.magic.commands import help_text
from happyhorse_nb.magic.options import bound_to, job_named, params_of, takes_of
from happyhorse_nb.models.check import interpolate, left
from happyhorse_nb.settings import current_account, process

#: The most videos that get a line each.
_LISTED = 20


def make(shell: Any, args: Namespace, body: str = "") -> None:
    """Run a cell: generate, bind, show, and wait where that is wanted."""
    name = args.name
    if name is not None and (not name.isidentifier() or iskeyword(name)):
        raise UsageError(f"--name {name!r} cannot be a variable", remedy="Use letters, digits and _.")
    if name is not None and (hasattr(builtins, name) or isinstance(shell.user_ns.get(name), ModuleType)):
        what = f"--name {name} would hide what Python or your notebook has under it"
        raise UsageError(what, remedy="Use another name.")
    for sentence in left(body, shell.user_ns):
        print(sentence)
    prompt = interpolate(body, shell.user_ns)
    made = create(
        args.image,
        prompt,
        params_of(args),
        again=args.again,
        namespace=shell.user_ns,
        yes=args.yes,
        later=True,
        **_request(args),
    )
    if name is not None:
        # Also while the user is still asked: the cells below must not find an older job there.
        shell.user_ns[name] = made
        display.bind(made, name)
    if process.is_a(made, Pending):
        return
    display.present(made, wait=args.wait, then=begin)
    if made.error is not None:
        # Raised in a cell that has waited, so that it stops "run all".
        raise made.error


def _request(args: Namespace) -> dict[str, Any]:
    """The options of the request that are no parameters of the model."""
    return {
        "model": args.model,
        "fit": args.fit,
        "save": args.save,
        "takes": takes_of(args),
        "unlisted": args.unlisted,
    }


def _jobs(shell: Any, pieces: Sequence[str]) -> list[Any]:
    return [job for piece in pieces for job in display.members(job_named(shell, piece))]


do_generate = make


def do_form(shell: Any, args: Namespace) -> object:
    from happyhorse_nb.widgets.form import form

    return form(args.image, **_request(args), **params_of(args))


def do_edit(shell: Any, args: Namespace) -> object:
    from happyhorse_nb.widgets.form import edit

    return edit(_jobs(shell, [args.job])[0])


def do_jobs(shell: Any, args: Namespace) -> object:
    return jobs(**chosen(args))


def do_gallery(shell: Any, args: Namespace) -> object:
    from happyhorse_nb.widgets.gallery import gallery

    return gallery(**chosen(args))


def do_show(shell: Any, args: Namespace) -> None:
    display.present(job_named(shell, args.job))


def do_wait(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.job.waiting import wait
    from happyhorse_nb.render import line, standing

    some = _jobs(shell, args.job) or running()
    if not some:
        print("No jobs are running.")
        return
    # No last word: the lines below say it.
    wait(some, timeout=args.timeout, last_word=False)
    snapshots = [job.snapshot for job in some]
    if len(some) > 1:
        print(f"{len(some):,} videos: {standing(snapshots)}.")
    for snapshot in snapshots[:_LISTED]:
        print(line(snapshot, now=time.time()))
    if len(some) > _LISTED:
        print(f"and {len(some) - _LISTED:,} more: %happyhorse jobs lists them.")
    for job in some:
        if job.error is not None:
            raise job.error


def do_compare(shell: Any, args: Namespace) -> object:
    from happyhorse_nb.widgets.compare import compare

    return compare(*(job_named(shell, piece) for piece in args.job))


def do_stop(shell: Any, args: Namespace) -> None:
    named = job_named(shell, args.job)
    some = display.members(named)
    if named.done():
        for job in some:
            print(f"{job.snapshot.short_id} is {job.status} already.")
        return
    queued = {job: job.status == "queued" for job in some if not job.done()}
    named.stop()
    for job, was_queued in queued.items():
        name = job.snapshot.short_id
        if was_queued and job.done():
            print(f"{name} is taken out of the queue; nothing was sent.")
        else:
            rest = " if the request has left" if job.task_id is None else ""
            print(f"{name} is no longer watched. The server makes the video all the same{rest}: resume fetches it.")


def do_resume(shell: Any, args: Namespace) -> None:
    if args.attach is not None:
        unknown = _jobs(shell, [args.attach])
        if args.job is None or len(unknown) != 1:
            remedy = "Write `%happyhorse resume TASK-ID --attach JOB`"
            raise UsageError("--attach is for one task and one job", remedy=remedy)
        taken = take_up([args.job], attach=unknown[0].id)
    elif args.job is None:
        taken = take_up()
    else:
        bound = bound_to(shell, args.job)
        taken = take_up([args.job] if bound is None else [job.id for job in display.members(bound)])
    for job in taken.jobs:
        display.present(job)
    if taken.hint:
        print(in_words_here(taken.hint))
    if taken.refusal is not None:
        raise taken.refusal
    if not taken.jobs:
        print("Nothing to resume: every task of this account has ended.")


def do_again(shell: Any, args: Namespace) -> None:
    options = {"takes": takes_of(args), "model": args.model, "save": args.save, **params_of(args)}
    display.present(again(job_named(shell, args.job), yes=args.yes, **options))


def do_remove(shell: Any, args: Namespace) -> str:
    some = remove(_jobs(shell, args.job))
    one = some[0].snapshot.short_id
    who, back = (f"{one} is", one) if len(some) == 1 else (f"{len(some)} jobs are", "")
    return f"{who} left out of tables and gallery from now on: {f'%happyhorse restore {back}'.strip()} undoes that."


def do_restore(shell: Any, args: Namespace) -> str:
    some = restore(_jobs(shell, args.job) or None)
    if not some:
        return "No jobs are removed."
    names = ", ".join(job.snapshot.short_id for job in some[:5]) + (", …" if len(some) > 5 else "")
    left = len(jobs(removed=True))
    more = f" {left} removed before: %happyhorse jobs --removed lists {'it' if left == 1 else 'them'}." if left else ""
    return f"{names} {'is' if len(some) == 1 else 'are'} back in tables and gallery.{more}"


def do_forget(shell: Any, args: Namespace) -> None:
    for job in _jobs(shell, [args.job]):
        had_file = job.path is not None and job.path.exists()
        forget(job, trash=args.trash)
        where = "lies in the folder .trash beside it" if args.trash and had_file else "is not touched"
        print(f"{job.snapshot.short_id} is forgotten; its video file {where}.")


def do_doctor(shell: Any, args: Namespace) -> None:
    from happyhorse_nb.api.account import report
    from happyhorse_nb.api.family import schema_report

    for line in schema_report() if args.schema else report():
        print(line, flush=True)


def do_models(shell: Any, args: Namespace) -> object:
    return list_models()


def do_balance(shell: Any, args: Namespace) -> str:
    held, play = balance(), " of play money" if current_account().sandbox else ""
    if held is None:
        return "The server does not say what the account holds."
    return f"The account holds ${held:.2f}{play}."


def do_login(shell: Any, args: Namespace) -> str:
    from happyhorse_nb.api.account import login, same_account

    return login() if args.same_account is None else same_account(args.same_account)


def do_sandbox(shell: Any, args: Namespace) -> str:
    from happyhorse_nb.magic.account import switch

    return switch(args)


def do_help(shell: Any, args: Namespace) -> str:
    return help_text()
