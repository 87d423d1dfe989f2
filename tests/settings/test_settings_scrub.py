"""Whatever way a server spells the key, it is not what a user sees."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.settings.scrub import Scrub

#: With everything in it that is escaped somewhere.
KEY = "mdlx+9f/Ab3=cd-Ef_0~7.q&x"
PLAIN = "sk-0f3c9a71d2e84b5fa6c0"


def each(text: str, form: str) -> str:
    return "".join(form.format(ord(character)) for character in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent": lambda key: quote(key, safe=""),
    "percent, lower case": lambda key: quote(key, safe="").lower(),
    "percent, every character": lambda key: each(key, "%{:02x}"),
    "percent, twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent, some of it": lambda key: key[:7] + quote(key[7:], safe="") + quote(key[:0]),
    "percent, as old browsers": lambda key: each(key, "%u{:04X}"),
    "JSON in JSON": lambda key: json.dumps({"error": key}).replace("/", "\\/"),
    "JSON in JSON in JSON": lambda key: json.dumps(json.dumps({"error": key}).replace("/", "\\/")),
    "every character as in JSON": lambda key: each(key, "\\u{:04x}"),
    "every character as in JavaScript": lambda key: each(key, "\\u{{{:x}}}"),
    "every character as in Python": lambda key: each(key, "\\x{:02X}"),
    "HTML": html.escape,
    "HTML by numbers": lambda key: each(key, "&#{};"),
    "HTML by hex numbers": lambda key: each(key, "&#x{:x};"),
    "HTML in an address in JSON": lambda key: json.dumps(quote(html.escape(key), safe="")),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("key", [KEY, PLAIN, "k9-short/1", "abc123xyz", "p4ss", "hunter2"])
def test_the_key_is_shown_in_no_spelling(key: str, spelling: str) -> None:
    spelt = SPELLINGS[spelling](key)
    for text in (spelt, f"Unauthorized: '{spelt}' is no key", f"Bearer {spelt}", f"ж?key={spelt}&x=1"):
        clean = Scrub(key).text(text)
        assert "(the key)" in clean
        assert spelt not in clean
        # The words around it stay.
        assert clean.startswith(text[:8].replace(spelt[:8], "")[:3])


@given(st.data())
def test_nor_with_any_of_its_characters_escaped_in_any_way(data: st.DataObject) -> None:
    ways = (str, "%{:02X}", "%25{:02x}", "\\u{:04x}", "\\\\u{:04X}", "&#{};", "&amp;#x{:x};")
    key = data.draw(st.text("abfABF01259u+/=_-.~&", min_size=8, max_size=40))
    spelt = ""
    for character in key:
        way = data.draw(st.sampled_from(ways))
        spelt += way.format(ord(character)) if isinstance(way, str) else character
    clean = Scrub(key).text(f"the key {spelt} !")
    # (A sign of an escape that the key itself begins or ends with may stay.)
    assert re.fullmatch(r"the key \S{0,3}\(the key\)\S{0,3} !", clean)


@pytest.mark.parametrize("spell", [str, str.upper, lambda text: quote(text, safe="")])
def test_parts_of_sixteen_characters_are_not_shown(spell: Callable[[str], str]) -> None:
    scrub = Scrub(KEY)
    for size in range(16, len(KEY)):
        for at in range(len(KEY) - size + 1):
            assert scrub.text(f"<{spell(KEY[at : at + size])}>") == "<(the key)>"
    assert scrub.text(f"{KEY[:16]}…{KEY[-16:]}") == "(the key)…(the key)"
    # Enough to know one's own key by, and too little to use it.
    assert scrub.text(f"{KEY[:4]}…{KEY[-4:]}") == f"{KEY[:4]}…{KEY[-4:]}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bad request: 50% of C:\\temp\\new & more &amp; \\u0041 %41 %zz &#999; &unknown; \\",
        "https://files.example.com/a%2Fb.mp4?X-Signature=%2B%28&Expires=1",
        "Ошибка: İstanbul ſ K \ud800 \x00",
        "%25" * 1000 + "\\" * 1000 + "&#" * 1000,
    ],
)
def test_what_has_no_key_in_it_stays_as_it_is(text: str) -> None:
    assert Scrub(KEY).text(text) is text


def test_the_key_is_in_no_value_and_no_name_however_deep() -> None:
    deep: Any = {KEY: [KEY, 1, None, 2.5, True, {"message": quote(KEY)}]}
    for _ in range(50_000):
        deep = [deep]
    clean = Scrub(KEY)(deep)
    while isinstance(clean, list):
        [clean] = clean
    assert clean == {"(the key)": ["(the key)", 1, None, 2.5, True, {"message": "(the key)"}]}
    assert Scrub(KEY)(KEY) == "(the key)"
    assert Scrub(KEY)(None) is None


def test_a_short_key_is_a_word_of_its_own() -> None:
    assert Scrub("rain").text("train, Rain. rains=rain") == "train, (the key). rains=(the key)"


def test_a_short_key_that_an_address_happens_to_hold_does_not_cost_the_film() -> None:
    link = {"url": "https://cdn.example.com/files/1.mp4", "message": "no files"}
    assert Scrub("files")(link) == {"url": "https://cdn.example.com/files/1.mp4", "message": "no (the key)"}


@pytest.mark.parametrize("key", ["sandbox", "success", "a", "key"])
def test_a_key_that_is_no_secret_takes_no_word_away(key: str) -> None:
    answer = {"status": "success", "message": "a key of the sandbox"}
    assert Scrub(key)(dict(answer)) == answer


def test_a_key_that_looks_escaped_itself_is_not_shown() -> None:
    for key in ("ab%41cd\\u0042ef&amp;gh%zz-12", "\\\\\\\\\\\\\\\\\\\\", "%41%42%43%44%45%46"):
        for text in (key, quote(key, safe=""), json.dumps(key), key.upper()):
            assert key not in Scrub(key).text(f"<{text}>")
            assert "(the key)" in Scrub(key).text(f"<{text}>")


def test_it_shows_itself_to_nobody() -> None:
    assert repr(Scrub(KEY)) == "<hidden>"
