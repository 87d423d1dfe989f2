"""What a video's file holds."""

from __future__ import annotations

from dataclasses import dataclass

#: The codecs that the usual browsers play, as `VideoInfo.codec` names them. HEVC needs a system that has it.
_PLAYED = ("H.264", "AV1", "VP9")


@dataclass(frozen=True)
class Sound:
    """The sound of a video: codec (such as ``AAC``), channels, and samples a second; 0 where that is not stated."""

    codec: str
    channels: int = 0
    rate: int = 0


@dataclass(frozen=True)
class VideoInfo:
    """A video file, as its boxes describe it: length in seconds, width and height in pixels, number of frames and
    frames a second (0 for any of these that is not stated), codec (such as ``H.264``, ``HEVC``, ``MPEG-4 part 2``,
    ``AV1`` or ``VP9``; empty where not stated), and the sound, None where there is none."""

    seconds: float
    width: int
    height: int
    codec: str = ""
    frames: int = 0
    frame_rate: float = 0.0
    sound: Sound | None = None

    @property
    def playable(self) -> bool:
        """Whether a browser can play it. One whose codec is not stated is taken to be playable."""
        return not self.codec or self.codec in _PLAYED
