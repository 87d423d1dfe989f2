"""The sandbox as a process of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import aiohttp
import psutil
import pytest

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess
from happyhorse_nb.sandbox.run import main
from sandbox.calls import Caller

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX")


def answers(origin: str) -> bool:
    request = urllib.request.Request(origin + "/api/v1/models", headers={"Authorization": "Bearer k"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def modes(folder: Path) -> dict[str, int]:
    """Who may do what with a folder and all that is in it."""
    return {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


def test_it_starts_answers_and_stops(folder: Path) -> None:
    sandbox = SandboxProcess(folder, SandboxOptions(fail="--as told"))
    before = sandbox.alive, answers(sandbox.origin)
    sandbox.stop()
    after = sandbox.alive, answers(sandbox.origin)
    assert (before, after) == ((True, True), (False, False))
    sandbox.stop()


def test_a_relative_folder_is_the_callers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with SandboxProcess("here"):
        assert (folder.parent / "here" / "tasks").is_dir()


def test_a_stray_file_of_the_users_is_not_taken_for_a_library(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("raise SystemExit('this is not PyAV')")
    monkeypatch.chdir(tmp_path)
    with SandboxProcess(folder) as sandbox:
        assert answers(sandbox.origin)


def test_why_it_did_not_start(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HappyHorseError, match="did not start: the sandbox cannot use the folder"):
        SandboxProcess(tmp_path / "file" / "below")
    with SandboxProcess(folder) as first:
        port = int(first.origin.rpartition(":")[2])
        with pytest.raises(HappyHorseError, match=f"did not start: the sandbox cannot use port {port}"):
            SandboxProcess(folder, port=port)


def test_a_missing_library_is_named(folder: Path) -> None:
    # Without site-packages there is no PyAV; the package itself is found through the path.
    import happyhorse_nb

    code = "from happyhorse_nb.sandbox.run import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, f"--folder={folder}"],
        env={**os.environ, "PYTHONPATH": str(only_the_package(folder.parent, Path(happyhorse_nb.__file__).parent))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "the sandbox needs PyAV. Install it: pip install 'happyhorse-nb[sandbox]'\n"


def only_the_package(folder: Path, package: Path) -> Path:
    """A folder in which nothing but this package is found."""
    alone = folder / "alone"
    alone.mkdir()
    (alone / package.name).symlink_to(package)
    return alone


def test_what_cannot_be_is_said_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--folder={folder}", "--seconds=-1"]) == 1
    assert capsys.readouterr().err == "sandbox: seconds -1.0 cannot be used; give a number of at least 0\n"


def test_the_key_is_not_in_its_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "mdlx-a-key-of-the-users"
    monkeypatch.setenv("MODELLIX_API_KEY", key)
    monkeypatch.setenv("OLD_MODELLIX_API_KEY", "an-older-key")
    monkeypatch.setenv("MY_OWN_NAME_FOR_IT", key)
    monkeypatch.setenv("KEYRING_PROPERTY_KEYRING_KEY", "opens-the-keyring")
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    with SandboxProcess(folder) as sandbox:
        has = psutil.Process(sandbox.pid).environ()
    assert has["SOMETHING_ELSE"] == "stays"
    assert not {key, "an-older-key", "opens-the-keyring"} & set(has.values())
    # The kernel's own is as it was.
    assert os.environ["MODELLIX_API_KEY"] == key


@POSIX
async def test_nobody_else_reads_its_pictures_and_videos_whatever_the_umask(
    folder: Path, session: aiohttp.ClientSession
) -> None:
    before = os.umask(0)
    try:
        process = SandboxProcess(folder, SandboxOptions(seconds=0.2))
    finally:
        os.umask(before)
    with process:
        caller = Caller(session, process.origin)
        await caller.over(await caller.accepted())
        found = modes(folder)
    assert {"task.json", "first_frame", "video.mp4"} < set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "happyhorse_nb.sandbox.run", f"--folder={folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert answers(process.stdout.readline().strip())
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


@POSIX
def test_an_interrupt_of_the_caller_is_not_for_it(folder: Path) -> None:
    with SandboxProcess(folder) as sandbox:
        assert os.getpgid(sandbox.pid) != os.getpgid(0)


@POSIX
def test_it_ends_with_the_process_that_started_it_however_hard_that_ends(folder: Path) -> None:
    code = f"""
        import time
        from happyhorse_nb.sandbox import SandboxProcess
        sandbox = SandboxProcess({str(folder)!r})
        print(sandbox.pid, sandbox.origin, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, origin = parent.stdout.readline().split()
        assert answers(origin)
        # A handle on the process: its id alone could be somebody else's by the time it is looked at.
        handle = os.pidfd_open(int(pid))
        try:
            parent.kill()
            ended, _, _ = select.select([handle], [], [], 60)
        finally:
            os.close(handle)
    assert ended
    assert not answers(origin)


def test_importing_the_package_is_light() -> None:
    code = "import sys, happyhorse_nb.sandbox as s, happyhorse_nb.sandbox.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "av", "PIL", "numpy", "asyncio"} & set(loaded)
