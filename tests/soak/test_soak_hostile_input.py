"""Words, links, sizes and names that mean harm, from the cell to the page: they stay text, and the files stay home."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soak.ordeal import QUICK
from support.fake_server import KEY, SIGNATURE, Do, FakeServer, Say
from support.kernel import Kernel
from support.programs import Program, Programs

#: Every job is drawn with all those before it, so ever more of them take ever longer.
EXAMPLES = min(60, int(os.environ.get("HH_KILLS") or 10))

HARM = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover=alert(1) x="',
    "' onload='alert(1)",
    "</style></div></figure><iframe src=//evil>",
    "<!-- --><![CDATA[",
    "{{ 7 * 7 }}{% raw %}",
    "`%happyhorse login`",
    "&lt;b&gt;&amp;&#60;svg onload=x&#62;",
    "../../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "~root/x",
    "a\x00b",
    "CON.mp4",
    "\u202e4pm.exe\u2066\u200f",
    "\x1b[31m\x1b]8;;http://evil\x07",
    "line\r\nAuthorization: x\n\n# heading",
    "\ufeff\u200b\u2028",
    "\ud800",
    "\U0001f680" * 200,
    "javascript:alert(1)",
    "[x](javascript:alert(1)) $\\href{javascript:alert(1)}{x}$",
    "%s %n {0.__class__}",
    "a" * 4000,
]
words = st.builds("".join, st.lists(st.sampled_from(HARM) | st.text(max_size=20), min_size=1, max_size=3))
prompts = words.map(lambda text: text.encode("utf-8", "ignore").decode()[:2000])

#: The elements that our own pages are made of.
OURS = {"style", "div", "span", "b", "bdi", "br", "i", "code", "img", "figure", "figcaption", "video", "a"}
OURS |= {"link", "table", "caption", "thead", "tbody", "tr", "th", "td", "source", "details", "summary"}


class Page(HTMLParser):
    """What a browser makes of a page: its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:100]!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl[:100]!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data[:100]!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data[:100]!r}")


def check_page(name: str, html: str) -> None:
    """Nothing in it but our own elements, no handlers, and no address but the file's own."""
    for tag, attributes in Page(html).elements:
        assert tag in OURS, f"{name}: <{tag}>"
        for attribute, value in attributes.items():
            assert not attribute.startswith("on"), f"{name}: {attribute}={value[:80]!r}"
            if tag == "link" and attribute == "href":
                # Ours, whatever the words: rules for what a front end puts around an output.
                assert re.fullmatch(r"data:text/css,\.jp-[^<\"']*", value), f"{name}: {value[:80]!r}"
            elif attribute in ("href", "src"):
                allowed = r"data:(image/jpeg|video/mp4);base64,[A-Za-z0-9+/=]*|(?![a-z+.-]+:|//)[A-Za-z0-9_.~/%-]+"
                assert re.fullmatch(allowed, value), f"{name}: {attribute}={value[:80]!r}"
            if attribute == "style":
                assert "url(" not in value
                assert "expression" not in value
    for unwanted in ("\x00", "\x1b", "\u202e", "\u2066", "\u200f", KEY, SIGNATURE):
        assert unwanted not in html, f"{name}: {unwanted!r}"


def check_line(name: str, text: str) -> None:
    """One bounded line of what can be printed."""
    assert len(text) < 3000, name
    assert text.isprintable(), f"{name}: {text!r}"
    assert SIGNATURE not in text
    assert KEY not in text


