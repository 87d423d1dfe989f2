from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from happyhorse_nb.models import Cost, Progress, Snapshot, Status
from happyhorse_nb.render import words
from render.samples import NOW, RUNNING, every_state, sample


@pytest.mark.parametrize(
    ("status", "state", "detail"),
    [
        (Status.QUEUED, "Queued, 3rd", "starts in about 2 min"),
        (Status.SUBMITTING, "Sending", "48 s, about 40 s left"),
        (Status.PENDING, "Accepted, waiting to start", "48 s, about 40 s left"),
        (Status.PROCESSING, "Generating", "48 s, about 40 s left"),
        (Status.DOWNLOADING, "Downloading", "48 s, about 40 s left"),
        (Status.DONE, "Done", "in 1 min 31 s, $0.70"),
        (Status.REFUSED, "Refused", "not charged"),
        (Status.FAILED, "Failed", "after 6 s, not charged"),
        (Status.EXPIRED, "Expired", ""),
        (Status.UNKNOWN, "Not known whether it was accepted", ""),
        (Status.STOPPED, "Not watched any more", "after 38 s"),
    ],
)
def test_each_state_in_words(status: Status, state: str, detail: str) -> None:
    snapshot = sample(status, **({"ended": NOW - 10} if status is Status.STOPPED else {}))
    assert words.state(snapshot) == state
    assert words.detail(snapshot, NOW) == detail


def test_every_state_has_words_of_its_own() -> None:
    assert len({words.state(snapshot) for snapshot in every_state()}) == len(Status)


def test_nothing_is_promised_while_there_is_nothing_to_go_by() -> None:
    assert words.detail(replace(RUNNING, progress=Progress(elapsed=48)), NOW) == "48 s"
    assert words.detail(replace(RUNNING, progress=Progress(elapsed=300, left=0)), NOW) == "5 min"
    assert words.detail(sample(Status.QUEUED, progress=Progress()), NOW) == ""


def test_a_video_that_was_made_before_says_when_and_that_nothing_is_paid_now() -> None:
    snapshot = sample(Status.DONE, reused=True, ended=NOW - 3600)
    assert words.state(snapshot) == "Already made"
    assert words.detail(snapshot, NOW) == "today 15:30 for $0.70, nothing now"


def test_a_word_that_the_api_does_not_document_is_shown() -> None:
    assert "the server says “warming up”" in words.detail(replace(RUNNING, said="warming up"), NOW)


def test_a_failure_says_what_the_server_said_and_what_to_do() -> None:
    assert words.say(sample(Status.FAILED)) == (
        "The server says: prompt violates the content policy.",
        "Change the prompt or the first frame and run it again.",
    )
    assert words.say(sample(Status.FAILED, message=""))[0] == "The server gives no reason."


def test_an_unknown_outcome_is_explained_even_if_nobody_said_anything() -> None:
    message, remedy = words.say(sample(Status.UNKNOWN))
    assert "may have been charged" in message
    assert "`%happyhorse resume TASK-ID --attach " in remedy
    assert "`--again`" in remedy


def test_own_words_come_before_the_defaults() -> None:
    snapshot = sample(Status.REFUSED, message="The key is not accepted", remedy="Try `%happyhorse login`")
    assert words.say(snapshot) == ("The key is not accepted.", "Try `%happyhorse login`.")


def test_a_stopped_job_can_be_taken_up_again_unless_it_was_never_sent() -> None:
    assert words.say(sample(Status.STOPPED))[1] == "`%happyhorse resume h0192abc` goes on with it."
    never_sent = sample(Status.STOPPED, task_id=None, submitted=None)
    assert words.state(never_sent) == "Not watched any more"
    assert words.detail(never_sent, NOW) == "not charged"
    assert words.say(never_sent) == ("", "")


def test_a_job_that_the_user_took_out_of_the_queue_stays_so_also_when_it_is_forgotten() -> None:
    snapshot = sample(Status.CANCELLED)
    assert (words.state(snapshot), words.tone(snapshot)) == ("Cancelled", "warn")
    assert words.detail(snapshot, NOW) == "not charged"
    assert words.say(snapshot)[0] == "Taken out of the queue; nothing was sent."


def test_a_bill_for_a_failed_task_is_not_hidden() -> None:
    assert "charged $0.30" in words.detail(sample(Status.FAILED, cost=Cost(Decimal("0.3"), billed=True)), NOW)


def test_parameters_that_were_left_out_show_what_the_model_does() -> None:
    assert words.parameters(RUNNING) == "5 s, 720P, seed 7"
    assert words.parameters(replace(RUNNING, params={})) == "5 s, 1080P, random seed"
    assert words.parameters(replace(RUNNING, params={"seed": 0})) == "5 s, 1080P, seed 0"
    edit = replace(RUNNING, model="happyhorse-1.0-video-edit", params={"resolution": "720P", "seed": 7})
    assert words.parameters(edit) == "720P, audio auto, seed 7"


def test_a_model_that_is_not_known_any_more_still_shows_its_parameters() -> None:
    assert words.parameters(replace(RUNNING, model="old", params={"ratio": "16:9"})) == "ratio 16:9"


def test_play_money_is_never_called_money() -> None:
    assert words.money(replace(RUNNING, sandbox=True)) == "about $0.70 of play money"
    assert words.detail(sample(Status.DONE, sandbox=True), NOW).endswith("$0.70 of play money")


def test_the_bar_is_full_only_at_the_end() -> None:
    assert words.percent(replace(RUNNING, progress=Progress(fraction=1.0))) == 99
    assert words.percent(replace(RUNNING, progress=Progress(fraction=-1.0))) == 0
    assert words.percent(sample(Status.DONE)) == 100


def test_a_video_on_its_way_says_how_much_of_it_is_there() -> None:
    coming = Snapshot(status=Status.DOWNLOADING, progress=Progress(0.25, 70.0, 21.0, size=80_000_000))
    assert words.detail(coming, NOW) == "20.0 MB of 80.0 MB, about 20 s left"
    assert words.percent(coming) == 25
    stalled = Snapshot(status=Status.DOWNLOADING, progress=Progress(0.25, 70.0, size=80_000_000))
    assert words.detail(stalled, NOW) == "20.0 MB of 80.0 MB"


def test_a_task_that_takes_longer_than_expected_is_said_to() -> None:
    late = replace(RUNNING, progress=Progress(fraction=0.86, elapsed=38))
    assert words.detail(late, NOW) == "38 s, longer than usual"
    assert words.remaining(late) == "86 %"
    assert words.detail(replace(RUNNING, progress=Progress()), NOW) == "0 s"
