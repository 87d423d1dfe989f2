"""A job that runs while the gallery is open arrives in its tile."""

from __future__ import annotations

from threading import Event

import happyhorse_nb as hh
from happyhorse_nb.widgets.gallery import Gallery
from jobs.conftest import Generate
from jobs.seen import DEADLINE
from support.fake_server import FakeServer
from widgets.fakes import FakeOutputs


def test_a_job_that_ends_while_the_gallery_is_open_can_be_played(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    runs = Event()
    job.on_change(lambda snapshot: runs.set() if str(snapshot.status) == "processing" else None)
    assert runs.wait(DEADLINE)
    gallery = Gallery(hh.gallery()._pages, embed_limit=15, outputs=FakeOutputs())
    gallery.open()
    [tile] = [tile for tile in gallery._tiles if tile.poster is not None]
    assert "hh-still" in tile._card._dom_classes
    assert "Generating" in tile._face.value
    fake_server.task.say("success")
    job.result(timeout=DEADLINE)
    assert "hh-still" not in tile._card._dom_classes
    assert "Generating" not in tile._face.value
