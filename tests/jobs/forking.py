"""Programs that say lines of JSON, and what they are told, for the tests of forks."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.fake_server import KEY, FakeServer

PREPARE = """
import json, os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import faulthandler
faulthandler.dump_traceback_later(100, exit=True)
import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import config
config().requests_per_minute, config().max_poll_gap, config().max_concurrent = 1_000_000, 0.1, 8
photo = sys.argv[1]

def say(value):
    print(json.dumps(value), flush=True)

def told():
    return sys.stdin.readline()

def plain(jobs):
    return [[job.prompt, str(job.status), job.task_id] for job in jobs]

def buy(*prompts):
    jobs = [hh.generate(photo, prompt) for prompt in prompts]
    hh.wait(*jobs, timeout=60)
    return plain(jobs)
"""


class Forking:
    """A program that says lines of JSON, and what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended"
        return json.loads(line)

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def environment(server: FakeServer, home: Path) -> dict[str, str]:
    """What such a program has."""
    return {
        **os.environ,
        "HAPPYHORSE_HOME": str(home),
        "MODELLIX_API_KEY": KEY,
        "MODELLIX_BASE_URL": server.origin,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


@contextmanager
def program(code: str, env: dict[str, str], photo: Path, cwd: Path, *, before: str = "") -> Iterator[Forking]:
    command = [sys.executable, "-c", before + PREPARE + code, str(photo)]
    with subprocess.Popen(
        command, env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Forking(process)
        finally:
            process.kill()


def rows(home: Path) -> list[tuple[str, str, str | None]]:
    """What another kernel finds; it opens and closes the ledger as such a one does."""
    ledger = sqlite3.connect(home / "ledger.sqlite3")
    found = ledger.execute("SELECT prompt, status, task_id FROM jobs ORDER BY created").fetchall()
    assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ledger.close()
    return found