class Hostile:
    """A server whose every word is chosen by somebody who means harm, and a program that talks to it."""

    def __init__(self, server: FakeServer, programs: Programs, root: Path, photo: Path) -> None:
        self.server, self.root = server, root
        # The folder's own name is no markup either.
        self.folder = root / "<b onclick=x> & 'work' \"#?%41"
        self.folder.mkdir()
        self.photo = root / "<img src=x onerror=alert(1)>.jpg"
        shutil.copy(photo, self.photo)
        env = {"HAPPYHORSE_HOME": str(root / "home"), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
        self.program: Program = programs.start(env, cwd=self.folder)
        self.program.ask("configure", **QUICK | {"fetch_patience": 0.1, "missing_patience": 0.1}, max_concurrent=100)
        self.before = self._files()

    @property
    def port(self) -> str:
        return self.server.origin.rpartition(":")[2]

    def make(self, prompt: str, **options: Any) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
        job = self.program.ask("generate", image=str(self.photo), prompt=prompt, again=True, **options)
        self.program.ask("hurry", names=[job["id"]])
        [now] = [known for known in self.program.ask("mine") if known["id"] == job["id"]]
        drawn, written = self.program.ask("html", name=job["id"]), self.program.ask("text", name=job["id"])
        for name, html in drawn.items():
            if name != "link":
                check_page(name, html)
        for name, text in written.items():
            check_line(name, text)
        self.check_files(now)
        return now, drawn, written

    def check_files(self, job: dict[str, Any]) -> None:
        """Videos lie in their folder, directly, and nothing else has come into being anywhere."""
        target = self.folder / "happyhorse-videos"
        if job["path"]:
            assert Path(job["path"]).parent == target
            assert len(Path(job["path"]).name.encode()) < 150
        for path in self._files() - self.before:
            assert path.parent == target, path
            assert path.name.isprintable()
            assert not set(path.name) & set("<>:\"/\\|?*&'`"), path

    def _files(self) -> set[Path]:
        home = self.root / "home"
        return {path for path in self.root.rglob("*") if path.is_file() and home not in path.parents}


@pytest.fixture
def hostile(programs: Programs, photo: Path, small_mp4: bytes) -> Iterator[Hostile]:
    with tempfile.TemporaryDirectory(prefix="hh-") as root, FakeServer(video=small_mp4) as server:
        server.words = ("success",)
        hostile = Hostile(server, programs, Path(root), photo)
        yield hostile
        hostile.program.kill()
    assert programs.noise == ""


QUIETLY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=os.environ.get("HH_CI") == "1",
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)


def test_a_prompt_is_text_and_never_a_path(hostile: Hostile) -> None:
    @QUIETLY
    @given(prompts)
    def any_prompt(prompt: str) -> None:
        job, drawn, _ = hostile.make(prompt)
        assert job["status"] == "done"
        sent = [request.json.get("prompt") for request in hostile.server.of("submit")]
        assert (prompt.strip() or None) in sent
        assert "<video" in drawn["video"]

    any_prompt()


def test_what_a_server_says_is_text(hostile: Hostile) -> None:
    @QUIETLY
    @given(message=words, word=words, where=st.sampled_from(["error", "message", "error_message", "refusal", "status"]))
    def any_words(message: str, word: str, where: str) -> None:
        def edit(said: dict[str, Any]) -> None:
            if where == "status":
                # Unknown words are shown, and the task goes on.
                said["data"]["status"] = word
            else:
                said["data"].update(status="failed", **{where: {"message": message} if where == "error" else message})

        if where == "refusal":
            hostile.server.script("submit", Say(400, body={"code": 400, "message": message}))
        else:
            hostile.server.script("poll", Do(edit=edit))
        job, _, _ = hostile.make("p")
        hostile.server.forget("poll")
        assert job["status"] in {"refusal": ("refused",), "status": ("done", "failed")}.get(where, ("failed",))

    any_words()


