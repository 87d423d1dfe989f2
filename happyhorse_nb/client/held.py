"""One read that the server is asked to hold open: what it says, and what its failure says of the server."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from happyhorse_nb.errors import BadRequest, ConnectionLost, NotFound, RateLimited, ServerError
from happyhorse_nb.polling import Hold

T = TypeVar("T")


async def held(hold: Hold, read: Awaitable[T]) -> tuple[T | None, bool]:
    """What the read gives, None where the same one without the parameter has to follow; and whether it failed.

    Whether it failed for the parameter tells that other read. Raises what the read raises, where it would without it.
    """
    crowded = False
    hold.open += 1
    try:
        return await read, False
    except (BadRequest, NotFound, ServerError, ConnectionLost):
        return None, True
    except RateLimited:
        # Alone it is no more than any other read. Beside others that are held, it may be one too many of these.
        if hold.open <= 1:
            raise
        crowded = True
    finally:
        hold.open -= 1
        if crowded:
            hold.crowded()
    return None, False
