"""Submit, crash, drop, poll, resume and run again, in any order: what was promised holds after every step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from happyhorse_nb.client import check_mp4
from happyhorse_nb.store import Ledger
from soak.ordeal import QUICK
from support.fake_server import KEY, Answer, Cut, Do, FakeServer, Kind, Request, Say
from support.programs import Program, Programs

#: Steps of one example, and how many examples: under a minute in the normal run, many more in `make soak`.
STEPS = 25
EXAMPLES = 3 * int(os.environ.get("HH_KILLS") or 10) // 2

#: The distinct requests, by their prompts. Each model has an address of its own, so that a request that was cut off
#: before its body was read is still counted.
MODELS = {
    "smoke": "happyhorse-1.0-i2v",
    "rain": "happyhorse-1.0-i2v",
    "sparks": "happyhorse-1.0-i2v",
    "dust": "happyhorse-1.1-i2v",
    "steam": "happyhorse-1.1-i2v",
}
PROMPTS = st.sampled_from(sorted(MODELS))

FAULTS: dict[Kind, list[Answer]] = {
    "submit": [
        *(Do(cut=cut) for cut in Cut),
        *(Say(status) for status in (400, 401, 402, 404, 408, 500, 503)),
        Say(429, headers={"Retry-After": "0"}),
        Say(429),
        Say(200, body={"code": 1234, "message": "not today"}),
        Say(200, raw=b"<html>"),
        Say(200, body={"code": 0, "data": {}}),
        Do(late=0.05),
    ],
    "poll": [
        *(Do(cut=cut) for cut in Cut),
        *(Say(status) for status in (401, 402, 404, 408, 429, 500, 503)),
        Say(200, raw=b"<html>"),
        Say(200, body={"code": 0, "data": {"task_id": "task-another", "status": "failed"}}),
    ],
    "file": [
        Do(cut=Cut.AFTER_ACCEPTING),
        Do(cut=Cut.HALFWAY),
        Say(403),
        Say(503),
        Say(200, raw=b"<html>please log in</html>", headers={"Content-Type": "text/html"}),
    ],
}

_ORDER = ["queued", "submitting", "pending", "processing", "downloading", "done"]
_FINAL = ("done", "failed", "cancelled", "refused", "expired", "unknown")


class Notebooks(RuleBasedStateMachine):
    """Two kernels over one ledger and one server."""

    programs: ClassVar[Programs]
    photo: ClassVar[Path]
    video: ClassVar[bytes]

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="hh-"))
        self.home, self.folder = self.root / "home", self.root / "work"
        self.home.mkdir()
        self.folder.mkdir()
        self.ledger = Ledger(self.home)
        self.server = FakeServer(video=self.video)
        self.server.__enter__()
        self.server.words = ("pending",)
        self.final: dict[str, str] = {}
        self.kernels: dict[int, Program] = {}
        self.held: AbstractContextManager[None] | None = None
        self.again: Counter[str] = Counter()
        self.plain: set[str] = set()
        self.known: dict[str, tuple[str, str | None]] = {}
        self.resumed = False

    # What may happen

    @rule(
        slot=st.integers(0, 1),
        prompt=PROMPTS,
        again=st.sampled_from([False, False, True]),
        fault=st.sampled_from([None, None, None, *FAULTS["submit"]]),
        patient=st.booleans(),
    )
    def submit(self, slot: int, prompt: str, again: bool, fault: Answer | None, patient: bool) -> None:
        if fault is not None:
            self.server.forget("submit")
            self.server.script("submit", fault)
        job = self._generate(self._kernel(slot), prompt, again=again)
        if patient and self.held is None:
            self._kernel(slot).ask("sent", name=job["id"])

    @rule(slot=st.integers(0, 1), prompt=PROMPTS)
    def run_again(self, slot: int, prompt: str) -> None:
        self._generate(self._kernel(slot), prompt, again=False)

    @rule(kind=st.sampled_from(["poll", "file"]), data=st.data())
    def break_next(self, kind: Kind, data: st.DataObject) -> None:
        self.server.script(kind, data.draw(st.sampled_from(FAULTS[kind])))

    @rule()
    def hold_submits(self) -> None:
        if self.held is None:
            self.held = self.server.held("submit")
            self.held.__enter__()

    @rule()
    def let_submits_go(self) -> None:
        if self.held is not None:
            self.held.__exit__(None, None, None)
            self.held = None

    @rule(number=st.integers(0, 5), word=st.sampled_from(["processing", "success", "success", "failed"]))
    def advance(self, number: int, word: str) -> None:
        open_tasks = [task for task in list(self.server.tasks.values()) if task.id not in self.final]
        if open_tasks:
            self._say(open_tasks[number % len(open_tasks)].id, word)

    @rule(slot=st.integers(0, 1))
    def poll(self, slot: int) -> None:
        self._kernel(slot).ask("wake")

    @rule(slot=st.integers(0, 1))
    def wait_for_what_has_ended(self, slot: int) -> None:
        kernel = self._kernel(slot)
        jobs = [job["id"] for job in kernel.ask("mine") if job["task_id"] in self.final]
        kernel.ask("hurry", names=jobs)

    @rule(slot=st.integers(0, 1), number=st.integers(0, 5))
    def stop(self, slot: int, number: int) -> None:
        kernel = self._kernel(slot)
        if jobs := kernel.ask("mine"):
            kernel.ask("stop", name=jobs[number % len(jobs)]["id"])

    @rule(slot=st.integers(0, 1))
    def kill(self, slot: int) -> None:
        if slot in self.kernels:
            self.kernels.pop(slot).kill()

    @rule(slot=st.integers(0, 1))
    def resume(self, slot: int) -> None:
        self.resumed = True
        self._kernel(slot).ask("resume")

    # What must hold

    @invariant()
    def nothing_is_paid_for_twice(self) -> None:
        sent = [request for request in self.server.of("submit") if _maybe_paid(request)]
        failed = Counter(self._prompt_of(task) for task, word in self.final.items() if word == "failed")
        # Once, once more each time that somebody said `again`, and anew after a task that failed: it is not charged.
        allowed = {p: (p in self.plain) + self.again[p] + failed[p] for p in MODELS}
        paid = Counter(str(request.json["prompt"]) for request in sent if request.body)
        for prompt in MODELS:
            assert paid[prompt] <= allowed[prompt], (prompt, paid, allowed)
        for model in set(MODELS.values()):
            count = sum(f"/{model}/" in request.path for request in sent)
            assert count <= sum(allowed[p] for p in MODELS if MODELS[p] == model), (model, count, allowed)

    @invariant()
    def no_accepted_task_is_forgotten(self) -> None:
        # In this order: what is accepted meanwhile is no matter of the rows that were read before it.
        tasks = list(self.server.tasks.values())
        rows = self.ledger.newest()
        named = {row.snapshot.task_id for row in rows}
        unnamed = Counter(task.payload["prompt"] for task in tasks if task.id not in named)
        for prompt, count in unnamed.items():
            open_rows = [
                row.snapshot.status
                for row in rows
                if row.snapshot.prompt == prompt and row.snapshot.status in ("submitting", "unknown")
            ]
            assert count <= len(open_rows), (prompt, count, [(r.snapshot.status, r.snapshot.task_id) for r in rows])

    @invariant()
    def states_move_forward(self) -> None:
        for row in self.ledger.newest():
            status, owner = str(row.snapshot.status), row.owner
            before, watched_by = self.known.get(row.snapshot.id, ("queued", owner))
            taken_up = self.resumed or owner != watched_by
            assert _forward(before, status, taken_up=taken_up), f"{before} -> {status}"
            self.known[row.snapshot.id] = (status, owner)
        self.resumed = False

    @invariant()
    def a_file_with_a_final_name_is_whole(self) -> None:
        for path in self.folder.rglob("*.mp4"):
            assert path.read_bytes() == self.server.video

    # The end: everything heals, and a fresh kernel finishes it all

    def teardown(self) -> None:
        try:
            self._heal()
        finally:
            for kernel in self.kernels.values():
                kernel.kill()
            self.let_submits_go()
            self.server.__exit__(None, None, None)
            self.ledger.close()
            shutil.rmtree(self.root)

    def _heal(self) -> None:
        for slot in (0, 1):
            self.kill(slot)
        for kind in FAULTS:
            self.server.forget(kind)
        self.let_submits_go()
        self.server.quiet()
        self.server.words = ("success",)
        for task in list(self.server.tasks.values()):
            if task.id not in self.final:
                self._say(task.id, "success")
        self.resumed = True
        self._kernel(0).ask("resume")
        self._kernel(0).ask("hurry")
        self._check_all()
        self._finished()
        for prompt in MODELS:
            self._generate(self._kernel(0), prompt, again=False)
        self._kernel(0).ask("hurry")
        self._check_all()
        self._finished()

    def _finished(self) -> None:
        rows = {row.snapshot.task_id: row.snapshot for row in self.ledger.newest()}
        for task in self.server.tasks.values():
            if task.id not in rows:
                # Shown as unknown: see `no_accepted_task_is_forgotten`.
                continue
            row = rows[task.id]
            assert row.status == ("failed" if self.final.get(task.id) == "failed" else "done"), row
            if row.path is not None:
                check_mp4(row.path)
        left = [str(row.snapshot.status) for row in self.ledger.newest()]
        assert set(left) <= {"done", "failed", "cancelled", "refused", "unknown"}, left

    def _check_all(self) -> None:
        self.nothing_is_paid_for_twice()
        self.no_accepted_task_is_forgotten()
        self.states_move_forward()
        self.a_file_with_a_final_name_is_whole()

    # How

    def _kernel(self, slot: int) -> Program:
        if slot not in self.kernels:
            env = {
                "HAPPYHORSE_HOME": str(self.home),
                "MODELLIX_API_KEY": KEY,
                "MODELLIX_BASE_URL": self.server.origin,
            }
            self.kernels[slot] = self.programs.start(env, cwd=self.folder)
            self.kernels[slot].ask("configure", **QUICK, max_concurrent=100)
        return self.kernels[slot]

    def _generate(self, kernel: Program, prompt: str, *, again: bool) -> dict[str, Any]:
        if again:
            self.again[prompt] += 1
        else:
            self.plain.add(prompt)
        job: dict[str, Any] = kernel.ask(
            "generate", image=str(self.photo), prompt=prompt, model=MODELS[prompt], again=again
        )
        return job

    def _prompt_of(self, task_id: str) -> str:
        return str(self.server.tasks[task_id].payload["prompt"])

    def _say(self, task_id: str, word: str) -> None:
        self.server.tasks[task_id].say(word)
        if word in ("success", "failed"):
            self.final[task_id] = word


def _maybe_paid(sent: Request) -> bool:
    """Whether the server has accepted it, or may have as far as its sender can know."""
    answer = sent.answer
    if isinstance(answer, Say):
        refused = answer.status in (400, 401, 402, 404, 429)
        return not refused and not (answer.status == 200 and answer.body and answer.body.get("code"))
    # The address without its suffix is not known to this server.
    return sent.path.endswith("/async")


def _forward(before: str, now: str, *, taken_up: bool) -> bool:
    """Whether one state may follow another, whatever lay between."""
    if before == now:
        return True
    if before in _FINAL:
        return False
    if before in ("queued", "submitting", "stopped") or now not in _ORDER:
        # Refused for now, a request goes back into the queue; a stopped job is taken up where it was.
        return True
    # One that is taken up is watched from the start again.
    return _ORDER.index(now) > _ORDER.index(before) or (taken_up and now in ("pending", "processing", "downloading"))


def test_whatever_happens_nothing_is_lost_or_paid_for_twice(programs: Programs, photo: Path, small_mp4: bytes) -> None:
    Notebooks.programs, Notebooks.photo, Notebooks.video = programs, photo, small_mp4
    run_state_machine_as_test(
        Notebooks,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=os.environ.get("HH_CI") == "1",
            print_blob=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            # Real processes are killed in mid-work, so a shorter story need not fail at the same place.
            phases=[Phase.generate],
        ),
    )
    assert programs.noise == ""
