"""Kernels and programs killed at random instants, and what has to be true after it."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from happyhorse_nb.client import check_mp4
from support.fake_server import KEY, SIGNATURE, Do, FakeServer, Kind
from support.programs import Program

Row = Mapping[str, Any]

#: Settings under which a job takes a second instead of minutes; none of them says what is sent or remembered.
QUICK = {"requests_per_minute": 100_000, "max_poll_gap": 0.25, "max_backoff": 0.1, "fetch_patience": 5.0}


@dataclass
class Ordeal:
    """One ledger, one server, and many short lives. ``counts`` is what happened, for the summary."""

    server: FakeServer
    home: Path
    folder: Path
    photo: Path
    random: Random
    prompts: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _looked_into: set[tuple[Path, int, int]] = field(default_factory=set)

    @property
    def env(self) -> dict[str, str]:
        return {
            "HAPPYHORSE_HOME": str(self.home),
            "MODELLIX_API_KEY": KEY,
            "MODELLIX_BASE_URL": self.server.origin,
        }

    @property
    def settings(self) -> Mapping[str, float]:
        return QUICK

    # Before

    def requests(self, count: int | None = None) -> list[dict[str, Any]]:
        """So many requests that were never made before; one to three, unless it is said."""
        many = self.random.randint(1, 3) if count is None else count
        new = [f"take {len(self.prompts) + number}" for number in range(many)]
        self.prompts += new
        return [self.request(prompt) for prompt in new]

    def request(self, prompt: str) -> dict[str, Any]:
        return {"image": str(self.photo), "prompt": prompt, "duration": 3}

    @contextmanager
    def weather(self) -> Iterator[None]:
        """A server that takes a random time for everything, so that every step has its share of the instants."""
        chance = self.random
        words = ("pending", "processing", "success")
        self.server.words = words[chance.randint(0, 2) :]
        slow: dict[Kind, list[Do]] = {
            "submit": [Do(delay=self._moment(), late=self._moment()) for _ in range(3)],
            "poll": [Do(delay=self._moment()) for _ in range(3)],
            "file": [Do(pace=self._moment() / 4) for _ in range(3)],
        }
        for kind, answers in slow.items():
            self.server.script(kind, *answers)
        yield
        for kind in slow:
            self.server.forget(kind)

    def instant(self, requests: int) -> Callable[[], None]:
        """Choose a random instant: a random moment after a random event, or after nothing at all. Returns the wait for
        it; chosen before the life starts, or its events might be over before they are waited for."""
        events: list[tuple[Kind, int] | None] = [None, ("submit", 1), ("poll", 1), ("file", 1)]
        if requests > 1:
            events += [("submit", 2), ("poll", 2)]
        event = self.random.choice(events)
        moment = self.random.uniform(0, self.random.choice((0.002, 0.02, 0.2)))
        count = len(self.server.of(event[0])) + event[1] if event else 0

        def wait() -> None:
            if event is not None:
                self.server.wait_for(event[0], count)
            # The one place where a test may sleep: a random instant is what it is about.
            time.sleep(moment)

        self.counts[f"killed after {'a ' + event[0] if event else 'the start'}"] += 1
        return wait

    def _moment(self) -> float:
        return self.random.choice((0.0, self.random.uniform(0, 0.15)))

    # After

    def recover(self, fresh: Program, prompts: list[str]) -> None:
        """Resume, wait, run the same cells again; then everything that was promised has to hold."""
        fresh.ask("resume")
        self.check(fresh.ask("wait"), prompts)
        for prompt in prompts:
            fresh.ask("generate", **self.request(prompt))
        self.check(fresh.ask("wait"), prompts, again=True)

    def check(self, rows: list[Row], prompts: list[str], *, again: bool = False) -> None:
        """Accepted tasks are finished or shown as unknown; nothing is paid for twice; every video is whole.

        ``again``: the same cells have been run again, so that each of them has its video, or is known to be unknown.
        """
        accepted = {task.id: task.payload["prompt"] for task in list(self.server.tasks.values())}
        by_prompt: dict[str, list[Row]] = {}
        for row in rows:
            by_prompt.setdefault(row["prompt"], []).append(row)
        for prompt in prompts:
            mine = by_prompt.get(prompt, [])
            states = [row["status"] for row in mine]
            tasks = [task for task, asked in accepted.items() if asked == prompt]
            sent = self._sent(prompt)
            story = f"{prompt}: {sent} paid, {tasks}, {[(r['status'], r['task_id'], r['message']) for r in mine]}"
            assert sent <= 1, story
            assert set(states) <= {"done", "unknown"}, story
            assert states.count("done") + states.count("unknown") <= 1, story
            named = [row for row in mine if row["task_id"] in tasks]
            if tasks and not named:
                assert "unknown" in states, story
                [unknown] = [row for row in mine if row["status"] == "unknown"]
                assert "resume TASK-ID" in unknown["remedy"], story
            for row in named:
                assert row["status"] == "done", story
                self._whole(Path(row["path"]))
            if again:
                assert states.count("done") + states.count("unknown") == 1, story
                self.counts["finished" if "done" in states else "unknown"] += 1
        self._disk()

    def _sent(self, prompt: str) -> int:
        return sum(request.json["prompt"] == prompt for request in self.server.of("submit"))

    def _whole(self, path: Path) -> None:
        assert path.read_bytes() == self.server.video
        assert check_mp4(path).seconds == 2.0

    def _disk(self) -> None:
        """No half file has a final name, the ledger is sound, and no secret is in it."""
        for path in self.folder.rglob("*.mp4"):
            stat = path.stat()
            known = (path, stat.st_mtime_ns, stat.st_size)
            if known not in self._looked_into:
                self._whole(path)
                self._looked_into.add(known)
        with sqlite3.connect(self.home / "ledger.sqlite3") as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ledger.close()
        for path in self.home.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert KEY.encode() not in content
                assert SIGNATURE.encode() not in content

    def summary(self) -> str:
        paid = len(self.server.of("submit"))
        tasks = len(self.server.tasks)
        told = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        return f"{len(self.prompts)} requests, {paid} paid for, {tasks} accepted; {told}"


def kill_at_random(ordeal: Ordeal, start: Callable[[], Program]) -> None:
    """One life that ends at a random instant, perhaps a second one that ends in the recovery, then the recovery."""
    requests = ordeal.requests()
    prompts = [str(request["prompt"]) for request in requests]
    instant = ordeal.instant(len(requests))
    with ordeal.weather():
        program = start()
        program.tell("live", requests=requests, resume=False)
        instant()
        program.kill()
    ordeal.counts["kills"] += 1
    if ordeal.random.random() < 0.25:
        with ordeal.weather():
            program = start()
            program.tell("live", requests=requests, resume=True)
            time.sleep(ordeal.random.uniform(0, 0.6))
            program.kill()
        ordeal.counts["kills"] += 1
        ordeal.counts["killed in the recovery"] += 1
    program = start()
    ordeal.recover(program, prompts)
    program.end()
