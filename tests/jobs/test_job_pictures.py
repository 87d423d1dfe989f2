"""What real jobs are shown with: the names of their references, their sound, and a codec that no browser plays."""

from __future__ import annotations

from pathlib import Path

import happyhorse_nb as hh
from happyhorse_nb import render
from happyhorse_nb.job.pictures import pictures, seen
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import FakeServer
from support.videos import make_video

HERO, STREET = "https://example.com/hero.png", "https://example.com/street.png"


def test_references_by_their_addresses_have_their_names(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(hh.generate(prompt="character1 waves to character2", references=[HERO, STREET]))
    html = render.card(job.snapshot, pictures(job), now=0.0)
    assert ("character1</fig" in html, "character2</fig" in html, "<img" in html) == (True, True, False)


def test_a_video_is_known_by_its_file_each_time_it_is_shown(
    generate: Generate, fake_server: FakeServer, tmp_path: Path
) -> None:
    fake_server.video = make_video(tmp_path / "hevc.mp4", codec="libx265", sound="aac").read_bytes()
    job = ended(hh.generate(prompt="A horse"))
    assert job.path is not None
    html = job.result()._repr_html_()
    assert "This video is HEVC, which a browser cannot play." in html
    assert "<video" not in html
    # It is read from the file: so it holds in another kernel, and for another file in its place.
    found = seen(hh.jobs()[0].snapshot).video
    assert found is not None
    assert (found.codec, found.playable, found.frames) == ("HEVC", False, 27)
    make_video(job.path)
    assert " muted" in job.result()._repr_html_()
    job.path.write_bytes(b"no video at all")
    assert seen(job.snapshot).video is None
