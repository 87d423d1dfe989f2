"""Which pictures a server holds for an account: room for all of a job's or for none, and each claimed by one kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.models import Status
from happyhorse_nb.store import Claim, Ledger, Picture, Room, StoredInput
from happyhorse_nb.store.uploads import MOST, room
from store.rows import record

NOW, FRESH = 1_700_000_000.0, 3600.0
ORIGIN, ACCOUNT = "https://api.example.com", "fingerprint"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


def give(ledger: Ledger, job: str, *digests: str, owner: str = "0a", dead: tuple[str, ...] = ()) -> Room:
    return ledger.give_room(job, digests, origin=ORIGIN, account=ACCOUNT, owner=owner, dead=dead, now=NOW, fresh=FRESH)


def claim(ledger: Ledger, digest: str, *, owner: str = "0a", dead: tuple[str, ...] = ()) -> Claim:
    return ledger.claim_upload(digest, origin=ORIGIN, account=ACCOUNT, owner=owner, dead=dead)


def done(ledger: Ledger, digest: str, *, file: str = "", at: float = NOW, expires: float = NOW + 86_400) -> None:
    address = f"sealed {digest}" if file else ""
    ledger.uploaded(
        digest, origin=ORIGIN, account=ACCOUNT, file=file, address=address, now=at, expires=expires if file else at
    )


def job(ledger: Ledger, *digests: str, owner: str = "0a", **changes: Any) -> str:
    """A job with these references, as it stands in the ledger."""
    row = replace(
        record(owner=owner, **{"created": NOW, **changes}),
        inputs=tuple(StoredInput("reference", digest) for digest in digests),
    )
    ledger.add(row, reuse=False)
    return row.snapshot.id


def full(ledger: Ledger) -> list[str]:
    """Ten pictures that nobody needs, the oldest first."""
    names = [f"held {number}" for number in range(MOST)]
    for start in (0, 9):
        one = job(ledger, *names[start : start + 9])
        assert give(ledger, one, *names[start : start + 9]).given
        for number, name in enumerate(names[start : start + 9], start):
            assert claim(ledger, name).mine
            done(ledger, name, file=f"file-{number}", at=NOW + number)
        ledger.update(replace(record().snapshot, id=one, status=Status.DONE))
    return names


def test_one_of_two_kernels_uploads_and_the_other_waits_for_what_it_finds(ledger: Ledger) -> None:
    first, second = job(ledger, "a"), job(ledger, "a", owner="0b")
    assert give(ledger, first, "a").given
    assert give(ledger, second, "a", owner="0b").given
    assert claim(ledger, "a") == Claim(mine=True)
    assert claim(ledger, "a", owner="0b") == Claim()
    done(ledger, "a", file="file-1")
    assert claim(ledger, "a", owner="0b") == Claim("sealed a")


def test_what_a_dead_kernel_uploads_is_free(ledger: Ledger) -> None:
    first, second = job(ledger, "a"), job(ledger, "a", owner="0b")
    assert give(ledger, first, "a").given
    assert claim(ledger, "a").mine
    assert give(ledger, second, "a", owner="0b", dead=("0a",)).given
    assert claim(ledger, "a", owner="0b") == Claim()
    assert claim(ledger, "a", owner="0b", dead=("0a",)).mine
    assert ledger.upload_owners(ORIGIN, ACCOUNT) == {"0a", "0b"}


def test_two_are_uploaded_at_once(ledger: Ledger) -> None:
    assert give(ledger, job(ledger, "a", "b", "c"), "a", "b", "c").given
    assert [claim(ledger, name).mine for name in "abc"] == [True, True, False]
    done(ledger, "a")
    assert claim(ledger, "c").mine


def test_the_oldest_goes_and_only_when_it_is_gone_is_there_room(ledger: Ledger) -> None:
    names = full(ledger)
    new = job(ledger, "new", names[0])
    found = give(ledger, new, "new", names[0])
    # Not the very oldest, which it sends itself.
    assert (found.given, [one.file for one in found.delete]) == (False, ["file-1"])
    # From now on nobody sends it, and who wants it waits until it is gone.
    other = job(ledger, names[1], owner="0b")
    waits = give(ledger, other, names[1], owner="0b")
    assert (waits.given, waits.delete, waits.full) == (False, (), False)
    ledger.upload_deleted(found.delete[0], gone=True)
    assert give(ledger, new, "new", names[0]).given


def test_what_a_dead_kernel_was_deleting_is_deleted_first(ledger: Ledger) -> None:
    names = full(ledger)
    [begun] = give(ledger, job(ledger, "new"), "new").delete
    [again] = give(ledger, job(ledger, "other", owner="0b"), "other", owner="0b", dead=("0a",)).delete
    assert again.key == begun.key
    # One that was not deleted after all is not sent either.
    ledger.upload_deleted(again, gone=False)
    [anew] = give(ledger, job(ledger, names[0]), names[0]).delete
    assert anew.key == begun.key


@pytest.mark.parametrize(
    ("status", "owner", "age", "needed"),
    [
        (Status.PENDING, "0b", 90_000.0, True),
        (Status.PROCESSING, "0b", 90_000.0, True),
        (Status.PROCESSING, "dead", 60.0, True),
        (Status.PROCESSING, "dead", 90_000.0, False),
        (Status.STOPPED, "0b", 60.0, True),
        (Status.STOPPED, "0b", 90_000.0, False),
        (Status.UNKNOWN, "0b", 60.0, True),
        (Status.DOWNLOADING, "0b", 60.0, False),
        (Status.DONE, "0b", 60.0, False),
        (Status.FAILED, "0b", 60.0, False),
        (Status.REFUSED, "0b", 60.0, False),
        # It waits for a slot, and for that it needs none.
        (Status.QUEUED, "0b", 60.0, False),
    ],
)
def test_what_a_task_may_still_read_stays(ledger: Ledger, status: Status, owner: str, age: float, needed: bool) -> None:
    names = full(ledger)
    job(ledger, names[0], owner=owner, status=status, created=NOW - age)
    [gone] = give(ledger, job(ledger, "new"), "new", dead=("dead",)).delete
    assert gone.file == ("file-1" if needed else "file-0")


def test_what_a_job_is_about_to_send_stays_until_its_kernel_dies_or_it_is_back_in_the_queue(ledger: Ledger) -> None:
    names = full(ledger)
    for one in (names[:5], names[5:]):
        assert give(ledger, job(ledger, *one, owner="0b"), *one, owner="0b").given
    new = job(ledger, "new")
    found = give(ledger, new, "new")
    assert (found.given, found.full, found.delete) == (False, True, ())
    last = job(ledger, names[0], owner="0b")
    assert give(ledger, last, names[0], owner="0b").given
    assert len(give(ledger, new, "new", dead=("0b",)).delete) == 1


def test_who_goes_back_into_the_queue_gives_up_its_room(ledger: Ledger) -> None:
    names = full(ledger)
    waiting = job(ledger, *names[:9], owner="0b")
    assert give(ledger, waiting, *names[:9], owner="0b").given
    assert give(ledger, job(ledger, names[9], owner="0b"), names[9], owner="0b").given
    assert give(ledger, job(ledger, "new"), "new").full
    ledger.give_up_room(waiting)
    assert [one.file for one in give(ledger, job(ledger, "new"), "new").delete] == ["file-0"]


def test_what_expires_soon_is_deleted_and_uploaded_anew_and_what_has_expired_is_not_held(ledger: Ledger) -> None:
    one = job(ledger, "a", "b")
    assert give(ledger, one, "a", "b").given
    for name, left in (("a", 60.0), ("b", -60.0)):
        assert claim(ledger, name).mine
        done(ledger, name, file=f"file-{name}", expires=NOW + left)
    assert [found.file for found in give(ledger, one, "a", "b").delete] == ["file-a"]
    assert claim(ledger, "a").lost
    # Where a running task needs it still, it is left to expire.
    job(ledger, "c", status=Status.PROCESSING)
    two = job(ledger, "c")
    assert give(ledger, two, "c").given
    assert claim(ledger, "c").mine
    done(ledger, "c", file="file-c", expires=NOW + 60)
    assert give(ledger, two, "c").given
    assert claim(ledger, "c").mine


PICTURES = st.builds(
    Picture,
    origin=st.just(ORIGIN),
    account=st.just(ACCOUNT),
    digest=st.sampled_from([f"{number:x}" for number in range(14)]),
    file=st.sampled_from(["", "file-1"]),
    address=st.sampled_from(["", "sealed"]),
    expires=st.sampled_from([NOW - 1, NOW + 60, NOW + 86_400]),
    at_work=st.booleans(),
)
DIGESTS = st.sets(st.sampled_from([f"{number:x}" for number in range(14)]), max_size=9)


@given(
    held=st.lists(PICTURES, max_size=MOST, unique_by=lambda one: one.digest),
    wanted=DIGESTS.filter(bool),
    needed=DIGESTS,
)
def test_there_is_room_for_ten_and_nothing_that_is_needed_is_deleted(
    held: list[Picture], wanted: set[str], needed: set[str]
) -> None:
    held = [one if one.file else replace(one, address="") for one in held]
    keys = {(ORIGIN, ACCOUNT, digest) for digest in wanted}
    found = room(held, keys, needed, now=NOW, fresh=FRESH)
    there = {one.key for one in held} - {one.key for one in found.gone}
    assert found.given + bool(found.delete) + found.full <= 1
    if found.given:
        assert len(there | keys) <= MOST
    if found.full:
        assert len(there | keys) > MOST
    for one in found.delete:
        assert one.file
        assert not one.at_work or one.address
        # What nobody may send any more (without an address) is needed by nobody.
        assert not one.address or one.digest not in needed
    for one in found.gone:
        assert not (one.file and one.expires > NOW)
