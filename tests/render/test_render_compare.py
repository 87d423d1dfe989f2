"""A comparison as HTML: what it says, and what can never become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render import Side, chosen, comparison
from happyhorse_nb.render.compare import differences, prompts, summary

START = Path("/work")


def side(path: Path | None = None, **changes: Any) -> Side:
    frame, thumbnail = changes.pop("frame", "f1"), changes.pop("thumbnail", b"\xff\xd8\xff")
    model = "happyhorse-1.0-i2v"
    base = Snapshot(
        status=Status.DONE, id="a" * 12, model=model, prompt="The rocket lifts off", params={"seed": 7}, path=path
    )
    return Side(replace(base, **changes), thumbnail, frame)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"take {number}.mp4" for number in range(3)]
    for path in paths:
        path.write_bytes(b"\0" * 400_000)
    return paths


def table(*sides: Side) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in differences(sides)}


def told(*sides: Side) -> str:
    return summary(differences(sides), prompts(sides))


def test_only_what_differs_is_in_the_table() -> None:
    two = side(), side(params={"seed": 8})
    assert table(*two) == {"seed": ("7", "8")}
    assert told(*two) == "Nothing differs but the seed."
    assert table(side(), side()) == {}
    assert told(side(), side()) == "Nothing differs in what was asked for."


def test_what_was_left_out_is_what_the_server_takes_then() -> None:
    assert table(side(params={}), side(params={"duration": 5, "resolution": "720P", "seed": 1})) == {
        "resolution": ("1080P", "720P"),
        "seed": ("random", "1"),
    }


def test_models_sizes_and_first_frames_differ_too() -> None:
    two = side(), side(model="happyhorse-1.1-i2v", width=1280, height=720, frame="f2")
    assert table(*two) == {
        "model": ("happyhorse-1.0-i2v", "happyhorse-1.1-i2v"),
        "size": ("", "1280 x 720"),
        "first frame": ("/9j/", "/9j/"),
    }
    assert told(*two) == ""


def test_prompts_show_whole_with_what_is_not_in_the_others_marked() -> None:
    marked = [
        [piece.text for piece in pieces if piece.marked]
        for pieces in prompts(
            [side(prompt="A red rocket lifts off"), side(prompt="A big blue rocket lifts off slowly")]
        )
    ]
    assert marked == [["red"], ["big blue", " slowly"]]
    assert told(side(), side(prompt="Another")) == "Nothing differs but the prompt."
    long = "word " * 200
    [first, second] = prompts([side(prompt=f"{long}one"), side(prompt=f"{long}two")])
    assert " … " in first[0].text
    assert len(first[0].text) < 120
    assert second[-1].text == "two"
    assert prompts([side(prompt=""), side(prompt="火箭升空")])[0] == ()
    assert [p.text for p in prompts([side(prompt="火箭升空"), side(prompt="火箭起飞")])[1] if p.marked] == ["起飞"]


def test_the_videos_are_inside_while_all_together_fit(files: list[Path], tmp_path: Path) -> None:
    sides = [side(path, params={"seed": place}) for place, path in enumerate(files)]
    inside = comparison(sides, embed_limit=1.2, start=tmp_path)["text/html"]
    assert inside.count('src="data:video/mp4;base64,') == 3
    linked = comparison(sides, embed_limit=1.1, start=tmp_path)["text/html"]
    assert "data:video" not in linked
    assert re.findall(r'<video src="([^"]*)"', linked) == ["take%200.mp4", "take%201.mp4", "take%202.mp4"]
    for html in (inside, linked):
        assert html.count('<a href="take%20') == 3
        assert "seed 2" in html


def test_a_file_that_is_gone_is_said_in_its_place(files: list[Path], tmp_path: Path) -> None:
    files[1].unlink()
    for limit in (15, 0):
        html = comparison([side(files[0]), side(files[1])], embed_limit=limit, start=tmp_path)["text/html"]
        assert html.count("<video") == 1
        assert re.search(r"(not there any more|cannot be read: no such file)", html)


def test_nothing_of_a_user_s_becomes_markup(tmp_path: Path) -> None:
    path = tmp_path / "<b>\"'.mp4"
    path.touch()
    evil = '</script><script>alert(1)</script><img src=x onerror="a">'
    two = side(path, prompt=evil, params={"seed": 1}), side(path, model=evil, params={"seed": evil, evil: evil})
    for limit in (15, -1):
        bundle = comparison(two, embed_limit=limit, start=tmp_path)
        assert bundle["text/html"].count("<script>") == 1
        assert bundle["text/html"].count("</script>") == 1
        assert "<img" not in bundle["text/html"]
        assert "<b>&#34;" not in bundle["text/html"]
        assert "\x1b" not in bundle["text/plain"]
    assert "<b>" not in chosen(two, 0)["text/html"].replace("<bdi>", "")


def test_as_text_it_lists_the_files_and_what_differs(files: list[Path], tmp_path: Path) -> None:
    two = side(files[0]), side(files[1], params={"seed": 8}, prompt="Another")
    assert comparison(two, embed_limit=0, start=tmp_path)["text/plain"].splitlines() == [
        f"A  {files[0]}",
        f"B  {files[1]}",
        "seed: 7, 8",
        "prompt A: The rocket lifts off",
        "prompt B: Another",
    ]


def test_what_was_chosen_is_said_in_one_line(files: list[Path]) -> None:
    sides = [side(path) for path in files]
    said = "Kept B (take 1.mp4): it has the star; the others stay in the gallery without one."
    assert chosen(sides, 1)["text/plain"] == said
    assert said in chosen(sides, 1)["text/html"]
    assert "the other one stays" in chosen(sides[:2], 0)["text/plain"]
