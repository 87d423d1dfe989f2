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


def test_one_more_is_tried_again_the_more_rarely_the_more_often_it_was_refused() -> None:
    def held_until_one_more(hold: Hold) -> int:
        """Reads that were held before one more than two is asked for."""
        hold.open, count = 2, 0
        while not hold.asks:
            hold.answered(30.0, news=False)
            count += 1
            assert count < 1000, "never again"
        return count

    hold, counts = Hold(), []
    for _ in range(8):
        hold.open = 2
        hold.crowded()
        counts.append(held_until_one_more(hold))
    assert counts == [4, 8, 16, 32, 64, 64, 64, 64]
    # Those of one moment are one refusal.
    hold = Hold()
    for still_open in range(40, 1, -1):
        hold.open = still_open
        hold.crowded()
    assert held_until_one_more(hold) == 4
    # And where nothing is refused any more, all are held again.
    for _ in range(100_000):
        hold.answered(30.0, news=False)
    hold.open = 49
    assert hold.asks


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
