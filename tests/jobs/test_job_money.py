"""What a user sees of money: the balance, the sums, the budget; and a job that is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb import render
from happyhorse_nb.api import remove, restore
from happyhorse_nb.engine import engine
from happyhorse_nb.job.state import state_of
from happyhorse_nb.limits.budget import check_budget
from happyhorse_nb.models import Cost, Status
from happyhorse_nb.render.tables import sums
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Ledger
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from store.rows import record
from support.fake_server import Do, FakeServer, Say


def test_the_balance_is_the_servers(generate: Generate, fake_server: FakeServer) -> None:
    assert hh.balance() == Decimal(str(fake_server.balance))


def test_an_empty_account_is_told_what_it_holds(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Say(402, {"code": 402, "message": "Billing: insufficient balance"}))
    job = ended(generate())
    assert str(job.status) == "refused"
    assert "insufficient balance" in str(job.error)
    assert "The balance is $12.34." in str(job.error)
    assert fake_server.paid == 1


def test_the_table_adds_up_everything_and_says_how_much_it_shows(generate: Generate) -> None:
    ended(generate("one"))
    ended(generate("two"))
    assert repr(hh.jobs()).splitlines()[-1] == "2 jobs; $1.40 today, $1.40 this month, $1.40 in all, of play money"


def test_a_forgotten_job_keeps_its_cost_and_its_file(generate: Generate) -> None:
    job = ended(generate("a private prompt"))
    hh.forget(job)
    left = hh.find(job.id)
    assert (left.snapshot.prompt, left.thumbnail, str(left.cost)) == ("", None, "$0.70")
    assert job.path is not None
    assert job.path.is_file()
    assert engine().frames.get(state_of(job).record.frame) is None


def test_what_was_paid_counts_wherever_it_is_summed_whatever_is_removed_or_forgotten(generate: Generate) -> None:
    some = [ended(generate(word)) for word in ("one", "two", "three")]
    remove(some[0])
    hh.forget(some[1])
    assert [job.id for job in hh.jobs()] == [some[2].id]
    below = "1 job; $2.10 today, $2.10 this month, $2.10 in all, of play money. 1 removed: hh.restore() undoes that"
    assert repr(hh.jobs()).splitlines()[-1] == below
    assert repr(hh.gallery()).splitlines()[-1] == below
    assert hh.gallery()._pages.caption().replace("`%happyhorse restore`", "hh.restore()") == below
    assert hh.jobs().to_frame()["cost"].sum() == pytest.approx(0.7)
    every = engine().ledger.costs()
    assert sum(float(one.charge or 0) for one in every) == pytest.approx(2.1)
    removed = hh.jobs(removed=True)
    assert [job.id for job in removed] == [some[0].id]
    back = '1 removed job, $0.70 of play money. hh.restore("JOB") brings one back'
    assert repr(removed).splitlines()[-1] == back
    assert [job.id for job in restore()] == [some[0].id]
    assert [job.id for job in hh.jobs()] == [some[2].id, some[0].id]
    assert restore() == []


def test_what_runs_is_neither_removed_nor_forgotten(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        job = generate()
        for verb in (remove, hh.forget):
            with pytest.raises(hh.InvalidRequest, match=f"still runs. Stop it first: .*{job.id[:8]}"):
                verb(job)
    job.result(timeout=DEADLINE)
    assert hh.jobs()[0].id == job.id


def test_what_is_forgotten_is_not_bought_again_from_a_variable(generate: Generate, fake_server: FakeServer) -> None:
    job, same_frame = ended(generate("a private prompt")), ended(generate("another one"))
    hh.forget(job)
    with pytest.raises(hh.InvalidRequest, match="is forgotten"):
        hh.again(job)
    assert ended(hh.again(same_frame)).snapshot.prompt == "another one"
    assert fake_server.paid == 3


def test_again_takes_a_piece_of_an_id_and_nothing_strange(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate())
    ended(hh.again(job.id[:6]))
    with pytest.raises(hh.JobNotFound):
        hh.again("zz")
    with pytest.raises(hh.InvalidRequest, match="not a int"):
        hh.again(7)  # type: ignore[call-overload]  # as somebody might
    assert fake_server.paid == 2


def test_every_verb_takes_jobs_takes_and_pieces_of_ids(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate())
    some: Any = generate("others", takes=2)
    hh.wait(job.id[:6], some, timeout=DEADLINE)
    assert some.status == "2 done"
    assert [one.id for one in hh.resume(job)] == [job.id]
    assert [one.id for one in hh.resume(some)] == [one.id for one in some]
    hh.forget(job.id[:6])
    hh.forget(some)
    assert list(hh.jobs()) == []
    assert {hh.find(one.id).snapshot.prompt for one in (job, *some)} == {""}
    assert fake_server.paid == 3


def test_no_verb_takes_what_names_no_job(generate: Generate) -> None:
    verbs: dict[str, Callable[[Any], object]] = {
        "wait": hh.wait,
        "resume": hh.resume,
        "forget": hh.forget,
        "again": hh.again,
        "compare": hh.compare,
    }
    for name, verb in verbs.items():
        for odd in (7, object(), [7]):
            with pytest.raises(hh.InvalidRequest, match=f"^{name} takes a job, takes or a piece of an id, not a "):
                verb(odd)
        with pytest.raises(hh.JobNotFound):
            verb("zz")


def test_takes_of_which_one_runs_are_all_kept(generate: Generate, fake_server: FakeServer) -> None:
    first = ended(generate(seed=5))
    with fake_server.held("submit"):
        some: Any = generate(seed=5, takes=2)
        assert some[0].id == first.id
        with pytest.raises(hh.InvalidRequest, match="still runs"):
            hh.forget(some)
    hh.wait(some, timeout=DEADLINE)
    assert all(job.snapshot.prompt for job in hh.jobs())


def test_a_list_of_jobs_is_not_bought_again_as_takes(generate: Generate, fake_server: FakeServer) -> None:
    jobs: Any = [ended(generate("one")), ended(generate("two"))]
    with pytest.raises(hh.InvalidRequest, match="not a list"):
        hh.again(jobs)
    assert fake_server.paid == 2


def test_a_running_job_is_not_forgotten(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        job = generate()
        with pytest.raises(hh.InvalidRequest, match="still runs"):
            hh.forget(job)
    ended(job)


def test_the_list_can_be_cut_like_any_other(generate: Generate, settings: Settings) -> None:
    settings.max_concurrent = 5
    made = [ended(generate(f"number {number}")).id for number in range(5)]
    newest = made[::-1]
    jobs = hh.jobs()
    assert [job.id for job in jobs[1:3]] == newest[1:3]
    assert [job.id for job in jobs[::-2]] == newest[::-2]
    assert jobs[-1].id == made[0]


def test_a_budget_is_kept_to_the_cent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for _ in range(3):
        # The third one fits exactly, which it does not where floats are added.
        check_budget(2.1, record(), ledger)
        ledger.add(record(), reuse=False)
    with pytest.raises(hh.InvalidRequest, match=r"about \$2.10 is spent"):
        check_budget(2.1, record(), ledger)
    ledger.close()


@pytest.mark.parametrize("options", [{"resolution": "1080P"}, {}, {"takes": 2}], ids=["named", "left out", "takes"])
def test_with_a_budget_nothing_is_bought_whose_price_is_not_known(
    generate: Generate, settings: Settings, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    # What is no address of this machine is real money; nobody is asked anything here.
    monkeypatch.setenv("MODELLIX_BASE_URL", "https://example.invalid")
    settings.prices = {"720P": 0.14}
    settings.budget = 2.0
    with pytest.raises(hh.InvalidRequest, match=r"1080P has no price, .*\$2\.00.*hh\.config\.prices") as refused:
        generate(**options)
    assert refused.value.param == "budget"
    assert "\n" not in str(refused.value)
    assert len(hh.jobs()) == 0


def test_a_budget_holds_for_play_money_too_in_a_sum_of_its_own(
    generate: Generate, settings: Settings, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.budget = 2.0
    ended(generate("one"))
    with pytest.raises(
        hh.InvalidRequest,
        match=r"about \$0\.70 of play money is spent here, and about \$2\.29 more would exceed the \$2\.00\.",
    ):
        generate("two", duration=10)
    settings.prices = {"720P": 0.14}
    with pytest.raises(hh.InvalidRequest, match=r"1080P has no price"):
        generate("two")
    assert fake_server.paid == 1
    # Real money is not spent by it, nor play money by real one.
    settings.prices = {"1080P": 0.24}
    monkeypatch.setenv("MODELLIX_BASE_URL", "https://example.invalid")
    with pytest.raises(hh.InvalidRequest, match=r"about \$0\.00 is spent here, and about \$2\.40 more"):
        generate("two", duration=10)
    assert engine().ledger.spent(engine().presence.id) == 0
    assert engine().ledger.spent(engine().presence.id, sandbox=True) == Decimal("0.7")


def test_what_has_no_price_is_asked_about_first(generate: Generate, settings: Settings) -> None:
    settings.prices = {"720P": 0.1}
    with pytest.raises(hh.InvalidRequest, match=r"1 video, at a price that is not known, may be above the \$5\.00"):
        generate()
    assert str(ended(generate(yes=True)).status) == "done"


def one_task_for_all(body: dict[str, Any]) -> None:
    body["data"]["task_id"] = "task-fake0001"


def test_two_requests_that_are_given_one_task_are_said_to_be_and_counted_once(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    fake_server.words = ("success",)
    first = ended(generate("one"))
    fake_server.script("submit", Do(edit=one_task_for_all))
    second = ended(generate("two"))
    assert (first.task_id, second.task_id) == ("task-fake0001", "task-fake0001")
    assert (str(first.cost), str(second.cost)) == ("$0.70", "$0.00")
    said = f"the server gave this request the task of job {first.id}; what it costs is counted once"
    assert (first.snapshot.note, second.snapshot.note) == ("", said)
    assert said[1:] in render.card(second.snapshot, None, now=0.0)
    assert hh.jobs().to_frame()["cost"].sum() == 0.7
    assert "$0.70 in all" in repr(hh.jobs())
    assert hh.Takes([first, second]).cost == first.cost
    # In another kernel, which has only the ledger, too.
    ledger = Ledger(engine().folder)
    assert sums(ledger.costs()) == sums([first.snapshot, second.snapshot])
    assert "2 jobs, $0.70 of" in sums(ledger.costs())
    [two, one] = [record.snapshot for record in ledger.newest()]
    assert (one.shared, two.shared, str(two.charge)) == (False, True, "$0.00")
    ledger.close()


def test_it_is_counted_once_in_the_budget_and_whichever_was_written_down_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    task: dict[str, Any] = {"status": Status.DONE, "task_id": "task-1", "cost": Cost(Decimal("0.70"), billed=True)}
    for name, submitted in (("queued first, sent last", 30.0), ("the first", 10.0), ("the second", 20.0)):
        ledger.add(record(id=name, owner="me", submitted=submitted, **task), reuse=False)
    assert ledger.spent("me") == Decimal("0.70")
    assert {row.snapshot.id for row in ledger.newest() if not row.snapshot.shared} == {"the first"}
    # One that failed counts nothing, so the next one does.
    ledger._connection.execute("UPDATE jobs SET status = 'failed', bill = NULL WHERE id = 'the first'")
    assert ledger.spent("me") == Decimal("0.70")
    assert {row.snapshot.id for row in ledger.newest() if row.snapshot.shared} == {"queued first, sent last"}
    # The same id on another server is another task.
    ledger.add(replace(record(id="elsewhere", owner="me", submitted=40.0, **task), origin="https://b"), reuse=False)
    assert ledger.spent("me") == Decimal("1.40")
    ledger.close()
