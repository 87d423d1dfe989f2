"""Tells the jobs how they show themselves in a notebook. Light: the widgets are imported when a card is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from happyhorse_nb.job import Job, Takes
    from happyhorse_nb.job.display import Pending
    from happyhorse_nb.models import Snapshot
    from happyhorse_nb.widgets.output import CellOutput


def register() -> None:
    """Let jobs show themselves as cards."""
    from happyhorse_nb.job import display

    display.register(_show, _show, _output, _notice, _show_several)
    display.register_question(_ask)


def _show(shown: Job | Takes) -> None:
    from happyhorse_nb.settings.config import embed_limit
    from happyhorse_nb.widgets.card import show

    show(shown, embed_limit=embed_limit())


def _ask(pending: Pending) -> None:
    from happyhorse_nb.settings.config import config
    from happyhorse_nb.widgets.question import show

    show(pending, above=config().ask_above)


def _show_several(jobs: list[Job]) -> None:
    from happyhorse_nb.widgets.table import show

    show(jobs)


def _notice() -> Callable[[Snapshot], None]:
    from happyhorse_nb.widgets.output import notice

    return notice()


def _output() -> CellOutput:
    from happyhorse_nb.widgets.output import CellOutput

    return CellOutput()
