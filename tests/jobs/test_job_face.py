"""What a user may call: the names of a job, and the options of hh.generate and hh.again."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_type_hints

import pytest

import happyhorse_nb as hh
from happyhorse_nb.models import MODELS
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import FakeServer

#: What Tab shows after ``job.``.
NAMES = {
    "cost",
    "done",
    "error",
    "id",
    "model",
    "on_change",
    "params",
    "path",
    "prompt",
    "result",
    "seed",
    "snapshot",
    "star",
    "starred",
    "status",
    "stop",
    "subscribe",
    "task_id",
    "thumbnail",
    "watch",
}


def test_tab_shows_of_a_job_what_a_user_may_call(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate())
    assert {name for name in dir(job) if not name.startswith("_")} == NAMES


@pytest.mark.parametrize("function", [hh.generate, hh.again])
def test_an_editor_knows_every_option_that_the_models_have_with_its_type(function: Any) -> None:
    given, hints = inspect.signature(function).parameters, get_type_hints(function)
    assert all(p.kind is not p.VAR_KEYWORD for p in given.values())
    options = {option.name: option for model in MODELS.values() for option in model.options}
    assert set(options) <= set(given)
    for name, option in options.items():
        kinds = [kind for kind in get_args(hints[name]) if kind is not type(None)]
        assert given[name].default is None
        if option.choices:
            assert get_args(kinds[0]) == option.choices + option.unlisted
        else:
            assert kinds == [int]
