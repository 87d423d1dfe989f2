"""What the gallery sends and reads does not grow with the ledger."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import happyhorse_nb
from happyhorse_nb.store import Filter, Ledger
from support.kernel import Kernel
from widgets.gallery_ledger import fill

TESTS = Path(__file__).resolve().parent.parent


def cost(home: Path, tmp_path: Path) -> tuple[int, int]:
    """Messages and bytes of opening the gallery."""
    path = os.pathsep.join([str(Path(happyhorse_nb.__file__).parent.parent), str(TESTS)])
    env = {"PYTHONPATH": path, "HAPPYHORSE_HOME": str(home), "MODELLIX_API_KEY": "none"}
    with Kernel(Path(sys.executable), env=env, cwd=tmp_path) as kernel:
        cell = kernel.run("import happyhorse_nb as hh\nhh.gallery()")
        assert cell.ok, cell.error
        return len(cell.messages), sum(len(str(message["content"])) for message in cell.messages)


def test_a_ledger_ten_times_as_large_is_opened_with_the_same_messages_and_bytes(
    tmp_path: Path, photo: Path, small_mp4: bytes
) -> None:
    for count in (30, 300):
        fill(tmp_path / str(count), count, photo=photo, folder=tmp_path / "happyhorse-videos", mp4=small_mp4)
    few, bytes_of_few = cost(tmp_path / "30", tmp_path)
    many, bytes_of_many = cost(tmp_path / "300", tmp_path)
    assert many == few
    assert few < 300
    assert bytes_of_many == pytest.approx(bytes_of_few, rel=0.02)


def test_a_page_reads_its_own_rows_and_sums_read_few(tmp_path: Path, photo: Path, small_mp4: bytes) -> None:
    fill(tmp_path / "home", 300, photo=photo, folder=tmp_path / "videos", mp4=small_mp4)
    ledger = Ledger(tmp_path / "home")
    rows = 0
    read = ledger._rows

    def counting(statement: str, values: object) -> object:
        nonlocal rows
        found = read(statement, values)  # type: ignore[arg-type]  # handed through as they come
        rows += len(found)
        return found

    ledger._rows = counting  # type: ignore[method-assign, assignment]  # it counts, and changes nothing
    only = Filter(forgotten=False)
    assert (ledger.count(only), len(ledger.costs(only)), len(ledger.newest(24, 240, only=only))) == (300, 300, 24)
    # One for each job, and one for its first frame.
    assert rows < 2 * 24 + 10
    ledger.close()
