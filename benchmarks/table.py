"""Prints a benchmark's result: what was measured, its baseline in the same run, the ratio, and the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement. ``value`` and ``baseline`` are medians in ``unit``."""

    what: str
    value: float
    unit: str
    target: str
    baseline: float | None = None
    baseline_is: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.value / self.baseline:.3f}" if self.baseline else ""
        base = f"{self.baseline:.4g} {self.unit} ({self.baseline_is})" if self.baseline else ""
        return (self.what, f"{self.value:.4g} {self.unit}", base, ratio, self.target)


def show(rows: Sequence[Row]) -> None:
    """Print them as a table."""
    lines([("measured", "median", "baseline", "ratio", "target"), *(row.cells for row in rows)])


def lines(cells: Sequence[tuple[str, ...]]) -> None:
    """Print a Markdown table, its heads first."""
    widths = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    for number, line in enumerate(cells):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
