"""What costs more than `HappyHorse.ask_above` is asked about first: in a program it is refused in one line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.job.display import Pending
from happyhorse_nb.limits.budget import AskFirst, Quote, check_asked
from happyhorse_nb.models import Cost
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from store.rows import record
from support.fake_server import FakeServer

#: Four of these cost $13.74 by the list prices.
DEAR: dict[str, Any] = {"takes": 4, "duration": 15, "resolution": "1080P"}


def test_in_a_program_it_is_refused_in_one_line_with_both_remedies(generate: Generate, fake_server: FakeServer) -> None:
    with pytest.raises(hh.InvalidRequest) as refused:
        generate(**DEAR)
    assert str(refused.value) == (
        "4 videos, about $13.74 of play money, are above the $5.00 of HappyHorse.ask_above, and nothing is sent. "
        "Add yes=True if it is meant, or raise hh.config.ask_above."
    )
    assert refused.value.param == "ask_above"
    assert len(hh.jobs()) == fake_server.paid == 0


def test_who_says_yes_or_raises_the_limit_is_not_asked(
    generate: Generate, settings: Settings, fake_server: FakeServer
) -> None:
    some: Any = generate(yes=True, **DEAR)
    some.result(DEADLINE)
    settings.ask_above = 13.74
    generate("as much as the limit", **DEAR).result(DEADLINE)
    settings.ask_above = None
    generate("no limit at all", **DEAR).result(DEADLINE)
    assert fake_server.paid == 12


def test_only_what_is_new_counts(generate: Generate, fake_server: FakeServer) -> None:
    some: Any = generate(yes=True, **DEAR)
    some.result(DEADLINE)
    # Run again it buys nothing, so nobody is asked.
    again: Any = generate(**DEAR)
    assert [job.id for job in again] == [job.id for job in some]
    assert fake_server.paid == 4
    with pytest.raises(hh.InvalidRequest, match=r"4 videos, about \$13\.74"):
        generate(again=True, **DEAR)
    with pytest.raises(hh.InvalidRequest, match=r"4 videos, about \$13\.74"):
        hh.again(some)
    two: Any = generate("two of four", takes=1, duration=15, resolution="1080P")
    ended(two)
    with pytest.raises(hh.InvalidRequest, match=r"3 videos, about \$10\.30"):
        generate("two of four", **DEAR)


def test_where_the_limit_is_nothing_everything_that_costs_is_asked_about(
    generate: Generate, settings: Settings, fake_server: FakeServer
) -> None:
    settings.ask_above = 0
    with pytest.raises(hh.InvalidRequest, match=r"1 video, about \$1\.14 of play money, is above the \$0\.00"):
        generate()
    ended(generate(yes=True))
    ended(generate())
    settings.prices = {"1080P": 0.0}
    ended(generate("for nothing"))
    assert fake_server.paid == 2


def test_what_the_budget_does_not_allow_is_refused_and_not_asked_about(generate: Generate, settings: Settings) -> None:
    settings.budget = 10.0
    for yes in (True, False):
        with pytest.raises(hh.InvalidRequest, match=r"would exceed the \$10\.00"):
            generate(yes=yes, **DEAR)


def test_the_limit_is_kept_to_the_cent() -> None:
    three = [record() for _ in range(3)]
    check_asked(2.1, three)
    with pytest.raises(AskFirst, match=r"3 videos, about \$2\.10, are above the \$2\.09"):
        check_asked(2.09, three)


def pending(generate: Generate, settings: Settings, prompt: str = "The rocket lifts off") -> Pending:
    """The question of a notebook's cell, without the notebook."""

    def buy(quote: Quote) -> Any:
        return hh.Takes(engine().submit_all(requests, agreed=quote))

    from happyhorse_nb.job.request import prepare, spread

    request = prepare("rocket.jpg", prompt, {"duration": 15}, settings=settings, home=engine().folder)
    requests = spread(request, 4)
    with pytest.raises(AskFirst) as asked:
        engine().submit_all(requests)
    return Pending(asked.value.quote, buy, prompt=prompt)


@pytest.fixture
def question(generate: Generate, settings: Settings, photo: Any, tmp_path: Any) -> Pending:
    (tmp_path / "rocket.jpg").write_bytes(photo.read_bytes())
    return pending(generate, settings)


def test_until_it_is_pressed_it_says_what_to_do_and_then_it_is_what_was_bought(
    question: Pending, fake_server: FakeServer
) -> None:
    assert question.quote.action == "Make 4 videos, about $13.74"
    assert question
    verbs: list[Any] = [
        lambda: question.result(),
        lambda: question[0],
        lambda: list(question),
        lambda: hh.wait(question),  # type: ignore[arg-type]  # it stands for takes
        lambda: hh.again(question),  # type: ignore[call-overload]  # see above
    ]
    for verb in verbs:
        with pytest.raises(hh.InvalidRequest, match=r'nothing is bought yet. Press "Make 4 videos, about \$13\.74'):
            verb()
    assert fake_server.paid == 0
    assert question.press()
    # Two presses are one wish.
    assert not question.press()
    question.result(DEADLINE)
    assert len(question) == 4
    assert question[3] is list(question)[3]
    assert question.status == "4 done"
    hh.wait(question, timeout=DEADLINE)  # type: ignore[arg-type]  # it stands for takes
    assert fake_server.paid == 4


def test_what_costs_more_by_now_or_other_money_is_asked_about_once_more(
    question: Pending, settings: Settings, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.prices = {"1080P": 0.25}
    # (The estimate of a press is made when it is pressed.)
    with pytest.raises(AskFirst, match=r"about \$15\.00"):
        question.press()
    assert question.quote.action == "Make 4 videos, about $15.00"
    with monkeypatch.context() as real:
        real.setenv("MODELLIX_BASE_URL", "https://example.invalid")
        with pytest.raises(AskFirst):
            question.press()
    assert question.quote.action == "Make 4 videos, about $15.00"
    with pytest.raises(AskFirst):
        question.press()
    assert question.press()
    question.result(DEADLINE)
    assert fake_server.paid == 4


def test_a_press_that_is_refused_can_be_made_again(
    question: Pending, settings: Settings, fake_server: FakeServer
) -> None:
    settings.budget = 1.0
    with pytest.raises(hh.InvalidRequest, match="budget"):
        question.press()
    settings.budget = None
    assert question.press()
    question.result(DEADLINE)
    assert fake_server.paid == 4


@pytest.mark.parametrize(
    ("cost", "sandbox", "within"),
    [("5.00", False, True), ("4.99", False, True), ("5.01", False, False), ("5.00", True, False), (None, False, False)],
)
def test_what_was_agreed_to_is_no_more_and_the_same_money(cost: str | None, sandbox: bool, within: bool) -> None:
    agreed = Quote(4, Cost(Decimal(5)), sandbox=False)
    assert Quote(4, Cost(Decimal(cost)) if cost else None, sandbox).within(agreed) is within
    assert not agreed.within(None)
