"""A model of other inputs: its table is all that is written for it, from the magic to the video."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb import render
from happyhorse_nb.api import again, create
from happyhorse_nb.engine import engine
from happyhorse_nb.magic.actions import make
from happyhorse_nb.magic.complete import complete
from happyhorse_nb.magic.options import cell_parser, split
from happyhorse_nb.models import MODELS, ImageLimits, Model, Role
from happyhorse_nb.sandbox import Sandbox, SandboxOptions
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import FakeServer

#: Two pictures and one video.
MADE_UP = Model(
    "made-up-1",
    MODELS["happyhorse-1.0-i2v"].params,
    (
        Role("reference", option="references", flag="--ref", wire="reference_images", help="who is in it", minimum=2,
             maximum=2, image=ImageLimits(min_side=100)),
        Role("video", option="video", flag="--edit", wire="input_video_url", help="the video to edit", image=None,
             embedded=False),
    ),
    {"720P": Decimal("0.5"), "1080P": Decimal("0.7")},
)  # fmt: skip
CLIP = "https://example.com/clip.mp4"


def picture(color: str, side: int = 150) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), color).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Adds the model, and has the options of a cell read from the tables anew, before and after."""
    monkeypatch.setitem(MODELS, MADE_UP.id, MADE_UP)
    cell_parser.cache_clear()
    yield
    cell_parser.cache_clear()


@pytest.fixture
def cell(generate: Generate, tmp_path: Path) -> Any:
    """Runs a cell with this line; the job it has made."""
    (tmp_path / "hero.png").write_bytes(picture("red"))
    (tmp_path / "street.png").write_bytes(picture("blue"))
    shell = SimpleNamespace(user_ns={"clip": CLIP})

    def run(line: str, body: str = "The hero crosses the street") -> hh.Job:
        make(shell, cell_parser().parse_args(split(f"--model made-up-1 --name job --wait {line}")), body)
        job: hh.Job = shell.user_ns["job"]
        return job

    return run


def test_from_the_magic_to_the_video(cell: Any, fake_server: FakeServer) -> None:
    job = cell("--ref hero.png --ref street.png --edit clip --resolution 720P")
    assert str(job.status) == "done"
    assert job.path is not None
    assert job.path.exists()
    [sent] = fake_server.of("submit")
    assert sent.path.startswith("/api/v1/alibaba/made-up-1")
    prefix = "data:image/png;base64,"
    assert sent.json == {
        "reference_images": [prefix + base64.b64encode(picture(color)).decode() for color in ("red", "blue")],
        "input_video_url": CLIP,
        "prompt": "The hero crosses the street",
        "resolution": "720P",
        "seed": job.seed,
    }
    record = engine().ledger.get(job.id)
    assert record is not None
    assert [(one.role, one.label, one.thumbnail is None) for one in record.inputs] == [
        ("reference", "hero.png", False),
        ("reference", "street.png", False),
        ("video", "clip.mp4", True),
    ]
    assert job.thumbnail == record.inputs[0].thumbnail
    assert base64.b64encode(record.inputs[0].thumbnail or b"").decode() in render.card(
        job.snapshot, job.thumbnail, now=0.0
    )

    # The same inputs are the same request, in another order they are another one.
    assert cell("--ref hero.png --ref street.png --edit clip --resolution 720P").id == job.id
    assert fake_server.paid == 1
    other = cell("--ref street.png --ref hero.png --edit clip --resolution 720P")
    assert other.id != job.id
    remade = ended(again(job))
    assert fake_server.of("submit")[-1].json["reference_images"] == sent.json["reference_images"]

    # What no other job has goes with the last one that has it.
    sources = [one.source for one in record.inputs[:2]]
    for gone in (job, other):
        hh.forget(gone)
    assert all(engine().frames.get(source) for source in sources)
    hh.forget(remade)
    assert not any(engine().frames.get(source) for source in sources)


def test_what_is_missing_or_too_much_is_said_in_one_line(cell: Any, fake_server: FakeServer, photo: Path) -> None:
    for line, words in (
        ("--ref hero.png --edit clip", "references: 1 given; made-up-1 takes 2"),
        ("--ref hero.png --ref nowhere.png --edit clip", "reference 'nowhere.png' is not found"),
        ("--ref hero.png --ref street.png --edit hero.mp4", "video hero.mp4 is a file on this machine"),
        ("--ref hero.png --ref street.png", "made-up-1 needs a video"),
        (
            "hero.png --ref hero.png --ref street.png --edit clip",
            "made-up-1 takes no image; it takes references, video",
        ),
    ):
        with pytest.raises(hh.InvalidRequest, match=words):
            cell(line)
    with pytest.raises(hh.InvalidRequest, match=r"happyhorse-1\.0-i2v takes no references"):
        create(photo, "p", {"references": [photo, photo]}, model="happyhorse-1.0-i2v")
    assert fake_server.requests == []


def test_its_options_are_completed(cell: Any) -> None:
    shell = SimpleNamespace(user_ns={"hero": picture("red")})
    assert complete(shell, "%%happyhorse --re", "--re") == ["--ref", "--resolution"]
    assert complete(shell, "%%happyhorse --ref he", "he") == ["hero.png", "hero"]
    assert "--edit JOB|URL" in cell_parser().format_help()


def test_its_price_is_that_of_its_own_table(cell: Any, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = create(
        None, "p", {"references": [picture("red"), picture("blue")], "video": CLIP, "duration": 4}, model="made-up-1"
    )
    assert str(job.cost) == "about $2.80"
    job.stop()
    assert isinstance(job, hh.Job)
    ended(job)
    hh.config.prices = {"1080P": 1.0}
    with pytest.raises(hh.InvalidRequest, match=r"\$15\.00"):
        create(None, "q", {"references": [picture("red")] * 2, "video": CLIP, "duration": 15}, model="made-up-1")


async def test_the_sandbox_plays_it(tmp_path: Path) -> None:
    async with (
        Sandbox(tmp_path / "sandbox", SandboxOptions(seconds=0.1)) as sandbox,
        hh.Client("any-key-will-do", sandbox.origin) as client,
    ):
        assert MADE_UP.slug in await client.models()
        first = await client.submit(None, "p", duration=3, resolution="720P", ratio="1:1")
        made = await client.wait(first.task_id or "", timeout=60)
        pictures = [picture("red", 400), picture("blue", 200)]
        given: dict[str, Any] = {"model": "made-up-1", "video": made.video_url, "duration": 3, "resolution": "720P"}
        task = await client.submit(None, "p", references=pictures, **given)
        done = await client.wait(task.task_id or "", timeout=60)
        info = await client.download(done, tmp_path / "made.mp4")
        assert info.width == info.height == 960
        assert str(done.cost) == "$1.50"
        with pytest.raises(hh.InvalidRequest, match="takes 2"):
            await client.submit(None, "p", references=pictures[:1], **given)
