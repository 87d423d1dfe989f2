"""A program that decodes videos, run by `client.mp4`: what brings a decoder down ends this program, not the kernel.

It reads lines of JSON from its input, each the path of a file and how many threads may decode it, and answers each with
a line: ``width`` and ``height`` (pixels) and ``seconds``, ``damaged`` where something cannot be decoded, or null where
PyAV cannot tell. It ends with its input, or when it has had nothing to do for a while. It needs PyAV alone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
from queue import Empty, SimpleQueue
from typing import Any

#: Seconds without anything to do, after which its memory is given back.
_IDLE = 10.0
#: Seconds that a decoder may take for one video, before it is taken to hang; the largest take some ten.
_LONGEST = 120.0


def main() -> None:
    """Answer until there is nothing more to do."""
    sys.path.append(sys.argv[1])
    asked: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        try:
            path, threads = json.loads(asked.get(timeout=_IDLE))
        except Empty:
            return
        faulthandler.dump_traceback_later(_LONGEST, exit=True)
        answer = decode(path, threads)
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _listen(asked: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        asked.put(line)
    # Nobody waits for an answer any more, whatever is being decoded.
    os._exit(0)


def decode(path: str, threads: int) -> dict[str, Any] | None:
    """Decode all pictures and sounds of a file; the answer as above."""
    import av

    try:
        # (A title that is no UTF-8 does not make a video unplayable.)
        with av.open(path, metadata_errors="ignore") as container:
            return _look_through(container, threads) | {"seconds": (container.duration or 0) / av.time_base}
    except av.error.MemoryError:
        return None
    except av.FFmpegError:
        return {"damaged": True}
    except Exception:  # noqa: BLE001  # an error of PyAV's own says nothing about a video that is paid for and whole
        return None


def _look_through(container: Any, threads: int) -> dict[str, Any]:
    streams = [one for one in (*container.streams.video, *container.streams.audio) if one.codec_context]
    if not any(one.type == "video" for one in streams):
        raise NotImplementedError("there is no decoder for its pictures")
    for stream in streams:
        stream.codec_context.thread_count = threads
        if stream.type == "video":
            stream.codec_context.thread_type = "AUTO"
            # Smoothing hides no damage, and takes time.
            stream.codec_context.options = {"skip_loop_filter": "all"}
    size: dict[str, Any] = {}
    for packet in container.demux(streams):
        for frame in packet.decode():
            # The decoder has guessed what was missing, which a viewer sees as smears and blocks.
            if frame.is_corrupt:
                return {"damaged": True}
            if packet.stream.type == "video" and not size:
                size = {"width": frame.width, "height": frame.height}
    return size or {"damaged": True}


if __name__ == "__main__":
    main()
