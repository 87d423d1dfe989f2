"""The shipped notebooks: found wherever the package lies, and copied without touching what is there."""

from __future__ import annotations

from pathlib import Path

from happyhorse_nb.cli import QUICKSTART, checkout, copy_to, notebooks


def test_they_come_with_the_package_and_with_their_photos() -> None:
    names = {path.name for path in notebooks().iterdir()}
    assert QUICKSTART in names
    assert {"rocket.jpg", "CREDITS.md"} <= names


def test_a_copy_has_all_of_them_byte_for_byte(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "copy"
    copy_to(folder)
    originals = {path.name: path.read_bytes() for path in notebooks().iterdir() if path.is_file()}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == originals


def test_what_the_user_has_changed_stays(tmp_path: Path) -> None:
    (tmp_path / QUICKSTART).write_text("the user's own work")
    (tmp_path / "mine.txt").write_text("mine")
    copy_to(tmp_path)
    assert (tmp_path / QUICKSTART).read_text() == "the user's own work"
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "rocket.jpg").is_file()


def test_one_notebook_comes_with_the_photos_and_no_other(tmp_path: Path) -> None:
    copy_to(tmp_path, only=QUICKSTART)
    assert [path.name for path in tmp_path.glob("*.ipynb")] == [QUICKSTART]
    assert (tmp_path / "rocket.jpg").is_file()


def test_in_a_checkout_its_own_notebooks_are_opened_though_the_package_is_an_installed_one(tmp_path: Path) -> None:
    (tmp_path / "happyhorse_nb").mkdir()
    (tmp_path / "happyhorse_nb" / "_version.py").touch()
    copy_to(tmp_path / "notebooks")
    (tmp_path / "docs").mkdir()
    elsewhere = tmp_path.parent
    for start, environment in ((tmp_path / "docs", elsewhere / "env"), (elsewhere, tmp_path / ".venv")):
        assert checkout(start, environment) == tmp_path / "notebooks"
    assert checkout(elsewhere, elsewhere / "env") is None
