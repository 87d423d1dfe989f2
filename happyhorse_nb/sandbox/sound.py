"""The sound of a clip: soft notes, drawn from its seed."""

from __future__ import annotations

import random

import numpy as np

#: Samples of both channels, from -1 to 1.
Sound = np.ndarray

#: Seconds by which the service's sound outlasts its picture.
LONGER = 0.035
_FADE = 0.25
#: Steps above the lowest note, in semitones: in any mixture they sound well together.
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16)
_NOTES, _LOUD = 4, 0.05


def samples_of(frames: int, fps: int, rate: int) -> int:
    """How many samples the sound of that many pictures has."""
    return round((frames / fps + LONGER) * rate)


def soft_sound(dice: random.Random, samples: int, rate: int) -> Sound:
    """A quiet chord whose notes swell one after the other."""
    # In single precision it takes a third of the time.
    time = np.arange(samples, dtype=np.float32) / np.float32(rate)
    sound = np.zeros((2, samples), np.float32)
    lowest = 110 * 2 ** (dice.randrange(12) / 12)
    for step in dice.sample(_SCALE, _NOTES):
        turn = np.float32(2 * np.pi * lowest * 2 ** (step / 12))
        swell = 0.55 + 0.45 * np.sin(time * np.float32(dice.uniform(1.0, 2.5)) + np.float32(dice.uniform(0, 6)))
        note = np.sin(time * turn) * swell
        side = dice.uniform(0.2, 0.8)
        sound[0] += note * np.float32(_LOUD * side * 2)
        sound[1] += note * np.float32(_LOUD * (1 - side) * 2)
    return _faded(sound, rate)


def cut(sound: Sound, samples: int) -> Sound:
    """The sound at exactly that length: its beginning, or with silence behind it."""
    return np.pad(sound[:, :samples], ((0, 0), (0, max(0, samples - sound.shape[1]))))


def _faded(sound: Sound, rate: int) -> Sound:
    ramp = np.linspace(0, 1, min(round(_FADE * rate), sound.shape[1]), dtype=np.float32)
    sound[:, : len(ramp)] *= ramp
    sound[:, sound.shape[1] - len(ramp) :] *= ramp[::-1]
    return sound
