"""The console command, as a user runs it: a process with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from happyhorse_nb._version import __version__
from happyhorse_nb.cli import main, program
from happyhorse_nb.models import Cost, Status
from happyhorse_nb.store import Ledger
from store.rows import record
from support.fake_server import KEY, FakeServer, Say, refused_origin

Console = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def console(tmp_path: Path, home: Path) -> Console:
    """Runs the command in an empty folder; its key comes from the environment given here or from nowhere."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        known = {
            "HAPPYHORSE_HOME": str(home),
            # No keyring of the developer's answers instead of the environment.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "happyhorse_nb", *arguments],
            env={**os.environ, **known, **environ},
            cwd=work,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_doctor_says_what_is_set_up(console: Console, fake_server: FakeServer, home: Path, tmp_path: Path) -> None:
    done = console("doctor", MODELLIX_API_KEY=KEY, MODELLIX_BASE_URL=fake_server.origin)
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[1:])
    assert done.stdout.startswith(f"happyhorse_nb {__version__}, Python ")
    assert lines["ledger"] == f"{home / 'ledger.sqlite3'}, 0 jobs"
    assert lines["videos"] == str(tmp_path / "work" / "happyhorse-videos")
    assert lines["server"].startswith(fake_server.origin)
    assert "nothing costs money" in lines["server"]
    assert lines["key"] == "from the environment (MODELLIX_API_KEY)"
    assert lines["answer"] == "the key is good, the balance is $12.34 of play money"
    assert lines["models"] == "happyhorse-1.0-i2v"
    assert fake_server.paid == 0
    assert list((tmp_path / "work").iterdir()) == [], "looking leaves nothing behind"


def test_doctor_without_a_key_says_how_to_give_one(console: Console) -> None:
    done = console("doctor")
    assert done.returncode == 0
    assert "no API key. Give it in one of three ways" in done.stdout
    assert "hh.use_sandbox()" in done.stdout


def test_doctor_with_a_wrong_key(console: Console, fake_server: FakeServer) -> None:
    done = console("doctor", MODELLIX_API_KEY="another", MODELLIX_BASE_URL=fake_server.origin)
    assert "answer       the server does not take this key. " in done.stdout
    assert "MODELLIX_API_KEY" in done.stdout


def test_doctor_where_nobody_answers(console: Console) -> None:
    origin = refused_origin()
    done = console("doctor", MODELLIX_API_KEY=KEY, MODELLIX_BASE_URL=origin)
    assert f"answer       nothing was sent: {origin.removeprefix('http://')} refuses the connection" in done.stdout


def test_doctor_at_a_server_in_trouble(console: Console, fake_server: FakeServer) -> None:
    fake_server.script("balance", Say(503))
    done = console("doctor", MODELLIX_API_KEY=KEY, MODELLIX_BASE_URL=fake_server.origin)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("answer       ")


def test_doctor_with_an_origin_that_cannot_be_used(console: Console) -> None:
    done = console("doctor", MODELLIX_API_KEY=KEY, MODELLIX_BASE_URL="http://example.com")
    assert "MODELLIX_BASE_URL is http, which would show the key to the network. Use https." in done.stdout


def test_doctor_without_a_place_for_the_ledger(console: Console, tmp_path: Path, fake_server: FakeServer) -> None:
    (tmp_path / "taken").write_text("a file where the folder would be")
    told = {"HAPPYHORSE_HOME": str(tmp_path / "taken")}
    done = console("doctor", MODELLIX_API_KEY=KEY, MODELLIX_BASE_URL=fake_server.origin, **told)
    assert done.returncode == 0
    assert "folders      the folder " in done.stdout
    assert "Set HAPPYHORSE_HOME" in done.stdout


def test_jobs_of_an_empty_ledger(console: Console) -> None:
    done = console("jobs")
    assert done.returncode == 0
    assert done.stdout == "No jobs yet.\n"


def test_jobs_newest_first_in_one_line_each(console: Console, home: Path) -> None:
    home.mkdir()
    ledger = Ledger(home)
    for task_id, prompt in (("task-aaaa1111", "first\nline two"), ("task-bbbb2222", "second")):
        row = record(prompt=prompt)
        ledger.add(row, reuse=False)
        bill = Cost(Decimal("0.70"), billed=True)
        ledger.update(replace(row.snapshot, status=Status.DONE, task_id=task_id, cost=bill))
    ledger.close()
    done = console("jobs")
    _, *lines, _, _ = done.stdout.splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["second", "first line two"]
    for line in lines:
        assert " Done " in line
        assert " 0.70 " in line


