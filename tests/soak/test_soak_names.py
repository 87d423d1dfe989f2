"""Many programs that want one file name at once, in a folder with hard links and in one without; some are killed."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from happyhorse_nb.client import check_mp4
from soak.ordeal import Ordeal
from support.programs import Program

#: Programs that want one name at once.
MANY = 6

FOLDERS = pytest.mark.parametrize(
    "links",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.skipif(
                platform.machine() not in ("x86_64", "aarch64"), reason="no filter of system calls for this machine"
            ),
        ),
    ],
    ids=["usual folder", "folder without hard links"],
)


def begun(ordeal: Ordeal, start: Callable[[], Program], save: Path, *, links: bool) -> list[Program]:
    """Programs whose videos are ready, all to be saved under one name, and are held back by the server."""
    ordeal.server.words = ("success",)
    programs = [start() for _ in range(MANY)]
    before = len(ordeal.server.of("file"))
    for program in programs:
        if not links:
            program.ask("forbid_hard_links")
        program.ask("configure", max_concurrent=2 * MANY)
        [request] = ordeal.requests()[:1]
        program.ask("generate", **request, save=str(save))
    ordeal.server.wait_for("file", before + MANY)
    return programs


def films(ordeal: Ordeal, folder: Path) -> list[Path]:
    """Every file that has a film's name; each is whole."""
    found = sorted(folder.glob("*.mp4"))
    for path in found:
        assert path.read_bytes() == ordeal.server.video
        assert check_mp4(path).seconds == 2.0
    assert list(folder.glob("*.part")) == []
    return found


@FOLDERS
def test_each_of_many_films_with_one_name_is_somewhere(
    ordeal: Ordeal, start: Callable[[], Program], kills: int, links: bool
) -> None:
    for number in range(max(1, kills // 20)):
        folder = ordeal.folder / str(number)
        folder.mkdir()
        with ordeal.server.held("file"):
            programs = begun(ordeal, start, folder / "launch.mp4", links=links)
        rows = []
        for program in programs:
            program.ask("wait")
            rows += program.ask("mine")
            program.end()
        assert [row["status"] for row in rows] == ["done"] * MANY, rows
        assert len({row["path"] for row in rows}) == MANY
        assert films(ordeal, folder) == sorted(Path(row["path"]) for row in rows)
        ordeal.counts["films with one name"] += MANY


@FOLDERS
def test_nor_is_one_lost_when_programs_are_killed_while_they_name_them(
    ordeal: Ordeal, start: Callable[[], Program], kills: int, links: bool
) -> None:
    for number in range(max(1, kills // 20)):
        folder = ordeal.folder / str(number)
        folder.mkdir()
        with ordeal.server.held("file"):
            programs = begun(ordeal, start, folder / "launch.mp4", links=links)
        victims = ordeal.random.sample(programs, MANY // 2)
        # A random instant is what it is about.
        time.sleep(ordeal.random.uniform(0, 0.2))
        for program in victims:
            program.kill()
        heir = start()
        if not links:
            heir.ask("forbid_hard_links")
        heir.ask("resume")
        for program in [*programs, heir]:
            if program.alive:
                program.ask("wait")
                program.end()
        heir = start()
        rows = [row for row in heir.ask("jobs") if row["path"] and Path(row["path"]).parent == folder]
        heir.end()
        assert [row["status"] for row in rows] == ["done"] * MANY, rows
        assert len({row["path"] for row in rows}) == MANY
        # (One that had its name when its program was killed, before it could be written down, has come a second time.)
        assert {Path(row["path"]) for row in rows} <= set(films(ordeal, folder))
        ordeal.counts["films with one name"] += MANY
        ordeal.counts["kills"] += len(victims)
