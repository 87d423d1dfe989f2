"""The prompt as it is written: `{name}` stands for a variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\{([^\W\d]\w*)\}")


def interpolate(body: str, namespace: Mapping[str, Any]) -> str:
    """The body with ``{name}`` replaced where the namespace has that name; all other braces stay as they are."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(namespace[name]) if name in namespace else match.group(0)

    return _NAME.sub(value, body).strip()


def unknown(body: str, namespace: Mapping[str, Any]) -> list[str]:
    """The names in braces that the namespace does not have, each once: they stay in the prompt, braces and all."""
    return list(dict.fromkeys(name for name in _NAME.findall(body) if name not in namespace))
