"""The prompt as it is written: `{name}` stands for a variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\{([^\W\d]\w*)\}")
#: As Python's own formatted strings would have it: an attribute, an item, a format.
_MORE = re.compile(r"\{([^\W\d]\w*)[.:!\[][^{}]{0,60}\}")


def interpolate(body: str, namespace: Mapping[str, Any]) -> str:
    """The body with ``{name}`` replaced where the namespace has that name; all other braces stay as they are."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(namespace[name]) if name in namespace else match.group(0)

    return _NAME.sub(value, body).strip()


def left(body: str, namespace: Mapping[str, Any]) -> list[str]:
    """What stays in the prompt, braces and all, though it looks as if it was meant for a variable: a sentence each."""
    unknown = [name for name in _NAME.findall(body) if name not in namespace]
    more = [match.group() for match in _MORE.finditer(body) if match.group(1) in namespace]
    return [
        *(
            f"There is no variable {name}, so the prompt has {{{name}}} as it stands."
            for name in dict.fromkeys(unknown)
        ),
        *(f"The prompt has {text} as it stands: only a bare {{name}} is replaced." for text in dict.fromkeys(more)),
    ]
