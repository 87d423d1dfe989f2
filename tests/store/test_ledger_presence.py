"""Which kernels are alive: what the others on the machine know of one that was killed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from happyhorse_nb.store import Presence

KERNEL = """
import sys
from pathlib import Path
from happyhorse_nb.store import Presence
me = Presence(Path(sys.argv[1]))
print(me.id, flush=True)
sys.stdin.readline()
me.close()
"""


@contextmanager
def kernel(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is present in that folder, and its id."""
    command = [sys.executable, "-c", KERNEL, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Presence]:
    presence = Presence(tmp_path)
    yield presence
    presence.close()


def test_a_living_kernel_is_seen_by_another(here: Presence, tmp_path: Path) -> None:
    with kernel(tmp_path) as (_, other):
        assert here.alive(other)
        assert here.alive(other), "looking at it does it no harm"


def test_a_killed_kernel_is_not_taken_for_alive(here: Presence, tmp_path: Path) -> None:
    with kernel(tmp_path) as (process, other):
        assert here.alive(other)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not here.alive(other)
        assert not here.alive(other)


def test_a_kernel_that_ended_well_leaves_nothing(here: Presence, tmp_path: Path) -> None:
    with kernel(tmp_path) as (process, other):
        process.communicate("\n")
        assert process.returncode == 0
        assert not here.alive(other)
    assert {path.stem for path in (tmp_path / "kernels").iterdir()} == {here.id}


def test_one_s_own_presence(here: Presence) -> None:
    assert here.alive(here.id)


@pytest.mark.parametrize("owner", [None, "", "0123456789abcdef", "../../etc/passwd", "x"])
def test_nobody_is_not_alive(here: Presence, owner: str | None) -> None:
    assert not here.alive(owner)


def test_an_owner_s_name_cannot_lead_elsewhere(here: Presence, tmp_path: Path) -> None:
    victim = tmp_path / "a.lock"
    victim.write_text("somebody's file")
    assert not here.alive("../a")
    assert victim.read_text() == "somebody's file"


def test_two_kernels_have_two_ids(here: Presence, tmp_path: Path) -> None:
    other = Presence(tmp_path)
    assert other.id != here.id
    assert here.alive(other.id)
    other.close()
    assert not here.alive(other.id)


def test_a_kernel_that_cannot_be_looked_at_counts_as_alive(here: Presence, tmp_path: Path) -> None:
    with kernel(tmp_path) as (_, other):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
        try:
            seen = here.alive(other)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        # What is taken for dead is sent again, and paid for again.
        assert seen


def test_a_kernel_whose_file_was_cleaned_away_shows_itself_again(here: Presence, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "kernels")
    here.renew()
    code = "import sys; from pathlib import Path; from happyhorse_nb.store import Presence; "
    code += "print(Presence(Path(sys.argv[1])).alive(sys.argv[2]))"
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), here.id], capture_output=True, text=True, check=True
    )
    assert said.stdout == "True\n"


#: On a file system that has no locks, where the second argument is more than nothing.
WHERE = f"""
import errno, os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from support.programs import FLOCK, refuse_calls
from happyhorse_nb.store import Presence
from happyhorse_nb.store.presence import kernels, lives
folder = Path(sys.argv[1])
if sys.argv[2]:
    refuse_calls(FLOCK, errno.ENOSYS)
"""
#: Its fork lives on when it is killed.
PARENT = f"""{WHERE}
me = Presence(folder)
child = os.fork()
if child == 0:
    time.sleep(1000)
    os._exit(0)
print(me.id, child, flush=True)
sys.stdin.readline()
"""
#: Asked twice.
ASKED = f"""{WHERE}
print(*[lives(kernels(folder), sys.argv[3]) for _ in range(2)])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("locks", ["", "none"], ids=["locks", "no locks"])
def test_a_killed_kernel_whose_fork_lives_on_is_not_taken_for_alive(tmp_path: Path, locks: str) -> None:
    def seen(owner: str) -> str:
        command = [sys.executable, "-W", "ignore", "-c", ASKED, str(tmp_path), locks, owner]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    command = [sys.executable, "-W", "ignore", "-c", PARENT, str(tmp_path), locks]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        owner, child = parent.stdout.readline().split()
        try:
            assert seen(owner) == "True True\n"
            parent.kill()
            parent.wait()
            assert seen(owner) == "False False\n"
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_the_file_is_nobody_elses_to_read(here: Presence, tmp_path: Path) -> None:
    [file] = (tmp_path / "kernels").iterdir()
    assert file.stat().st_mode & 0o077 == 0
