"""A file gets a name of its own, never another one's: also in a folder without hard links, and with many at once."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Barrier
from typing import NoReturn

import pytest

from happyhorse_nb.client.files import Link, beside, into_place, names


def none_here(half: Path, target: Path) -> NoReturn:
    """A folder on exFAT, or on a network drive, says this to who asks for a second name of a file."""
    if target.exists():
        raise FileExistsError(errno.EEXIST, "File exists")
    raise PermissionError(errno.EPERM, "Operation not permitted")


def not_supported(half: Path, target: Path) -> NoReturn:
    """And some of them say this, whether the name is free or not."""
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


FOLDERS = pytest.mark.parametrize("link", [os.link, none_here, not_supported], ids=["usual", "exFAT", "network drive"])


def half_of(folder: Path, content: str) -> Path:
    half = folder / f"{content}.part"
    half.write_text(content)
    return half


@FOLDERS
def test_a_name_that_is_taken_is_a_reason_for_another_one(tmp_path: Path, link: Link) -> None:
    target = tmp_path / "launch.mp4"
    target.write_text("mine")
    (tmp_path / "launch (2).mp4").symlink_to("nowhere")
    assert into_place(half_of(tmp_path, "film"), names(target), link=link).name == "launch (3).mp4"
    assert target.read_text() == "mine"
    assert (tmp_path / "launch (3).mp4").read_text() == "film"


@FOLDERS
def test_where_no_other_name_will_do_that_is_said_and_the_file_stays(tmp_path: Path, link: Link) -> None:
    target = tmp_path / "launch.mp4"
    target.write_text("mine")
    half = half_of(tmp_path, "film")
    with pytest.raises(FileExistsError):
        into_place(half, [target], link=link)
    assert (target.read_text(), half.read_text()) == ("mine", "film")


@FOLDERS
def test_many_who_want_one_name_at_once_each_get_one(tmp_path: Path, link: Link) -> None:
    many, rounds = 6, 20
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        together = Barrier(many)

        def put(who: int, folder: Path = folder, together: Barrier = together) -> Path:
            half = half_of(folder, f"film {who}")
            together.wait()
            return into_place(half, names(folder / "launch.mp4"), link=link)

        with ThreadPoolExecutor(many) as pool:
            places = list(pool.map(put, range(many)))
        assert [place.read_text() for place in places] == [f"film {who}" for who in range(many)]
        assert {place.name for place in places} == {path.name for path in islice(names(Path("launch.mp4")), many)}


def test_a_name_that_a_killed_process_had_taken_is_filled_by_who_goes_on_with_it(tmp_path: Path) -> None:
    target = tmp_path / "launch.mp4"
    half = half_of(tmp_path, "film")
    # Killed after it had made the name, before the bytes had it.
    target.write_text(half.name)
    another = half_of(tmp_path, "another")
    assert into_place(another, names(target), link=none_here).name == "launch (2).mp4"
    assert into_place(half, names(target), link=none_here) == target
    assert target.read_text() == "film"


def test_where_a_file_cannot_be_moved_either_no_empty_one_is_left(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        into_place(tmp_path / "gone.part", [tmp_path / "launch.mp4"], link=not_supported)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stem", ["x" * 251, "火" * 83, "e\u0301" * 83, "\U0001f680" * 62])
def test_other_names_of_the_longest_name_can_be_had_too(tmp_path: Path, stem: str) -> None:
    target = tmp_path / f"{stem}.mp4"
    for content in ("one", "two", "three"):
        place = into_place(half_of(tmp_path, content), names(target))
        assert place.read_text() == content
        assert place.suffix == ".mp4"
    beside(target, ".damaged").write_text("a film that cannot be played")
