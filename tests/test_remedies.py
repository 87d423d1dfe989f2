"""What an error tells its reader to type can be typed where it is read."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.errors import IN_PYTHON
from happyhorse_nb.errors import in_words_here as spoken
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render import line
from happyhorse_nb.settings.account import KEY_VARIABLE, missing_key

#: Where magics are typed, parsed and listed: nobody reads these in a script.
OWN = ("magic", "config.py", "body.py")

SAID = {
    "`%happyhorse resume 8f31c2aa` goes on with it.": 'hh.resume("8f31c2aa") goes on with it.',
    "Then `%happyhorse resume task-1-2` goes on with it.": 'Then hh.resume("task-1-2") goes on with it.',
    "`%happyhorse resume TASK-ID --attach 8f31c2aa`; if not, run it with `--again`.": (
        'hh.resume("TASK-ID", attach="8f31c2aa"); if not, run it with again=True.'
    ),
    "`%happyhorse resume` goes on with those.": "hh.resume() goes on with those.",
    "Stop it there first: `%happyhorse stop 8f31c2aa`": 'Stop it there first: hh.find("8f31c2aa").stop()',
    "Wait for it: `%happyhorse wait 8f31c2aa`": 'Wait for it: hh.wait("8f31c2aa")',
    "2 removed: `%happyhorse restore` undoes that": "2 removed: hh.restore() undoes that",
    "`%happyhorse jobs` lists them.": "happyhorse-nb jobs lists them.",
    "`%happyhorse jobs --removed` lists them.": "happyhorse-nb jobs --removed lists them.",
    "Check the key with `%happyhorse doctor`, or put another one into `%happyhorse login`.": (
        'Check the key with happyhorse-nb doctor, or put another one into os.environ["MODELLIX_API_KEY"].'
    ),
    "`%happyhorse login --same-account 8f31c2` joins them.": (
        "%happyhorse login --same-account 8f31c2 in IPython joins them."
    ),
    "Set `%config HappyHorse.folder` to a folder.": "Set hh.config.folder to a folder.",
    "Leave `--save` out.": "Leave save out.",
    "Make it fit with `--fit`.": "Make it fit with fit=True.",
    "Run `python scripts/upgrade_ledger.py`.": "Run python scripts/upgrade_ledger.py.",
    "The balance is 50 %, and the kernel's.": "The balance is 50 %, and the kernel's.",
}


@pytest.mark.parametrize("text", SAID)
def test_a_script_is_told_what_can_be_typed_in_a_script(text: str) -> None:
    assert spoken(text) == SAID[text]
    assert str(hh.HappyHorseError("it is wrong", remedy=text)) == f"it is wrong. {SAID[text]}"


def test_an_error_is_one_line_of_what_limit_and_remedy() -> None:
    problem = hh.InvalidRequest("seed 7 is odd", limit="it takes even ones", remedy="Use 8.", param="seed")
    assert (problem.what, problem.limit, problem.remedy) == ("seed 7 is odd", "it takes even ones", "Use 8.")
    assert str(problem) == "seed 7 is odd; it takes even ones. Use 8."
    assert problem.why == "seed 7 is odd; it takes even ones"
    assert str(hh.UsageError("it is odd")) == "it is odd"
    assert str(hh.UsageError("it is odd", limit="give an even one")) == "it is odd; give an even one"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda problem: pickle.loads(pickle.dumps(problem))])
def test_a_copy_of_an_error_has_its_fields(copied: Callable[[hh.HappyHorseError], hh.HappyHorseError]) -> None:
    for problem in (
        hh.InvalidRequest("a", limit="b", remedy="C.", param="seed", fixable=True),
        hh.RateLimited("a", limit="b", remedy="C.", retry_after=3.0),
        hh.WaitTimeout("a", limit="b", remedy="C."),
        hh.JobFailed("a", limit="b", remedy="C.", snapshot=Snapshot(status=Status.FAILED)),
    ):
        again = copied(problem)
        assert type(again) is type(problem)
        assert vars(again) == vars(problem)
        assert str(again) == "a; b. C."


def test_words_of_a_server_or_a_prompt_are_no_command_of_ours() -> None:
    words = "type `%happyhorse doctor` or `--again`, then %config HappyHorse.folder"
    for problem in (hh.BadRequest(words, status=400), hh.InvalidRequest(words), hh.JobNotFound(words)):
        assert str(problem) == words
        assert problem.what == words
    refused = Snapshot(status=Status.REFUSED, id="8f31c2aa97d0", message=words, remedy="Run it with `--again`.")
    assert words in line(refused, now=0.0)
    assert "Run it with again=True." in line(refused, now=0.0)
    assert str(hh.JobRefused(words, remedy=refused.remedy, snapshot=refused)) == f"{words}. Run it with again=True."


def test_without_a_key_a_script_is_told_of_the_variable_and_the_sandbox() -> None:
    said = str(missing_key())
    assert said.startswith("no API key. Give it in one of three ways: set MODELLIX_API_KEY")
    assert KEY_VARIABLE in IN_PYTHON["%happyhorse login"]
    assert said.endswith("Or try it for free, without a key: hh.use_sandbox()")


def test_every_command_that_a_text_of_ours_names_is_marked_and_has_its_words_in_a_script() -> None:
    package = Path(hh.__file__).parent
    bare = re.compile(r"(?<![`%])%happyhorse [a-z]|(?<![`%])%config HappyHorse|(?<!`)--(?:again|fit|yes|attach)\b")
    found = 0
    for path in package.rglob("*.py"):
        if path.parent.name in OWN or path.name in OWN:
            continue
        for text in _texts(path):
            # What begins with a command is code itself, as a card shows it.
            told = re.sub("`[^`]*`", "", text)
            assert text.startswith(("%", "--")) or not bare.search(told), (path.name, text)
            for code in re.findall(r"`((?:%|--)[^`]+)`", text):
                found += 1
                assert spoken(f"`{code}`") != code, (path.name, code)
    assert found > 20


def _texts(path: Path) -> list[str]:
    """The texts of a module that are no docstring, with `{}` for the fields of formatted ones."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append("".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | parts:
            texts.append(node.value)
    return texts


def test_in_ipython_with_our_magics_the_magics_are_named(tmp_path: Path) -> None:
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "from happyhorse_nb.errors import UsageError\n"
        "problem = UsageError('odd', remedy='`%happyhorse doctor`, `--fit`')\n"
        "print(problem)\n"
        "shell.run_line_magic('load_ext', 'happyhorse_nb')\n"
        "print(problem)\n"
    )
    env = {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "HAPPYHORSE_HOME": str(tmp_path / "home")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert run.stdout.splitlines() == [
        "odd. happyhorse-nb doctor, fit=True",
        "odd. %happyhorse doctor, --fit (fit=True)",
    ]
