"""What exists once in a process, whatever happens to the modules; and where this process runs."""

from __future__ import annotations

import importlib
import os
import threading

import pytest

from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.config import config


@pytest.fixture(autouse=True)
def cleared() -> None:
    process.put("a test's thing", None)


def test_a_thing_is_made_once_even_by_threads_that_come_at_once() -> None:
    name, made, gate = f"thing {os.urandom(4).hex()}", [], threading.Barrier(8)

    def make() -> object:
        made.append(object())
        return made[-1]

    found: list[object] = []

    def work() -> None:
        gate.wait()
        found.append(process.once(name, make))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert set(map(id, found)) == {id(made[0])}


def test_things_survive_a_reload_of_the_module() -> None:
    thing = object()
    process.put("a test's thing", thing)
    again = importlib.reload(process)
    assert again.get("a test's thing") is thing
    assert again.once("a test's thing", object) is thing


def test_a_thing_that_cannot_be_made_is_tried_again() -> None:
    name = f"thing {os.urandom(4).hex()}"

    def fails() -> object:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        process.once(name, fails)
    assert process.once(name, lambda: 5) == 5
    assert process.get("never put") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of threads: this child only looks and ends
def test_a_fork_has_what_was_chosen_and_nothing_of_what_works() -> None:
    name = f"thing {os.urandom(4).hex()}"
    process.once(name, object)
    process.put("a test's thing", "chosen")
    config().budget = 1.5
    child = os.fork()
    if child == 0:
        found = [process.get(name), process.get("a test's thing"), config().budget]
        os._exit(0 if found == [None, "chosen", 1.5] else 1)
    config().budget = None
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert process.get(name) is not None


@pytest.mark.parametrize(
    ("environ", "waits"),
    [
        ({}, False),
        ({"HAPPYHORSE_WAIT": "1"}, True),
        ({"HAPPYHORSE_WAIT": "yes"}, True),
        ({"HAPPYHORSE_WAIT": "0"}, False),
        ({"HAPPYHORSE_WAIT": "False"}, False),
        ({"HAPPYHORSE_WAIT": " "}, False),
        ({"SERVER_SOFTWARE": "voila/0.5.8"}, True),
        ({"SERVER_SOFTWARE": "voila/0.5.8", "HAPPYHORSE_WAIT": "0"}, False),
        ({"SERVER_SOFTWARE": "jupyter"}, False),
    ],
)
def test_a_program_waits_only_where_it_is_told_or_nobody_watches(environ: dict[str, str], waits: bool) -> None:
    assert frontend.waits_by_default(environ) is waits


def test_a_program_is_no_notebook() -> None:
    assert not frontend.in_notebook()
    assert not frontend.in_colab()
