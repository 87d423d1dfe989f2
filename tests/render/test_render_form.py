"""The pictures and videos that the form shows as HTML."""

from __future__ import annotations

from pathlib import Path

from happyhorse_nb.render import form


def test_a_reference_has_its_name_below_it_and_no_label_is_markup() -> None:
    shown = form.reference(b"jpeg", url="", name="character2", label='"><script>', bad=True)
    assert "<figcaption>character2</figcaption>" in shown
    assert "hh-ref-bad" in shown
    assert "data:image/jpeg;base64," in shown
    assert "<script>" not in shown
    assert "<img" not in form.reference(None, url="", name="character1", label="", bad=False)


def test_a_video_to_edit_plays_muted_up_to_a_size_and_is_a_picture_above_it(tmp_path: Path) -> None:
    file = tmp_path / "launch.mp4"
    file.write_bytes(bytes(2_000_000))
    plays = form.film(file, poster=b"jpeg", url="", label="It lifts off", limit=2.0)
    assert "<video" in plays
    assert " muted " in plays
    assert "data:video/mp4" in plays
    too_large = form.film(file, poster=b"jpeg", url="", label="It lifts off", limit=1.9)
    assert "<video" not in too_large
    assert 'alt="Video to edit: It lifts off"' in too_large
    assert "<video" not in form.film(tmp_path / "gone.mp4", poster=None, url="", label="", limit=9.0)
    named = form.film(None, poster=None, url='https://example.com/a.mp4?"><script>', label="", limit=9.0)
    assert "<script>" not in named


def test_the_pictures_of_finished_videos_belong_to_their_own_choices() -> None:
    style = form.film_posters("hh-films-1", [b"one", None, b"three"])
    assert style.count("background-image") == 2
    assert ".hh-films-1 .widget-radio-box label:nth-of-type(3)::before" in style
