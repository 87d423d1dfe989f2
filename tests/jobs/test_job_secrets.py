"""Neither the key nor a signed link is in anything that a job shows, logs, raises or keeps."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from urllib.parse import unquote

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.job.state import state_of
from happyhorse_nb.settings import current_account
from jobs.conftest import Generate
from jobs.seen import Seen, ended
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say

STORIES: dict[str, dict[str, list[Answer]]] = {
    "all goes well": {},
    "unknown": {"submit": [Do(cut=Cut.AFTER_ACCEPTING)]},
    "refused": {"submit": [Say(401)]},
    "reads fail": {"poll": [Say(500), Do(cut=Cut.HALFWAY), Say(raw=b"<html>"), Say(402)]},
    "the link is turned down": {"file": [Say(403)] * 9},
    "the download breaks off": {"file": [Do(cut=Cut.HALFWAY), *[Say(503)] * 90]},
    "the key is repeated": {
        "submit": [Say(401, body={"code": 401, "message": f"Unauthorized: {KEY.upper()} is no key"})]
    },
    "the key is repeated later": {"poll": [Say(402, body={"code": 402, "message": f"No money on %6D{KEY[1:]}"})]},
    "a redirect": {"file": [Say(302, headers={"Location": f"http://example.com/?signature={SIGNATURE}"})] * 9},
}


@pytest.mark.parametrize("story", STORIES)
def test_in_every_story(
    generate: Generate,
    fake_server: FakeServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    story: str,
) -> None:
    from IPython.core.ultratb import VerboseTB

    caplog.set_level(logging.DEBUG)
    fake_server.words = ("success",)
    for kind, answers in STORIES[story].items():
        fake_server.script(kind, *answers)  # type: ignore[arg-type]  # the kinds are those above
    seen = Seen(generate())
    job = ended(seen.job)
    job._ipython_display_()
    said = [repr(job), repr(vars(job)), repr(seen.snapshots), repr(vars(state_of(job))), repr(hh.jobs()), caplog.text]
    said += [hh.jobs()._repr_html_(), repr(engine()), repr(vars(engine())), repr(current_account())]
    if story != "all goes well":
        with pytest.raises(hh.JobError) as caught:
            job.result()
        error = caught.value
        assert error.__traceback__ is not None
        # This test's own frames have the scripts, with the link in one of them.
        frames = error.__traceback__.tb_next
        said += [VerboseTB().text(type(error), error, frames), str(error), repr(error), repr(error.snapshot)]
        said += traceback.TracebackException(type(error), error, frames, capture_locals=True).format()
    out = capsys.readouterr()
    # And what the home holds is looked at when the test is over.
    shown = unquote("\n".join([*said, out.out, out.err])).lower()
    for secret in (KEY, SIGNATURE):
        assert secret not in shown


def test_the_key_goes_to_the_configured_server_only(
    generate: Generate, fake_server: FakeServer, small_mp4: bytes
) -> None:
    with FakeServer(video=small_mp4) as store:
        fake_server.file_origin = store.origin
        assert str(ended(generate()).status) == "done"
        assert [request.kind for request in store.requests] == ["file"]
        assert all("Authorization" not in request.headers for request in store.requests)
    assert {request.key for request in fake_server.requests} == {KEY}


def test_a_hostile_message_is_one_bounded_line(generate: Generate, fake_server: FakeServer, folder: Path) -> None:
    words = "<script>alert(1)</script>\x1b[31m\r\n" * 500
    fake_server.script("submit", Say(400, body={"code": 400, "message": words}))
    job = ended(generate())
    assert len(str(job.error)) < 800
    assert str(job.error).isprintable()
    assert "<script>" not in hh.jobs()._repr_html_()
