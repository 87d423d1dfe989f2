from __future__ import annotations

from happyhorse_nb.widgets.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_two_messages_in_any_second_and_no_more() -> None:
    clock = Clock()
    pace = Pace(clock)
    sent = []
    for step in range(400):
        clock.now = 100 + step / 100
        if pace.take():
            sent.append(clock.now)
    assert len(sent) == 8
    assert all(later - earlier >= 1 for earlier, later in zip(sent, sent[2:], strict=False))


def test_a_quiet_card_answers_at_once() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.take()
    clock.now += 60
    assert pace.take()
    assert pace.take()
    assert not pace.take()
