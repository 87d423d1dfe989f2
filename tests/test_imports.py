"""Importing costs nothing: no module needs another to be there first, and nothing heavy comes before it is used."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import happyhorse_nb
from support.fake_server import KEY, FakeServer

#: What takes tens of milliseconds or more to import, and is used later or never.
HEAVY = {
    "PIL",
    "aiohttp",
    "av",
    "ipywidgets",
    "jinja2",
    "keyring",
    "matplotlib",
    "nbconvert",
    "nest_asyncio",
    "nest_asyncio2",
    "numpy",
    "pandas",
    "yarl",
}
#: Seconds after which a program hangs: it measures nothing.
DEADLINE = 600.0
SHOW = "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"


def run(code: str, tmp_path: Path) -> str:
    """What a fresh interpreter prints, where every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code: str, tmp_path: Path) -> set[str]:
    """The packages that are there after some code, beside those of a bare interpreter."""
    return set(json.loads(run(f"{code}\n{SHOW}", tmp_path).splitlines()[-1])) - set(json.loads(run(SHOW, tmp_path)))


def modules() -> list[str]:
    names = [m.name for m in pkgutil.walk_packages(happyhorse_nb.__path__, "happyhorse_nb.")]
    return sorted(name for name in names if not name.endswith("__main__"))


#: A fork for each module, each as fresh as the next: of a process that has only what others wrote.
ALONE = """
import importlib, os, sys
for name in (
    "IPython PIL.Image aiohttp.web av concurrent.futures.process difflib filecmp filelock ipywidgets jinja2 "
    "multiprocessing.connection numpy sqlite3 statistics"
).split():
    importlib.import_module(name)
for name in sys.argv[1:]:
    assert not [module for module in sys.modules if module.startswith("happyhorse_nb")]
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as problem:
            print(f"{name}: {problem!r}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_every_module_is_importable_alone() -> None:
    names = modules()
    assert "happyhorse_nb.wire" in names
    assert "happyhorse_nb.engine.core" in names
    # Warnings of the others' modules are theirs.
    command = [sys.executable, "-c", ALONE, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_importing_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    found = loaded("import happyhorse_nb", tmp_path)
    assert found & HEAVY == set()
    # All of it from the standard library.
    assert found - set(sys.stdlib_module_names) == {"happyhorse_nb"}


@pytest.mark.parametrize("module", ["models", "errors", "wire", "polling", "settings", "store", "inputs", "render"])
def test_the_lower_layers_are_light(tmp_path: Path, module: str) -> None:
    found = loaded(f"import happyhorse_nb.{module}", tmp_path)
    assert found & HEAVY == set()
    assert found - set(sys.stdlib_module_names) <= {"happyhorse_nb", "filelock", "typing_extensions"}


def test_loading_the_extension_imports_nothing_heavy(tmp_path: Path) -> None:
    shell = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""
    bare = loaded(shell, tmp_path)
    found = loaded(f"{shell}\nshell.run_line_magic('load_ext', 'happyhorse_nb')", tmp_path) - bare
    assert found & HEAVY == set()
    # Only what it needs to register: IPython has loaded traitlets already.
    assert found - set(sys.stdlib_module_names) <= {"happyhorse_nb", "_process_of_happyhorse_nb"}


def test_loading_the_extension_starts_no_thread_and_writes_nothing(tmp_path: Path) -> None:
    code = """
import os, threading
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(threading.enumerate())
shell.run_line_magic("load_ext", "happyhorse_nb")
print(len(set(threading.enumerate()) - before), Path(os.environ["HAPPYHORSE_HOME"]).exists())
"""
    assert run(code, tmp_path).split() == ["0", "False"]


#: Tells which of the heavy packages are imported by the thread that the user's cell runs on.
WATCHED = """
import sys, threading
asked = set()
class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            asked.add(name)
sys.meta_path.insert(0, Watch())
import happyhorse_nb as hh
job = hh.generate(sys.argv[1], "A slow pan", duration=3)
job.result()
print(*sorted(asked & {"aiohttp", "av", "yarl"}), sep=",")
assert "aiohttp" in sys.modules
"""


def test_the_first_submit_does_not_wait_until_what_it_is_sent_with_is_imported(
    tmp_path: Path, fake_server: FakeServer, photo: Path
) -> None:
    env = {"MODELLIX_BASE_URL": fake_server.origin, "MODELLIX_API_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(photo)],
        env={**os.environ, **env},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_every_public_name_is_there(tmp_path: Path) -> None:
    code = """
import happyhorse_nb as hh
for name in hh.__all__:
    assert getattr(hh, name) is not None, name
assert set(hh.__all__) == set(dir(hh))
try:
    hh.nonsense
except AttributeError as problem:
    print(problem)
"""
    assert run(code, tmp_path).strip() == "module 'happyhorse_nb' has no attribute 'nonsense'"


def test_one_name_is_one_thing_however_it_is_reached(tmp_path: Path) -> None:
    code = """
import happyhorse_nb as hh
first = hh.jobs()
import happyhorse_nb.api.catalog
assert repr(hh.jobs()) == repr(first) == "No jobs yet."
from happyhorse_nb import Client, Job, generate
from happyhorse_nb.client import Client as there
assert Client is there
"""
    run(code, tmp_path)
