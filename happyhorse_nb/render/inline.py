"""Turns the rules of a style sheet into ``style`` attributes, for HTML that is saved.

A ``<style>`` element with all rules is several times as long as a card, and shows as text wherever HTML becomes
markdown (nbconvert, GitHub). Attributes never show, and a card needs few rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

#: The selectors that are supported: elements and classes, by descent. All others need a sheet. Each part can be read in
#: one way only: where there are two, a long selector that does not match takes seconds.
_ONE = r"(?:[a-z]+|\.[\w-]+)(?:\.[\w-]+)*"
_PLAIN = re.compile(f"{_ONE}(?: {_ONE})*")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_BLOCK = re.compile(r"@[^{}]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_TAG = re.compile(r"<(/?)([a-z]\w*)([^>]*)>")
_VOID = {"img", "br", "link", "input", "source"}

#: An element: its name and its classes, each with a dot.
_Element = frozenset[str]
#: Selectors from the outermost element inwards, each with its declarations.
Rules = Sequence[tuple[list[_Element], str]]


@cache
def rules(sheet: str) -> Rules:
    """The supported rules of a sheet (without comments and needless blanks), in its order."""
    found = []
    for selectors, declarations in _RULE.findall(_BLOCK.sub("", sheet)):
        for selector in selectors.split(","):
            if _PLAIN.fullmatch(selector):
                parts = [frozenset(re.findall(r"\.?[\w-]+", part)) for part in selector.split(" ")]
                found.append((parts, declarations.rstrip(";")))
    return found


def inlined(html: str, some: Rules) -> str:
    """The HTML with these rules as attributes. It must be ours: tags closed, text and attributes escaped."""
    above: list[_Element] = []

    def styled(match: re.Match[str]) -> str:
        closing, name, attributes = match.groups()
        if closing:
            above.pop()
            return match.group()
        classes = re.search(r'\bclass="([^"]*)"', attributes)
        element = frozenset([name, *(f".{word}" for word in (classes[1].split() if classes else ()))])
        said = [each for parts, each in some if _fits(parts, element, above)]
        if name not in _VOID:
            above.append(element)
        own = re.search(r'\bstyle="([^"]*)"', attributes)
        text = ";".join([*said, *([own[1]] if own else [])]).replace('"', "'")
        if own:
            attributes = attributes.replace(f" {own[0]}", "")
        return f'<{name}{attributes} style="{text}">' if text else match.group()

    return _TAG.sub(styled, html)


def _fits(parts: Sequence[_Element], element: _Element, above: Sequence[_Element]) -> bool:
    if not parts[-1] <= element:
        return False
    left = list(parts[:-1])
    for outer in reversed(above):
        if left and left[-1] <= outer:
            left.pop()
    return not left
