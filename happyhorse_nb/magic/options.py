"""Parses the lines of the magics; the options come from the models' table of parameters."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from happyhorse_nb.errors import UsageError, meant
from happyhorse_nb.models import FIRST_FRAME, MODELS, TAKES, Param, Role
from happyhorse_nb.render.words import plain


def job_named(shell: Any, piece: str) -> Any:
    """The job or takes in that variable (``launch[0]`` is the first take), else the job whose id has that piece.

    Raises `JobNotFound`.
    """
    from happyhorse_nb.api import find

    bound = bound_to(shell, piece)
    return find(piece) if bound is None else bound


def bound_to(shell: Any, piece: str) -> Any:
    """The job or takes in that variable, see `api.lookup.bound`."""
    from happyhorse_nb.api.lookup import bound

    return bound(piece, shell.user_ns)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` in one line, prints nothing and never exits."""

    def __init__(self, prog: str, description: str) -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, add_help=False, allow_abbrev=False, formatter_class=form)
        self.add_argument("-h", "--help", action="store_true", help="show this help")

    def error(self, message: str, *, limit: str = "", guess: str = "") -> NoReturn:
        """Called by argparse for what it cannot read."""
        # IPython runs no cell magic without a body, so the help is that of the line magic.
        how = f"{self.prog.replace('%%', '%')} -h shows how."
        raise UsageError(message, limit=limit, remedy=f"{guess} {how}".lstrip())

    def read(self, line: str) -> argparse.Namespace:
        """Parse a line, quoted as in a shell. Raises `UsageError`, with a suggestion for an unknown option."""
        words = split(line)
        if "-h" in words or "--help" in words:
            return argparse.Namespace(help=True)
        known, rest = self.parse_known_args(words)
        if rest:
            self._unknown(rest)
        return known

    @property
    def options(self) -> list[str]:
        """All long options."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def offer(self, option: str, offers: Sequence[str], metavar: str, words: str) -> None:
        """Add an option with the values that Tab completes."""
        # Not argparse's ``choices``: its error would have other words than ours.
        action = self.add_argument(option, metavar=metavar, help=words.replace("%", "%%"))
        action.offers = offers  # type: ignore[attr-defined]  # our own attribute

    def _of(self, option: str) -> argparse.Action | None:
        return next((action for action in self._actions if option in action.option_strings), None)

    def choices_of(self, option: str) -> list[str]:
        """The values that an option offers."""
        return [str(value) for value in getattr(self._of(option), "offers", ())]

    def told(self, option: str) -> str:
        """What the help says of an option."""
        return (getattr(self._of(option), "help", "") or "").replace("%%", "%")

    def takes_value(self, option: str) -> bool:
        """Whether a value follows the option."""
        action = self._of(option)
        return action is not None and action.nargs != 0

    def _unknown(self, rest: Sequence[str]) -> NoReturn:
        word = rest[0]
        if not word.startswith("-"):
            prompt = "; a prompt goes into the body of a %%happyhorse cell" if "--duration" in self.options else ""
            self.error(f"{plain(word, 40)!r} is one word too many; quote what has spaces in it{prompt}")
        word = word.partition("=")[0]
        close = meant(word.lstrip("-"), [option.lstrip("-") for option in self.options])
        guess = f"Did you mean --{close}?" if close else ""
        known = f"the options are {', '.join(self.options)}"
        self.error(f"there is no option {plain(word, 40)}", limit=known, guess=guess)


def split(line: str) -> list[str]:
    """The words of a line. Quotes group as in a shell; backslashes stay, for Windows paths."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:
        raise UsageError(
            "a quote is not closed",
            remedy="Close it; a path with a quote in it goes whole into quotes of the other kind.",
        ) from None


@cache
def cell_parser() -> Parser:
    """The parser of a cell's line. The models check the values later, with the same messages for all callers."""
    parser = Parser(
        "%%happyhorse",
        "Make a video from text, from a first frame (IMAGE), from references (--ref) or from another video (--edit);\n"
        "the cell's body is the prompt ({name} is replaced where such a variable exists).",
    )
    offer_cell(parser)
    return parser


