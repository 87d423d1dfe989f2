"""The camera's move over the first frame: which part of it is seen, at each instant."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A part of the picture, of the picture's own aspect.

    ``zoom`` is how many times it is enlarged, at least 1; ``across`` and ``down`` say where it lies, from -1 (at the
    left or top edge) to 1. So no view can leave the picture.
    """

    zoom: float
    across: float = 0.0
    down: float = 0.0

    def box(self, width: int, height: int) -> Box:
        """Left, top, right and bottom in a picture of that size; in fractions of pixels, or the move would stutter."""
        seen_x, seen_y = width / self.zoom, height / self.zoom
        left, top = (width - seen_x) * (1 + self.across) / 2, (height - seen_y) * (1 + self.down) / 2
        return max(left, 0.0), max(top, 0.0), min(left + seen_x, width), min(top + seen_y, height)


@dataclass(frozen=True)
class Move:
    """From one view to another, slow at both ends."""

    start: View
    end: View

    def at(self, time: float) -> View:
        """The view at a time from 0 to 1."""
        part = (1 - math.cos(math.pi * time)) / 2
        return View(
            # Enlarging by the same factor in the same time is what looks even.
            zoom=self.start.zoom * (self.end.zoom / self.start.zoom) ** part,
            across=_between(self.start.across, self.end.across, part),
            down=_between(self.start.down, self.end.down, part),
        )


def choose_move(seed: int, prompt: str, duration: int) -> Move:
    """The move for that seed and prompt: always the same one. A longer clip (seconds) moves farther, no faster."""
    # Bytes seed the generator the same in every process; JSON may hold halves of characters, hence the errors=.
    dice = random.Random(f"{seed} {prompt}".encode(errors="surrogatepass"))
    reach = 1.1 + 0.025 * duration
    across, down = dice.choice((-1, 1)) * dice.uniform(0.3, 0.9), dice.uniform(-0.6, 0.6)
    moves = (
        Move(View(1.0, across, down), View(reach, across, down)),
        Move(View(reach, across, down), View(1.0, across, down)),
        Move(View(reach, across, down), View(reach, -across, -down)),
        Move(View(1.04, across, down), View(reach, -across, -down)),
    )
    return dice.choice(moves)


def _between(start: float, end: float, part: float) -> float:
    return start + (end - start) * part
