"""Programs that fork at random instants, in every way and with every end: in full what `tests/jobs` runs in small."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from soak.ordeal import Ordeal
from support.forks import DEEDS, ENDS, WAYS, expected
from support.programs import Program, Programs

Step = dict[str, Any]


def a_fork(ordeal: Ordeal, mine: list[Step], *, orphan: bool) -> Step:
    """How and when to fork, what the fork does, and how it ends."""
    chance = ordeal.random
    # The process of a pool that is an orphan waits for work for ever, whatever it has done.
    way = chance.choice([way for way in WAYS if way != "pool" or not orphan])
    step: Step = {
        "way": way,
        "aside": chance.random() < 0.5,
        "after": chance.uniform(0, chance.choice((0.002, 0.02, 0.2))),
        "end": chance.choice(ENDS),
        "moment": chance.uniform(0, chance.choice((0.02, 0.2, 1.0))),
    }
    if way != "subprocess":
        step["deed"] = chance.choice(DEEDS)
        if step["deed"] == "asks":
            # A video of its own, or one that its parent asks for too, before or after it.
            step["request"] = chance.choice([*mine, ordeal.requests(1)[0]])
    return step


def fork_at_random(ordeal: Ordeal, start: Callable[[], Program], noise: Callable[[], str]) -> None:
    """The life of a program that forks while it asks for videos, waits and fetches; then, the recovery of its jobs."""
    chance = ordeal.random
    before = len(ordeal.prompts)
    mine = ordeal.requests()
    dies = chance.random() < 0.25
    forks = [a_fork(ordeal, mine, orphan=dies) for _ in range(chance.randint(1, 4))]
    steps = [*(("generate", request) for request in mine), *(("fork", fork) for fork in forks)]
    chance.shuffle(steps)
    with ordeal.weather():
        program = start()
        for name, how in steps:
            program.tell(name, **how)
        if dies:
            # The one place where a test may sleep: a random instant is what it is about.
            time.sleep(chance.uniform(0, 0.6))
            program.kill(forks=True)
            ordeal.counts["killed with forks"] += 1
        else:
            # (Those aside are made later than they are asked for.)
            told = sorted(program.ask("forks"))
            assert told == sorted(expected(**fork) for fork in forks), f"{told}, {forks}: {noise()}"
            rows = program.ask("wait")
            asked = [fork["request"] for fork in forks if "request" in fork and fork["end"] != "killed"]
            # Where nobody was killed, nothing is unknown either.
            for prompt in {request["prompt"] for request in [*mine, *asked]}:
                states = [row["status"] for row in rows if row["prompt"] == prompt]
                killed = any(fork.get("request", {}).get("prompt") == prompt for fork in forks if fork not in asked)
                assert states == ["done"] or (killed and states in (["unknown"], ["done"])), (prompt, states, forks)
            program.end()
    for fork in forks:
        ordeal.counts[f"{fork['way']} that {'is killed' if fork['end'] == 'killed' else fork['end']}"] += 1
    ordeal.counts["forks"] += len(forks)
    fresh = start()
    ordeal.recover(fresh, ordeal.prompts[before:])
    fresh.end()


def test_nothing_is_lost_or_bought_twice_by_programs_that_fork(
    ordeal: Ordeal, start: Callable[[], Program], programs: Programs, kills: int
) -> None:
    while ordeal.counts["forks"] < kills:
        fork_at_random(ordeal, start, lambda: programs.noise)
    assert programs.noise == ""
