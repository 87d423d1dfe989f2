"""What Tab offers, from the same tables as the parser."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.engine import engine
from happyhorse_nb.magic.commands import COMMANDS
from happyhorse_nb.magic.complete import complete, offered
from happyhorse_nb.magic.options import cell_parser
from happyhorse_nb.models import MODELS, Status
from inputs.pictures import picture
from store.rows import record

#: Where IPython breaks a line into words.
DELIMITERS = re.compile("[ \t\n`!@#$^&*()=+[{\\]}\\\\|;:'\",<>?]")
SHELL = SimpleNamespace(
    user_ns={
        "photo": picture(),
        "array": np.zeros((4, 4)),
        "path": Path("x.jpg"),
        "text": "rocket.jpg",
        "number": 5,
        "_hidden": "x",
        "In": ["x"],
        "exit": "text that is IPython's",
    },
    user_ns_hidden={"exit": 1},
)


def offers(line: str) -> list[str]:
    """What Tab offers at the end of a line."""
    symbol = DELIMITERS.split(line)[-1]
    return complete(SHELL, line, symbol)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebook."""
    work = tmp_path / "work"
    (work / "shots").mkdir(parents=True)
    for name in ("rocket.jpg", "Round.PNG", "notes.txt", ".hidden.jpg", "with space.jpg", "old.mp4", "shots/one.webp"):
        (work / name).touch()
    monkeypatch.chdir(work)
    return work


def test_the_filters_of_the_list_and_their_values() -> None:
    assert offers("%happyhorse jobs --st") == ["--status", "--starred"]
    assert offers("%happyhorse jobs --status fa") == ["failed", "failures"]
    assert "2d" not in offers("%happyhorse jobs --starred ")
    assert offers("%happyhorse jobs --since 7") == ["7d"]
    assert offers("%happyhorse jobs --model ") == list(MODELS)


def test_the_commands() -> None:
    assert offers("%happyhorse ") == [*COMMANDS, "-h"]
    assert offers("%happyhorse s") == [name for name in COMMANDS if name.startswith("s")]
    assert offers("  %happyhorse sho") == ["show"]


@pytest.mark.parametrize("line", ["%happyhorse", "%%happyhorse", "  %happyhorse"])
def test_the_magic_s_own_name_is_left_to_ipython(line: str) -> None:
    assert offers(line) == []


def test_the_options_of_a_cell() -> None:
    assert offers("%%happyhorse rocket.jpg --") == cell_parser().options
    assert offers("%%happyhorse rocket.jpg --res") == ["--resolution"]
    assert "--seed" not in offers("%%happyhorse rocket.jpg --seed 7 --")
    assert offers("%happyhorse generate rocket.jpg --dur") == ["--duration"]


OPTIONS = {f"--{p.name}": p for model in MODELS.values() for p in model.options}


@pytest.mark.parametrize(
    ("option", "values"),
    [(option, list(p.choices)) for option, p in OPTIONS.items() if p.choices] + [("--model", list(MODELS))],
)
def test_the_values_of_an_option(option: str, values: list[str]) -> None:
    assert offers(f"%%happyhorse rocket.jpg {option} ") == values
    assert values[0] in offers(f"%%happyhorse rocket.jpg {option} {values[0][:-2]}")
    # IPython breaks at = and at a colon, and replaces what follows it.
    assert offers(f"%%happyhorse rocket.jpg {option}=") == values
    assert offers(f"%%happyhorse rocket.jpg {option}={values[0]}") == [DELIMITERS.split(values[0])[-1]]


def test_beside_each_offer_stands_what_it_is() -> None:
    for line in ("%happyhorse ", "%%happyhorse ", "%%happyhorse rocket.jpg --", "%%happyhorse rocket.jpg --model "):
        found = offered(SHELL, line, DELIMITERS.split(line)[-1])
        assert found
        assert all(0 < len(offer.hint) <= 44 for offer in found)
    hints = dict(offered(SHELL, "%happyhorse ", ""))
    assert hints["wait"] == "wait for jobs, or for all that run"
    assert dict(offered(SHELL, "%%happyhorse ", ""))["rocket.jpg"] == "file"


def test_ids_come_with_words_of_their_prompts(home: Path) -> None:
    ledger = engine().ledger
    for name, prompt in (("aaaa1111", "The rocket lifts off; " * 9), ("bbbb2222", "")):
        ledger.add(record(id=name, prompt=prompt, owner=None, status=Status.DONE), reuse=False)
    assert offered(SHELL, "%happyhorse show ", "") == [
        ("bbbb2222", "no prompt"),
        ("aaaa1111", "The rocket lifts off; The rocket lifts off;…"),
    ]
    # What is removed is offered where it can be brought back, and nowhere else.
    ledger.remove(["bbbb2222"], now=1.0)
    assert offers("%happyhorse forget ") == ["aaaa1111"]
    assert offers("%happyhorse restore ") == ["bbbb2222"]


def test_no_value_is_offered_where_any_is_good() -> None:
    assert offers("%%happyhorse rocket.jpg --seed ") == []


def test_images_folders_and_variables_that_can_be_one() -> None:
    found = offers("%%happyhorse ")
    assert found == ["Round.PNG", "rocket.jpg", "shots/", "photo", "array", "path", "text"]
    assert offers("%%happyhorse ro") == ["rocket.jpg"]
    assert offers("%%happyhorse shots/") == ["shots/one.webp"]
    assert offers("%%happyhorse ./sho") == ["./shots/"]
    assert offers("%happyhorse generate ph") == ["photo"]


def test_references_are_pictures_and_what_is_edited_is_a_job(home: Path) -> None:
    engine().ledger.add(record(id="aaaa1111", owner=None, status=Status.DONE), reuse=False)
    assert offers("%%happyhorse --ref ro") == ["rocket.jpg"]
    # Any number of them.
    assert "--ref" in offers("%%happyhorse --ref rocket.jpg --")
    assert offers("%%happyhorse --edit ") == ["aaaa1111"]
    assert "--edit" not in offers("%%happyhorse --edit aaaa1111 --")


def test_where_to_save() -> None:
    assert offers("%%happyhorse rocket.jpg --save ") == ["old.mp4", "shots/"]


@pytest.mark.parametrize("line", ["%%happyhorse missing/", "%%happyhorse ~nobody-at-all/x", "%happyhorse nonsense "])
def test_nothing_is_offered_where_nothing_is(line: str) -> None:
    assert offers(line) == []


def test_the_options_of_a_command() -> None:
    assert {"--seconds", "--fail-word", "--off"} <= set(offers("%happyhorse sandbox --"))
    assert offers("%happyhorse wait --t") == ["--timeout"]
    assert offers("%happyhorse login --s") == ["--same-account"]
    assert offers("%happyhorse resume task-1 --a") == ["--attach"]


@given(st.sampled_from(["%happyhorse ", "%%happyhorse "]), st.text(alphabet="abc-=/~.\"' 720Pshow\t", max_size=30))
def test_tab_never_fails_and_what_it_offers_continues_the_word(magic: str, rest: str) -> None:
    if re.match(r"\s*(show|wait|stop|resume|again|remove|restore)\s", rest):
        return  # of jobs: that asks the ledger
    line = magic + rest
    word = DELIMITERS.split(line)[-1]
    for offer in offers(line):
        assert offer.startswith(word)
