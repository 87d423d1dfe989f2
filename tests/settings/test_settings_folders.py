"""Where things are kept, and what videos are called."""

from __future__ import annotations

import importlib
import os
import stat
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.errors import ConfigError
from happyhorse_nb.settings import folders, home, video_folder, video_name


def test_the_ledger_s_folder_is_the_one_told_and_is_made(tmp_path: Path) -> None:
    told = tmp_path / "a" / "b"
    assert home({"HAPPYHORSE_HOME": f" {told} "}) == told
    assert told.is_dir()
    assert stat.S_IMODE(told.stat().st_mode) == 0o700
    assert home({"HAPPYHORSE_HOME": str(told)}) == told


def test_a_relative_folder_and_one_in_the_user_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home({"HAPPYHORSE_HOME": "kept"}) == tmp_path / "kept"
    assert home({"HAPPYHORSE_HOME": "~/also kept"}) == tmp_path / "also kept"


def test_a_relative_folder_stays_where_it_was_first_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    first = home({"HAPPYHORSE_HOME": "a-ledger"})
    monkeypatch.chdir("elsewhere")
    importlib.reload(sys.modules["happyhorse_nb.settings.process"])
    importlib.reload(sys.modules["happyhorse_nb.settings.folders"])
    assert folders.home({"HAPPYHORSE_HOME": "a-ledger"}) == first == tmp_path / "a-ledger"
    # What was not read before is read here.
    assert (
        folders.home({"HAPPYHORSE_HOME": "../other/b-ledger"}) == tmp_path / "elsewhere" / ".." / "other" / "b-ledger"
    )
    monkeypatch.chdir(tmp_path)
    assert folders.home({"HAPPYHORSE_HOME": "../other/b-ledger"}).samefile(tmp_path / "other" / "b-ledger")


def test_the_platform_s_folder_too_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative-data")
    monkeypatch.chdir(tmp_path)
    first = home({})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert home({}) == first
    assert first.is_absolute()


def test_a_fork_that_goes_elsewhere_has_its_parents_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = home({"HAPPYHORSE_HOME": "a-parents-ledger"})
    child = os.fork()
    if child == 0:
        os.chdir("/")
        os._exit(0 if home({"HAPPYHORSE_HOME": "a-parents-ledger"}, make=False) == first else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_relative_folder_in_a_folder_that_is_gone_is_refused_and_read_again(work: Path, tmp_path: Path) -> None:
    work.rmdir()
    with pytest.raises(ConfigError, match=r"the working folder, and that one is gone\. Set HAPPYHORSE_HOME to an"):
        home({"HAPPYHORSE_HOME": "lost-ledger"})
    os.chdir(tmp_path)
    assert home({"HAPPYHORSE_HOME": "lost-ledger"}) == tmp_path / "lost-ledger"


def test_without_a_word_it_is_the_platform_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for environ in ({}, {"HAPPYHORSE_HOME": "  "}):
        found = home(environ)
        assert found.is_relative_to(tmp_path)
        assert found.name == "happyhorse-nb"


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder would be")
    for told in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ConfigError) as caught:
            home({"HAPPYHORSE_HOME": str(told)})
        line = str(caught.value)
        assert str(told) in line
        assert "Set HAPPYHORSE_HOME" in line
        assert "\n" not in line


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebook."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_videos_go_beside_the_notebook(work: Path, tmp_path: Path) -> None:
    assert video_folder("", fallback=tmp_path) == work / "happyhorse-videos"
    assert list(work.iterdir()) == [], "asking leaves no empty folder behind"
    (work / "happyhorse-videos").mkdir()
    assert video_folder("", fallback=tmp_path) == work / "happyhorse-videos"


def test_videos_go_home_where_the_notebook_s_folder_cannot_be_written(work: Path, tmp_path: Path) -> None:
    # A file in the way holds for root too, whom permissions do not stop.
    (work / "happyhorse-videos").write_text("in the way")
    assert video_folder("", fallback=tmp_path) == tmp_path / "happyhorse-videos"


def test_videos_go_home_when_the_working_folder_is_gone(work: Path, tmp_path: Path) -> None:
    work.rmdir()
    assert video_folder("", fallback=tmp_path) == tmp_path / "happyhorse-videos"


