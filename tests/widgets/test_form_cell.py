"""The cell that a form gives does exactly what the form does."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell

from happyhorse_nb.inputs import Input
from happyhorse_nb.magic.options import cell_parser, params_of, takes_of
from happyhorse_nb.models import MODELS
from happyhorse_nb.models.check import interpolate
from happyhorse_nb.widgets.form.cell import cell, name_of
from happyhorse_nb.widgets.form.values import EDIT, FIXED, IMAGE, KINDS, RANDOM, REFERENCES, Picture, Values, models_of

LINE = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1).filter(lambda t: t == t.strip())
PROMPT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t")).map(str.strip)


@pytest.fixture(scope="module")
def shell() -> Any:
    # Not the one that all of Python knows: what other tests read is worded for who has our magics, or has not.
    return InteractiveShell()


def run(shell: Any, text: str) -> tuple[str, str]:
    """The line and the body as our magic gets them: through all that IPython does to a cell."""
    seen: list[tuple[str, str]] = []
    shell.register_magic_function(lambda line, body=None: seen.append((line, body or "")), "line_cell", "happyhorse")
    code = TransformerManager().transform_cell(text)
    exec(compile(code, "cell", "exec"), {"get_ipython": lambda: shell})
    [found] = seen
    return found


def called(text: str) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of the call in a cell, but for the notebook's variables."""
    [_, expression] = ast.parse(text).body
    assert isinstance(expression, ast.Expr)
    assert isinstance(expression.value, ast.Call)
    words = {str(word.arg): word.value for word in expression.value.keywords}
    assert ast.unparse(words.pop("namespace")) == "globals()"
    return (
        [ast.literal_eval(value) for value in expression.value.args],
        {name: ast.literal_eval(value) for name, value in words.items()},
    )


#: A model of each kind by the kind.
A_MODEL = st.sampled_from([(kind, model) for kind in KINDS for model in models_of(kind)])
I2V, T2V, R2V, EDITS = "happyhorse-1.0-i2v", "happyhorse-1.0-t2v", "happyhorse-1.0-r2v", "happyhorse-1.0-video-edit"


@given(
    made=A_MODEL,
    words=st.lists(LINE, min_size=6, max_size=6),
    count=st.integers(0, 5),
    prompt=PROMPT,
    duration=st.integers(3, 15),
    seed=st.none() | st.integers(0, 2**31 - 1),
    takes=st.sampled_from([1, 2, 4]),
    fit=st.booleans(),
    unlisted=st.booleans(),
    save=st.just("") | LINE,
)
@example((IMAGE, I2V), ['it\'s "here".jpg'], 0, "... and then", 5, None, 1, False, False, "-x $HOME {y}.mp4")
@example((IMAGE, I2V), ["a b.jpg"], 0, "In [1]: x\n   ...: y", 5, 7, 2, True, False, "what?")
@example((IMAGE, I2V), ["a.jpg"], 0, "first\n>>> second", 5, 7, 2, True, False, "")
@example((IMAGE, I2V), ["a.jpg"], 0, "", 5, None, 1, False, False, "-*")
@example((IMAGE, I2V), ["$0"], 0, "", 3, None, 1, False, False, "'")
@example((IMAGE, I2V), ["it's.jpg"], 0, "", 3, None, 1, False, False, "$HOME.mp4")
@example((IMAGE, "happyhorse-1.1-i2v"), ["-odd.jpg"], 0, "", 5, 7, 4, True, False, "$$a.mp4")
@example((REFERENCES, R2V), ["", "-odd.jpg", "$HOME/a b.png"], 2, "character1", 5, 7, 1, False, False, "")
@example((EDIT, EDITS), ["-x", "{a}", "'b'"], 2, "snow\n>>> rain", 5, 7, 1, False, True, "")
@example(("Text", T2V), [""], 0, "A horse", 5, None, 1, False, True, "a.mp4")
def test_the_cell_asks_for_what_stands_in_the_form(
    shell: Any,
    made: tuple[str, str],
    words: list[str],
    count: int,
    prompt: str,
    duration: int,
    seed: int | None,
    takes: int,
    fit: bool,
    unlisted: bool,
    save: str,
) -> None:
    kind, model = made
    one, *some = words
    if kind == REFERENCES and not some[:count]:
        some, count = [one or "a.png"], 1
    inputs = {
        "image": [one] if kind == IMAGE else [],
        "references": some[:count] if kind in (REFERENCES, EDIT) else [],
        "video": [one] if kind == EDIT else [],
    }
    wanted = {"resolution": "720P", "ratio": "9:16", "duration": duration, "audio": "origin"}
    values = Values(
        prompt=prompt,
        model=model,
        params=wanted,
        seed_mode=RANDOM if seed is None else FIXED,
        seed=seed or 0,
        takes=takes,
        fit=fit,
        unlisted=unlisted,
        save=save,
    )
    # Those of other kinds stay in the form, and out of the cell.
    options = {p.name for p in MODELS[model].options}
    expected = {name: value for name, value in wanted.items() if name in options}
    expected |= {} if seed is None else {"seed": seed}
    expected |= {"references": inputs["references"]} if inputs["references"] else {}
    expected |= {"video": one} if kind == EDIT else {}
    text = cell(values, inputs)
    if text.startswith("import"):
        # Words that IPython would drop from the body of a cell.
        given, named = called(text)
        assert given == ([one, prompt] if kind == IMAGE else [])
        flags = {name: True for name, on in (("fit", fit), ("unlisted", unlisted)) if on}
        rest = ({} if takes == 1 else {"takes": takes}) | ({"save": save} if save else {}) | flags
        assert named == {"model": model, **({} if kind == IMAGE else {"prompt": prompt}), **expected, **rest}
        return
    line, body = run(shell, text)
    if text.startswith("%happyhorse generate"):
        assert prompt == ""
        line = line.removeprefix("generate").lstrip()
    args = cell_parser().read(line)
    assert args.image == (None if kind != IMAGE else f"./{one}" if one.startswith("-") else one)
    assert interpolate(body, {}) == interpolate(prompt, {})
    assert args.model == model
    assert params_of(args) == expected
    assert (takes_of(args) or 1) == takes
    assert (args.fit, args.unlisted, args.save or "") == (fit, unlisted, save)


def test_a_chosen_file_is_saved_beside_the_notebook_once_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = Input("x", data=b"sent")
    (tmp_path / "cup.png").write_bytes(b"another picture")
    first = name_of(Picture("cup.png", b"chosen"), frame, {})
    assert first == ("cup 2.png", "The picture was saved as cup 2.png beside the notebook.")
    assert (tmp_path / "cup 2.png").read_bytes() == b"chosen"
    assert name_of(Picture("cup.png", b"chosen"), frame, {}) == ("cup 2.png", "")
    assert (tmp_path / "cup.png").read_bytes() == b"another picture"


def test_a_chosen_files_name_can_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    name, _ = name_of(Picture("../../evil\n$x.png", b"chosen"), Input("x", data=b""), {})
    assert [p.name for p in (tmp_path / "work").iterdir()] == [name]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["work"]


def test_an_object_is_called_by_its_variable() -> None:
    picture = object()
    assert name_of(Picture("Figure", picture), Input("x", data=b""), {"cup": picture}) == ("cup", "")
