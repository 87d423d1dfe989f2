"""What the ledger finds, adds up, and hands to the next kernel; and that many may write at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from happyhorse_nb.errors import InvalidRequest, JobNotFound, LedgerError
from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.store import Frames, Leases, Ledger
from store.rows import at_once, record

IMPORTS = """
sys.path[:0] = args[1:]
from pathlib import Path
from dataclasses import replace
from happyhorse_nb.store import Ledger
from happyhorse_nb.models import Status
from store.rows import record
run = Ledger(Path(args[0]))
"""
TESTS = Path(__file__).parent.parent


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path)
    yield found
    found.close()


def added(ledger: Ledger, task_id: str | None = None, **changes: Any) -> Snapshot:
    row = record(**changes)
    ledger.add(row, reuse=False)
    snapshot = replace(row.snapshot, task_id=task_id)
    ledger.update(snapshot)
    return snapshot


def test_processes_that_write_at_once_lose_nothing(ledger: Ledger) -> None:
    act = """
for number in range(25):
    row = record(id=f"{me:02}{number:010}")
    run.add(row, reuse=False)
    for status in (Status.SUBMITTING, Status.PENDING, Status.DONE):
        run.update(replace(row.snapshot, status=status, task_id=f"task-{me}-{number}"))
run.close()
"""
    at_once(4, IMPORTS, act, ledger.folder, TESTS)
    rows = ledger.newest()
    assert {r.snapshot.task_id for r in rows} == {f"task-{me}-{n}" for me in range(4) for n in range(25)}
    assert {r.snapshot.status for r in rows} == {Status.DONE}


def test_threads_that_write_at_once_lose_nothing(ledger: Ledger) -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                snapshot = added(ledger)
                ledger.update(replace(snapshot, status=Status.DONE))
                ledger.newest(3)
        except BaseException as problem:  # noqa: BLE001 - shown below, on the test's own thread
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert ledger.count() == 80
    assert all(r.snapshot.status is Status.DONE for r in ledger.newest())


def test_two_kernels_that_ask_for_the_same_at_once_buy_it_once(ledger: Ledger) -> None:
    act = """