def test_a_folder_of_the_user_s_choice(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert video_folder("clips/new", fallback=tmp_path) == work / "clips" / "new"
    assert video_folder("~/clips", fallback=tmp_path) == tmp_path / "clips"
    assert video_folder(str(tmp_path / "c"), fallback=tmp_path) == tmp_path / "c"
    assert video_folder("~nobody-of-that-name", fallback=tmp_path).is_absolute()


def test_a_chosen_folder_that_cannot_be_written_is_refused_and_not_replaced(work: Path, tmp_path: Path) -> None:
    (work / "clips").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot be written to .*clips\. Set hh\.config\.folder"):
        video_folder("clips", fallback=tmp_path)


def test_a_name_says_when_what_and_which() -> None:
    noon = 1_767_355_200.0
    name = video_name(noon, "The rocket lifts off; smoke rolls", "8f31c2aa97d0")
    assert name == "2026-01-02 the-rocket-lifts-off 8f31c2aa.mp4"
    assert video_name(noon, "", "8f31c2aa") == "2026-01-02 8f31c2aa.mp4"
    assert video_name(noon, "马在草原上奔跑", "8f31c2aa") == "2026-01-02 马在草原上奔跑 8f31c2aa.mp4"
    assert video_name(noon, "Ça va, Élan?", "x") == "2026-01-02 ça-va-élan x.mp4"


NASTY = st.sampled_from(
    ["../", "/", "\\", "..", ".", "~", "\0", "\n", "CON", ":", "*", "马" * 300, "a" * 300, "🐎", "\ud800"]
)
TEXTS = st.text(st.characters()) | st.lists(NASTY | st.text(max_size=5), max_size=9).map("".join)


@given(st.floats(0, 4e9), TEXTS, TEXTS)
def test_nothing_in_a_prompt_or_an_id_can_make_a_path(created: float, prompt: str, job_id: str) -> None:
    name = video_name(created, prompt, job_id)
    assert name.endswith(".mp4")
    assert not name.startswith(".")
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t')
    assert name.isprintable()
    assert len(os.fsencode(name)) <= 255
    assert Path(name).name == name


@given(TEXTS)
def test_a_file_of_that_name_can_be_made(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    folder.mkdir(exist_ok=True)
    path = folder / video_name(0, prompt, "8f31c2aa")
    path.touch()
    assert path.name in os.listdir(folder)  # noqa: PTH208 - as the file system spells it
    path.unlink()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("रॉकेट उड़ता है, धुआँ कैमरे की ओर", "रॉकेट-उड़ता-है-धुआँ"),
        ("จรวดพุ่งขึ้น ควัน", "จรวดพุ่งขึ้น-ควัน"),
        ("எழும்பும் ராக்கெட்", "எழும்பும்-ராக்கெட்"),
        ("Zoe\u0308 sings", "zo\u00eb-sings"),
        ("می\u200cخواهم", "میخواهم"),
        ("\u0301\u0302 stray \u0301marks", "stray-marks"),
        ("\u0301", ""),
    ],
)
def test_a_name_keeps_the_signs_of_its_letters(prompt: str, name: str) -> None:
    made = video_name(0, prompt, "8f31c2aa97d0")
    words = [unicodedata.normalize("NFC", part) for part in (name,) if part]
    assert made == " ".join([made[:10], *words, "8f31c2aa.mp4"])


@given(st.text(alphabet="कखग\u093e\u093f\u0902\u094dab\u0301 ", max_size=80))
def test_a_long_name_ends_in_a_whole_letter(prompt: str) -> None:
    slug = video_name(0, prompt, "8f31c2aa97d0")[10 : -len("8f31c2aa.mp4")].strip()
    assert len(slug.encode()) <= 60
    marks = [unicodedata.category(c)[0] == "M" for c in slug]
    # No mark stands on a dash, or on nothing; and what is cut off does not begin with one.
    assert not any(mark and (place == 0 or slug[place - 1] in "-_") for place, mark in enumerate(marks))
    plain = unicodedata.normalize("NFC", prompt).split()
    whole = "-".join(word for word in (w.lstrip("\u093e\u093f\u0902\u094d\u0301") for w in plain) if word)
    assert whole.startswith(slug)
    assert unicodedata.category((whole[len(slug) :] or "x")[0])[0] != "M"
