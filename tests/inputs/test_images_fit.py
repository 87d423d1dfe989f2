"""--fit: makes a first frame fit the limits, and says what was done; and the small picture that cards show."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import check, fit_into, inspect, load, output_size, thumbnail
from inputs.pictures import LIMITS, deep, encoded, exif, mean, noise, opened, picture


def fitted(data: bytes) -> tuple[Image.Image, str]:
    """What is sent, decoded, and what the user is told."""
    frame = load(data, limits=LIMITS, fit=True)
    assert frame.info is not None
    check(frame.info, LIMITS)
    assert frame.note.startswith("first frame ")
    return opened(frame.data), frame.note


def test_a_small_image_is_scaled_up() -> None:
    image, note = fitted(encoded(picture(200, 150), "JPEG"))
    assert image.size == (400, 300)
    assert "scaled up to 400 x 300" in note


@pytest.mark.parametrize(("size", "made"), [((2000, 500), (2000, 800)), ((500, 2000), (800, 2000))])
def test_a_long_image_is_padded_not_cropped(size: tuple[int, int], made: tuple[int, int]) -> None:
    image, note = fitted(encoded(picture(*size), "PNG"))
    assert image.size == made
    assert f"padded from {size[0]} x {size[1]} to {made[0]} x {made[1]}" in note
    # All of the picture is in its middle: red to the left.
    left, _, right, _ = (round(v) for v in (made[0] / 4, 0, made[0] * 3 / 4, 0))
    assert image.getpixel((left, made[1] // 2)) == (200, 30, 30)
    assert image.getpixel((right, made[1] // 2)) != (200, 30, 30)


def test_a_heavy_image_keeps_its_size_where_another_encoding_will_do() -> None:
    data = encoded(noise(2000, 1800), "PNG")
    image, note = fitted(data)
    assert image.size == (2000, 1800)
    assert image.format == "JPEG"
    assert re.search(r"turned from PNG into JPEG, \d\.\d MB instead of 10\.\d MB$", note)


def test_a_heavy_image_is_scaled_down_where_it_will_not_and_that_is_said() -> None:
    limits = replace(LIMITS, max_bytes=300_000)
    data = encoded(noise(1200, 800), "JPEG", quality=98)
    made, note = fit_into(data, limits)
    image = opened(made)
    assert len(made) <= 300_000
    assert image.width < 1200
    assert f"scaled down to {image.width} x {image.height}" in note
    assert image.width / image.height == pytest.approx(1.5, rel=0.01)


def test_the_size_that_is_told_is_the_size_that_is_sent() -> None:
    # Padding makes this one too heavy in turn.
    limits = replace(LIMITS, max_bytes=500_000)
    made, note = fit_into(encoded(noise(2400, 400), "JPEG", quality=70), limits)
    image = opened(made)
    said = re.findall(r"(\d+) x (\d+)", note)[-1]
    assert (int(said[0]), int(said[1])) == image.size


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_another_format_is_turned_into_one_that_is_taken(kind: str) -> None:
    image, note = fitted(encoded(picture(), kind))
    assert image.size == (640, 400)
    assert f"turned from {kind} into PNG, " in note


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16", "I"])
def test_any_kind_of_pixels_looks_the_same_after_it(mode: str) -> None:
    image = picture(640, 400, "L" if mode in ("I;16", "I") else mode)
    before = mean(image)
    if mode == "I;16":
        image = deep(640, 400)
    elif mode == "I":
        image = image.convert(mode)
    made, _ = fitted(encoded(image, "TIFF"))
    assert mean(made) == pytest.approx(before, abs=3)


def test_a_float_image_from_0_to_1_is_not_black() -> None:
    image = picture(mode="L")
    deep = image.convert("F").point(lambda value: value / 255)
    made, _ = fitted(encoded(deep, "TIFF"))
    assert mean(made) == pytest.approx(mean(image), abs=2)


def test_a_float_image_a_little_outside_0_to_1_is_clipped_and_that_is_said() -> None:
    image = picture(200, 200, "L")
    data = encoded(image.convert("F").point(lambda value: value / 250 - 0.01), "TIFF")
    made, note = fitted(data)
    assert mean(made) == pytest.approx(mean(image), abs=4)
    assert "values a little outside 0 to 1 were clipped, scaled up to 300 x 300" in note


@pytest.mark.parametrize("factor", [1.0, 1 / 200, 100.0, -1 / 255])
def test_a_float_image_of_another_scale_is_not_guessed_at(factor: float) -> None:
    data = encoded(picture(mode="L").convert("F").point(lambda value: value * factor), "TIFF")
    with pytest.raises(InvalidRequest, match=r"mode F, with values from .* give floats from 0 to 1\. "):
        load(data, limits=LIMITS, fit=True)


def test_labels_in_a_deep_image_are_not_made_a_black_picture() -> None:
    labels = picture(mode="L").point(lambda value: value > 127 and 1).convert("I;16")
    with pytest.raises(InvalidRequest, match="would be a black picture"):
        load(encoded(labels, "TIFF"), limits=LIMITS, fit=True)


def test_the_camera_s_orientation_is_applied_when_it_is_encoded_again() -> None:
    # Too small, and taken with the camera on its side: the red half comes to the top.
    image, _ = fitted(encoded(picture(240, 160), "JPEG", exif=exif(6)))
    assert image.size == (300, 450)
    assert image.getexif().get(0x0112, 1) == 1
    red, _, blue = image.convert("RGB").getpixel((150, 50))  # type: ignore[misc]  # RGB has three
    assert red > 150 > blue


def test_what_shines_through_stays_so_in_png_and_is_white_in_jpeg() -> None:
    clear = Image.new("RGBA", (400, 200), (0, 0, 0, 0))
    image, _ = fitted(encoded(clear.resize((400, 150)), "PNG"))
    assert image.getpixel((200, 150)) == (0, 0, 0, 0)
    noisy = noise(1000, 1000).convert("RGBA")
    noisy.paste((0, 0, 0, 0), (0, 0, 500, 1000))
    made, _ = fit_into(encoded(noisy, "PNG"), replace(LIMITS, max_bytes=800_000))
    assert min(opened(made).getpixel((100, 100))) > 250  # type: ignore[arg-type]  # RGB has three


def test_a_colour_profile_goes_along() -> None:
    profile = b"what a camera says of its colours"
    data = encoded(picture(200, 200), "JPEG", icc_profile=profile)
    image, _ = fitted(data)
    assert image.info.get("icc_profile") == profile


@settings(max_examples=60)
@given(width=st.integers(1, 1500), height=st.integers(1, 1500), kind=st.sampled_from(["PNG", "GIF", "JPEG"]))
def test_every_readable_image_can_be_made_to_fit(width: int, height: int, kind: str) -> None:
    data = encoded(Image.new("L", (width, height), 80), kind)
    made, note = fit_into(data, LIMITS)
    check(inspect(made), LIMITS)
    assert (made == data) is (note == "")


def test_a_damaged_image_is_not_made_to_fit() -> None:
    data = encoded(noise(200, 200), "PNG")
    with pytest.raises(InvalidRequest, match="damaged"):
        fit_into(data[: len(data) // 2], LIMITS)


def test_a_thumbnail_is_small_and_upright() -> None:
    small = opened(thumbnail(encoded(picture(3000, 2000), "JPEG", exif=exif(6))))
    assert small.format == "JPEG"
    assert small.size == (235, 352)
    red, _, blue = small.convert("RGB").getpixel((117, 60))  # type: ignore[misc]  # RGB has three
    assert red > 150 > blue


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_a_thumbnail_looks_like_its_picture(mode: str) -> None:
    image = picture(640, 400, "L" if mode == "I;16" else mode)
    before = mean(image)
    if mode == "I;16":
        image = deep(640, 400)
    small = opened(thumbnail(encoded(image, "TIFF")))
    assert mean(small) == pytest.approx(before, abs=4)


def test_a_thumbnail_shows_what_shines_through_as_white() -> None:
    small = opened(thumbnail(encoded(Image.new("RGBA", (400, 400), (0, 0, 0, 0)), "PNG")))
    assert mean(small) > 250


def test_there_is_no_thumbnail_of_what_is_no_image() -> None:
    assert thumbnail(b"no image") is None


@pytest.mark.parametrize(
    ("size", "resolution", "made"),
    [
        ((1920, 1080), "720P", (1280, 720)),
        ((1920, 1080), "1080P", (1920, 1080)),
        ((1080, 1920), "720P", (720, 1280)),
        ((600, 600), "720P", (960, 960)),
    ],
)
def test_the_video_s_size_is_the_level_s_pixels_at_the_image_s_aspect(
    size: tuple[int, int], resolution: str, made: tuple[int, int]
) -> None:
    assert output_size(*size, resolution) == made


@given(width=st.integers(300, 8000), height=st.integers(300, 8000), level=st.sampled_from(["720P", "1080P"]))
def test_the_video_s_sides_are_even(width: int, height: int, level: str) -> None:
    made = output_size(width, height, level)
    assert made[0] % 2 == made[1] % 2 == 0
    lines = int(level[:-1])
    if width * 2 <= height * 5 and height * 2 <= width * 5:
        assert made[0] * made[1] == pytest.approx(lines * lines * 16 / 9, rel=0.01)
        assert made[0] / made[1] == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize(("size", "made"), [((1000, 300), (750, 300)), ((301, 1000), (301, 752))])
def test_too_long_a_shape_is_cropped_to_its_middle_where_that_is_asked_for(
    size: tuple[int, int], made: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2 - 20, size[1] // 2 - 20, size[0] // 2 + 20, size[1] // 2 + 20))
    frame = load(image, limits=LIMITS, fit="crop")
    assert frame.note == f"first frame cropped from {size[0]} x {size[1]} to {made[0]} x {made[1]}"
    seen = opened(frame.data).convert("RGB")
    assert seen.size == made
    assert seen.getpixel((made[0] // 2, made[1] // 2)) == (0, 0, 255)
    assert seen.getpixel((0, 0)) == (255, 0, 0)


def test_a_way_to_make_it_fit_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r'fit=\'squeeze\' cannot be used\. Give True, "pad" or "crop"\.'):
        load(picture(200, 100), limits=LIMITS, fit="squeeze")  # type: ignore[arg-type]  # what a user types
