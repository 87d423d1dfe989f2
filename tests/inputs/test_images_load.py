"""Everything that a notebook holds can be a first frame."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import decode_data_uri, load
from inputs.pictures import LIMITS, deep, encoded, exif, mean, noise, opened, picture, written

JPEG = encoded(picture(), "JPEG")


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        load(source, limits=LIMITS, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebook."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def test_a_path_as_text_or_as_path(folder: Path) -> None:
    written(folder, "rocket.jpg", JPEG)
    for source in ("rocket.jpg", " rocket.jpg ", Path("rocket.jpg"), str(folder / "rocket.jpg")):
        frame = load(source, limits=LIMITS)
        assert frame.data == JPEG
        assert frame.label == "rocket.jpg"


def test_a_path_in_the_user_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "rocket.jpg", JPEG)
    assert load("~/rocket.jpg", limits=LIMITS).data == JPEG


def test_a_file_whose_name_is_no_text_has_a_label_that_is(folder: Path) -> None:
    try:
        path = Path(os.fsdecode(b"caf\xe9.jpg"))
        path.write_bytes(JPEG)
    except (OSError, UnicodeError):  # some file systems take no such name, and then nobody has such a file
        path = written(folder, "caf?.jpg", JPEG)
    frame = load(path, limits=LIMITS)
    assert frame.label == "caf?.jpg"
    assert frame.label.encode()


@pytest.mark.parametrize("address", ["https://example.com/a/rocket.jpg?size=9", "http://example.com/rocket.jpg"])
def test_an_address_goes_out_as_it_is(address: str) -> None:
    frame = load(address, limits=LIMITS)
    assert frame.wire == frame.url == address
    assert frame.label == "rocket.jpg"
    assert frame.data is None
    assert frame.thumbnail is None


def test_a_data_uri_is_sent_with_exactly_its_bytes() -> None:
    body = base64.b64encode(JPEG).decode()
    for uri in (f"data:image/jpeg;base64,{body}", f"DATA:image/JPEG;BASE64,{body}", f"data:image/png;base64,{body}"):
        frame = load(uri, limits=LIMITS)
        assert frame.data == JPEG
        # What it is decides, not what the address says it is.
        assert frame.wire == f"data:image/jpeg;base64,{body}"


def test_a_data_uri_broken_into_lines() -> None:
    body = base64.encodebytes(JPEG).decode()
    assert load(f"data:image/jpeg;base64,{body}", limits=LIMITS).data == JPEG


@given(st.binary(max_size=200))
def test_a_data_uri_gives_back_what_was_put_in(data: bytes) -> None:
    body = base64.b64encode(data).decode()
    assert decode_data_uri(f"data:image/png;base64,{body}") == data
    assert decode_data_uri("data:image/png," + "".join(f"%{byte:02x}" for byte in data)) == data


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("data:image/png;base64,AAA", "base64 is damaged"),
        ("data:image/png;base64,!!!!", "base64 is damaged"),
        ("data:image/png;base64,é", "base64 is damaged"),
        ("data:text/plain;base64,AAAA", "not one of an image"),
        ("data:image/png", "not one of an image"),
        ("data:image/png;base64,AAAA", "cannot be read as an image"),
    ],
)
def test_a_data_uri_that_cannot_be_used_is_refused(uri: str, words: str) -> None:
    assert words in refusal(uri)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind: Any) -> None:
    assert load(kind(JPEG), limits=LIMITS).data == JPEG


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "PA"])
def test_a_pil_image_of_any_kind_looks_the_same(mode: str) -> None:
    image = picture(mode="L" if mode in ("I;16", "I") else mode)
    before = mean(image)
    if mode == "I;16":
        image = deep(640, 400)
    elif mode == "I":
        image = image.convert(mode)
    frame = load(image, limits=LIMITS)
    sent = opened(frame.data)
    assert sent.format == "PNG"
    assert sent.size == (640, 400)
    assert mean(sent) == pytest.approx(before, abs=3)
    assert frame.note == ""


def test_a_pil_image_of_floats_is_judged_as_an_array_is() -> None:
    grey = picture(mode="L")
    floats = grey.convert("F").point(lambda value: value / 255)
    frame = load(floats, limits=LIMITS)
    assert mean(opened(frame.data)) == pytest.approx(mean(grey), abs=0.1)
    assert frame.note == ""
    frame = load(floats.point(lambda value: value * 1.04), limits=LIMITS)
    assert frame.note == "first frame: values a little outside 0 to 1 were clipped"
    for image, words in (
        (grey.convert("F"), "with values from 0 to 255; give floats from 0 to 1. Divide by 255"),
        (floats.point(lambda value: value * 1.06), "with values from 0 to 1.06"),
        (Image.fromarray(np.full((400, 400), np.nan, "float32")), "no numbers"),
    ):
        assert words in refusal(image)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (picture(mode="L").point(lambda value: value > 127 and 1), "values up to 1, which would be a black picture"),
        (picture(mode="L").point(lambda value: value > 127 and 1).convert("I"), "values up to 1, "),
        (picture(mode="L").convert("I;16"), "mode I;16, with values up to 255, which would be a black picture"),
        (picture(mode="L").convert("I").point(lambda value: value - 1), "with values from -1 to 254; give integers"),
        (picture(mode="L").convert("I").point(lambda value: value * 300), "with values from 0 to 76500; give integers"),
    ],
    ids=["labels", "deep labels", "8 bits in 16", "negative", "over 16 bits"],
)
def test_a_pil_image_that_would_come_out_wrong_is_refused(image: Image.Image, words: str) -> None:
    assert words in refusal(image)


def test_a_black_picture_is_taken_where_it_is_meant() -> None:
    opaque = np.zeros((400, 400, 4), "uint8")
    opaque[..., 3] = 255
    blacks = (Image.new("RGB", (400, 400)), np.zeros((400, 400, 3), "uint8"), np.zeros((400, 400)), opaque)
    for black in (*blacks, np.zeros((400, 400), bool), opaque / 255):
        assert mean(opened(load(black, limits=LIMITS).data)) == 0
    # As the last frame of a film that ends in black comes out of its decoder.
    assert mean(opened(load(Image.new("RGB", (400, 400), (1, 1, 1)), limits=LIMITS).data)) == 1


def test_a_pil_image_of_a_photo_is_upright(folder: Path) -> None:
    path = written(folder, "held.jpg", encoded(picture(640, 400), "JPEG", exif=exif(6)))
    with Image.open(path) as photo:
        sent = opened(load(photo, limits=LIMITS).data)
        assert photo.size == (640, 400), "the user's own image is not changed"
    assert sent.size == (400, 640)
    red, _, blue = sent.convert("RGB").getpixel((200, 100))  # type: ignore[misc]  # RGB has three
    assert red > 150 > blue


def test_a_pil_image_of_a_damaged_file_is_refused(folder: Path) -> None:
    data = encoded(noise(640, 400), "JPEG")
    with Image.open(written(folder, "half.jpg", data[: len(data) // 2])) as photo:
        assert "damaged" in refusal(photo)


def test_a_pil_image_too_heavy_as_png_goes_out_as_a_jpeg() -> None:
    frame = load(noise(2000, 1800), limits=LIMITS)
    assert frame.info is not None
    assert frame.info.format == "JPEG"
    assert (frame.info.width, frame.info.height) == (2000, 1800)


RAMP = np.tile(np.linspace(0, 255, 400).round(), (400, 1))


@pytest.mark.parametrize(
    "array",
    [
        RAMP.astype("uint8"),
        RAMP.astype("int64"),
        RAMP.astype("uint16"),
        RAMP.astype("int8").astype("uint8"),
        (RAMP / 255).astype("float64"),
        (RAMP / 255).astype("float32"),
        (RAMP / 255).astype("float16"),
        np.dstack([RAMP.astype("uint8")] * 3),
        np.dstack([RAMP / 255] * 3),
        RAMP.astype("uint8")[:, :, None],
        np.asfortranarray(RAMP.astype("uint8")),
        RAMP.astype("uint8")[::-1],
        RAMP.astype(">u2"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_of_any_usual_kind_looks_the_same(array: Any) -> None:
    sent = opened(load(array, limits=LIMITS).data)
    assert sent.size == (400, 400)
    assert mean(sent) == pytest.approx(127.5, abs=1.5)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("shape", [(), (3,), (4,)])
@pytest.mark.parametrize("low", [0.0, -0.04])
@pytest.mark.parametrize("high", [1.0, 1.0000001, 1.04])
def test_floats_a_little_outside_0_to_1_are_clipped_and_that_is_said(
    kind: str, shape: tuple[int, ...], low: float, high: float
) -> None:
    array = np.linspace(low, high, 400).astype(kind)
    array = np.broadcast_to(array.reshape(1, 400, *(1 for _ in shape)), (400, 400, *shape))
    frame = load(array, limits=LIMITS)
    sent = opened(frame.data).convert("L")
    assert sent.getextrema() == (0, 255)
    assert mean(sent) == pytest.approx(127.5, abs=6)
    outside = float(array.min()) < 0 or float(array.max()) > 1
    assert frame.note == ("first frame: values a little outside 0 to 1 were clipped" if outside else "")


def test_what_interpolation_overshoots_is_clipped() -> None:
    edge = picture(mode="L").convert("F").point(lambda value: value / 255).resize((900, 700), Image.Resampling.BICUBIC)
    array = np.asarray(edge)
    assert array.max() > 1
    assert mean(opened(load(array, limits=LIMITS).data)) == pytest.approx(mean(picture(mode="L")), abs=1)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (
            RAMP,
            "with values from 0 to 255; give height x width (x 3 or 4) with integers from 0 to 255 or floats from 0 "
            "to 1. Divide by 255, or use .astype('uint8').",
        ),
        (RAMP / 255 * 1.06, "with values from 0 to 1.06"),
        (RAMP / 255 - 0.06, "with values from -0.06 to 0.94"),
        (RAMP / 127.5 - 1, "with values from -1 to 1"),
        (RAMP * 4, "with values from 0 to 1020"),
        (np.where(RAMP > 9, np.inf, RAMP / 255), "no numbers or infinite"),
        (np.where(RAMP > 9, np.nan, RAMP / 255), "no numbers or infinite"),
        (np.dstack([RAMP / 255] * 3 + [RAMP]), "with values from 0 to 255"),
        (RAMP.astype("int16") - 1, "with values from -1 to 254"),
        (RAMP.astype("uint16") * 257, "with values from 0 to 65535"),
        ((RAMP > 9).astype("uint8"), "with values up to 1, which would be a black picture"),
        ((RAMP > 9).astype("int64"), "give booleans for black and white"),
        (np.dstack([(RAMP > 9) * 1] * 3 + [np.full_like(RAMP, 255).astype(int)]), "with values up to 1, which"),
        (np.dstack([RAMP.astype("uint8")] * 3 + [np.ones_like(RAMP, "uint8")]), "which would be a black picture"),
        (np.ma.masked_array(RAMP / 255, RAMP > 9), "with values that are masked. Say what they are: .filled(0)."),
        (RAMP / 255 * 0.001, "with values up to 0.001, which would be a black picture"),
    ],
    ids=range(16),
)
def test_an_array_of_another_scale_is_refused_with_its_range(array: Any, words: str) -> None:
    line = refusal(array)
    assert words in line
    assert f"an array of shape {array.shape} and type {array.dtype}" in line
    assert words in refusal("array", namespace={"array": array})


def test_an_array_of_truth_values_is_black_and_white() -> None:
    sent = opened(load(RAMP > 127, limits=LIMITS).data).convert("L")
    assert (sent.getpixel((10, 10)), sent.getpixel((390, 10))) == (0, 255)


def test_an_array_with_transparency_keeps_it() -> None:
    array = np.zeros((300, 300, 4), "uint8")
    assert opened(load(array, limits=LIMITS).data).getpixel((5, 5)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(400),
        np.zeros((0, 400)),
        np.zeros((400, 400, 2)),
        np.zeros((3, 400, 400)),
        np.zeros((1, 400, 400, 3)),
        np.full((400, 400), np.nan),
        np.full((400, 400), -1),
        np.full((400, 400), 256),
        np.full((400, 400), 2 + 3j),
        np.full((400, 400), "x"),
        np.full((400, 400), None, dtype=object),
        np.float64(1),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_that_is_no_picture_is_refused_with_its_shape_and_type(array: Any) -> None:
    line = refusal(array)
    assert f"an array of shape {array.shape} and type {array.dtype}" in line
    assert "height x width" in line


def test_a_figure() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    figure.add_subplot().plot([1, 3, 2])
    frame = load(figure, limits=LIMITS)
    assert frame.info is not None
    assert (frame.info.format, frame.info.width, frame.info.height) == ("PNG", 640, 480)


@pytest.mark.parametrize("value", [None, 5, [1, 2], {"a": 1}, object(), 2.5])
def test_anything_else_is_refused_by_its_type(value: Any) -> None:
    assert refusal(value).startswith(f"first frame is a {type(value).__name__}; give a path, URL")


def test_the_name_of_a_variable(folder: Path) -> None:
    written(folder, "rocket.jpg", JPEG)
    namespace: dict[str, Any] = {
        "text": "rocket.jpg",
        "path": folder / "rocket.jpg",
        "data": JPEG,
        "image": picture(),
        "array": RAMP.astype("uint8"),
        "link": "https://example.com/rocket.jpg",
    }
    for name in ("text", "path", "data"):
        assert load(name, limits=LIMITS, namespace=namespace).data == JPEG
    assert load("link", limits=LIMITS, namespace=namespace).url == "https://example.com/rocket.jpg"
    for name in ("image", "array"):
        assert load(name, limits=LIMITS, namespace=namespace).label == name


def test_a_file_comes_before_a_variable_of_the_same_name(folder: Path) -> None:
    written(folder, "rocket", JPEG)
    assert load("rocket", limits=LIMITS, namespace={"rocket": b"no image"}).data == JPEG


def test_a_variable_that_holds_something_else_is_named(folder: Path) -> None:
    line = refusal("mood", namespace={"mood": 5})
    assert line.startswith("variable mood holds a int; a first frame is a path, bytes")


def test_what_is_not_found_was_looked_for_in_three_ways(folder: Path) -> None:
    line = refusal("rockt.jpg", namespace={})
    for tried in ("no URL", "data URI", "no such file", "no variable of that name"):
        assert tried in line


def test_a_misspelled_file_or_variable_is_guessed(folder: Path) -> None:
    written(folder, "rocket.jpg", JPEG)
    assert refusal("rockt.jpg", namespace={}).endswith("Did you mean rocket.jpg?")
    assert refusal("rocket.png", namespace={}).endswith("Did you mean rocket.jpg?")
    assert refusal("pictrue", namespace={"picture": 1}).endswith("Did you mean picture?")
    # The ending alone is in common: nobody has meant it.
    assert refusal("nope.jpg", namespace={"note_of_it": 1}).endswith("Check the spelling, or give the whole path.")


def test_a_variable_s_own_text_is_not_looked_up_again(folder: Path) -> None:
    assert "is not found" in refusal("a", namespace={"a": "b", "b": JPEG})


@pytest.mark.parametrize("source", ["", "~nobody-of-that-name/x.jpg", "a\0b.jpg", "x" * 5000, ".", "/", "🐎"])
def test_a_strange_text_is_not_found_in_one_short_line(source: str) -> None:
    line = refusal(source, namespace={})
    assert "is not found" in line
    assert len(line) < 500


@pytest.mark.parametrize("source", [Path("missing.jpg"), Path(), Path("a\0b.jpg")])
def test_a_path_that_cannot_be_read_is_refused(source: Path) -> None:
    assert "cannot be read: " in refusal(source)


def test_two_frames_are_told_apart_by_their_bytes() -> None:
    one, other = load(JPEG, limits=LIMITS), load(picture(), limits=LIMITS)
    assert one.digest == load(bytearray(JPEG), limits=LIMITS).digest
    assert one.digest != other.digest
    assert load("https://a.b/c.jpg", limits=LIMITS).digest != load("https://a.b/d.jpg", limits=LIMITS).digest


def test_a_frame_does_not_show_its_bytes() -> None:
    assert len(repr(load(JPEG, limits=LIMITS))) < 300
