"""What a card shows beside its words: the pictures of its inputs; and what it says of its video's sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from happyhorse_nb import render
from happyhorse_nb.models import Sound, Status, VideoInfo
from happyhorse_nb.render import Picture, Side
from render.samples import HOSTILE, NOW, RUNNING, sample
from render.test_render_card import Page

JPEG = b"\xff\xd8\xff\xe0 not a whole one"
H264 = VideoInfo(5.0, 1280, 720, "H.264", 120, 24.0, Sound("AAC", 2, 44100))
HEVC = replace(H264, codec="HEVC")


def strip(count: int) -> list[Picture]:
    return [Picture(f"character{number}", JPEG, f"picture {number}.png") for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_references_are_a_strip_with_the_names_of_the_prompt_under_them(count: int) -> None:
    page = Page(render.card(RUNNING, strip(count), now=NOW))
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [image["alt"] for image in images] == [f"picture {number}.png" for number in range(1, count + 1)]
    assert f"character1 character{count}" in page.text if count == 2 else f"character{count}" in page.text
    # A saved card has no style sheet: the rules are attributes.
    [row] = [
        attributes["style"] or "" for _, attributes in page.elements if "hh-row" in (attributes.get("class") or "")
    ]
    assert ("flex-direction:column" in row) == (count > 2)
    assert all("width:64px" in (image["style"] or "") for image in images)


def test_a_reference_without_a_picture_has_its_place_and_its_name() -> None:
    some = [Picture("character1", JPEG, "a.png"), Picture("character2", None, "https://example.com/b.png")]
    page = Page(render.card(RUNNING, some, now=NOW))
    assert len([tag for tag, _ in page.elements if tag == "img"]) == 1
    assert "character1 character2" in page.text
    assert page.one("figure", title="https://example.com/b.png")


def test_no_name_of_a_file_becomes_markup() -> None:
    html = render.card(RUNNING, [Picture("character1", JPEG, HOSTILE)] * 3, now=NOW)
    assert "<script" not in html
    assert "onerror=alert" not in html.replace("&lt;img src=x onerror=alert", "")


def test_takes_show_the_same_strip() -> None:
    html = render.takes_card([RUNNING, replace(RUNNING, id="other")], strip(4), now=NOW)
    assert "character4" in html


def test_a_card_says_that_its_video_has_sound() -> None:
    done = sample(Status.DONE)
    assert "with sound" not in render.card(done, None, now=NOW)
    assert "1184 x 790, with sound" in render.card(replace(done, video=H264), None, now=NOW)
    assert "with sound" not in render.card(replace(done, video=replace(H264, sound=None)), None, now=NOW)
    takes = [replace(done, video=H264), RUNNING]
    assert "with sound" in render.takes_card(takes, None, now=NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(5000))
    return path


def test_a_player_is_silent_until_its_viewer_asks(file: Path) -> None:
    done = sample(Status.DONE, path=file)
    for autoplay in (False, True):
        html = render.video(done, embed_limit=1, start=file.parent, autoplay=autoplay).data["text/html"]
        video = Page(html).one("video")
        assert {"controls", "muted"} <= set(video)
        assert ("autoplay" in video) == autoplay


def test_what_a_browser_cannot_play_has_a_line_and_its_file(file: Path) -> None:
    done = sample(Status.DONE, path=file, video=HEVC)
    page = Page(render.video(done, embed_limit=1, start=file.parent).data["text/html"])
    assert not {"video", "source"} & {tag for tag, _ in page.elements}
    assert "This video is HEVC, which a browser cannot play. Its file is whole: open it in a player" in page.text
    assert page.one("a", href="clip.mp4", style="margin-left:10px")


def test_a_codec_out_of_a_file_is_only_words(file: Path) -> None:
    done = sample(Status.DONE, path=file, video=replace(HEVC, codec="<b>9"))
    page = Page(render.video(done, embed_limit=1, start=file.parent).data["text/html"])
    assert "This video is <b>9, which" in page.text


def compared(file: Path, *videos: VideoInfo | None) -> Page:
    sides = [Side(sample(Status.DONE, path=file, video=video)) for video in videos]
    html = render.comparison(sides, embed_limit=1, start=file.parent)["text/html"]
    return Page(html.partition("<script>")[0] + "</div>")


def test_a_comparison_offers_the_sound_of_those_that_have_some(file: Path) -> None:
    page = compared(file, H264, replace(H264, sound=None), HEVC)
    options = {attributes["value"]: "disabled" in attributes for tag, attributes in page.elements if tag == "option"}
    assert options == {"": False, "0": False, "1": True, "2": True}
    assert [tag for tag, _ in page.elements].count("video") == 2
    assert "no sound" in page.text
    assert "This video is HEVC" in page.text
    assert "hidden" not in page.one("label", title="Or press the letter of a video; M mutes all")


def test_a_comparison_without_sound_offers_none(file: Path) -> None:
    page = compared(file, replace(H264, sound=None), replace(H264, sound=None))
    assert "hidden" in page.one("label", title="Or press the letter of a video; M mutes all")
    assert "no sound" not in page.text


def test_what_only_some_have_leaves_no_gap_in_the_words_under_a_video(file: Path) -> None:
    edit = sample(Status.DONE, path=file, model="happyhorse-1.0-video-edit", params={"seed": 8})
    sides = [Side(sample(Status.DONE, path=file), JPEG, "a"), Side(edit, JPEG, "b")]
    html = render.comparison(sides, embed_limit=1, start=file.parent)["text/html"]
    assert "<span>happyhorse-1.0-video-edit, 1080P, seed 8, audio auto</span>" in html
    assert 'alt="first input of A"' in html
