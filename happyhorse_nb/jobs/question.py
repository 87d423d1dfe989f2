"""What is asked about before it is bought: a button in the cell that would have bought it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.jobs.budget import AskFirst, Quote
from happyhorse_nb.settings import frontend, process

if TYPE_CHECKING:
    from happyhorse_nb.jobs.job import Job
    from happyhorse_nb.jobs.takes import Takes

_FACTORY = "display of questions"


def register(factory: Callable[[Pending], None]) -> None:
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
        self._name = ""
        self._pressed = False
        self._guard = process.Guard()
        self._shown_in = ""

    @property
    def bought(self) -> Job | Takes:
        """The job or the takes. Raises `InvalidRequest` while nothing is bought."""
        if self.made is None:
            raise InvalidRequest(
                f'nothing is bought yet. Press "{self.quote.action}" in its cell, or run that with --yes (yes=True).',
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

    def bind(self, name: str) -> None:
        """Remember the variable it is bound to: what is bought takes its place there."""
        self._name = name

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
        if not self._name:
            return
        made.bind(self._name)
        shell = frontend.shell()
        if shell is not None and shell.user_ns.get(self._name) is self:
            shell.user_ns[self._name] = made

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


def settled(shown: Any) -> Any:
    """The job or takes that something stands for. Raises `InvalidRequest` where they are not bought yet."""
    return shown.bought if process.is_a(shown, Pending) else shown
