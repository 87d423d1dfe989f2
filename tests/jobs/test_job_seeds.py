"""The seed of a job: drawn here where none is asked for, sent and shown; and which requests are equal by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import happyhorse_nb as hh
from happyhorse_nb import render
from happyhorse_nb.api import price, remade
from happyhorse_nb.store import Ledger
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from store.rows import at_once
from support.fake_server import FakeServer

LARGEST = 2_147_483_647


def sent(server: FakeServer) -> list[Any]:
    return [request.json["seed"] for request in server.requests if request.kind == "submit"]


def test_a_seed_that_nobody_asked_for_is_drawn_sent_written_down_and_shown(
    generate: Generate, fake_server: FakeServer
) -> None:
    job = ended(generate())
    assert isinstance(job.seed, int)
    assert 0 <= job.seed <= LARGEST
    assert sent(fake_server) == [job.seed]
    assert job.params["seed"] == job.seed
    assert f"seed {job.seed}" in render.card(job.snapshot, None, now=0.0)
    assert hh.jobs()[0].seed == job.seed
    assert hh.jobs().to_frame()["seed"].tolist() == [job.seed]
    other = ended(generate("another prompt"))
    assert other.seed != job.seed


@pytest.mark.parametrize("seed", [0, LARGEST, np.int64(7), np.uint8(7), "7"], ids=repr)
def test_a_seed_that_is_asked_for_is_the_one_that_is_sent(
    generate: Generate, fake_server: FakeServer, seed: Any
) -> None:
    job = ended(generate(seed=seed))
    assert job.seed == int(seed)
    assert type(job.seed) is int
    assert sent(fake_server) == [int(seed)]
    assert generate(seed=int(seed)).id == job.id
    assert fake_server.paid == 1


def test_a_request_without_a_seed_equals_an_earlier_one_without(generate: Generate, fake_server: FakeServer) -> None:
    asked = ended(generate(seed=7))
    drawn = ended(generate())
    assert drawn.id != asked.id
    assert generate().id == drawn.id
    assert generate().seed == drawn.seed
    assert fake_server.paid == 2


def test_a_request_that_names_a_seed_equals_any_job_that_was_made_with_it(
    generate: Generate, fake_server: FakeServer
) -> None:
    one = ended(generate())
    assert generate(seed=one.seed).id == one.id
    some: Any = generate("takes of it", takes=3)
    some.result(DEADLINE)
    for take in some:
        assert generate("takes of it", seed=take.seed).id == take.id
    # And the other way round: takes from a seed on, of which one is there.
    numbered: Any = generate("takes of it", takes=2, seed=some[2].seed)
    numbered.result(DEADLINE)
    assert numbered[0].id == some[2].id
    assert fake_server.paid == 5
    # Another length, with that seed, is another film.
    assert generate(seed=one.seed, duration=3).id != one.id


def test_one_that_runs_is_joined_by_its_seed(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("poll"):
        some: Any = generate(takes=2)
        joined = generate(seed=some[1].seed)
        assert joined is some[1]
    ended(joined)
    ended(some[0])
    assert fake_server.paid == 2


def test_again_draws_a_new_seed_unless_one_is_given(generate: Generate, fake_server: FakeServer, settings: Any) -> None:
    seven = ended(generate(seed=7))
    other = ended(hh.again(seven))
    assert other.seed != 7
    # Whoever sets a default does not want the same film again either.
    settings.seed = 7
    assert ended(hh.again(seven)).seed != 7
    assert ended(generate(again=True)).seed != 7
    assert ended(hh.again(seven, seed=7)).seed == 7
    assert ended(generate(seed=7, again=True)).seed == 7
    assert fake_server.paid == 6
    # What was asked for by its number is what is found by it.
    settings.seed = None
    assert generate(seed=7).seed == 7
    assert generate().id == hh.jobs()[2].id
    assert fake_server.paid == 6


def test_again_of_a_take_is_that_take_from_then_on(generate: Generate, fake_server: FakeServer) -> None:
    some: Any = generate(takes=3)
    some.result(DEADLINE)
    third = ended(hh.again(some[2]))
    assert third.seed not in [job.seed for job in some]
    rerun: Any = generate(takes=3)
    assert [job.id for job in rerun] == [some[0].id, some[1].id, third.id]
    assert fake_server.paid == 4


def test_this_one_in_1080p(generate: Generate, fake_server: FakeServer, settings: Any) -> None:
    job = ended(generate(resolution="720P", duration=4))
    # The settings' defaults are for new requests.
    settings.duration = 9
    larger = ended(hh.again(job, resolution="1080P", seed=job.seed))
    assert larger.seed == job.seed
    assert larger.params == {"resolution": "1080P", "duration": 4, "seed": job.seed}
    assert larger.prompt == job.prompt
    assert (str(price(job)), str(price(job, resolution="1080P"))) == ("about $0.51", "about $0.92")
    assert str(price(job, resolution="1080P", duration=10)) == "about $2.29"
    # From its card: pressed twice it is bought once, and where it was made before, not at all.
    assert remade(job, resolution="1080P", seed=job.seed) == larger
    assert remade(job.id[:6], resolution="1080P", seed=job.seed) == larger
    assert remade(job, seed=job.seed) == job
    assert fake_server.paid == 2
    other = ended(hh.again(job, model="happyhorse-1.1-i2v", duration=3))
    assert (other.model, other.params["duration"], other.params["resolution"]) == ("happyhorse-1.1-i2v", 3, "720P")
    assert other.seed != job.seed
    with pytest.raises(hh.InvalidRequest, match=r"duration 99 cannot be used"):
        hh.again(job, duration=99)
    with pytest.raises(TypeError, match="length"):
        hh.again(job, length=9)  # type: ignore[call-overload]  # as somebody may write it


def test_what_again_was_not_told_is_as_it_was_and_not_as_the_settings_have_it(
    generate: Generate, fake_server: FakeServer, settings: Any
) -> None:
    job = ended(generate())
    settings.resolution = "720P"
    settings.duration = 9
    new = ended(hh.again(job))
    assert new.params == {"seed": new.seed}
    settings.resolution = settings.duration = None
    assert generate().id == new.id


def test_takes_that_are_bought_again_have_new_seeds_but_from_the_one_that_is_given(
    generate: Generate, fake_server: FakeServer
) -> None:
    numbered: Any = generate(takes=2, seed=5)
    numbered.result(DEADLINE)
    new: Any = hh.again(numbered)
    new.result(DEADLINE)
    assert not {5, 6} & {job.seed for job in new}
    same: Any = hh.again(numbered, seed=5)
    same.result(DEADLINE)
    assert [job.seed for job in same] == [5, 6]
    more: Any = hh.again(numbered[0], takes=2, seed=5)
    assert [job.seed for job in more] == [5, 6]
    more.result(DEADLINE)
    assert fake_server.paid == 8


def test_two_processes_at_once_draw_once(generate: Generate, fake_server: FakeServer, photo: Path) -> None:
    prepare = "import happyhorse_nb as hh"
    act = (
        f"job = hh.generate(args[0], 'at once', **({{'seed': 7}} if me % 2 else {{}}))\n"
        f"job.result({DEADLINE})\nprint(job.id, job.seed)"
    )
    told = at_once(4, prepare, act, photo)
    assert fake_server.paid == 2
    assert told[0] == told[2]
    assert told[1] == told[3]
    assert told[1].endswith(" 7")
    assert sorted(sent(fake_server)) == sorted(int(one.split()[1]) for one in told[:2])


def test_a_row_whose_parameters_nobody_can_read_is_in_nobody_s_way(generate: Generate, home: Path) -> None:
    job = ended(generate(seed=7))
    ledger = Ledger(home)
    ledger._connection.execute("UPDATE jobs SET params = '{half'")
    ledger.close()
    assert ended(generate(seed=7)).id != job.id
