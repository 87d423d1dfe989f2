"""How a sandbox behaves, and the command line made from it."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, fields
from typing import Any

from happyhorse_nb.errors import ConfigError


def _option(default: Any, kind: type, help_text: str, *, metavar: str = "") -> Any:
    return field(default=default, metadata={"kind": kind, "help": help_text, "metavar": metavar})


#: The rates of the service's sound.
_RATES = (44_100, 24_000)


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """How a sandbox behaves. Times are seconds, money is USD (play money).

    Raises `ConfigError` for a value that cannot work.
    """

    seconds: float = _option(10.0, float, "how long a task takes, at least", metavar="SECONDS")
    accept_delay: float = _option(0.0, float, "how long a submit is held before its answer", metavar="SECONDS")
    fail: str | None = _option(None, str, "fail tasks, with this message", metavar="MESSAGE")
    fail_word: str | None = _option(None, str, "fail only the tasks whose prompt contains this", metavar="WORD")
    requests_per_minute: int | None = _option(None, int, "answer 429 to requests beyond that", metavar="N")
    max_concurrent: int | None = _option(None, int, "answer 429 to tasks beyond that", metavar="N")
    balance: float = _option(
        1000.0, float, "the play money; all videos made here so far are paid from it", metavar="USD"
    )
    hold: float = _option(
        30.0, float, "how long a read with ?wait=true is kept open; 0: never, as on older servers", metavar="SECONDS"
    )
    keep: float = _option(
        7 * 86400.0, float, "how long a finished task or an uploaded picture is kept", metavar="SECONDS"
    )
    unlisted: bool = _option(False, bool, "take also what only Alibaba's pages of the models have, such as 480P")
    fragmented: bool = _option(False, bool, "make fragmented files, as the service does at times")
    sample_rate: int = _option(
        44_100, int, f"samples of sound a second, {' or '.join(map(str, _RATES))}", metavar="HERTZ"
    )

    def __post_init__(self) -> None:
        for name in ("seconds", "accept_delay", "balance", "hold", "keep"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ConfigError(f"sandbox: {name} {value!r} cannot be used", limit="give a number of at least 0")
        for name in ("requests_per_minute", "max_concurrent"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ConfigError(
                    f"sandbox: {name} {limit!r} cannot be used", limit="give 1 or more, or leave it out for no limit"
                )
        if self.sample_rate not in _RATES:
            known = " or ".join(map(str, _RATES))
            raise ConfigError(f"sandbox: sample_rate {self.sample_rate!r} cannot be used", limit=f"give {known}")

    def failure(self, prompt: str) -> str | None:
        """The message with which a task of this prompt fails, None where it succeeds."""
        if self.fail_word:
            if self.fail_word.casefold() not in prompt.casefold():
                return None
            return self.fail or f"the prompt contains {self.fail_word!r}, which this sandbox was told to fail"
        return self.fail or None

    def told(self) -> str:
        """The behaviour that was asked for, in one line; empty for the defaults."""
        told = []
        if self.fail_word:
            message = self.failure(self.fail_word)
            told.append(f"each task whose prompt contains {self.fail_word!r} will fail: {message}")
        elif self.fail:
            told.append(f"the next task will fail: {self.fail} (and so will all after it)")
        given = {f.name for f in fields(self) if getattr(self, f.name) != f.default}
        words = {
            "seconds": f"a task takes {self.seconds:g} s",
            "accept_delay": f"a submit is answered after {self.accept_delay:g} s",
            "requests_per_minute": f"beyond {self.requests_per_minute} a minute requests are refused (429)",
            "max_concurrent": f"beyond {self.max_concurrent} at once tasks are refused (429)",
            "balance": f"there is ${self.balance:.2f} of play money, less what was made here before",
            "hold": f"a read is held open for {self.hold:g} s at most" if self.hold else "no read is held open",
            "keep": f"a finished task is kept for {self.keep:g} s",
            "unlisted": "what only Alibaba's pages have is taken too",
            "fragmented": "the files are fragmented",
            "sample_rate": f"the sound has {self.sample_rate} samples a second",
        }
        told += [sentence for name, sentence in words.items() if name in given]
        line = " ".join("; ".join(told).split())
        return f"{line if len(line) <= 300 else line[:299] + '…'}." if told else ""

    def arguments(self) -> list[str]:
        """The options that differ from the defaults, as arguments of a command line."""
        given = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        # As one word each, so that a message that begins with a dash is still a value.
        return [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value, default in given
            if value != default
        ]

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add these options to a parser."""
        for f in fields(cls):
            if f.metadata["kind"] is bool:
                parser.add_argument(f"--{f.name.replace('_', '-')}", action="store_true", help=f.metadata["help"])
                continue
            shown = "" if f.default is None else f" (default: {f.default:g})"
            parser.add_argument(
                f"--{f.name.replace('_', '-')}",
                type=f.metadata["kind"],
                default=f.default,
                metavar=f.metadata["metavar"],
                help=f.metadata["help"] + shown,
            )

    @classmethod
    def from_arguments(cls, parsed: argparse.Namespace) -> SandboxOptions:
        """The options that `add_arguments` has read. Raises `ConfigError`."""
        return cls(**{f.name: getattr(parsed, f.name) for f in fields(cls)})
