"""Removes an API key from what a server says, however it is spelt there."""

from __future__ import annotations

import re
from collections.abc import Set
from heapq import merge
from typing import Any

_INSTEAD = b"(the key)"
#: Parts of the key of this length (characters) are removed, too: some servers show its start or end.
_PART = 16
#: A shorter key may be part of a usual word or a link: only whole words are removed, and nothing in links.
_SURELY_NO_WORD = 8
#: A shorter key is not looked for: it is easily guessed, and half of all words would be removed.
_SHORTEST = 4
#: Keys that are no secret: the embedded server's, and words that an answer needs.
_USUAL = re.compile(
    "sandbox|pending|processing|success|succeeded|completed|failed|error|expired|queued|cancell?ed|data|code|message|"
    "status|task_id|result|resources|billing|amount|duration|models|slug|type|video|https",
    re.IGNORECASE,
)
_DIGITS = b"0123456789abcdefABCDEF"
#: How JSON, addresses and HTML escape a character, also one within another. A backslash before anything else means
#: nothing. Every repetition is bounded or taken whole, so no text makes this slow.
_ESCAPE = re.compile(
    rb"%(?:u00)?([0-9a-f]{2})"
    rb"|\\+(?:(?:u(?:0{6}|00)|x)([0-9a-f]{2})|u\{0{0,4}([0-9a-f]{2})\})?"
    rb"|&\#x0{0,6}([0-9a-f]{2});?"
    rb"|&\#0{0,6}(2[0-4][0-9]|25[0-5]|1[0-9][0-9]|[1-9][0-9])(?![0-9]);?"
    rb"|&((?-i:amp|lt|gt|quot|apos|plus|sol|equals|lowbar|period));",
    re.IGNORECASE,
)
_HEX = {b"%c%c" % (one, two): bytes([int(chr(one) + chr(two), 16)]) for one in _DIGITS for two in _DIGITS}
_DECIMAL = {b"%d" % number: bytes([number]) for number in range(10, 256)}
_NAMED = dict(
    zip(b"amp lt gt quot apos plus sol equals lowbar period".split(), b"& < > \" ' + / = _ .".split(), strict=True)
)
#: What each group of the pattern means.
_MEANS: tuple[dict[bytes, bytes], ...] = ({}, _HEX, _HEX, _HEX, _HEX, _DECIMAL, _NAMED)
#: How many levels of escapes are read: JSON in an address in JSON has three.
_DEPTH = 5


class Scrub:
    """Replaces one key by "(the key)": in either case, escaped for JSON, addresses or HTML, and in parts.

    Encodings of the whole, such as base64, are not found. A text without any piece of the key costs about a
    microsecond, any other in proportion to its length.
    """

    def __init__(self, key: str) -> None:
        off = len(key) < _SHORTEST or _USUAL.fullmatch(key) is not None
        # Also as it reads unescaped, in case the key itself looks escaped.
        spellings = set() if off else {key.encode().lower(), _read(key.encode()).lower()}
        self._whole = frozenset(text for text in spellings if len(text) >= _SHORTEST)
        self._careful = any(len(text) < _SURELY_NO_WORD for text in self._whole)
        parts: set[bytes] = set()
        #: Every part contains one of these, and there are few of them.
        self._pieces: set[bytes] = set()
        for text in self._whole:
            size = min(len(text), _PART)
            parts |= {text[at : at + size] for at in range(len(text) - size + 1)}
            step = size // 2 if len(text) > size else size
            self._pieces |= {text[at : at + step] for at in range(0, len(text) - step + 1, step)}
        self._parts = frozenset(parts)
        self._shortest = min(map(len, parts), default=0)

    def __repr__(self) -> str:
        return "<hidden>"

    def __call__(self, value: Any) -> Any:
        """A JSON value without the key, in all texts and names. Changed in place."""
        top = [value]
        # Without recursion, as the server decides how deep its answer is nested.
        rest: list[Any] = [top]
        while rest:
            node = rest.pop()
            if isinstance(node, dict):
                self._names(node)
            for where, item in list(node.items()) if isinstance(node, dict) else enumerate(node):
                if isinstance(item, str):
                    if not (self._careful and where == "url"):
                        node[where] = self.text(item)
                elif isinstance(item, (dict, list)):
                    rest.append(item)
        return top[0]

    def _names(self, node: dict[str, Any]) -> None:
        if any(self.text(name) != name for name in node):
            clean = {self.text(name): item for name, item in node.items()}
            node.clear()
            node.update(clean)

    def text(self, text: str) -> str:
        """A text without the key; if the key was escaped in it, all of the text is unescaped."""
        # No spelling is shorter than the key.
        if len(text) < self._shortest or not self._shortest:
            return text
        raw = text.encode("utf-8", "replace")
        near: list[bytes] = []
        for _ in range(_DEPTH):
            if self._near(raw):
                if (clean := _without(raw, self._whole, alone=self._careful)) is not None:
                    raw, text = clean, clean.decode("utf-8", "replace")
                    near.clear()
                near.append(raw)
            plain = _once(raw)
            if plain == raw:
                break
            raw = plain
        # Parts last, beginning with the most unescaped text: a key escaped in part is one key, not a part and a rest.
        for raw in reversed(near):
            if (clean := _without(raw, self._parts, alone=self._careful)) is not None:
                return clean.decode("utf-8", "replace")
        return text

    def _near(self, raw: bytes) -> bool:
        low = raw.lower()
        for piece in self._pieces:  # noqa: SIM110 - called for every text of every answer, and twice as fast
            if piece in low:
                return True
        return False


def _without(raw: bytes, words: Set[bytes], *, alone: bool) -> bytes | None:
    """The text without those words in either case, or only where they stand ``alone``; None if there are none."""
    # As bytes, where only ASCII changes its case and every letter stays in its place.
    low = raw.lower()
    # (One size, unless the key itself looks escaped.)
    sizes = {len(word) for word in words}
    found = merge(
        *([(at, at + size) for at in range(len(low) - size + 1) if low[at : at + size] in words] for size in sizes)
    )
    clean, upto = bytearray(), -1
    for start, end in found:
        if alone and (raw[start - 1 : start].isalnum() or raw[end : end + 1].isalnum()):
            continue
        if start > upto:
            clean += raw[max(upto, 0) : start] + _INSTEAD
        upto = max(upto, end)
    return None if upto < 0 else bytes(clean + raw[upto:])


def _read(raw: bytes) -> bytes:
    """A text unescaped, several times if need be."""
    for _ in range(_DEPTH):
        raw = _once(raw)
    return raw


def _once(raw: bytes) -> bytes:
    """A text unescaped once."""
    if b"%" not in raw and b"\\" not in raw and b"&" not in raw:
        return raw
    return _ESCAPE.sub(lambda match: _MEANS[match.lastindex][match[match.lastindex]] if match.lastindex else b"", raw)
