"""Jobs as a pandas DataFrame, with typed columns. pandas is the user's: it is imported only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import UsageError
from happyhorse_nb.models import MODELS, Snapshot, Status

if TYPE_CHECKING:
    from pandas import DataFrame

_TIMES = ("created", "submitted", "ended")


def frame(jobs: Sequence[tuple[Snapshot, bool]]) -> DataFrame:
    """One row a job, from its snapshot and whether it has a star. Raises `UsageError` where pandas is missing."""
    try:
        import pandas as pd
    except ImportError:
        raise UsageError("a DataFrame needs pandas, which is not installed: pip install pandas.") from None
    options = {param.name: param.kind for model in MODELS.values() for param in model.options}
    rows = [_row(snapshot, starred, options) for snapshot, starred in jobs]
    columns = list(_row(Snapshot(status=Status.QUEUED), False, options))
    table = pd.DataFrame(rows, columns=columns)
    integers = [*(name for name, kind in options.items() if kind == "integer"), "width", "height", "size"]
    for name in _TIMES:
        table[name] = pd.to_datetime(table[name].astype("float64"), unit="s", utc=True)
    for name in ("cost", "took"):
        table[name] = table[name].astype("float64")
    for name in integers:
        # Missing ones stay missing, and the others stay whole numbers.
        table[name] = pd.to_numeric(table[name], errors="coerce").astype("Int64")
    for name in ("billed", "sandbox", "starred"):
        table[name] = table[name].astype("bool")
    return table


def _row(snapshot: Snapshot, starred: bool, options: Mapping[str, str]) -> dict[str, Any]:
    cost = snapshot.charge
    return {
        "id": snapshot.id,
        "task_id": snapshot.task_id,
        "status": str(snapshot.status),
        "created": snapshot.created,
        "submitted": snapshot.submitted,
        "ended": snapshot.ended,
        "model": snapshot.model,
        "prompt": snapshot.prompt,
        **{name: snapshot.params.get(name, _default(snapshot.model, name)) for name in options},
        "cost": None if cost is None else float(cost),
        "billed": cost is not None and cost.billed,
        "took": snapshot.took,
        "width": snapshot.width,
        "height": snapshot.height,
        "size": snapshot.size,
        "path": None if snapshot.path is None else str(snapshot.path),
        "starred": starred,
        "sandbox": snapshot.sandbox,
        "message": snapshot.message,
    }


def _default(model: str, name: str) -> Any:
    """What the server takes where a parameter was left out; None for what it chooses, or what is not known."""
    table = MODELS.get(model)
    return next((param.default for param in table.options if param.name == name), None) if table else None
