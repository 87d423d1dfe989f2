"""What a server calls its models cannot fill a screen, nor move its cursor."""

from __future__ import annotations

from happyhorse_nb.api.account import listed


def test_names_are_plain_and_short() -> None:
    assert listed(["alibaba/happyhorse-1.0-i2v", "b"]) == "alibaba/happyhorse-1.0-i2v, b"
    line = listed(["\x1b]0;owned\x07\x1b[2J\r\nhappyhorse\u202e", "happyhorse" * 300_000, *["happyhorse"] * 1000])
    assert line.isprintable()
    assert len(line) < 1000
    assert line.endswith(" and 992 more")