@pytest.mark.parametrize("task_id", [*HARM, "task-1/../../x", "task-1?a=b", "", 7, None, ["task-1"], {"a": "b"}])
def test_a_task_id_that_is_none_is_never_used(hostile: Hostile, task_id: Any) -> None:
    def edit(said: dict[str, Any]) -> None:
        said["data"]["task_id"] = task_id

    hostile.server.script("submit", Do(edit=edit))
    before = len(hostile.server.requests)
    job, _, _ = hostile.make("p")
    named = isinstance(task_id, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", task_id)
    if not named:
        assert (job["status"], job["task_id"]) == ("unknown", None)
        assert [request.kind for request in hostile.server.requests[before:]] == ["submit"]


#: Links that must not be followed, and links whose answer is no video.
LINKS = [
    # The address of no machine, which leads to this one: it would work if it were followed.
    "http://0.0.0.0:{port}/files/a.mp4",
    "file:///etc/passwd",
    "ftp://127.0.0.1/a.mp4",
    "javascript:alert(1)",
    "data:video/mp4;base64,AAAA",
    "//127.0.0.1/a.mp4",
    "http://example.invalid/a.mp4",
    "http://127.0.0.1.evil.invalid/a.mp4",
    "http://127.0.0.1@evil.invalid/a.mp4",
    "http://[::1",
    "https://127.0.0.1:1/<script>.mp4",
    "https://127.0.0.1:99999/a",
    "http://127.0.0.1:1/\r\nX-Injected: 1",
    "../../../etc/passwd",
    7,
    None,
    ["http://127.0.0.1:1/a.mp4"],
    "http://127.0.0.1:1/" + "a" * 100_000,
]


@pytest.mark.parametrize("link", LINKS, ids=lambda link: str(link)[:40])
def test_a_link_is_followed_to_safe_places_only(hostile: Hostile, link: Any) -> None:
    if isinstance(link, str):
        link = link.replace("{port}", hostile.port)

    def edit(said: dict[str, Any]) -> None:
        said["data"]["result"]["resources"][0]["url"] = link

    hostile.server.script("poll", *(Do(edit=edit) for _ in range(9)))
    job, drawn, written = hostile.make("p")
    assert (job["status"], job["path"]) == ("stopped", None)
    assert hostile.server.of("file") == []
    if isinstance(link, str):
        assert not any(link in text for text in [*drawn.values(), *written.values()])


REDIRECTS = [
    "http://0.0.0.0:{port}/files/b.mp4",
    "http://example.invalid/a",
    "file:///etc/passwd",
    "//example.invalid/a",
]


@pytest.mark.parametrize("where", [*REDIRECTS, "/\x7f", ""])
def test_every_redirect_is_checked_again(hostile: Hostile, where: str) -> None:
    redirect = Say(302, headers={"Location": where.replace("{port}", hostile.port)})
    hostile.server.script("file", *[redirect] * 20)
    job, _, _ = hostile.make("p")
    hostile.server.forget("file")
    assert (job["status"], job["path"]) == ("stopped", None)
    fetched = hostile.server.of("file") + hostile.server.of("other")
    assert {request.host for request in fetched} == {f"127.0.0.1:{hostile.port}"}
    assert all(request.key is None for request in fetched)


FILES: dict[str, Say] = {
    "a login page": Say(raw=b"<html>please log in</html>", headers={"Content-Type": "text/html"}),
    "a script": Say(raw=b"#!/bin/sh\nrm -rf /", headers={"Content-Type": "video/mp4"}),
    "nothing": Say(raw=b"", headers={"Content-Type": "video/mp4"}),
    "boxes without end": Say(raw=b"\x00\x00\x00\x08ftyp" + b"\x00\x00\x00\x01mdat" + b"\xff" * 8),
    "a name of its own": Say(raw=b"x", headers={"Content-Disposition": 'attachment; filename="../../evil.mp4"'}),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_video_never_gets_a_name(hostile: Hostile, name: str) -> None:
    hostile.server.script("file", *[FILES[name]] * 20)
    job, _, _ = hostile.make("p")
    hostile.server.forget("file")
    assert (job["status"], job["path"]) == ("stopped", None)
    assert not list(hostile.folder.rglob("*.mp4"))


def test_figures_that_are_none_do_no_harm(hostile: Hostile) -> None:
    figures: st.SearchStrategy[Any] = st.sampled_from(
        [
            -1,
            0,
            10**30,
            1e308,
            "1e999999999",
            "1e-999999999",
            float("nan"),
            "1e999",
            "<b>",
            None,
            [],
            {},
            True,
            "NaN",
            "-0",
        ]
    )

    @QUIETLY
    @given(figures, figures, figures, figures)
    def any_figures(width: Any, amount: Any, duration: Any, expires: Any) -> None:
        def edit(said: dict[str, Any]) -> None:
            said["data"].update(duration=duration, result_expires_at=expires, billing={"amount": amount})
            said["data"]["result"]["resources"][0].update(width=width, height=width)

        hostile.server.script("poll", Do(edit=edit))
        job, _, _ = hostile.make("p")
        assert job["status"] == "done", json.dumps(job)

    any_figures()


def test_a_wished_name_stays_where_it_was_put(hostile: Hostile) -> None:
    wished = hostile.folder / "<svg onload=alert(1)>.mp4"
    job = hostile.program.ask("generate", image=str(hostile.photo), prompt="p", save=str(wished))
    hostile.program.ask("hurry", names=[job["id"]])
    for name, html in hostile.program.ask("html", name=job["id"]).items():
        if name != "link":
            check_page(name, html)
    assert wished.read_bytes() == hostile.server.video


def test_loading_the_extension_sends_nothing(
    fake_server: FakeServer, tmp_path: Path, home: Path, programs: Programs, photo: Path
) -> None:
    """Not even when there is something to resume, and a notebook that was saved in mid-way shows its cards."""
    fake_server.words = ("pending",)
    env = {"HAPPYHORSE_HOME": str(home), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": fake_server.origin}
    program = programs.start(env, cwd=tmp_path)
    shutil.copy(photo, tmp_path / "rocket.jpg")
    job = program.ask("generate", image="rocket.jpg", prompt="p")
    program.ask("sent", name=job["id"])
    program.kill()
    fake_server.quiet()
    before = list(fake_server.requests)
    env |= {"IPYTHONDIR": str(tmp_path / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with Kernel(Path(sys.executable), env=env, cwd=tmp_path) as kernel:
        loaded = kernel.run("import happyhorse_nb as hh\n%load_ext happyhorse_nb")
        assert loaded.error == []
        assert "resume" in loaded.printed
        assert kernel.run("%happyhorse jobs").error == []
        assert kernel.run("len(hh.jobs())").result == 1
        kernel.shutdown()
    assert fake_server.requests == before
