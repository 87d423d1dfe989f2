from __future__ import annotations

from datetime import datetime

import pytest

from happyhorse_nb.render import words as units
from render.samples import HOSTILE, NOW


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (48.4, "48 s"), (59.6, "1 min"), (91, "1 min 31 s"), (120, "2 min"), (7500, "2 h 5 min")],
)
def test_a_measured_time(seconds: float, words: str) -> None:
    assert units.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "a few seconds"),
        (38, "about 40 s"),
        (57, "about 55 s"),
        (58, "about 1 min"),
        (100, "about 1 min 30 s"),
        (118, "about 2 min"),
        (400, "about 7 min"),
        (3599, "about 1 h"),
    ],
)
def test_a_guessed_time_is_no_finer_than_the_guess(seconds: float, words: str) -> None:
    assert units.about(seconds) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ((2026, 11, 22, 10, 12), "today 10:12"),
        ((2026, 11, 21, 23, 59), "yesterday 23:59"),
        ((2026, 11, 2, 9, 5), "on 2 Nov 09:05"),
        ((2025, 12, 31, 9, 5), "on 31 Dec 2025"),
    ],
)
def test_an_instant_on_the_local_clock(moment: tuple[int, int, int, int, int], words: str) -> None:
    year, month, day, hour, minute = moment
    then = datetime(year, month, day, hour, minute).astimezone().timestamp()
    assert units.instant(then, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (720, "12 min ago"), (7200, "2 h ago"), (90_000, "1 day ago"), (260_000, "3 days ago")],
)
def test_an_age(seconds: float, words: str) -> None:
    assert units.ago(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(10, "1 kB"), (80_000, "80 kB"), (4_100_000, "4.1 MB")])
def test_a_size(count: int, words: str) -> None:
    assert units.size(count) == words


def test_places_in_a_queue() -> None:
    assert [units.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th")
    ]


def test_words_from_outside_become_one_bounded_line() -> None:
    line = units.plain(HOSTILE, 160)
    assert len(line) == 160
    assert line.isprintable()
    assert line.endswith("…")
    assert units.plain("a\u2067b\u202ec\td", 10) == "a b c d"


def test_a_wide_character_takes_two_columns() -> None:
    assert units.columns("猫 cat") == 6
    assert units.columns("e\u0301") == 1
