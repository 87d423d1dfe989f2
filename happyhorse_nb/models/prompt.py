"""How long the server thinks a prompt is."""

from __future__ import annotations

import re

# Han characters: the unified block with its extensions A to I, the compatibility blocks, and the supplementary planes.
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def prompt_weight(text: str) -> int:
    """The length of a prompt in the API's own counting: a Chinese character weighs 2, any other 1."""
    return len(text) + len(_CHINESE.findall(text))


def fit_prompt(text: str, maximum: int) -> tuple[str, str]:
    """Split a prompt where the server would cut it off: what it reads (weight at most ``maximum``), what it drops."""
    weight = 0
    for position, char in enumerate(text):
        weight += prompt_weight(char)
        if weight > maximum:
            return text[:position], text[position:]
    return text, ""