row = record("the same", id=f"{me:012}")
equal = run.add(row, reuse=True)
print("bought" if equal is None else equal.snapshot.id)
run.close()
"""
    said = at_once(6, IMPORTS, act, ledger.folder, TESTS)
    assert said.count("bought") == 1
    winner = f"{said.index('bought'):012}"
    assert set(said) == {"bought", winner}
    assert [r.snapshot.id for r in ledger.newest()] == [winner]


def test_a_job_whose_kernel_died_is_taken_over_by_one_of_those_that_try(ledger: Ledger) -> None:
    left = added(ledger, "task-1", owner="0a")
    act = 'print(run.own(row, f"0b{me}")); run.close()'
    prepare = IMPORTS.replace("args[1:]", "args[1:2]") + "\nrow = run.get(args[2])\n"
    said = at_once(6, prepare, act, ledger.folder, TESTS, left.id)
    assert sorted(said) == ["False"] * 5 + ["True"]
    record_now = ledger.get(left.id)
    assert record_now is not None
    assert record_now.owner == f"0b{said.index('True')}"


def test_a_job_that_another_kernel_has_taken_up_since_it_was_read_is_not_taken_from_it(ledger: Ledger) -> None:
    left = added(ledger, "task-1", status=Status.STOPPED, owner="0a")
    seen_stopped = ledger.get(left.id)
    assert seen_stopped is not None
    # With its own kernel's name, too: whoever reads between two writes must not see it both stopped and owned anew.
    assert ledger.own(seen_stopped, "0a", now=replace(left, status=Status.PENDING))
    assert not ledger.own(seen_stopped, "0b", now=replace(left, status=Status.PENDING))
    taken = ledger.get(left.id)
    assert taken is not None
    assert (taken.owner, taken.snapshot.status) == ("0a", Status.PENDING)


@pytest.mark.parametrize("status", list(Status))
def test_an_equal_request_is_bought_again_only_when_the_first_gave_nothing(ledger: Ledger, status: Status) -> None:
    first = record("the same")
    ledger.add(first, reuse=True)
    ledger.update(replace(first.snapshot, status=status))
    equal = ledger.add(record("the same"), reuse=True)
    if status in (Status.CANCELLED, Status.REFUSED, Status.FAILED, Status.EXPIRED):
        assert equal is None
    else:
        assert equal is not None
        assert equal.snapshot.id == first.snapshot.id


def test_reuse_is_of_one_account_on_one_server(ledger: Ledger) -> None:
    ledger.add(record("the same"), reuse=True)
    assert ledger.equal(record("the same")) is not None
    with pytest.raises(InvalidRequest, match="under another key of this server"):
        ledger.equal(replace(record("the same"), account="another"))
    assert ledger.equal(replace(record("the same"), origin="sandbox")) is None
    assert ledger.equal(record("another")) is None


def test_again_buys_a_new_one(ledger: Ledger) -> None:
    ledger.add(record("the same"), reuse=True)
    assert ledger.add(record("the same"), reuse=False) is None
    assert ledger.count() == 2


def test_any_piece_of_an_id_finds_a_job(ledger: Ledger) -> None:
    one = added(ledger, "task-8f31c2aa", id="aaaaaaaaaaaa")
    added(ledger, "task-77b0d9ee", id="bbbbbbbbbbbb")
    for piece in ("8f31", "8f31c2aa", "task-8f31c2aa", " 8f31 ", "c2a", "aaaaaaaaaaaa", "8F31", one.short_id):
        assert ledger.find(piece).snapshot.id == "aaaaaaaaaaaa"


def test_a_piece_of_more_than_one_id_says_which(ledger: Ledger) -> None:
    added(ledger, "task-8f31c2aa", id="aaaaaaaaaaaa")
    added(ledger, "task-8f31d9ee", id="bbbbbbbbbbbb")
    with pytest.raises(JobNotFound) as caught:
        ledger.find("8f31")
    line = str(caught.value)
    assert "more than one job" in line
    assert "(bbbbbbbb, aaaaaaaa)" in line


def test_ids_that_begin_alike_are_still_told_apart(ledger: Ledger) -> None:
    for letter in "abc":
        added(ledger, f"task-20260102-{letter}", id=letter * 12)
    with pytest.raises(JobNotFound) as caught:
        ledger.find("20260102")
    for letter in "abc":
        assert letter * 8 in str(caught.value)
        assert ledger.find(letter * 8).snapshot.task_id == f"task-20260102-{letter}"


def test_a_whole_id_wins_over_longer_ones(ledger: Ledger) -> None:
    added(ledger, "task-1", id="aaaaaaaaaaaa")
    for number in range(10, 20):
        added(ledger, f"task-{number}")
    assert ledger.find("task-1").snapshot.id == "aaaaaaaaaaaa"


@pytest.mark.parametrize("piece", ["zzz", "%", "_", "\\", "8f_1", "8f%", "x" * 500, "'; DROP TABLE jobs; --", ""])
def test_a_piece_of_no_id_is_not_found_in_one_line(ledger: Ledger, piece: str) -> None:
    added(ledger, "task-8f31c2aa", id="aaaaaaaaaaaa")
    with pytest.raises(JobNotFound, match="happyhorse-nb jobs") as caught:
        ledger.find(piece)
    assert len(str(caught.value)) < 120
    assert ledger.count() == 1


def test_jobs_come_newest_first_and_in_pages(ledger: Ledger) -> None:
    made = [added(ledger).id for _ in range(5)]
    assert [r.snapshot.id for r in ledger.newest()] == made[::-1]
    assert [r.snapshot.id for r in ledger.newest(2, 1)] == [made[3], made[2]]


def test_a_task_is_found_on_its_own_server_only(ledger: Ledger) -> None:
    one = added(ledger, "task-1")
    found = ledger.of_task("task-1", "https://api.example.com")
    assert found is not None
    assert found.snapshot.id == one.id
    assert ledger.of_task("task-1", "sandbox") is None


def test_what_is_unfinished_is_what_may_still_give_a_video(ledger: Ledger) -> None:
    made = {added(ledger, f"task-{status}", status=status).id: status for status in Status}
    found = ledger.unfinished("https://api.example.com", "fingerprint")
    assert {made[r.snapshot.id] for r in found} == {s for s in Status if s.running or s is Status.STOPPED}
    assert [r.snapshot.created for r in found] == sorted(r.snapshot.created for r in found)
    assert ledger.unfinished("https://api.example.com", "another account") == []
    assert ledger.unfinished("sandbox", "fingerprint") == []


def test_what_a_kernel_spent_is_its_bills_and_estimates_without_the_sandbox(ledger: Ledger) -> None:
    for status in Status:
        ledger.add(record(status=status, owner="0a", cost=Cost(Decimal("0.10"))), reuse=False)
    ledger.add(record(owner="0b", cost=Cost(Decimal(5))), reuse=False)
    ledger.add(record(owner="0a", cost=Cost(Decimal(5)), sandbox=True), reuse=False)
    ledger.add(record(owner="0a", cost=None), reuse=False)
    ledger.add(record(owner="0a", status=Status.DONE, cost=Cost(Decimal("0.24"), billed=True)), reuse=False)
    ledger.add(record(owner="0a", status=Status.FAILED, cost=Cost(Decimal("0.07"), billed=True)), reuse=False)
    # Cancelled and refused ones cost nothing, and failed ones what was billed. To the cent: it is compared with
    # a budget.
    assert ledger.spent("0a") == Decimal("0.10") * (len(Status) - 3) + Decimal("0.31")


def test_a_job_counts_for_the_kernel_that_bought_it_whoever_watches_it_now(ledger: Ledger) -> None:
    now = added(ledger, owner="0a", status=Status.PENDING, cost=Cost(Decimal("0.70")))
    assert ledger.own(ledger.find(now.id), "0b")
    assert (ledger.spent("0a"), ledger.spent("0b")) == (Decimal("0.70"), Decimal(0))


def test_a_row_that_cannot_be_read_is_left_out_of_what_is_listed(ledger: Ledger, tmp_path: Path) -> None:
    good = added(ledger, status=Status.DONE, took=60.0)
    for column, value in (("status", "exploded"), ("params", "{"), ("estimate", "a lot"), ("path", b"x")):
        bad = added(ledger, status=Status.DONE, took=60.0)
        connection = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
        connection.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, bad.id))
        connection.close()
    assert [r.snapshot.id for r in ledger.newest()] == [good.id]
    assert good.cost in [snapshot.cost for snapshot in ledger.costs()]
    assert 60.0 in ledger.history(good)
    assert ledger.spent("0a") > 0


def test_a_bill_takes_the_estimate_s_place(ledger: Ledger) -> None:
    now = added(ledger)
    ledger.update(replace(now, status=Status.DONE, cost=Cost(Decimal("0.6543"), billed=True)))
    assert ledger.find(now.id).snapshot.cost == Cost(Decimal("0.6543"), billed=True)


def test_history_is_of_tasks_like_this_one_whatever_their_seed(ledger: Ledger) -> None:
    def made(took: float, params: dict[str, Any], **changes: Any) -> None:
        now = added(ledger, params=params, **changes)
        ledger.update(replace(now, status=Status.DONE, took=took))

    made(60, {"resolution": "1080P", "duration": 5, "seed": 1})
    made(61, {"duration": 5, "seed": 2})
    made(62, {})
    made(99, {"resolution": "720P"})
    made(99, {"duration": 10})
    made(99, {}, sandbox=True)
    made(99, {}, model="happyhorse-1.1-i2v")
    added(ledger, params={})
    like = Snapshot(status=Status.PENDING, model="happyhorse-1.0-i2v", params={"seed": 7})
    assert ledger.history(like) == [62, 61, 60]
    assert ledger.history(like, limit=1) == [62]


def test_a_first_frame_is_kept_and_given_back(tmp_path: Path) -> None:
    frames = Frames(tmp_path)
    digest = "0123456789abcdef" * 4
    frames.put(digest, b"picture")
    frames.put(digest, b"picture")
    assert frames.get(digest) == b"picture"
    assert len(list((tmp_path / "frames").iterdir())) == 1
    assert frames.get("f" * 64) is None


def test_a_first_frame_s_name_cannot_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not a picture")
    frames = Frames(tmp_path)
    assert frames.get("../secret") is None
    assert frames.get("https://example.com/rocket.jpg") is None
    with pytest.raises(ValueError, match="digest"):
        frames.put("../elsewhere", b"picture")


def test_a_first_frame_that_cannot_be_kept_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("a file where the folder would be")
    with pytest.raises(LedgerError, match=r"first frame cannot be kept in .*\. Check the disk"):
        Frames(tmp_path).put("a" * 64, b"picture")


def test_a_queued_job_is_sent_once_and_by_its_owner(ledger: Ledger) -> None:
    now = added(ledger, owner="0a")
    sending = replace(now, status=Status.SUBMITTING)
    assert ledger.write([(sending, "0b")]) == [False]
    assert ledger.write([(sending, "0a")]) == [True]
    assert ledger.write([(sending, "0a")]) == [False]


def test_what_has_moved_on_is_not_settled(ledger: Ledger) -> None:
    now = added(ledger, owner="0a")
    read = ledger.get(now.id)
    assert read is not None
    ledger.update(replace(now, status=Status.PENDING, task_id="task-1"))
    assert not ledger.settle(replace(now, status=Status.REFUSED), was=read)
    found = ledger.get(now.id)
    assert found is not None
    assert found.snapshot.task_id == "task-1"


def test_what_is_owed_when_a_job_is_added_harms_neither(ledger: Ledger) -> None:
    ledger.add(record(id="one"), reuse=False)
    ledger.update_later(replace(record(id="one").snapshot, status=Status.PROCESSING))
    ledger.add(record(id="two", prompt="another"), reuse=True)
    other = Ledger(ledger.folder)
    found = {row.snapshot.id: str(row.snapshot.status) for row in other.newest()}
    other.close()
    assert found.get("one") == "processing"


def test_joined_keys_share_the_requests_a_minute_of_their_account(ledger: Ledger) -> None:
    now = 100.0

    def leases(owner: str, account: str) -> Leases:
        return Leases(ledger.path, owner, origin="https://x", account=account, clock=lambda: now)

    one, two, other = leases("a", "key 1"), leases("b", "key 2"), leases("c", "key 3")

    def left(who: Leases) -> int:
        lease = who.lease(used=0, ago=0.0, wants=100, limit=10, spare=0)
        assert lease is not None
        return lease.count

    ledger.join("https://x", "key 2", "key 1")
    assert left(one) == 10
    assert left(two) == 0
    assert left(other) == 10
    for leased in (one, two, other):
        leased.close()


def test_two_kernels_that_join_keys_at_once_agree(ledger: Ledger) -> None:
    keys = ["a", "b", "c", "d"]
    act = "ledger.join('https://x', args[1 + me], args[2 + me])"
    prepare = "from pathlib import Path\nfrom happyhorse_nb.store import Ledger\nledger = Ledger(Path(args[0]))"
    at_once(3, prepare, act, ledger.folder, *keys)
    assert {ledger.account("https://x", key) for key in keys} == {ledger.account("https://x", "a")}
    assert ledger.keys_of("https://x", "b") == frozenset(keys)
    assert ledger.keys_of("https://y", "b") == frozenset("b")
