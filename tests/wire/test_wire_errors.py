"""What an answer that is no 200 means, and how long the server asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.errors import (
    APIError,
    AuthenticationError,
    BadRequest,
    InsufficientBalance,
    NotFound,
    RateLimited,
    ServerError,
)
from happyhorse_nb.wire import parse_error, retry_after

NOW = 1_700_000_000.0


def date(seconds: float) -> str:
    """That many seconds from now, as HTTP writes it."""
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, AuthenticationError),
        (402, InsufficientBalance),
        (403, BadRequest),
        (404, NotFound),
        (408, ServerError),
        (413, BadRequest),
        (422, BadRequest),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (302, ServerError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[APIError]) -> None:
    problem = parse_error(status, {"code": status, "message": "Category: detail"}, {}, now=NOW, task_id="task-1")
    assert type(problem) is kind
    assert (problem.status, problem.code, problem.message) == (status, status, "Category: detail")
    assert str(problem) == "Category: detail"
    assert problem.task_id == "task-1"


@pytest.mark.parametrize("body", [None, "", "<html>", [], {}, {"message": 5}, {"error": {}}, {"message": " \n "}])
def test_an_error_without_words_says_its_status(body: Any) -> None:
    assert parse_error(503, body, {}, now=NOW).message == "HTTP status 503"


def test_words_in_another_place_are_found() -> None:
    assert parse_error(400, {"error": {"message": "no image"}}, {}, now=NOW).message == "no image"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "999999"}, 3600),
        ({"Retry-After": date(30)}, 30),
        ({"Retry-After": date(-30)}, 0),
        ({"X-RateLimit-Reset": str(NOW + 12)}, 12),
        ({"X-RateLimit-Reset": str(NOW - 12)}, 0),
        ({"Retry-After": "7", "X-RateLimit-Reset": str(NOW + 12)}, 7),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(NOW + 12)}, 12),
        ({"Retry-After": "nan", "X-RateLimit-Reset": str(NOW + 12)}, 12),
        ({"Retry-After": "", "X-RateLimit-Reset": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({}, None),
        # By the server's own clock, which here is an hour ahead of ours, or behind it.
        ({"X-RateLimit-Reset": str(NOW + 3605), "Date": date(3600)}, 5),
        ({"Retry-After": date(-3590), "Date": date(-3600)}, 10),
        ({"Retry-After": date(30), "Date": "today"}, 30),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == (None if seconds is None else pytest.approx(seconds))
    limited = parse_error(429, {}, headers, now=NOW)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == (None if seconds is None else pytest.approx(seconds))


def test_a_date_without_a_zone_is_in_utc() -> None:
    # RFC 5322: -0000 is UTC of an unknown place; Python reads it as a time without a zone.
    told = date(30).replace("GMT", "-0000")
    assert retry_after({"Retry-After": told}, now=NOW) == pytest.approx(30)


DATES = ["Mon,", "1", "Jan", "2024", "00:00:00", "GMT", "-0000", ",", ":", "99999", "nan", "1e999", "٣", "-"]
PIECES = st.sampled_from(DATES)
NUMBERS = st.floats().map(str) | st.integers().map(str)
VALUES = st.text(max_size=40) | st.lists(PIECES, max_size=8).map(" ".join) | NUMBERS


@given(st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset", "Date"]), VALUES), st.floats(0, 1e11))
def test_any_headers_are_seconds_up_to_an_hour_or_nothing(headers: dict[str, str], now: float) -> None:
    seconds = retry_after(headers, now=now)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.integers(300, 599), st.dictionaries(st.text(), st.text() | st.integers() | st.none()) | st.text() | st.none())
def test_any_error_has_a_bounded_line(status: int, body: Any) -> None:
    problem = parse_error(status, body, {}, now=NOW)
    assert problem.message
    assert len(problem.message) <= 500
    assert problem.message.isprintable()
    assert problem.status == status