def test_jobs_are_filtered_as_in_a_notebook(console: Console) -> None:
    assert console("jobs", "--status", "done,running", "--since", "2d", "--starred").stdout == "No jobs yet.\n"
    wrong = console("jobs", "--since", "soon")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("since='soon' is no time. Give 30min")


def test_jobs_of_a_broken_ledger_is_one_line_and_a_failure(console: Console, home: Path) -> None:
    home.mkdir()
    (home / "ledger.sqlite3").write_bytes(b"no database" * 200)
    done = console("jobs")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("the ledger ")
    assert len(done.stderr.splitlines()) == 1


def test_what_follows_lab_is_jupyterlab_s(console: Console) -> None:
    # --version makes JupyterLab say its own and end.
    done = console("lab", "--version", MODELLIX_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert "cost money" in done.stdout
    assert done.stdout.splitlines()[-1].split(".")[0].isdigit()


KEYRING = """
from keyring.backend import KeyringBackend

class Kept(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return "kept" if (service, username) == ("happyhorse-nb", "videos.example.com") else None

    def set_password(self, service, username, password):
        raise NotImplementedError
"""


def test_lab_uses_a_key_of_the_keyring_and_the_users_own_server(console: Console, tmp_path: Path) -> None:
    (tmp_path / "work" / "kept_keys.py").write_text(KEYRING)
    told = {"PYTHON_KEYRING_BACKEND": "kept_keys.Kept", "MODELLIX_BASE_URL": "https://videos.example.com"}
    done = console("lab", "--version", **told)
    assert done.returncode == 0, done.stderr
    assert "The key from the system's keyring is used: videos are made by https://videos.example.com" in done.stdout
    assert "sandbox" not in done.stdout


def test_lab_without_a_key_uses_the_sandbox(console: Console) -> None:
    done = console("lab", "--version")
    assert done.returncode == 0, done.stderr
    assert "No key is given: the sandbox at http://127.0.0.1:" in done.stdout


def test_the_command_to_go_on_with_is_one_that_is_there(tmp_path: Path) -> None:
    python = tmp_path / "python"
    assert program(python) == f"{python} -m happyhorse_nb"
    script = tmp_path / "happyhorse-nb"
    script.touch(mode=0o755)
    assert program(python) == str(script)


def test_a_sandbox_that_cannot_run_says_why_and_not_how_to_use_it(console: Console) -> None:
    done = console("sandbox", "--port", "99999")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("the sandbox cannot use port 99999: ")


def test_the_sandbox_says_with_its_address_how_to_use_it(home: Path) -> None:
    command = [sys.executable, "-m", "happyhorse_nb", "sandbox", "--with-parent", "--fail", "no"]
    told = {**os.environ, "HAPPYHORSE_HOME": str(home)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=told, stdin=pipe, stdout=pipe, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        origin = running.stdout.readline().strip()
        use = running.stdout.readline()
        trouble = running.stdout.readline()
        running.stdin.close()
        assert running.wait(60) == 0
    assert origin.startswith("http://127.0.0.1:")
    assert f"MODELLIX_BASE_URL={origin} and MODELLIX_API_KEY=" in use
    assert trouble == "As you asked: the next task will fail: no (and so will all after it).\n"


def test_what_follows_sandbox_is_the_sandbox_s(console: Console) -> None:
    done = console("sandbox", "-h")
    assert done.returncode == 0
    assert "usage: happyhorse-nb sandbox" in done.stdout
    assert "--port" in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["jobs", "--all"], ["doctor", "extra"], ["--doc"]])
def test_a_command_written_wrongly_says_how_it_is_written(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: happyhorse-nb" in capsys.readouterr().err


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "open JupyterLab on the notebooks" in capsys.readouterr().err


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["-h"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for command in ("demo", "lab", "sandbox", "doctor", "jobs"):
        assert f"    {command} " in told


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"happyhorse-nb {__version__}\n"


def test_the_demo_runs_in_its_own_kernel_and_says_nothing_it_need_not(console: Console, tmp_path: Path) -> None:
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["no-such-python", "-f", "{connection_file}"], "display_name": "Mine", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    done = console("demo", "--output", str(tmp_path / "out"), JUPYTER_PATH=str(tmp_path / "jupyter"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "quickstart.mp4").is_file()
