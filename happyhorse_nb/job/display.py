"""How a job shows itself, and the question that stands where one is not bought yet."""

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

_FACTORY = "display of questions"


def register_question(factory: Callable[[Pending], None]) -> None:
    """Set what shows a question in a notebook. The widgets do so; this layer knows nothing of them."""
    process.put(_FACTORY, factory)


def can_ask() -> bool:
    """Whether somebody is there to be asked: one who sees the running cell, and can press a button in it."""
    in_cell = current_thread() is main_thread()
    return in_cell and process.get(_FACTORY) is not None and frontend.somebody_watches()


class Pending:
    """What a cell or call would buy above `HappyHorse.ask_above`, until its button is pressed.

    From then on it stands for the `Job` or the `Takes` that were bought, whatever it is asked; before, that raises
    `InvalidRequest`. ``prompt`` and ``thumbnail`` are of the request.
    """

    def __init__(
        self, quote: Quote, buy: Callable[[Quote], Job | Takes], *, prompt: str = "", thumbnail: bytes | None = None
    ) -> None:
        self.quote = quote
        self.prompt = prompt
        self.thumbnail = thumbnail
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
        """Do what the cell would have done, once; False where that was done before, or is under way.

        Raises what `generate` raises; then it can be pressed again. `AskFirst` where it would cost more by now, or
        other money: ``quote`` is the new one then.
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
        self._bind(made)
        return True

    def show(self) -> None:
        """Show the question in the running cell, once in each run of it; what is bought shows itself."""
        if self.made is not None:
            self.made._ipython_display_()  # as IPython would
            return
        _, run = frontend.running_cell()
        if run != self._shown_in or not run:
            self._shown_in = run
            process.get(_FACTORY)(self)

    _ipython_display_ = show

    def _take(self) -> bool:
        free, self._pressed = not self._pressed, True
        return free

    def _bind(self, made: Job | Takes) -> None:
        """What is bought takes the place of the question in the variable that it is bound to."""
        if not self.variable:
            return
        bind(made, self.variable)
        shell = frontend.shell()
        if shell is not None and shell.user_ns.get(self.variable) is self:
            shell.user_ns[self.variable] = made

    def __repr__(self) -> str:
        return f"<not bought yet: {self.quote.what}, {self.quote.money}>" if self.made is None else repr(self.made)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # What is looked up before it is there, by copy and by IPython.
            raise AttributeError(name)
        return getattr(self.bought, name)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.bought)  # type: ignore[arg-type]  # of a job that is the error that it would be without this

    def __iter__(self) -> Iterator[Job]:
        return iter(self.bought)  # type: ignore[arg-type]  # see above

    def __getitem__(self, index: int | slice) -> Any:
        return self.bought[index]  # type: ignore[index]  # see above

    def __await__(self) -> Generator[Any, None, Any]:
        return self.bought.__await__()


def bind(shown: Job | Takes, name: str) -> None:
    """Remember the variable that a job or takes are bound to, for their card; each take is an element of it."""
    if process.is_a(shown, Pending):
        shown.variable = name
        return
    jobs = members(shown)
    for number, job in enumerate(jobs):
        state_of(job).bind(name if shown is job else f"{name}[{number}]")


def settled(shown: Any) -> Any:
    """The job or takes that something stands for. Raises `InvalidRequest` where they are not bought yet."""
    return shown.bought if process.is_a(shown, Pending) else shown


Factory = Callable[["Job"], None]
TakesFactory = Callable[["Takes"], None]


def register(
    factory: Factory,
    takes: TakesFactory | None = None,
    line: Callable[[], Any] | None = None,
    notice: Callable[[], Any] | None = None,
    several: Callable[[list[Job]], None] | None = None,
) -> None:
    """Set what shows a job, several takes, and several jobs in a notebook, what makes a line that changes,
    and what gives notice of a job's end.

    The widgets do so; this layer knows nothing of them.
    """
    process.put("display", factory)
    process.put("display of takes", takes)
    process.put("display of a line", line)
    process.put("notice", notice)
    process.put("display of several", several)


def line() -> Callable[[], Any] | None:
    """What makes a line that changes in the running cell, None where there is no such thing."""
    found: Callable[[], Any] | None = process.get("display of a line")
    return found


def shown_in(run: str, jobs: Iterable[Job]) -> bool:
    """Whether each of these jobs was shown by that run of a cell."""
    cells = _cells()
    return all(cells.get(job.id) == run for job in jobs)


def _cells() -> dict[str, str]:
    """By which run of a cell a job was shown last, by the job's id."""
    cells: dict[str, str] = process.once("cells of cards", dict)
    return cells


def present(shown: Job | Takes, *, wait: bool | None = None) -> None:
    """Show a job or takes, and wait for their end where that is wanted: by ``wait``, else by the settings, else where
    nobody could see it arrive later. What it ends with is not raised here. Of what is not bought yet the question is
    shown, and nobody waits."""
    if process.is_a(shown, Pending):
        shown.show()
        return
    for job in members(shown):
        # One that runs in another kernel moves on here too; one of another account is shown as it was last seen.
        with suppress(HappyHorseError):
            job.watch()
    from happyhorse_nb.job.notices import promise

    show(shown)
    settled = config().wait if wait is None else wait
    waits = (frontend.waits_by_default() if settled is None else settled) and not shown.done()
    promise(members(shown), waits=waits)
    if waits:
        from happyhorse_nb.job.waiting import wait as wait_for

        wait_for(members(shown))
        if not frontend.changes_are_shown():
            # There the card stands as it was at first.
            print("\n".join(lines(shown)))  # noqa: T201  # in the cell, as below


def show_several(some: Sequence[object]) -> None:
    """Show a list of jobs or takes as a table that moves. Raises NotImplementedError for any other list, and where no
    such thing can be shown."""
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.takes import Takes

    factory: Callable[[list[Job]], None] | None = process.get("display of several")
    if factory is None or not some or not frontend.in_notebook():
        raise NotImplementedError
    if not all(process.is_a(one, Job, Takes) for one in some):
        raise NotImplementedError
    factory([job for one in some for job in members(cast("Job | Takes", one))])


def show(shown: Job | Takes) -> None:
    """Show a job or takes where the running cell shows its output, or print a line for each in a terminal."""
    jobs = members(shown)
    several = shown is not jobs[0]
    factory: Callable[[Any], None] | None = process.get("display of takes" if several else "display")
    if factory is not None and frontend.in_notebook():
        factory(shown)
        _cells().update(dict.fromkeys((job.id for job in jobs), frontend.running_cell()[1]))
        return
    # Only ever called by the cell or the program itself, never from the background.
    print("\n".join(lines(shown)))  # noqa: T201  # see above


def lines(shown: Job | Takes) -> list[str]:
    """A job as a line of text; takes as one for all of them, and one for each."""
    from happyhorse_nb.render import line, takes_line

    jobs = members(shown)
    snapshots = [job.snapshot for job in jobs]
    each = [line(snapshot, now=time.time()) for snapshot in snapshots]
    return each if shown is jobs[0] else [takes_line(snapshots), *each]


def members(shown: Job | Takes) -> list[Job]:
    """The job, or the jobs of the takes. Raises `InvalidRequest` for what is not bought yet."""
    shown = settled(shown)
    return list(shown) if isinstance(shown, Iterable) else [shown]
