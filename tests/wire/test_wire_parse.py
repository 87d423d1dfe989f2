"""What a server says becomes a frozen snapshot or a known error, whatever it says."""

from __future__ import annotations

import copy
import json
import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb import wire
from happyhorse_nb.errors import (
    APIError,
    AuthenticationError,
    BadRequest,
    ConnectionLost,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerError,
)
from happyhorse_nb.models import MODELS, Cost, Model, Role, Snapshot, Status

SECRET = "https://videos.example.com/1.mp4?signature=5ecret-link"
DONE: dict[str, Any] = {
    "code": 0,
    "message": "success",
    "data": {
        "status": "success",
        "task_id": "task-abc123",
        "duration": 61000,
        "result": {"resources": [{"url": SECRET, "type": "video", "width": 1280, "height": 720, "format": "mp4"}]},
        "billing": {"status": "succeeded", "amount": "0.7000"},
        "result_expires_at": 1_700_000_000_000,
    },
}
ACCEPTED: dict[str, Any] = {
    "code": 0,
    "message": "success",
    "data": {
        "status": "pending",
        "task_id": "task-abc123",
        "model_id": "model-123",
        "get_result": {"method": "GET", "url": "https://api.modellix.ai/api/v1/tasks/task-abc123"},
    },
}


def said(**data: Any) -> Snapshot:
    """The snapshot of an answer with these fields."""
    return wire.parse({"code": 0, "data": {"status": "processing", "task_id": "task-1", **data}})


def test_an_accepted_task() -> None:
    assert wire.parse(ACCEPTED) == Snapshot(status=Status.PENDING, task_id="task-abc123")


def test_a_finished_task() -> None:
    # Done on the server; here it is done when the file is on disk.
    assert wire.parse(DONE, asked="task-abc123") == Snapshot(
        status=Status.DOWNLOADING,
        task_id="task-abc123",
        took=61.0,
        cost=Cost(Decimal("0.7000"), billed=True),
        expires_at=1_700_000_000.0,
        width=1280,
        height=720,
        video_url=SECRET,
    )


@pytest.mark.parametrize(
    ("word", "status", "shown"),
    [
        ("pending", Status.PENDING, ""),
        ("processing", Status.PROCESSING, ""),
        ("success", Status.DOWNLOADING, ""),
        ("failed", Status.FAILED, ""),
        ("succeeded", Status.DOWNLOADING, "succeeded"),
        ("completed", Status.DOWNLOADING, "completed"),
        ("error", Status.FAILED, "error"),
        ("canceled", Status.FAILED, "canceled"),
        ("cancelled", Status.FAILED, "cancelled"),
        ("expired", Status.FAILED, "expired"),
        ("SUCCESS", Status.DOWNLOADING, ""),
        ("Pending", Status.PENDING, ""),
        ("upscaling", Status.PROCESSING, "upscaling"),
        ("<b>odd</b>\n", Status.PROCESSING, "<b>odd</b>"),
        (7, Status.PROCESSING, ""),
        (None, Status.PROCESSING, ""),
    ],
)
def test_every_word_has_a_state_and_odd_ones_are_shown(word: Any, status: Status, shown: str) -> None:
    snapshot = said(status=word)
    assert snapshot.status is status
    assert snapshot.said == shown


@pytest.mark.parametrize(
    "data",
    [
        {"error": {"message": "prompt violates\nthe policy"}},
        {"error": "prompt violates the policy"},
        {"message": "prompt violates the policy"},
        {"error_message": "prompt violates the policy"},
        {"error": {"message": ""}, "message": "prompt violates the policy"},
    ],
)
def test_why_a_task_failed_wherever_it_stands(data: dict[str, Any]) -> None:
    assert said(status="failed", **data).message == "prompt violates the policy"


def test_a_failure_without_a_reason() -> None:
    assert said(status="failed").message == ""


@pytest.mark.parametrize("amount", ["0.7000", 0.7, "0.70"])
def test_a_bill(amount: Any) -> None:
    cost = said(billing={"status": "succeeded", "amount": amount}).cost
    assert cost == Cost(Decimal("0.7"), billed=True)


@pytest.mark.parametrize(
    "amount",
    [None, True, "", "free", "NaN", "sNaN", "Infinity", float("nan"), "-1", -0.5, "1e9", "1e-999999999", [], {}],
)
def test_a_bill_that_makes_no_sense_is_none(amount: Any) -> None:
    assert said(billing={"amount": amount}).cost is None
    assert said(billing=amount).cost is None


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "ftp://a.b/c", "/relative.mp4", "http://", "", 5, None],
)
def test_only_an_http_link_is_one(url: Any) -> None:
    resources = [{"url": url, "type": "video"}]
    assert said(status="success", result={"resources": resources}).video_url is None


