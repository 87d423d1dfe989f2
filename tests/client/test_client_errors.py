"""Errors come whole through a pickle, as from a process pool, and through a copy."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb import errors
from happyhorse_nb.models import find_model
from support.fake_server import KEY

CLASSES = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, hh.HappyHorseError)]


def one_of(kind: type[hh.HappyHorseError]) -> hh.HappyHorseError:
    """An error with everything in it that its class takes."""
    more: dict[str, Any] = {}
    fields = {"limit": "no more", "remedy": "Less."}
    if issubclass(kind, hh.APIError):
        more = {"status": 400, "code": 17, "task_id": "task-1"}
    if issubclass(kind, hh.RateLimited):
        more["retry_after"] = 7.0
    if issubclass(kind, hh.JobError):
        more = {"snapshot": hh.Snapshot(status=hh.Status.FAILED, task_id="task-1")}
    if kind is hh.InvalidRequest:
        more = {"param": "image"}
    if kind is hh.DownloadError:
        more = {"refused": True}
    return kind("in plain words", **more, **fields)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_comes_through_whole(
    kind: type[hh.HappyHorseError], through: Callable[[hh.HappyHorseError], hh.HappyHorseError]
) -> None:
    error = one_of(kind)
    same = through(error)
    assert (type(same), str(same), vars(same)) == (kind, str(error), vars(error))
    assert str(same).endswith("in plain words; no more. Less.")


def test_a_job_stays_in_its_process() -> None:
    error = hh.JobFailed("no", snapshot=hh.Snapshot(status=hh.Status.FAILED), job=lambda: None)
    same = pickle.loads(pickle.dumps(error))
    assert same.job is None
    assert same.snapshot == error.snapshot
    assert error.job is not None


def test_an_error_comes_out_of_a_process_pool() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(hh.InvalidRequest, match="nosuch") as caught,
    ):
        pool.submit(find_model, "nosuch").result()
    assert caught.value.param == "model"


def test_the_key_is_not_beside_an_error_about_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import traceback

    from happyhorse_nb.settings import home

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    monkeypatch.setenv("HAPPYHORSE_HOME", str(tmp_path / "file" / "deep"))
    with pytest.raises(hh.ConfigError) as caught:
        home()
    assert caught.value.__traceback__ is not None
    shown = traceback.TracebackException(
        type(caught.value), caught.value, caught.value.__traceback__.tb_next, capture_locals=True
    )
    assert KEY not in "".join(shown.format())
