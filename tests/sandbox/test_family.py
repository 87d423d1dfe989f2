"""Each kind of model, from the submit to a file with the traits of the service's own."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from PIL import Image

from happyhorse_nb.models import MODELS
from happyhorse_nb.sandbox import SandboxOptions
from happyhorse_nb.sandbox.store import Task
from sandbox.calls import PICTURE, PICTURE_URI, Caller, data_uri, encoded, picture
from sandbox.conftest import Host, Running

T2V, R2V, EDIT = "happyhorse-1.1-t2v", "happyhorse-1.0-r2v", "happyhorse-1.0-video-edit"
SHORT = {"duration": 3, "resolution": "720P", "seed": 7}


@dataclass
class Film:
    """A file as PyAV sees it: small grey pictures, and all of its sound."""

    size: tuple[int, int]
    frames: int
    keys: int
    picture: float
    sound: float
    rate: int
    begins: int
    metadata: dict[str, str]
    first: np.ndarray
    last: np.ndarray
    #: Samples of both channels, and the time (seconds) of the first one.
    heard: np.ndarray
    starts: float

    @property
    def label(self) -> Any:
        """The note that the film is generated."""
        return json.loads(self.metadata["AIGC"])


def seen(data: bytes) -> Film:
    """Reads a whole file, and checks what all of them have in common."""
    with av.open(io.BytesIO(data), "r") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.profile, video.pix_fmt) == ("h264", "High", "yuv420p")
        # Unspecified, each of them.
        colours = video.codec_context.color_primaries, video.codec_context.color_trc, video.codec_context.colorspace
        assert (*colours, video.codec_context.color_range) == (2, 2, 2, 0)
        assert video.average_rate == 24
        assert (audio.codec_context.name, audio.codec_context.layout.name) == ("aac", "stereo")
        rate, known = audio.rate, video.frames
        picture, sound = (float((one.duration or 0) * (one.time_base or 0)) for one in (video, audio))
        # (A packet knows its stream only while the file is open.)
        packets = [(p.stream.type, p.pts, p.is_keyframe) for p in container.demux() if p.pts is not None]
        metadata = dict(container.metadata)
    with av.open(io.BytesIO(data), "r") as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    with av.open(io.BytesIO(data), "r") as container:
        sounds = [(frame.time, frame.to_ndarray()) for frame in container.decode(audio=0)]
        heard, starts = np.concatenate([samples for _, samples in sounds], axis=1), sounds[0][0] or 0.0
    moving = [key for kind, _, key in packets if kind == "video"]
    assert len(pictures) == len(moving)
    assert known in (0, len(moving))
    height, width = pictures[0].shape
    begins = min(pts for kind, pts, _ in packets if kind == "audio")
    first, last = pictures[0].astype(float), pictures[-1].astype(float)
    assert b"colr" not in data
    return Film(
        (width, height), len(moving), sum(moving), picture, sound, rate, begins, metadata, first, last, heard, starts
    )


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two signals are: 1 for the same one, 0 for two that have nothing in common."""
    length = min(one.shape[-1], other.shape[-1])
    return abs(float(np.corrcoef(one[0, :length], other[0, :length])[0, 1]))


async def film(caller: Caller, model: str, **fields: Any) -> tuple[str, Any, bytes]:
    """The link, the answer and the file of a task of that model."""
    answer = await caller.post(json.dumps(fields).encode(), path=f"/api/v1/alibaba/{model}/async")
    assert answer.status == 200, answer.json
    data = await caller.over(answer.json["data"]["task_id"])
    assert data["status"] == "success", data
    return data["result"]["resources"][0]["url"], data, await caller.video(data)


async def left(caller: Caller) -> Decimal:
    return Decimal(str((await caller.get("/api/v1/team/balance")).json["data"]["balance"]))


