"""Shows jobs and takes, and the question that stands where one is not bought yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, cast

from happyhorse_nb.errors import HappyHorseError, InvalidRequest
from happyhorse_nb.job.state import state_of
from happyhorse_nb.limits.budget import AskFirst, Quote
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.config import config

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.takes import Takes
    from happyhorse_nb.render import Small


def can_ask() -> bool:
    """Whether a person sees the running cell, and can press a button in it."""
    in_cell = current_thread() is main_thread()
    return in_cell and process.get("display of a question") is not None and frontend.somebody_watches()


class Pending:
    """What a cell or call would buy above `HappyHorse.ask_above`, until its button is pressed.

    From then on it acts as the `Job` or the `Takes` that were bought; before, using it raises `InvalidRequest`.
    ``prompt`` and ``pictures`` are the request's.
    """

    def __init__(
        self, quote: Quote, buy: Callable[[Quote], Job | Takes], *, prompt: str = "", pictures: Small = None
    ) -> None:
        self.quote = quote
        self.prompt = prompt
        self.pictures = pictures
        self.made: Job | Takes | None = None
        self._buy = buy
        self.variable = ""
        self._pressed = False
        self._guard = process.Guard()
        self._shown_in = ""

    @property
    def bought(self) -> Job | Takes:
        """The job or the takes. Raises `InvalidRequest` while nothing is bought."""
        if self.made is None:
            raise InvalidRequest(
                "nothing is bought yet",
                remedy=f'Press "{self.quote.action}" in its cell, or run that with `--yes`.',
                param="ask_above",
            )
        return self.made

    def press(self) -> bool:
        """Buy what the cell would have bought, once; False where that is done, or under way.

        Raises what `generate` raises, and can be pressed again then; `AskFirst` where it would cost more by now, or
        other money, with the new ``quote``.
        """
        if not self._guard(self._take):
            return False
        try:
            made = self._buy(self.quote)
        except BaseException as problem:
            if process.is_a(problem, AskFirst):
                self.quote = problem.quote
            self._pressed = False
            raise
        self.made = made
        if self.variable:
            bind(made, self.variable)
            shell = frontend.shell()
            if shell is not None and shell.user_ns.get(self.variable) is self:
                shell.user_ns[self.variable] = made
        return True

    def show(self) -> None:
        """Show the question in the running cell, once in each run of it; or what was bought."""
        if self.made is not None:
            self.made._ipython_display_()
            return
        _, run = frontend.running_cell()
        if run != self._shown_in or not run:
            self._shown_in = run
            process.get("display of a question")(self)

    _ipython_display_ = show

    def _take(self) -> bool:
        free, self._pressed = not self._pressed, True
        return free

    def __repr__(self) -> str:
        return f"<not bought yet: {self.quote.what}, {self.quote.money}>" if self.made is None else repr(self.made)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # Python and IPython look for names of their own, also before ``__init__`` has run.
            raise AttributeError(name)
        return getattr(self.bought, name)

    # A test for truth must not ask for the length.
    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.bought)  # type: ignore[arg-type]  # a job has none, and raises TypeError

    def __iter__(self) -> Iterator[Job]:
        return iter(self.bought)  # type: ignore[arg-type]  # as above

    def __getitem__(self, index: int | slice) -> Any:
        return self.bought[index]  # type: ignore[index]  # as above

    def __await__(self) -> Generator[Any, None, Any]:
        return self.bought.__await__()


def bind(shown: Job | Takes, name: str) -> None:
    """Tell a job or takes which variable holds them, for their card; a take is an element of it."""
    if process.is_a(shown, Pending):
        shown.variable = name
        return
    for number, job in enumerate(members(shown)):
        state_of(job).bind(name if shown is job else f"{name}[{number}]")


def settled(shown: Any) -> Any:
    """The job or takes behind a question, anything else as it is. Raises `InvalidRequest` where nothing is bought."""
    return shown.bought if process.is_a(shown, Pending) else shown


def register(**shows: Callable[..., Any]) -> None:
    """Set what shows ``a_job``, ``takes``, ``several`` jobs or ``a_question``, makes ``a_line`` that changes, or gives
    ``a_notice`` of a job's end. Called by the widgets, which this layer does not import."""
    for name, factory in shows.items():
        process.put(f"display of {name.replace('_', ' ')}", factory)


def line() -> Callable[[], Any] | None:
    """What makes a line that changes in the running cell; None without widgets."""
    found: Callable[[], Any] | None = process.get("display of a line")
    return found


def shown_in(run: str, jobs: Iterable[Job]) -> bool:
    """Whether that run of a cell shows each of these jobs."""
    cells = _cells()
    return all(cells.get(job.id) == run for job in jobs)


def _cells() -> dict[str, str]:
    """Which run of a cell has shown a job last, by the job's id."""
    return process.once("cells of cards", dict[str, str])


def present(shown: Job | Takes, *, wait: bool | None = None, then: Callable[[], None] = lambda: None) -> None:
    """Show a job or takes, and wait for their end if ``wait``, else the settings, else the front end asks for that.

    ``then`` is called once they are shown. What they end with is not raised. Where nothing is bought yet, the question
    is shown and nobody waits.
    """
    if process.is_a(shown, Pending):
        shown.show()
        return
    for job in members(shown):
        # One that runs in another kernel is followed from here too; one of another account stays as it was last seen.
        with suppress(HappyHorseError):
            job.watch()
    from happyhorse_nb.job.notices import promise

    show(shown)
    then()
    wanted = config().wait if wait is None else wait
    waits = (frontend.waits_by_default() if wanted is None else wanted) and not shown.done()
    promise(members(shown), waits=waits)
    if waits:
        from happyhorse_nb.job.waiting import wait as wait_for

        wait_for(members(shown))
        if not frontend.changes_are_shown():
            # The card stays as it was at first.
            print("\n".join(lines(shown)))  # noqa: T201  # in the cell, as below


def show_several(some: Sequence[object]) -> None:
    """Show a list of jobs or takes as a table that changes. Raises NotImplementedError for any other list, and where
    no table can be shown."""
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.takes import Takes

    factory: Callable[[list[Job]], None] | None = process.get("display of several")
    known = bool(some) and all(process.is_a(one, Job, Takes) for one in some)
    if factory is None or not known or not frontend.in_notebook():
        raise NotImplementedError
    factory([job for one in some for job in members(cast("Job | Takes", one))])


def show(shown: Job | Takes) -> None:
    """Show a job or takes in the output of the running cell, or print a line for each in a terminal."""
    jobs = members(shown)
    factory: Callable[[Any], None] | None = process.get(f"display of {'a job' if shown is jobs[0] else 'takes'}")
    if factory is not None and frontend.in_notebook():
        factory(shown)
        _cells().update(dict.fromkeys((job.id for job in jobs), frontend.running_cell()[1]))
        return
    print("\n".join(lines(shown)))  # noqa: T201  # called by a cell or a program, never from the background


def lines(shown: Job | Takes) -> list[str]:
    """A job as a line of text; takes as a line for all of them, and one for each."""
    from happyhorse_nb.render import line, takes_line

    jobs = members(shown)
    snapshots = [job.snapshot for job in jobs]
    each = [line(snapshot, now=time.time()) for snapshot in snapshots]
    return each if shown is jobs[0] else [takes_line(snapshots), *each]


def members(shown: Job | Takes) -> list[Job]:
    """The job, or the jobs of the takes. Raises `InvalidRequest` for what is not bought yet."""
    shown = settled(shown)
    return list(shown) if isinstance(shown, Iterable) else [shown]