def test_the_video_is_taken_from_among_other_files() -> None:
    resources = [
        "odd",
        {"url": "https://a.b/cover.png", "type": "image"},
        {"type": "video"},
        {"url": "https://a.b/video.mp4", "width": 640, "height": True},
    ]
    snapshot = said(status="success", result={"resources": resources})
    assert snapshot.video_url == "https://a.b/video.mp4"
    assert (snapshot.width, snapshot.height) == (640, None)


ODD_IDS: list[Any] = ["../../admin", "a b", "", "a/b", "é", "x" * 300, "-a", 5, None, "a\n", "a?b", "a%2fb"]


@pytest.mark.parametrize("task_id", ODD_IDS)
def test_an_id_that_could_lead_elsewhere_is_no_answer(task_id: Any) -> None:
    with pytest.raises(ConnectionLost, match="names no task"):
        said(task_id=task_id)
    assert not wire.is_task_id(task_id)
    with pytest.raises(InvalidRequest, match="not a task id"):
        wire.task_path(task_id)


def test_an_answer_about_another_task_is_none() -> None:
    with pytest.raises(ConnectionLost, match="another task"):
        wire.parse(DONE, asked="task-other")


NO_TASKS: list[Any] = [None, [], "", 5, {}, {"code": 0}, {"code": 0, "data": []}, {"data": {"status": "a"}}]


@pytest.mark.parametrize("answer", NO_TASKS)
def test_an_answer_without_a_task_cannot_be_read(answer: Any) -> None:
    with pytest.raises(ConnectionLost, match="cannot be read"):
        wire.parse(answer)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, BadRequest),
        (401, AuthenticationError),
        (402, InsufficientBalance),
        (404, NotFound),
        (408, ServerError),
        (429, RateLimited),
        (500, ServerError),
        ("402", InsufficientBalance),
        (1001, BadRequest),
        (-1, BadRequest),
        (True, BadRequest),
        ("E_BAD", BadRequest),
        ([], BadRequest),
    ],
)
def test_a_200_whose_code_is_not_0_is_a_refusal(code: Any, kind: type[APIError]) -> None:
    answer = {**DONE, "code": code, "message": "Balance:  too\x00 low"}
    with pytest.raises(APIError) as caught:
        wire.parse(answer, asked="task-abc123")
    assert type(caught.value) is kind
    assert caught.value.status == 200
    assert caught.value.message == "Balance: too low"
    assert caught.value.task_id == "task-abc123"


@pytest.mark.parametrize("code", [0, "0", None])
def test_a_code_that_says_all_is_well(code: Any) -> None:
    assert wire.parse({**ACCEPTED, "code": code}).task_id == "task-abc123"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([SECRET, "success", "task-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [found for key, part in inner for found in places(part, (*path, key))]


@st.composite
def answers(draw: st.DrawFn) -> Any:
    """Any JSON; or a good answer with anything in some places, as a server with a bug says it."""
    if draw(st.booleans()):
        return draw(JSON)
    answer = copy.deepcopy(draw(st.sampled_from([DONE, ACCEPTED])))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(answer)[1:]))
        target = answer
        for key in place[:-1]:
            target = target[key]
        if draw(st.booleans()):
            target[place[-1]] = draw(JSON)
        elif isinstance(target, dict):
            del target[place[-1]]
    return answer


def bounded(text: str) -> None:
    assert len(text) <= 500
    assert text.isprintable()


@given(answers(), st.sampled_from([None, "task-abc123"]))
def test_any_answer_is_a_snapshot_or_a_known_error(answer: Any, asked: str | None) -> None:
    try:
        snapshot = wire.parse(answer, asked=asked)
    except (APIError, ConnectionLost) as found:
        problem = found
    else:
        is_sound(snapshot)
        return
    assert str(problem)
    bounded(str(problem))


def is_sound(snapshot: Snapshot) -> None:
    """Nothing in it is anything that a bug of the server put there."""
    assert snapshot.status in (Status.PENDING, Status.PROCESSING, Status.DOWNLOADING, Status.FAILED)
    assert snapshot.task_id is not None
    assert wire.is_task_id(snapshot.task_id)
    bounded(snapshot.said)
    bounded(snapshot.message)
    if snapshot.video_url and snapshot.video_url not in snapshot.said + snapshot.message:
        assert snapshot.video_url not in repr(snapshot)
    if snapshot.cost is not None:
        assert snapshot.cost.billed
        assert 0 <= float(snapshot.cost) < 1_000_000
        assert str(snapshot.cost).startswith("$")
    for pixels in (snapshot.width, snapshot.height):
        assert pixels is None or 0 < pixels <= 20_000
    for seconds in (snapshot.took, snapshot.expires_at):
        assert seconds is None or 0 <= seconds < 1e12