async def test_text_becomes_a_moving_picture_with_sound_and_an_edit_keeps_or_makes_the_sound(caller: Caller) -> None:
    link, data, file = await film(caller, T2V, prompt="A horse on the beach, ein Pferd, 马", ratio="3:4", **SHORT)
    made = seen(file)
    assert made.size == (data["result"]["resources"][0]["width"], data["result"]["resources"][0]["height"])
    assert made.size == (832, 1108)
    assert (made.frames, made.keys, made.rate, made.begins) == (75, 1, 44_100, -1024)
    assert made.picture == pytest.approx(3.125)
    assert made.sound - made.picture == pytest.approx(0.035, abs=0.001)
    assert file.find(b"mdat") < file.find(b"moov")
    assert (made.label["Label"], made.label["ProduceID"]) == ("1", data["task_id"])
    assert np.abs(made.last - made.first).mean() > 8
    assert 0.01 < np.abs(made.heard).max() < 0.5
    spent = Decimal("0.1242") * 3
    assert Decimal(data["billing"]["amount"]) == spent
    assert await left(caller) == 1000 - spent

    # Of what comes, only the sound may be the same.
    edit = {"input_video_url": link, "prompt": "in winter", "resolution": "720P", "seed": 3}
    _, kept_data, kept_file = await film(caller, EDIT, audio_setting="origin", **edit)
    _, _, new_file = await film(caller, EDIT, reference_images=[data_uri(encoded(picture(480, 400)))], **edit)
    kept, new = seen(kept_file), seen(new_file)
    for one in (kept, new):
        assert (one.frames, one.keys, one.size) == (73, 1, (832, 1108))
        assert one.sound - one.picture == pytest.approx(0.035, abs=0.001)
        assert np.abs(one.first - made.first).mean() > 4
    assert alike(kept.heard, made.heard) > 0.95 > 0.5 > alike(new.heard, made.heard)
    # Its own seconds and those of its input.
    assert Decimal(kept_data["billing"]["amount"]) == Decimal("0.128") * 6
    assert await left(caller) == 1000 - spent - 2 * Decimal("0.128") * 6


async def test_references_are_shown_in_their_order(caller: Caller, host: Host) -> None:
    shades = [encoded(Image.new("L", (500, 400 + n), 40 + 80 * n), "PNG") for n in range(3)]
    host.files["/last.png"] = shades[2]
    sent = [data_uri(shades[0], "png"), data_uri(shades[1], "png"), f"{host.origin}/last.png"]
    _, data, file = await film(caller, R2V, prompt="character1 meets character2", reference_images=sent, **SHORT)
    made = seen(file)
    assert made.size == (1280, 720)
    assert (made.frames, made.keys) == (75, 1)
    # A corner that nothing is written in.
    assert made.first[-200:, :200].mean() == pytest.approx(40, abs=6)
    assert made.last[-200:, :200].mean() == pytest.approx(200, abs=6)
    assert Decimal(data["billing"]["amount"]) == Decimal("0.128") * 3


async def test_fragmented_files_and_another_rate_of_sound(running: Running, host: Host) -> None:
    async with running(SandboxOptions(seconds=0.1, fragmented=True, sample_rate=24_000)) as caller:
        _, _, file = await film(caller, "happyhorse-1.1-i2v", first_frame_image=PICTURE_URI, **SHORT)
        made = seen(file)
        assert (made.frames, made.keys, made.rate, made.begins) == (75, 1, 24_000, -2048)
        assert b"moof" in file
        assert file.find(b"moov") < file.find(b"mdat")
        assert np.abs(made.last - made.first).mean() > 1
    # Such a film, from another host, can be edited; what is heard stays where it was.
    host.files["/film.mp4"] = file
    async with running(SandboxOptions(seconds=0.1)) as caller:
        before = await left(caller)
        edit = {"input_video_url": f"{host.origin}/film.mp4", "prompt": "p", "resolution": "720P"}
        _, data, again = await film(caller, EDIT, audio_setting="origin", **edit)
        edited = seen(again)
        assert (edited.frames, edited.rate) == (73, 44_100)
        times = np.arange(edited.heard.shape[1]) / 44_100
        # (Heard by PyAV, a fragmented file begins before zero.)
        heard = np.interp(times, np.arange(made.heard.shape[1]) / 24_000 + made.starts, made.heard[0])
        assert alike(edited.heard, heard[None]) > 0.95
        assert before - await left(caller) == Decimal(data["billing"]["amount"]) == Decimal("0.128") * 6


async def test_an_edit_of_what_cannot_be_edited_fails_and_costs_nothing(caller: Caller, host: Host) -> None:
    host.files["/film.mp4"] = b"#EXTM3U\n"
    form = aiohttp.FormData({"file": io.BytesIO(PICTURE)})
    uploaded = (await caller.ask("POST", "/api/v1/media/files", data=form)).json["data"]["url"]
    for url, words in (
        (f"{host.origin}/film.mp4", "cannot be read; it must be an MP4 or MOV"),
        (f"{host.origin}/nowhere", "answers 403"),
        (uploaded, "cannot be read"),
    ):
        body = json.dumps({"input_video_url": url, "prompt": "p"}).encode()
        answer = await caller.post(body, path=f"/api/v1/alibaba/{EDIT}")
        data = await caller.over(answer.json["data"]["task_id"])
        assert data["status"] == "failed"
        assert data["error"]["message"].startswith("the video ")
        assert words in data["error"]["message"]
    assert await left(caller) == 1000


