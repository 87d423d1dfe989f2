"""Every fault at every call: an error that says whether the request was accepted, and never a second paid request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client, Status
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say

#: What is known after a paid request: the error, and whether the server has a task.
SUBMIT: dict[str, tuple[Answer, type[Exception], int]] = {
    "cut before reading": (Do(cut=Cut.BEFORE_READING), hh.OutcomeUnknown, 0),
    "cut after accepting": (Do(cut=Cut.AFTER_ACCEPTING), hh.OutcomeUnknown, 1),
    "cut in the answer": (Do(cut=Cut.HALFWAY), hh.OutcomeUnknown, 1),
    "cut in a refusal": (Say(400, cut=Cut.HALFWAY), hh.OutcomeUnknown, 0),
    **{str(status): (Say(status), hh.OutcomeUnknown, 0) for status in (408, 409, 425)},
    "500": (Say(500), hh.OutcomeUnknown, 0),
    "502 in HTML": (Say(502, raw=b"<html>Bad gateway"), hh.OutcomeUnknown, 0),
    "503": (Say(503, headers={"Retry-After": "1"}), hh.OutcomeUnknown, 0),
    "504": (Say(504), hh.OutcomeUnknown, 0),
    "302": (Say(302, headers={"Location": "/login"}), hh.OutcomeUnknown, 0),
    "303": (Say(303, headers={"Location": "/api/v1/tasks/task-1"}), hh.OutcomeUnknown, 0),
    "304": (Say(304, headers={"Location": "https://new.example/"}, raw=b""), hh.OutcomeUnknown, 0),
    "307 to nowhere": (Say(307), hh.OutcomeUnknown, 0),
    "308 that names a task": (
        Say(308, body={"code": 9, "data": {"task_id": "task-1"}}, headers={"Location": "https://new.example/"}),
        hh.OutcomeUnknown,
        0,
    ),
    **{
        str(status): (Say(status, headers={"Location": "https://new.example/"}), hh.Redirected, 0)
        for status in (301, 307, 308)
    },
    "201 without a task": (Say(201, body={"code": 0}), hh.OutcomeUnknown, 0),
    "204": (Say(204, raw=b""), hh.OutcomeUnknown, 0),
    "garbage": (Say(raw=b"<html>Sign in"), hh.OutcomeUnknown, 0),
    "nothing": (Say(raw=b""), hh.OutcomeUnknown, 0),
    "no text": (Say(raw=b"\xff\xfe\x00"), hh.OutcomeUnknown, 0),
    "a list": (Say(body=[1]), hh.OutcomeUnknown, 0),
    "deep": (Say(raw=b"[" * 100_000), hh.OutcomeUnknown, 0),
    "endless": (Say(raw=b'"' + b"x" * 5_000_000 + b'"'), hh.OutcomeUnknown, 0),
    "an id that is a path": (
        Do(edit=lambda body: body["data"].update(task_id="../../etc/passwd")),
        hh.OutcomeUnknown,
        1,
    ),
    "no id": (Do(edit=lambda body: body["data"].pop("task_id") and None), hh.OutcomeUnknown, 1),
    "code 17": (Say(body={"code": 17, "message": "Busy: no"}), hh.APIError, 0),
    "code 402": (Say(body={"code": 402, "message": "Balance: too low"}), hh.InsufficientBalance, 0),
    "code 500": (Say(body={"code": 500, "message": "Internal"}), hh.APIError, 0),
    "code 500 and a task": (Do(edit=lambda body: body.update(code=500, message="Internal")), hh.OutcomeUnknown, 1),
    "code 408 and a task": (Do(edit=lambda body: body.update(code=408, message="Late")), hh.OutcomeUnknown, 1),
    "code 400 and a task": (Do(edit=lambda body: body.update(code=400, message="No")), hh.OutcomeUnknown, 1),
    "code 429 and a task": (Do(edit=lambda body: body.update(code=429, message="Busy")), hh.OutcomeUnknown, 1),
    "404 that names a task": (Say(404, body={"code": 404, "data": {"task_id": "task-1"}}), hh.NotFound, 0),
    "code 429": (Say(body={"code": 429, "message": "Slow down"}), hh.RateLimited, 0),
    "400": (Say(400), hh.BadRequest, 0),
    "401": (Say(401), hh.AuthenticationError, 0),
    "402": (Say(402), hh.InsufficientBalance, 0),
    "403": (Say(403), hh.BadRequest, 0),
    "413": (Say(413), hh.BadRequest, 0),
    "429": (Say(429), hh.RateLimited, 0),
}


@pytest.mark.parametrize("fault", SUBMIT)
async def test_a_submit(client: Client, fake_server: FakeServer, photo: Path, fault: str) -> None:
    answer, error, accepted = SUBMIT[fault]
    fake_server.script("submit", answer)
    with pytest.raises(error) as caught:
        await client.submit(photo, "p")
    assert (fake_server.paid, len(fake_server.tasks)) == (1, accepted)
    if isinstance(caught.value, hh.OutcomeUnknown):
        assert caught.value.snapshot.status == Status.UNKNOWN
        assert "may have been charged" in str(caught.value)
        assert len(str(caught.value)) < 700
        named = {"and": "task-fake0001", "names": "task-1"}.get(fault.removesuffix(" a task").rpartition(" ")[2])
        assert caught.value.snapshot.task_id == named
    else:
        assert isinstance(caught.value, hh.APIError)


@pytest.mark.parametrize("status", [404, 400, 429, 500])
async def test_a_task_that_the_body_names_was_accepted_whatever_the_status(
    client: Client, fake_server: FakeServer, photo: Path, status: int
) -> None:
    accepted = {"code": 0, "data": {"task_id": "task-1", "status": "pending"}}
    fake_server.script("submit", Say(status, body=accepted))
    task = await client.submit(photo, "p")
    assert (task.status, task.task_id) == (Status.PENDING, "task-1")
    assert fake_server.paid == 1


#: Where a server sends on to, and what is said of that: never more than scheme and host, and of the key nothing.
SENT_ON = {
    f"https://new.example/p/{SIGNATURE}?key={KEY}#x": "https://new.example",
    "https://new.example:443/": "https://new.example",
    "HTTPS://NEW.example:8443/x": "https://new.example:8443",
    f"https://user:{SIGNATURE}@new.example/x": "https://new.example",
    "//new.example/x": "http://new.example",
    "https://[2001:db8::1]/x": "https://[2001:db8::1]",
    f"https://{KEY}.new.example/": "https://(the key).new.example",
    "/elsewhere": "another of its own addresses",
    "?again=1": "another of its own addresses",
}


@pytest.mark.parametrize("location", SENT_ON)
async def test_a_server_that_sends_on_is_named_by_its_host_alone(
    client: Client, fake_server: FakeServer, photo: Path, location: str
) -> None:
    says, origin = Say(307, headers={"Location": location}), SENT_ON[location]
    fake_server.script("submit", says)
    fake_server.script("balance", says)
    for call in (client.submit(photo, "p"), client.balance()):
        with pytest.raises(hh.Redirected) as caught:
            await call
        assert str(caught.value).startswith(f"the server answers 307: it redirects to {origin}. ")
        asks = f"If that is your server's new address, set MODELLIX_BASE_URL={origin}."
        assert str(caught.value).endswith(
            asks
            if origin.startswith("https://") and KEY not in location.partition("/p/")[0]
            else "The key is not sent there; check MODELLIX_BASE_URL."
        )
        assert SIGNATURE not in repr(caught.value)
        assert KEY not in repr(caught.value)
    assert len(fake_server.requests) == 2


@pytest.mark.parametrize("location", ["", "https://[::1", "https://a:b:c/", "file:///etc/x", "https://ho st/"])
async def test_what_is_no_address_is_not_said(
    client: Client, fake_server: FakeServer, photo: Path, location: str
) -> None:
    fake_server.script("submit", Say(307, headers={"Location": location}))
    with pytest.raises(hh.OutcomeUnknown, match=r"The server answered 307 \(Scripted: as the test asked\)"):
        await client.submit(photo, "p")


#: A read goes on through all of these.
PASSING: dict[str, Answer] = {
    "cut before reading": Do(cut=Cut.BEFORE_READING),
    "cut after reading": Do(cut=Cut.AFTER_ACCEPTING),
    "cut in the answer": Do(cut=Cut.HALFWAY),
    **{str(status): Say(status) for status in (408, 409, 425, 500, 502, 503, 504)},
    "429": Say(429, headers={"Retry-After": "0"}),
    "302": Say(302, headers={"Location": "/login"}),
    "404 of a proxy": Say(404, raw=b"<html>not found</html>"),
    "garbage": Say(raw=b"<html>Sign in"),
    "another task": Do(edit=lambda body: body["data"].update(task_id="task-other")),
    "no status": Do(edit=lambda body: body["data"].pop("status") and None),
    "slow": Do(delay=0.05),
}


async def test_a_wait_goes_on_through_all_faults(client: Client, fake_server: FakeServer, photo: Path) -> None:
    fake_server.words = ("success",)
    task = await client.submit(photo)
    # Two at a time: a wait asks about once a second, and the tests of the jobs go through each of them.
    fake_server.script("poll", PASSING["cut in the answer"], PASSING["garbage"])
    assert (await client.wait(task.task_id or "")).status == Status.DOWNLOADING
    assert fake_server.paid == 1


@pytest.mark.parametrize("fault", PASSING)
async def test_a_read(client: Client, fake_server: FakeServer, photo: Path, fault: str) -> None:
    task = await client.submit(photo)
    fake_server.script("poll", PASSING[fault])
    try:
        read: Any = await client.read(task.task_id or "")
    except (hh.TransportError, hh.ServerError, hh.RateLimited):
        read = await client.read(task.task_id or "")
    assert read.task_id == task.task_id
    assert fake_server.paid == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, hh.BadRequest), (401, hh.AuthenticationError), (402, hh.InsufficientBalance)],
)
async def test_what_ends_a_wait(
    client: Client, fake_server: FakeServer, photo: Path, status: int, error: type[hh.APIError]
) -> None:
    task = await client.submit(photo)
    # With the parameter for a read that is held open, and without.
    fake_server.script("poll", Say(status), Say(status))
    with pytest.raises(error) as caught:
        await client.wait(task.task_id or "")
    assert (caught.value.status, caught.value.task_id) == (status, task.task_id)
    assert caught.value.message == "Scripted: as the test asked"


async def test_an_unknown_outcome_at_the_second_address_is_unknown(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    fake_server.without_suffix = True
    fake_server.script("submit", Do(), Do(cut=Cut.AFTER_ACCEPTING))
    with pytest.raises(hh.OutcomeUnknown):
        await client.submit(photo)
    assert [request.key for request in fake_server.of("submit")] == [KEY, KEY]
    assert len(fake_server.tasks) == 1
