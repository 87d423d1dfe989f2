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

from happyhorse_nb.inputs import FirstFrame
from happyhorse_nb.magic.options import cell_parser, params_of, takes_of
from happyhorse_nb.models import MODELS
from happyhorse_nb.models.check import interpolate
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, Picture, Values, cell, name_of

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


@given(
    image=LINE,
    prompt=PROMPT,
    model=st.sampled_from([m for m in MODELS if m.endswith("i2v")]),
    duration=st.integers(3, 15),
    seed=st.none() | st.integers(0, 2**31 - 1),
    takes=st.sampled_from([1, 2, 4]),
    fit=st.booleans(),
    save=st.just("") | LINE,
)
@example('it\'s "here".jpg', "... and then", MODELS and "happyhorse-1.0-i2v", 5, None, 1, False, "-x $HOME {y}.mp4")
@example("a b.jpg", "In [1]: x\n   ...: y", "happyhorse-1.0-i2v", 5, 7, 2, True, "what?")
@example("a.jpg", "first\n>>> second", "happyhorse-1.0-i2v", 5, 7, 2, True, "")
@example("a.jpg", "", "happyhorse-1.0-i2v", 5, None, 1, False, "-*")
@example("$0", "", "happyhorse-1.0-i2v", 3, None, 1, False, "'")
@example("it's.jpg", "", "happyhorse-1.0-i2v", 3, None, 1, False, "$HOME.mp4")
@example("-odd.jpg", "", "happyhorse-1.1-i2v", 5, 7, 4, True, "$$a.mp4")
def test_the_cell_asks_for_what_stands_in_the_form(
    shell: Any,
    image: str,
    prompt: str,
    model: str,
    duration: int,
    seed: int | None,
    takes: int,
    fit: bool,
    save: str,
) -> None:
    values = Values(
        prompt=prompt,
        model=model,
        params={"duration": duration, "resolution": "720P"},
        seed_mode=RANDOM if seed is None else FIXED,
        seed=seed or 0,
        takes=takes,
        fit=fit,
        save=save,
    )
    text = cell(values, image)
    if text.startswith("import"):
        # Words that IPython would drop from the body of a cell.
        assert called(text) == (
            [image, prompt],
            {"model": model, "duration": duration, "resolution": "720P"}
            | ({} if seed is None else {"seed": seed})
            | ({} if takes == 1 else {"takes": takes})
            | ({"save": save} if save else {})
            | ({"fit": True} if fit else {}),
        )
        return
    line, body = run(shell, text)
    if text.startswith("%happyhorse generate"):
        assert prompt == ""
        line = line.removeprefix("generate").lstrip()
    args = cell_parser().read(line)
    assert args.image == (f"./{image}" if image.startswith("-") else image)
    assert interpolate(body, {}) == interpolate(prompt, {})
    assert args.model == model
    expected = {"duration": duration, "resolution": "720P"} | ({} if seed is None else {"seed": seed})
    assert params_of(args) == expected
    assert (takes_of(args) or 1) == takes
    assert (args.fit, args.save or "") == (fit, save)


def test_a_chosen_file_is_saved_beside_the_notebook_once_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = FirstFrame("x", data=b"sent")
    (tmp_path / "cup.png").write_bytes(b"another picture")
    first = name_of(Picture("cup.png", b"chosen"), frame, {})
    assert first == ("cup 2.png", "The picture was saved as cup 2.png beside the notebook.")
    assert (tmp_path / "cup 2.png").read_bytes() == b"chosen"
    assert name_of(Picture("cup.png", b"chosen"), frame, {}) == ("cup 2.png", "")
    assert (tmp_path / "cup.png").read_bytes() == b"another picture"


def test_a_chosen_files_name_can_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    name, _ = name_of(Picture("../../evil\n$x.png", b"chosen"), FirstFrame("x", data=b""), {})
    assert [p.name for p in (tmp_path / "work").iterdir()] == [name]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["work"]


def test_an_object_is_called_by_its_variable() -> None:
    picture = object()
    assert name_of(Picture("Figure", picture), FirstFrame("x", data=b""), {"cup": picture}) == ("cup", "")
