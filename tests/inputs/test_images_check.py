"""Which first frames go through as they are, and what is said of those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import ImageInfo, check, inspect, load
from inputs.pictures import LIMITS, deep, encoded, exif, noise, picture, with_thumbnail, written


def refusal(data: bytes) -> str:
    """The one line that the user gets instead of a job."""
    with pytest.raises(InvalidRequest) as caught:
        load(data, limits=LIMITS)
    assert caught.value.param == "image"
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("first frame ")
    return line


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_good_file_goes_out_byte_for_byte(kind: str, mode: str) -> None:
    data = encoded(picture(mode=mode), kind)
    frame = load(data, limits=LIMITS)
    assert frame.data == data
    assert frame.note == ""
    assert frame.info == ImageInfo(kind, 640, 400, len(data))
    assert frame.wire.startswith(f"data:image/{kind.lower()};base64,")


@pytest.mark.parametrize("mode", ["CMYK", "L", "1"])
def test_odd_colours_go_out_byte_for_byte(mode: str) -> None:
    image = picture(mode=mode)
    data = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    assert load(data, limits=LIMITS, fit=True).data == data


def test_fit_leaves_a_good_file_alone() -> None:
    data = encoded(picture(), "JPEG", exif=exif(8), quality=40)
    frame = load(data, limits=LIMITS, fit=True)
    assert frame.data == data
    assert frame.note == ""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_width_and_height_are_those_a_person_sees(kind: str, orientation: int) -> None:
    info = inspect(encoded(picture(640, 400), kind, exif=exif(orientation)))
    assert (info.width, info.height) == ((400, 640) if orientation > 4 else (640, 400))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_another_format_is_refused_by_name(kind: str) -> None:
    line = refusal(encoded(picture(), kind))
    assert line == f"first frame is {kind}; the server takes JPEG, PNG or WEBP. Make it fit with fit=True."


@pytest.mark.parametrize(("width", "height"), [(299, 300), (300, 299), (1, 1)])
def test_a_side_too_short_is_refused(width: int, height: int) -> None:
    line = refusal(encoded(picture(width, height), "PNG"))
    assert f"is {width} x {height} pixels; each side must be at least 300" in line
    assert "fit=True" in line


@pytest.mark.parametrize(("width", "height"), [(300, 300), (750, 300), (300, 750)])
def test_what_is_just_within_the_limits_is_taken(width: int, height: int) -> None:
    data = encoded(picture(width, height), "PNG")
    assert load(data, limits=LIMITS).data == data


@pytest.mark.parametrize(("width", "height"), [(751, 300), (300, 751), (3000, 301)])
def test_an_aspect_too_long_is_refused(width: int, height: int) -> None:
    line = refusal(encoded(picture(width, height), "PNG"))
    assert f"is {width} x {height}, an aspect of " in line
    assert "within 1:2.5 to 2.5:1" in line
    assert "fit=True" in line


def test_a_file_too_heavy_is_refused_with_both_weights() -> None:
    data = encoded(noise(2000, 1800), "PNG")
    assert len(data) > LIMITS.max_bytes
    line = refusal(data)
    assert re.search(r"has 10\.\d MB; the limit is 10 MB\. Make it fit with fit=True", line)


def test_one_byte_too_much_is_not_said_to_weigh_the_limit() -> None:
    with pytest.raises(InvalidRequest, match=r"has 10,485,761 bytes; the limit is 10 MB"):
        check(ImageInfo("JPEG", 640, 400, LIMITS.max_bytes + 1), LIMITS)
    check(ImageInfo("JPEG", 640, 400, LIMITS.max_bytes), LIMITS)


@pytest.mark.parametrize("data", [b"", b"no image", b"\xff\xd8\xff\xe0", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    assert refusal(data) == "first frame cannot be read as an image. Give a JPEG, PNG or WEBP file."


@pytest.fixture(params=[False, True], ids=["", "half pictures allowed"])
def lenient(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Pillow's switch for the whole process, as some library may have left it."""
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, request.param
    yield request.param
    ImageFile.LOAD_TRUNCATED_IMAGES = before


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(noise(640, 400), "JPEG"),
    "progressive": lambda: encoded(noise(640, 400), "JPEG", progressive=True),
    "Adobe": lambda: encoded(noise(640, 400).convert("CMYK"), "JPEG"),
    "thumbnail": lambda: encoded(noise(640, 400), "JPEG", exif=with_thumbnail()),
    "restarts": lambda: encoded(noise(640, 400), "JPEG", restart_marker_rows=1),
    "PNG": lambda: encoded(noise(640, 400), "PNG"),
    "palette": lambda: encoded(noise(640, 400).convert("P"), "PNG"),
    "deep": lambda: encoded(deep(640, 400), "PNG"),
    "APNG": lambda: encoded(
        noise(640, 400), "PNG", save_all=True, append_images=[noise(640, 401).crop((0, 0, 640, 400))]
    ),
    "WEBP": lambda: encoded(noise(640, 400), "WEBP"),
    "lossless": lambda: encoded(noise(640, 400), "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("fit", [False, True])
def test_a_file_that_ends_too_early_is_refused_before_it_is_paid_for(kind: str, fit: bool, lenient: bool) -> None:
    data = FILES[kind]()
    assert load(data, limits=LIMITS, fit=fit).data == data
    for end in (len(data) * 15 // 100, len(data) // 2, len(data) * 95 // 100, len(data) - 13, len(data) - 1):
        with pytest.raises(InvalidRequest, match=r"damaged|cannot be read as an image"):
            load(data[:end], limits=LIMITS, fit=fit)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_half_a_picture_of_another_format_is_not_made_to_fit(kind: str, lenient: bool) -> None:
    data = encoded(noise(240, 240), kind)
    load(data, limits=LIMITS, fit=True)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(InvalidRequest, match=r"damaged|cannot be read as an image"):
            load(data[: int(len(data) * share)], limits=LIMITS, fit=True)


def test_an_icon_is_not_made_to_fit_where_its_half_would_be(lenient: bool) -> None:
    data = encoded(noise(240, 240), "ICO", bitmap_format="bmp")
    if lenient:
        # The pictures within it are opened by Pillow itself.
        with pytest.raises(InvalidRequest, match=r"LOAD_TRUNCATED_IMAGES is set\. Save it as PNG"):
            load(data, limits=LIMITS, fit=True)
        return
    load(data, limits=LIMITS, fit=True)
    with pytest.raises(InvalidRequest, match=r"damaged|cannot be read as an image"):
        load(data[: len(data) // 2], limits=LIMITS, fit=True)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", [kind for kind in FILES if kind not in ("WEBP", "lossless")])
def test_a_download_that_stopped_in_a_file_of_full_length_is_refused(kind: str, share: float, lenient: bool) -> None:
    data = FILES[kind]()
    got = int(len(data) * share)
    with pytest.raises(InvalidRequest, match=r"damaged|cannot be read as an image"):
        load(data[:got] + bytes(len(data) - got), limits=LIMITS)


def test_what_is_broken_in_the_middle_is_refused_whatever_the_process_allows(lenient: bool) -> None:
    data = bytearray(encoded(noise(640, 400), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in refusal(bytes(data))


def test_a_pil_image_that_is_read_only_now_is_looked_at_strictly_too(tmp_path: Path, lenient: bool) -> None:
    for kind in ("JPEG", "PNG"):
        data = encoded(noise(640, 400), kind)
        path = written(tmp_path, f"half.{kind.lower()}", data[: len(data) // 2])
        with Image.open(path) as photo:
            with pytest.raises(InvalidRequest, match="damaged"):
                load(photo, limits=LIMITS)
            assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient, "it is the user's own"
        with Image.open(path) as photo:
            if lenient:
                # What the user has read so is the user's own picture.
                photo.load()
                assert load(photo, limits=LIMITS).data


def test_too_many_pixels_are_refused_without_decoding_them() -> None:
    # 400 million pixels, all the same: 50 kB on disk, 400 MB in memory.
    data = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    line = refusal(data)
    assert line == "first frame has too many pixels to be opened safely. Scale it down."


def test_garbage_beside_good_pixels_does_no_harm() -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\x00\x00garbage of some camera")
    assert load(data, limits=LIMITS).data == data


@settings(max_examples=150)
@given(kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]), data=st.data())
def test_bytes_flipped_anywhere_are_refused_or_taken_but_never_a_crash(kind: str, data: st.DataObject) -> None:
    good = bytearray(encoded(picture(320, 310), kind))
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=12)):
        good[place] = data.draw(st.integers(0, 255))
    for fit in (False, True):
        try:
            frame = load(bytes(good), limits=LIMITS, fit=fit)
        except InvalidRequest:
            continue
        assert frame.info is not None
        check(frame.info, LIMITS)


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    size=st.integers(1, 40_000_000),
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]),
)
def test_the_limits_are_the_api_s(width: int, height: int, size: int, kind: str) -> None:
    # API reference: JPEG, PNG or WEBP; each side at least 300 px; 1:2.5 to 2.5:1; at most 10 MB.
    within = (
        kind != "GIF"
        and min(width, height) >= 300
        and width * 2 <= height * 5
        and height * 2 <= width * 5
        and size <= 10 * 1024 * 1024
    )
    info = ImageInfo(kind, width, height, size)
    assert str(info).startswith(f"{kind}, {width} x {height}, ")
    if within:
        check(info, LIMITS)
        return
    with pytest.raises(InvalidRequest, match="fit=True"):
        check(info, LIMITS)


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(640, 480, "4:3"), (1920, 1080, "16:9"), (500, 500, "1:1"), (1, 100, "1:100"), (4032, 3024, "4:3")],
)
def test_the_aspect_is_said_in_small_numbers(width: int, height: int, said: str) -> None:
    assert ImageInfo("PNG", width, height, 1).aspect == said


def test_other_limits_are_checked_as_well() -> None:
    # Reference images of r2v need 400 px on their short edge.
    with pytest.raises(InvalidRequest, match="at least 400"):
        check(ImageInfo("PNG", 640, 399, 1), replace(LIMITS, min_side=400))