def offer_cell(parser: Parser) -> None:
    """Add the arguments of a cell."""
    offer_request(parser)
    parser.add_argument("--name", metavar="VAR", help="bind the job to this variable")
    parser.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=None, help="wait for the video, or come back at once"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="buy a new video even where an equal request has made one, with a new seed unless one is given",
    )
    offer_yes(parser)


def offer_request(parser: Parser) -> None:
    """Add the image, the other inputs and the options of a request."""
    help_of_image = f"the first frame: {FIRST_FRAME.help}".replace("%", "%%")
    parser.add_argument("image", metavar="IMAGE", nargs="?", help=help_of_image)
    for option, role in input_options().items():
        action: Any = "append" if role.maximum > 1 else "store"
        metavar = "JOB|URL" if role.image is None else "IMAGE"
        parser.add_argument(option, dest=role.option, metavar=metavar, action=action, help=role.help.replace("%", "%%"))
    offer_options(parser)
    parser.add_argument(
        "--fit", action="store_true", help="make an image or prompt that breaks the limits fit, and say what was done"
    )
    parser.add_argument(
        "--unlisted",
        action="store_true",
        help="send what Alibaba's pages of the models have and Modellix's do not; a refusal costs nothing",
    )


def offer_options(parser: Parser, *, defaults: bool = True) -> None:
    """Add model, parameters, takes and file; with ``defaults`` the help says what they are when left out."""
    default = " (default: the one of HappyHorse.version that takes what is given)" if defaults else ""
    parser.offer("--model", list(MODELS), "ID", f"the model{default}")
    for param in _all_options():
        offers = list(param.choices) or ([] if param.default is None else [str(param.default)])
        parser.offer(f"--{param.name}", offers, _metavar(param), _help(param, defaults))
    numbers = [str(number) for number in range(TAKES.minimum or 1, (TAKES.maximum or 1) + 1)]
    parser.offer(f"--{TAKES.name}", numbers, _metavar(TAKES), _help(TAKES, defaults))
    parser.add_argument("--save", metavar="PATH", help="the .mp4 file to write; never over an existing one")


def offer_yes(parser: Parser) -> None:
    """Add the option that buys without a question."""
    parser.add_argument(
        "--yes", action="store_true", help="buy without asking first, also above %%config HappyHorse.ask_above"
    )


def params_of(args: argparse.Namespace) -> dict[str, Any]:
    """The models' parameters and inputs (but the image) that were given."""
    given = {role.option: getattr(args, role.option, None) for role in input_options().values()}
    given |= {param.name: _value(param, getattr(args, param.name)) for param in _all_options()}
    return {name: value for name, value in given.items() if value is not None}


def takes_of(args: argparse.Namespace) -> Any:
    """How many takes were asked for, None where the option was left out."""
    return _value(TAKES, getattr(args, TAKES.name))


def _value(param: Param, typed: str | None) -> str | int | None:
    """An integer where one was typed; the models refuse anything else."""
    if typed is not None and param.kind == "integer":
        with suppress(ValueError):
            return int(typed)
    return typed


def input_options() -> dict[str, Role]:
    """The options for inputs; the first frame is an argument instead."""
    # The widest limits last, so that they are the ones that help and completion show.
    roles = sorted((r for model in MODELS.values() for r in model.inputs if r != FIRST_FRAME), key=lambda r: r.maximum)
    return {role.cell_option: role for role in roles}


def _all_options() -> list[Param]:
    return list({p.name: p for model in MODELS.values() for p in model.options}.values())


def _metavar(param: Param) -> str:
    return "|".join(param.choices) or param.unit.upper() or "N"


def _help(param: Param, defaults: bool) -> str:
    limits = f"{param.minimum} to {param.maximum}" if param.kind == "integer" else ""
    default = f"default {param.default}" if defaults and param.default is not None else ""
    inside = ", ".join(part for part in (limits, default, _kinds(param)) if part)
    return f"{param.help} ({inside})" if inside else param.help


def _kinds(param: Param) -> str:
    """What it is a parameter of, where not all models have it: ``text to video, reference to video only``."""
    kinds = dict.fromkeys(m.kind for m in MODELS.values() if m.kind)
    some = dict.fromkeys(m.kind for m in MODELS.values() if m.kind and param.name in [p.name for p in m.options])
    return f"{', '.join(some)} only" if param != TAKES and len(some) < len(kinds) else ""
