"""Commands in the words of whoever reads them: magics where those are loaded, else Python and the console.

Our own sentences are written once, as a notebook's reader types them; `spoken` says them anew for a script. It is asked
where a text is read, and not where it is written: what a notebook has put into the ledger may be read by a script.
"""

from __future__ import annotations

import re
import sys

#: What a magic's arguments may be: an id, a piece of one, or a word in capitals that stands for one.
_ID = r"([\w-]*\w)"

#: From the most particular to the most general: what a notebook's reader types, and the same in a script.
_SAID = [
    (rf"%happyhorse login --same-account {_ID}(?= joins)", r"%happyhorse login --same-account \1 in IPython"),
    (rf"%happyhorse resume {_ID} --attach {_ID}", r'hh.resume("\1", attach="\2")'),
    (
        rf"%happyhorse (resume|wait|again|forget|remove|restore) {_ID}(?= goes| watches| tries| brings|[`:.;,]|$)",
        r'hh.\1("\2")',
    ),
    (rf"%happyhorse stop {_ID}", r'hh.find("\1").stop()'),
    (rf"%happyhorse show {_ID}", r'print(hh.find("\1").path)'),
    (r"%happyhorse (resume|wait|restore)\b(?! -)", r"hh.\1()"),
    (r"%happyhorse stop\b", "job.stop()"),
    (r"%happyhorse sandbox --off", "hh.use_sandbox(False)"),
    (r"%happyhorse sandbox\b", "hh.use_sandbox()"),
    (r"%happyhorse (doctor|jobs)\b", r"happyhorse-nb \1"),
    (r"[Tt]ype another one into `?%happyhorse login`?", "put another one into the variable MODELLIX_API_KEY"),
    (r"[Rr]un %happyhorse login again", "set the variable MODELLIX_API_KEY"),
    (r"three ways: set (\w+) before Jupyter starts .*?; type it into %happyhorse login; or", r"two ways: set \1, or"),
    (r"%config HappyHorse\.", "hh.config."),
    (r"%cd to", "os.chdir to"),
    (r"with `--again`", "with again=True"),
    (r"--again(?: \(again=True\)|\b)", "again=True"),
    (r"--fit \(fit=True\)", "fit=True"),
    (r"--save(?= )", "save"),
    (r"(?<!-)--attach(?=:)", "attach"),
    (r"without --attach", "without attach"),
    (r"([Rr])un the cell\b", r"\1un this"),
    (r"\bthis kernel\b", "this program"),
]


def spoken(text: str) -> str:
    """The text with its commands as they can be typed here."""
    if not any(sign in text for sign in ("%", "--", " cell", "kernel")) or magics_are_loaded():
        return text
    for typed, instead in _SAID:
        text = re.sub(typed, instead, text)
    return text


def magics_are_loaded() -> bool:
    """Whether this runs in an IPython that has our magics. Imports nothing."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return shell is not None and "happyhorse" in shell.magics_manager.magics["line"]
