"""A video that is paid for comes to disk, though not under the name that was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.job.request import save_path
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import FakeServer


def test_where_the_name_that_was_asked_for_cannot_be_written_any_more(
    generate: Generate, fake_server: FakeServer, tmp_path: Path, folder: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with fake_server.held("poll"):
        job = generate(save=gone / "launch.mp4")
        fake_server.wait_for("submit")
        gone.rmdir()
        gone.write_text("a file")
    ended(job)
    assert job.status == "done", job.error
    assert job.path is not None
    assert job.path.parent == folder
    assert f"launch.mp4 could not be written, so the video is in {folder}" in job.snapshot.note


def test_until_the_video_is_there_no_file_has_its_name(generate: Generate, tmp_path: Path) -> None:
    opened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        # Every file that this process opens; Python has no way to stop listening.
        if event == "open" and set(str(arguments[1])) & set("wxa"):
            opened.append(str(arguments[0]))

    sys.addaudithook(hear)
    job = ended(generate(save=tmp_path / "launch.mp4"))
    assert job.path == tmp_path / "launch.mp4"
    assert opened
    assert str(job.path) not in opened
    assert [file.name for file in tmp_path.iterdir() if file.suffix in (".mp4", ".tmp")] == ["launch.mp4"]


@pytest.mark.parametrize(
    "name",
    ["x" * 300 + ".mp4", "~nobody-at-all/x.mp4", "zero\0.mp4", "half\ud800.mp4", "clip.mov"],
    ids=["too long", "nobody's", "a zero", "half a character", "another ending"],
)
def test_a_name_that_no_file_can_have_is_refused_before_it_is_paid_for(
    generate: Generate, fake_server: FakeServer, name: str
) -> None:
    with pytest.raises(hh.InvalidRequest, match=r"^save "):
        generate(save=name)
    assert fake_server.paid == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder into which nobody writes, not even root")
def test_a_folder_that_cannot_be_written_is_said_before_it_is_paid_for(
    generate: Generate, fake_server: FakeServer
) -> None:
    with pytest.raises(hh.InvalidRequest, match=r"nothing can be written to /proc\. Choose another folder\.$"):
        generate(save="/proc/launch.mp4")
    assert fake_server.of("submit") == []


def test_a_name_that_takes_make_too_long_is_refused_before_they_are_paid_for(
    generate: Generate, fake_server: FakeServer
) -> None:
    name = "x" * 250 + ".mp4"
    with pytest.raises(hh.InvalidRequest, match=r"^save '.* cannot be a file's name there\. Give another name\.$"):
        generate(save=name, takes=2)
    assert fake_server.of("submit") == []
    # One alone has room.
    job = ended(generate(save=name))
    assert job.path is not None
    assert job.path.name == name


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with things in it where no video can be."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "folder.mp4").mkdir()
    (folder / "file").write_text("a file")
    (folder / "nowhere.mp4").symlink_to(folder / "gone" / "launch.mp4")
    (folder / "to-folder.mp4").symlink_to(folder / "folder.mp4")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    (folder / "gone-folder").symlink_to(folder / "gone")
    os.mkfifo(folder / "pipe.mp4")
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.mp4", r"is a link that leads nowhere\. Remove it, or give another name\."),
        ("loop.mp4", r"is a link that leads nowhere\. Remove it, or give another name\."),
        ("folder.mp4", r"is a folder\. Give the name of a file in it\."),
        ("to-folder.mp4", r"is a folder\. Give the name of a file in it\."),
        ("new.mp4/", r"is a folder\. Give the name of a file in it\."),
        ("new.mp4/.", r"is a folder\. Give the name of a file in it\."),
        (".", r"is a folder\. Give the name of a file in it\."),
        ("pipe.mp4", r"is there already, and is no file\. Give another name\."),
        ("file/launch.mp4", r"cannot be made: .*file is a file and no folder\. Choose another folder\."),
        ("gone-folder/launch.mp4", r"cannot be made: there is no folder .*gone-folder\. Make it first\."),
        ("x" * 252 + ".mp4", r"cannot be a file's name there\. Give another name\."),
        ("火" * 84 + ".mp4", r"cannot be a file's name there\. Give another name\."),
        (".mp4", r"is not the name of an \.mp4 file\. Give it that ending\."),
        ("launch.mp4 ", r"is not the name of an \.mp4 file\. Give it that ending\."),
    ],
)
def test_a_place_where_no_file_can_be_is_said_before_it_is_paid_for(
    generate: Generate, fake_server: FakeServer, odd: Path, name: str, words: str
) -> None:
    before = sorted(odd.rglob("*"))
    with pytest.raises(hh.InvalidRequest, match=f"^save '.*{words}$"):
        generate(save=f"{odd}/{name}")
    assert fake_server.of("submit") == []
    assert hh.jobs()[:] == []
    # Nothing was made, and nothing that is there was touched.
    assert sorted(odd.rglob("*")) == before


def test_takes_are_not_bought_where_one_of_their_names_is_taken_by_a_link(
    generate: Generate, fake_server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "launch-2.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(hh.InvalidRequest, match=r"launch-2\.mp4' is a link that leads nowhere"):
        generate(save="launch.mp4", takes=2)
    assert fake_server.of("submit") == []


def test_a_folder_for_videos_that_is_a_link_to_nowhere_is_said_before_anything_is_paid_for(
    generate: Generate, fake_server: FakeServer, settings: Settings, tmp_path: Path
) -> None:
    for name in ("a-link", "a-link/below", "x" * 256, "below/" + "x" * 256):
        settings.folder = str(tmp_path / name)
        if not (tmp_path / "a-link").is_symlink():
            (tmp_path / "a-link").symlink_to(tmp_path / "gone")
        with pytest.raises(hh.ConfigError, match=r"videos cannot be written to .*Set hh\.config\.folder"):
            generate()
    assert fake_server.of("submit") == []


def test_names_that_are_alike_are_tried_once(generate: Generate, tmp_path: Path) -> None:
    tried: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and Path(str(arguments[0])).parent == tmp_path and "x" in str(arguments[1]):
            tried.append(str(arguments[0]))

    sys.addaudithook(hear)
    for number in range(100, 200):
        save_path(tmp_path / f"launch-{number}.mp4")
    # After some seconds once more.
    assert 1 <= len(tried) <= 2


def test_a_copy_of_an_earlier_video_leaves_the_users_own_files_alone(generate: Generate, tmp_path: Path) -> None:
    ended(generate())
    (tmp_path / "mine.mp4.part").write_text("of another program")
    generate(save=tmp_path / "mine.mp4")
    assert (tmp_path / "mine.mp4.part").read_text() == "of another program"
    assert sorted(file.name for file in tmp_path.glob("mine*")) == ["mine.mp4", "mine.mp4.part"]


def test_a_file_that_appears_while_an_earlier_video_is_copied_stays(generate: Generate, tmp_path: Path) -> None:
    made = ended(generate()).path
    assert made is not None
    mine, same = tmp_path / "mine.mp4", tmp_path / "same.mp4"

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        # Somebody else writes these names just when the copy begins.
        if event == "shutil.copyfile" and Path(arguments[1]).parent == tmp_path:
            for file, content in ((mine, b"a film of mine"), (same, made.read_bytes())):
                if Path(arguments[1]).name.startswith(file.stem):
                    file.write_bytes(content)

    sys.addaudithook(hear)
    with pytest.raises(hh.InvalidRequest, match=r"mine\.mp4 exists and is never overwritten"):
        generate(save=mine)
    assert mine.read_bytes() == b"a film of mine"
    # Another kernel has made the same copy: that is what was asked for.
    generate(save=same)
    assert [file.name for file in tmp_path.glob("*.part")] == []
