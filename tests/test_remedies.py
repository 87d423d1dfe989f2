"""What an error tells its reader to type can be typed where it is read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.errors import in_words_here as spoken
from happyhorse_nb.settings.account import missing_key

#: Modules that are about magics, and commands that only cells and prose of docstrings name.
OWN = ("remedies.py", "config.py", "cell.py", "__init__.py")
OF_MAGICS = ("login", "form", "compare", "generate", "gallery", "remove")

SAID = {
    "`%happyhorse resume 8f31c2aa` goes on with it.": '`hh.resume("8f31c2aa")` goes on with it.',
    "Then `%happyhorse resume task-1-2` goes on with it.": 'Then `hh.resume("task-1-2")` goes on with it.',
    "`%happyhorse resume TASK-ID --attach 8f31c2aa`; if not, run the cell with `--again`.": (
        '`hh.resume("TASK-ID", attach="8f31c2aa")`; if not, run this with again=True.'
    ),
    "%happyhorse resume goes on with those.": "hh.resume() goes on with those.",
    "Stop it first: %happyhorse stop.": "Stop it first: job.stop().",
    "Stop it there first: %happyhorse stop 8f31c2aa": 'Stop it there first: hh.find("8f31c2aa").stop()',
    "Wait for it: %happyhorse wait 8f31c2aa": 'Wait for it: hh.wait("8f31c2aa")',
    "2 removed: `%happyhorse restore` undoes that": "2 removed: `hh.restore()` undoes that",
    "`%happyhorse restore JOB` brings one back": '`hh.restore("JOB")` brings one back',
    "`%happyhorse resume 8f31c2aa` watches it again.": '`hh.resume("8f31c2aa")` watches it again.',
    "%happyhorse jobs lists them.": "happyhorse-nb jobs lists them.",
    "Check the key with `%happyhorse doctor`, or type another one into `%happyhorse login`.": (
        "Check the key with `happyhorse-nb doctor`, or put another one into the variable MODELLIX_API_KEY."
    ),
    "Set %config HappyHorse.folder to a folder.": "Set hh.config.folder to a folder.",
    "--save x.mp4 exists and is never overwritten.": "save x.mp4 exists and is never overwritten.",
    "Make it fit with --fit (fit=True).": "Make it fit with fit=True.",
    "Else --again (again=True) buys another video.": "Else again=True buys another video.",
    "The balance is 50 %, and the kernel's.": "The balance is 50 %, and the kernel's.",
}


@pytest.mark.parametrize("text", SAID)
def test_a_script_is_told_what_can_be_typed_in_a_script(text: str) -> None:
    assert spoken(text) == SAID[text]
    assert str(hh.HappyHorseError(text)) == SAID[text]


def test_without_a_key_a_script_is_told_of_the_variable_and_the_sandbox() -> None:
    said = spoken(missing_key())
    assert said.startswith(
        "no API key. Give it in one of two ways: set MODELLIX_API_KEY, or keep it in the system's keyring"
    )
    assert said.endswith("Or try it for free, without a key: hh.use_sandbox()")


def test_no_sentence_of_ours_leaves_a_script_a_magic() -> None:
    package = Path(hh.__file__).parent
    told = re.compile(r"(?<!%)%happyhorse [a-z]+(?: \{[^}]*\})?|%config HappyHorse\.\w+")
    for path in package.rglob("*.py"):
        if path.parent.name in ("magic", "cli", "form", "sandbox") or path.name in (
            "remedies.py",
            "config.py",
            "cell.py",
        ):
            continue
        for match in told.findall(path.read_text()):
            typed = re.sub(r"\{[^}]*\}", "8f31c2aa", match)
            if typed.split()[-1] not in OF_MAGICS and "--" not in typed:
                assert "%" not in spoken(typed), (path.name, typed)


def test_in_ipython_with_our_magics_the_magics_are_named(tmp_path: Path) -> None:
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "from happyhorse_nb.errors import UsageError\n"
        "problem = UsageError('%happyhorse doctor')\n"
        "print(problem)\n"
        "shell.run_line_magic('load_ext', 'happyhorse_nb')\n"
        "print(problem)\n"
    )
    env = {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "HAPPYHORSE_HOME": str(tmp_path / "home")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert run.stdout.splitlines() == ["happyhorse-nb doctor", "%happyhorse doctor"]