async def test_a_link_that_is_not_valid_is_asked_for_like_any_other(caller: Caller) -> None:
    body = {"input_video_url": f"{caller.origin}/files/guess/task-none.mp4", "prompt": "p", "resolution": "720P"}
    answer = await caller.post(json.dumps(body).encode(), path=f"/api/v1/alibaba/{EDIT}")
    assert "answers 404" in (await caller.over(answer.json["data"]["task_id"]))["error"]["message"]


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        (T2V, {}, "prompt is missing"),
        (T2V, {"prompt": " "}, "prompt is missing"),
        (T2V, {"prompt": "p", "ratio": "2:1"}, "ratio '2:1'"),
        (T2V, {"prompt": "p", "ratio": "21:9"}, "ratio '21:9' is not offered"),
        (T2V, {"prompt": "p", "resolution": "480P"}, "resolution '480P' is not offered"),
        (T2V, {"prompt": "p", "first_frame_image": PICTURE_URI}, "first_frame_image"),
        (R2V, {"prompt": "p"}, "reference_images is missing"),
        (R2V, {"prompt": "p", "reference_images": []}, "reference_images is missing"),
        (R2V, {"prompt": "p", "reference_images": PICTURE_URI}, "reference_images is no list"),
        (R2V, {"prompt": "p", "reference_images": ["https://example.com/a.png"] * 10}, "has 10 entries"),
        (R2V, {"prompt": "p", "reference_images": [7]}, "reference_images"),
        (R2V, {"prompt": "p", "reference_images": [PICTURE_URI]}, "reference is 480 x 320 pixels"),
        (EDIT, {"prompt": "p"}, "input_video_url is missing"),
        (EDIT, {"input_video_url": "https://example.com/a.mp4"}, "prompt is missing"),
        (EDIT, {"prompt": "p", "input_video_url": PICTURE_URI}, "no http(s) URL"),
        (EDIT, {"prompt": "p", "input_video_url": "https://example.com/a.mp4", "audio": "auto"}, "'audio'"),
        (EDIT, {"prompt": "p", "input_video_url": "https://example.com/a.mp4", "audio_setting": "loud"}, "loud"),
        (EDIT, {"prompt": "p", "input_video_url": "https://example.com/a.mp4", "duration": 5}, "duration"),
    ],
    ids=str,
)
async def test_what_breaks_a_table_is_refused(caller: Caller, model: str, fields: dict[str, Any], words: str) -> None:
    answer = await caller.post(json.dumps(fields).encode(), path=f"/api/v1/alibaba/{model}/async")
    assert answer.status == 400
    assert words in answer.json["message"]


async def test_what_only_alibabas_pages_have_is_taken_where_told(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.1, unlisted=True)) as caller:
        _, _, file = await film(caller, T2V, prompt="p", ratio="21:9", resolution="480P", duration=3)
        width, height = seen(file).size
        assert width / height == pytest.approx(21 / 9, rel=0.01)


def test_records_of_before_the_family_are_read() -> None:
    old: dict[str, Any] = {"id": "task-1", "token": "t", "model": "happyhorse-1.0-i2v", "prompt": ""}
    old |= {"resolution": "720P", "duration": 3, "seed": 1, "created": 1.0, "seconds": 1.0}
    waiting = Task.from_json({**old, "image_url": "https://example.com/a.png", "ended": None})
    assert waiting.addresses == {"first_frame": "https://example.com/a.png"}
    done = Task.from_json({**old, "image_url": None, "ended": 2.0, "error": "", "width": 1280, "height": 720})
    assert (done.addresses, done.footage) == ({}, None)
    assert done.amount() == Decimal("0.384")


def test_every_resolution_of_every_model_has_a_price() -> None:
    assert all(choice in model.prices for model in MODELS.values() for choice in model.param("resolution").choices)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
async def test_each_model_describes_itself_to_anybody(caller: Caller, model: Any) -> None:
    answer = await caller.get(f"/models/{model.slug}/api_schema", key=None)
    assert answer.status == 200
    assert answer.json["servers"][0]["url"] == caller.origin
    post = answer.json["paths"][f"/api/v1/{model.slug}/async"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    needed = [role.wire for role in model.inputs if role.minimum] + [p.sent_as for p in model.params if p.required]
    assert sorted(body["required"]) == sorted(needed)
    assert set(body["properties"]) == {r.wire for r in model.inputs} | {p.sent_as for p in model.params}
    assert body["properties"]["resolution"]["enum"] == ["720P", "1080P"]
    assert body["properties"]["seed"] | {"description": ""} == {
        "type": "integer", "description": "", "minimum": 0, "maximum": 2_147_483_647,
    }  # fmt: skip
    assert (await caller.get("/models/alibaba/none/api_schema", key=None)).status == 404
