"""What the reads themselves tell of whether a server holds them open."""

from __future__ import annotations

from happyhorse_nb.polling import Hold


def test_what_was_held_is_asked_for_again_at_once() -> None:
    hold = Hold()
    assert hold.asks
    assert hold.answered(30.0, news=False)
    assert hold.asks


def test_a_server_that_answers_at_once_as_ever_is_asked_no_more() -> None:
    hold = Hold()
    assert not hold.answered(0.1, news=False)
    assert hold.asks, "once may be chance"
    assert not hold.answered(0.1, news=False)
    assert not hold.asks


def test_news_and_a_slow_answer_say_nothing() -> None:
    hold = Hold()
    for seconds, news in ((0.1, True), (0.2, True), (3.0, False), (2.0, False)):
        assert not hold.answered(seconds, news=news)
        assert hold.asks


def test_one_failure_before_it_has_ever_worked_is_enough_and_two_in_a_row_after_that() -> None:
    hold = Hold()
    hold.failed()
    assert not hold.asks
    hold = Hold()
    hold.answered(30.0, news=False)
    hold.failed()
    assert hold.asks
    hold.answered(30.0, news=False)
    hold.failed()
    assert hold.asks
    hold.failed()
    assert not hold.asks


def test_where_one_too_many_is_refused_so_many_are_held_and_no_more() -> None:
    def asks(hold: Hold, opened: int) -> bool:
        hold.open = opened
        return hold.asks

    hold = Hold()
    hold.open = 3
    hold.crowded()
    assert [asks(hold, opened) for opened in (3, 2, 0)] == [False, True, True]
    hold.crowded()
    assert [asks(hold, opened) for opened in (1, 0)] == [False, True], "one is always tried"


def test_a_server_that_has_held_and_does_so_no_more_is_noticed() -> None:
    hold = Hold()
    hold.answered(30.0, news=False)
    assert not hold.answered(0.1, news=False)
    assert not hold.answered(0.1, news=False)
    assert not hold.asks


def test_not_all_connections_are_held_open() -> None:
    hold = Hold()
    hold.open = 50
    assert not hold.asks
    hold.open = 49
    assert hold.asks
