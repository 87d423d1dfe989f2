"""Of a file that holds more than one picture, the first goes out alone, as it is."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import load
from inputs.pictures import LIMITS, encoded, exif, noise, picture, with_thumbnail, written

PHOTO = encoded(noise(640, 400), "JPEG", exif=exif(6))
FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40


def phone() -> bytes:
    """A phone's JPEG, with the picture of its depth or brightness behind the photo."""
    return encoded(noise(640, 400), "MPO", save_all=True, append_images=[picture(320, 320)], exif=exif(6))


def strict(data: bytes | None) -> Image.Image:
    """As a server looks at it that takes a JPEG of one picture alone."""
    assert data is not None
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    assert getattr(image, "n_frames", 1) == 1
    assert data.endswith(b"\xff\xd9")
    image.load()
    return image


def test_a_phone_s_second_picture_stays_behind_and_that_is_said(tmp_path: Path) -> None:
    data = phone()
    assert Image.open(io.BytesIO(data)).format == "MPO"
    frame = load(written(tmp_path, "phone.jpg", data), limits=LIMITS)
    sent = strict(frame.data)
    with Image.open(io.BytesIO(data)) as whole:
        assert sent.tobytes() == whole.tobytes(), "no pixel is another one"
    assert sent.getexif()[0x0112] == 6
    assert frame.info is not None
    assert (frame.info.format, frame.info.width, frame.info.height) == ("JPEG", 400, 640)
    assert frame.wire.startswith("data:image/jpeg;base64,")
    assert frame.note.startswith("first frame: only its first picture is sent, ")


def test_a_list_of_further_pictures_that_are_not_there_is_left_out() -> None:
    data = phone()
    alone = load(data, limits=LIMITS).data
    assert alone is not None
    # As a tool leaves it that cuts the second picture off and knows nothing of the list.
    cut = data[: data.index(b"\xff\xd9\xff\xd8\xff", 1000) + 2]
    assert len(cut) > len(alone)
    assert load(cut, limits=LIMITS).data == alone


@pytest.mark.parametrize(
    "behind",
    [
        FILM,
        encoded(picture(), "JPEG"),
        encoded(picture(), "PNG"),
        b"\0" * 100 + FILM,
        b"SEFT of some phone",
        b"\xff\xd8",
    ],
    ids=["film", "picture", "PNG", "padded", "notes", "a picture that is cut"],
)
@pytest.mark.parametrize("photo", [PHOTO, encoded(noise(640, 400), "JPEG", progressive=True, exif=with_thumbnail())])
def test_whatever_stands_behind_the_photo_is_cut_off(photo: bytes, behind: bytes) -> None:
    frame = load(photo + behind, limits=LIMITS)
    assert frame.data == photo
    assert "only its first picture is sent" in frame.note
    assert frame.digest == load(photo, limits=LIMITS).digest == load(photo + behind, limits=LIMITS).digest


@pytest.mark.parametrize("padding", [b"\0" * 512, b"\n", b"\r\n", b"\xff\xff"])
def test_padding_is_no_second_picture(padding: bytes) -> None:
    frame = load(PHOTO + padding, limits=LIMITS)
    assert frame.data == PHOTO + padding
    assert frame.note == ""


@pytest.mark.parametrize("fit", [False, True])
def test_what_is_cut_off_does_not_count_against_the_limit(fit: bool) -> None:
    limits = replace(LIMITS, max_bytes=len(PHOTO))
    frame = load(PHOTO + FILM, limits=limits, fit=fit)
    assert frame.data == PHOTO


def test_what_is_made_to_fit_says_both() -> None:
    small = encoded(picture(200, 150), "JPEG")
    frame = load(small + FILM, limits=LIMITS, fit=True)
    assert "only its first picture is sent" in frame.note
    assert "scaled up to 400 x 300" in frame.note


def test_a_photo_that_is_cut_before_the_second_picture_is_damaged() -> None:
    data = phone()
    with pytest.raises(InvalidRequest, match="damaged"):
        load(data[: len(data) // 3], limits=LIMITS)


@given(st.binary(max_size=300), st.integers(0, len(PHOTO) - 1))
def test_nothing_is_cut_out_of_a_photo_whatever_its_bytes(junk: bytes, place: int) -> None:
    data = PHOTO[:place] + junk + PHOTO[place + len(junk) :]
    try:
        frame = load(data, limits=LIMITS)
    except InvalidRequest:
        return
    assert frame.data is not None
    assert (frame.data == data) is (frame.note == "")
    if frame.data != data:
        strict(frame.data)


def test_bytes_behind_a_png_or_webp_are_no_second_picture() -> None:
    for kind in ("PNG", "WEBP"):
        data = encoded(picture(), kind) + b"\0notes"
        assert load(data, limits=LIMITS).data == data