@given(st.text())
def test_words_from_outside_are_one_bounded_line(text: str) -> None:
    line = wire.text(text)
    bounded(line)
    assert line == line.strip()
    assert wire.text(line) == line


@given(st.text(alphabet=string.printable, max_size=40))
def test_a_task_s_address_is_below_tasks(task_id: str) -> None:
    try:
        path = wire.task_path(task_id)
    except ValueError:
        return
    assert path == f"/api/v1/tasks/{task_id}"
    assert not set(task_id) & set("/?#%\\ \t\n\r")


@pytest.mark.parametrize("model", list(MODELS.values()))
def test_where_a_task_is_posted(model: Any) -> None:
    assert wire.submit_path(model) == f"/api/v1/alibaba/{model.id}/async"
    assert wire.submit_path(model, suffix=False) == f"/api/v1/alibaba/{model.id}"


I2V = MODELS["happyhorse-1.0-i2v"]


def body(*inputs: tuple[str, str], prompt: str | None, params: dict[str, Any], model: Model = I2V) -> dict[str, Any]:
    """A request with ``AAAA`` for the bytes of each input."""
    return json.loads(b"AAAA".join(wire.to_body(model, inputs, prompt, params)))


def test_the_body_of_a_request_has_the_api_s_names_and_only_what_is_given() -> None:
    params = {"duration": 5, "seed": None, "resolution": "720P"}
    told = body(("first_frame", "https://a.b/c.jpg?"), prompt="clouds", params=params)
    assert told == {
        "first_frame_image": "https://a.b/c.jpg?AAAA",
        "prompt": "clouds",
        "duration": 5,
        "resolution": "720P",
    }
    assert "happyhorse-1.0-i2v" not in str(told), "the model is in the address"


@pytest.mark.parametrize("params", [{}, {"resolution": "720P", "duration": 5, "seed": 0}])
@pytest.mark.parametrize("prompt", [None, 'a "quoted" 云 \\ prompt'])
def test_the_parts_of_a_body_make_whole_json(prompt: str | None, params: dict[str, Any]) -> None:
    given = {"prompt": prompt, **params} if prompt else params
    lead = "data:image/png;base64,"
    assert body(("first_frame", lead), prompt=prompt, params=params) == {"first_frame_image": f"{lead}AAAA", **given}
    two = Role("reference", option="ref", wire="references", help="", maximum=3)
    video = Role("video", option="edit", wire="video_url", help="", image=None, embedded=False)
    many = Model("many", (), (two, video))
    inputs = ("reference", lead), ("reference", 'https://a.b/"'), ("video", "https://a.b/v?")
    assert body(*inputs, prompt=prompt, params=params, model=many) == {
        "references": [f"{lead}AAAA", 'https://a.b/"AAAA'],
        "video_url": "https://a.b/v?AAAA",
        **given,
    }


@pytest.mark.parametrize("kind", [None, "VIDEO", "video/mp4", 7])
def test_a_link_is_a_video_unless_it_is_said_to_be_something_else(kind: Any) -> None:
    link = "https://videos.example.com/1.mp4"
    assert said(status="success", result={"resources": [{"url": link, "type": kind}]}).video_url == link
    assert said(status="success", result={"resources": [{"url": link, "type": "image"}]}).video_url is None


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ({"created_at": 1_767_355_200}, 1_767_355_200.0),
        ({"created_at": 1_767_355_200_000}, 1_767_355_200.0),
        ({"create_time": "2026-01-02T12:00:00Z"}, 1_767_355_200.0),
        ({"created": "1767355200"}, 1_767_355_200.0),
        # Of no zone, of no time, or none at all: not said.
        ({"created_at": "2026-01-02T12:00:00"}, 0.0),
        ({"created_at": 61}, 0.0),
        ({"created_at": "9" * 40}, 0.0),
        ({"created_at": True, "create_time": [1]}, 0.0),
        ({}, 0.0),
    ],
)
def test_when_a_task_was_made(told: dict[str, Any], made: float) -> None:
    assert wire.parse({"code": 0, "data": {"task_id": "task-1", "status": "pending", **told}}).created == made


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ({"model": "alibaba/happyhorse-1.0-i2v"}, "happyhorse-1.0-i2v"),
        ({"model_id": "happyhorse-1.0-i2v"}, "happyhorse-1.0-i2v"),
        ({"model_id": "model-123"}, ""),
        ({"model": ["happyhorse-1.0-i2v"]}, ""),
    ],
)
def test_the_model_of_a_task_where_it_is_named_as_we_name_it(told: dict[str, Any], model: str) -> None:
    assert wire.parse({"code": 0, "data": {"task_id": "task-1", "status": "pending", **told}}).model == model
