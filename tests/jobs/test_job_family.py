"""The models of the family, chosen by what is given: text, a first frame, references, a video."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.magic.actions import make
from happyhorse_nb.magic.options import cell_parser, split
from happyhorse_nb.models import MODELS
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from support.fake_server import FakeServer

HERO, STREET, CLIP = (f"https://example.com/{name}" for name in ("hero.png", "street.png", "clip.mp4"))
Cell = Callable[..., hh.Job]


@pytest.fixture
def cell(generate: Generate) -> Cell:
    """Runs a cell with this line and body to its end; the job it has made."""
    shell = SimpleNamespace(user_ns={"hero": HERO, "clip": CLIP})

    def run(line: str, body: str = "A horse runs along the beach") -> hh.Job:
        make(shell, cell_parser().read(f"--name job --wait --yes {line}"), body)
        job: hh.Job = shell.user_ns["job"]
        return job

    return run


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("", "t2v", {}),
        ("--ratio 9:16 --duration 8", "t2v", {"ratio": "9:16", "duration": 8}),
        (HERO, "i2v", {"first_frame_image": HERO}),
        (f"--ref hero --ref {STREET}", "r2v", {"reference_images": [HERO, STREET]}),
        ("--edit clip --audio origin", "video-edit", {"input_video_url": CLIP, "audio_setting": "origin"}),
        (f"--edit {CLIP} --ref hero", "video-edit", {"input_video_url": CLIP, "reference_images": [HERO]}),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_model_follows_from_what_the_cell_gives(
    cell: Cell, fake_server: FakeServer, settings: Settings, line: str, kind: str, fields: dict[str, Any], version: str
) -> None:
    settings.version = version
    job = cell(line)
    assert str(job.status) == "done"
    [sent] = fake_server.of("submit")
    # An edit stays 1.0.
    model = f"happyhorse-{'1.0' if kind == 'video-edit' else version}-{kind}"
    assert sent.path.startswith(f"/api/v1/alibaba/{model}")
    assert sent.json == {"prompt": "A horse runs along the beach", "seed": job.seed, **fields}
    # Run again, it is the same request.
    assert cell(line).id == job.id
    assert fake_server.paid == 1


def test_from_python_too(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        text = hh.generate(prompt="A horse", ratio="1:1", resolution="720P")
        some = hh.generate(prompt="character1 waves", references=[HERO])
        edit = hh.generate(prompt="Make it snow", video=CLIP, audio="auto", resolution="720P", yes=True)
        # The length of a clip somewhere else is not known, so the estimate is the most there may be: 60 s and 15 s.
        assert [str(job.cost) for job in (text, edit)] == ["about $0.64", "about $9.60"]
    models = [ended(job).snapshot.model.removeprefix("happyhorse-1.0-") for job in (text, some, edit)]
    assert models == ["t2v", "r2v", "video-edit"]
    again = ended(hh.again(text))
    assert (again.snapshot.model, again.prompt, again.params["ratio"]) == (text.snapshot.model, "A horse", "1:1")
    assert fake_server.paid == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{HERO} --ref {STREET}", "no model takes image and references together; a video is made of .* Leave one of"),
        (f"{HERO} --edit {CLIP}", "no model takes image and video together"),
        (f"{HERO} --ratio 1:1", "'ratio' is not a parameter of happyhorse-1.0-i2v"),
        ("--duration 5 --edit clip", "'duration' is not a parameter of happyhorse-1.0-video-edit"),
        (f"--model happyhorse-1.0-t2v {HERO}", "t2v takes no image; it takes text alone. Use happyhorse-1.0-i2v or "),
        (
            "--model happyhorse-1.0-i2v",
            "i2v needs a first frame. Use happyhorse-1.0-t2v or happyhorse-1.1-t2v",
        ),
        (
            "--model happyhorse-1.1-r2v --edit clip",
            "r2v takes no video; it takes references. Use happyhorse-1.0-vi",
        ),
        ("--ref hero " * 10, "references: 10 given; happyhorse-1.0-r2v takes 1 to 9"),
        ("--edit clip " + "--ref hero " * 6, "references: 6 given; happyhorse-1.0-video-edit takes 0 to 5"),
        ("--resolution 480P", "480P is on Alibaba's pages of the model, and Modellix's do not have it; it takes 720P"),
        ("--ratio 21:9", "21:9 is on Alibaba's pages of the model"),
        ("--edit clip.mp4", "video clip.mp4 is a file on this machine; the server fetches a video from its"),
        ("--edit nothing-of-the-kind", "no job"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(cell: Cell, fake_server: FakeServer, line: str, words: str) -> None:
    with pytest.raises(hh.HappyHorseError, match=words) as refused:
        cell(line)
    assert "\n" not in str(refused.value)
    assert fake_server.requests == []


def test_a_prompt_is_needed_for_all_but_a_first_frame(cell: Cell, fake_server: FakeServer) -> None:
    for line, kind in (("", "t2v"), ("--ref hero", "r2v"), ("--edit clip", "video-edit")):
        with pytest.raises(hh.InvalidRequest, match=f"prompt is empty; happyhorse-1.0-{kind} needs one"):
            cell(line, "")
    assert fake_server.requests == []
    assert str(cell(HERO, "").status) == "done"


def test_the_model_of_the_settings_must_fit_as_one_of_the_cell(
    cell: Cell, fake_server: FakeServer, settings: Settings
) -> None:
    settings.model = "happyhorse-1.1-i2v"
    assert cell(HERO).snapshot.model == "happyhorse-1.1-i2v"
    with pytest.raises(hh.InvalidRequest, match=r"happyhorse-1\.1-i2v needs a first frame. Use happyhorse-1\.0-t2v"):
        cell("")
    assert fake_server.paid == 1


def test_what_only_alibaba_has_is_sent_on_purpose(cell: Cell, fake_server: FakeServer) -> None:
    cell("--ratio 21:9 --resolution 480p --unlisted")
    [sent] = fake_server.of("submit")
    assert (sent.json["ratio"], sent.json["resolution"]) == ("21:9", "480P")


def test_references_are_named_in_the_prompt(cell: Cell, fake_server: FakeServer) -> None:
    with pytest.raises(hh.InvalidRequest, match="names character3; 2 given: character1 to character2"):
        cell(f"--ref hero --ref {STREET}", "character1 meets character3")
    assert fake_server.requests == []
    assert cell("--ref hero", "character1 waves").snapshot.note == ""
    assert "names none of the references" in cell("--ref hero", "A knight waves").snapshot.note


def test_an_edit_of_a_job_that_has_not_ended_is_refused(
    cell: Cell, generate: Generate, fake_server: FakeServer
) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    with pytest.raises(hh.InvalidRequest, match=r" is \w+, and has no video to edit. Wait for it first"):
        cell(f"--edit {job.id[:8]}")
    job.stop()
    ended(job)
    assert fake_server.paid == 1


def test_one_of_takes_is_edited_by_its_number(cell: Cell, generate: Generate, fake_server: FakeServer) -> None:
    takes: Any = generate(takes=2, seed=1)
    takes.result(timeout=DEADLINE)
    shell = SimpleNamespace(user_ns={"launch": takes})
    line = "--name night --wait --yes --edit launch[{}]"
    make(shell, cell_parser().read(line.format(1)), "Make it night")
    record = engine().ledger.get(shell.user_ns["night"].id)
    assert record is not None
    assert record.inputs[0].job == takes[1].id
    for wrong, words in (
        ("[2]", r"launch has 2 takes: launch\[0\] to"),
        ("", r"edit takes one video, and these are 2"),
    ):
        with pytest.raises(hh.HappyHorseError, match=words):
            make(shell, cell_parser().read(f"--edit launch{wrong}"), "Make it night")


def test_an_edit_of_a_job_equals_one_by_that_job(generate: Generate, fake_server: FakeServer, photo: Path) -> None:
    source = ended(generate(duration=4))
    params: dict[str, Any] = {"prompt": "Make it snow", "resolution": "720P", "yes": True}
    with fake_server.held("submit"):
        asked = [hh.generate(video=named, **params) for named in (source, source.id[:8])]
        assert len({job.id for job in asked}) == 1
        # 4 s in, 4 s out.
        assert str(asked[0].cost) == "about $1.02"
    record = engine().ledger.get(asked[0].id)
    assert record is not None
    [film] = record.inputs
    assert (film.role, film.job, film.seconds, film.thumbnail) == ("video", source.id, 4.0, source.thumbnail)
    asked[0].stop()


def test_all_options_of_a_model_are_arguments_of_generate() -> None:
    import inspect

    names = set(inspect.signature(hh.generate).parameters)
    for model in MODELS.values():
        assert {p.name for p in model.options} | {role.option for role in model.inputs} <= names
    assert split("--edit a") == ["--edit", "a"]


def png(width: int, height: int, *, noise: bool = False) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8) if noise else None
    picture = Image.new("RGB", (width, height), "teal") if pixels is None else Image.fromarray(pixels)
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def test_a_reference_is_checked_by_limits_of_its_own(generate: Generate, fake_server: FakeServer) -> None:
    # Any aspect, and sides of 400 pixels, where a first frame needs 300 and 1:2.5.
    with pytest.raises(hh.InvalidRequest, match="reference is 390 x 900 pixels; each side must be at least 400"):
        hh.generate(prompt="character1 waves", references=[png(400, 400), png(390, 900)])
    assert fake_server.requests == []
    job = ended(hh.generate(prompt="character1 waves", references=[png(400, 1600)]))
    assert (str(job.status), job.error) == ("done", None)


def test_a_first_frame_that_only_alibaba_takes_is_sent_on_purpose(generate: Generate, fake_server: FakeServer) -> None:
    large = png(1900, 1900, noise=True)
    assert 10 * 2**20 < len(large) < 20 * 2**20
    with pytest.raises(hh.InvalidRequest, match=r"the limit is 10 MB.*Alibaba's pages allow 20 MB: unlisted=True"):
        hh.generate(large)
    assert fake_server.requests == []
    ended(hh.generate(large, unlisted=True))
    [sent] = fake_server.of("submit")
    assert base64.b64decode(sent.json["first_frame_image"].partition(",")[2]) == large
