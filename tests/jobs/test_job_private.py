"""What is kept of a job is for its user alone, however freely the system lets files be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fake_server import KEY, FakeServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")

#: A program as somebody runs it whose system gives every file to everybody. The modes are those while it lives.
PROGRAM = """
import json, os, shutil, sys
os.umask(0)
from pathlib import Path
import happyhorse_nb as hh
from happyhorse_nb.engine import engine

home = Path(os.environ["HAPPYHORSE_HOME"])
def modes():
    return {str(path.relative_to(home.parent)): path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}

first = hh.generate(sys.argv[1], "the rocket lifts off").result(60)
before = modes()
shutil.rmtree(home / "kernels")
shutil.rmtree(home / "frames")
engine().presence.renew()
hh.generate(sys.argv[1], "the rocket lands").result(60)
print(json.dumps([before, modes(), first.path.stat().st_mode & 0o777]))
"""


def test_nobody_else_reads_what_is_kept_whatever_the_umask(
    fake_server: FakeServer, photo: Path, tmp_path: Path
) -> None:
    home = tmp_path / "made" / "here"
    settings = {"HAPPYHORSE_HOME": str(home), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": fake_server.origin}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(photo)],
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *kept, video = json.loads(done.stdout.splitlines()[-1])
    for modes in kept:
        assert {name.split("/")[1] for name in modes if "/" in name} >= {"ledger.sqlite3", "frames", "kernels"}
        assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    # Folders above it that did not exist are no way in either; the video is the user's own, as their umask has it.
    assert (tmp_path / "made").stat().st_mode & 0o077 == 0
    assert video == 0o666
