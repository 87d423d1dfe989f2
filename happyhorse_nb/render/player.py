"""A finished video as an ordinary output: IPython's `Video`, and a link to the file below it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from happyhorse_nb.models import Snapshot
from happyhorse_nb.render.cards import fill, link, shown
from happyhorse_nb.render.words import plain, size, unplayable

#: Pixels: the longer side of the player on the page.
_LARGEST = 640


@dataclass(frozen=True, repr=False)
class VideoOutput:
    """A video as rich output: its MIME bundle ``data``, for a display handle's ``update(data, raw=True)``, and its
    file."""

    data: dict[str, str]
    path: Path | None = None

    def _repr_html_(self) -> str:
        return self.data["text/html"]

    def __repr__(self) -> str:
        return self.data["text/plain"]


def video(
    snapshot: Snapshot, *, embed_limit: float, start: Path, autoplay: bool = False, elsewhere: bool = False
) -> VideoOutput:
    """A player for the job's file: embedded up to ``embed_limit`` (MB, a million bytes), linked above it.

    Links are relative to ``start``, the notebook's folder, since JupyterLab serves no absolute path. ``elsewhere``: the
    notebook may be saved in another folder, so there is an absolute link too. ``autoplay``: it plays at once. It is
    muted until its viewer asks for the sound. What a browser cannot play has a line in place of the player.
    """
    path = snapshot.path
    if path is None:
        return _missing(snapshot, "")
    text, address = link(path, start)
    try:
        count = path.stat().st_size
        if said := unplayable(snapshot):
            player = fill("unplayable.html.j2", words=said)
        else:
            player = _player(snapshot, path, address, embed=count <= embed_limit * 1_000_000, autoplay=autoplay)
    except FileNotFoundError:
        return _missing(snapshot, "is not there any more")
    except OSError as problem:
        return _missing(snapshot, f"cannot be read ({plain(problem.strerror or problem, 100)})")
    whole = path.absolute().as_uri() if elsewhere else ""
    html = fill("video.html.j2", player=player, link=address, shown=text, size=size(count), whole=whole)
    return VideoOutput({"text/html": html, "text/plain": shown(path.absolute())}, path)


def copy_path(snapshot: Snapshot) -> str:
    """The button that copies the path of the video's file; empty where there is no file."""
    return fill("copy_path.html.j2", path=shown(snapshot.path.absolute())) if snapshot.path is not None else ""


def _player(snapshot: Snapshot, path: Path, address: str, *, embed: bool, autoplay: bool) -> str:
    from IPython.display import Video

    # Escaped here, since IPython writes these attributes as they are.
    css = "max-width:100%;border-radius:6px;background:#000;display:block"
    options: dict[str, Any] = {"mimetype": "video/mp4", "embed": embed}
    if snapshot.width and snapshot.height:
        scale = min(1.0, _LARGEST / max(snapshot.width, snapshot.height))
        # The size is known before the file is loaded, so the page does not jump.
        options["width"] = max(1, round(snapshot.width * scale))
        css += f";height:auto;aspect-ratio:{snapshot.width}/{snapshot.height}"
    else:
        css += f";max-width:min(100%,{_LARGEST}px);max-height:{_LARGEST}px"
    label = escape(plain(f"Video: {snapshot.prompt}" if snapshot.prompt else "Video", 160))
    options["html_attributes"] = (
        f'controls{" autoplay" if autoplay else ""} preload="metadata" muted style="{css}" aria-label="{label}"'
    )
    # Empty data with a URL: IPython 7 looks whether the data is a file, and fails for None.
    source: dict[str, Any] = {"data": path.read_bytes()} if embed else {"data": "", "url": address}
    made: Any = Video(**source, **options)  # type: ignore[no-untyped-call]  # IPython's display classes have no types
    return str(made._repr_html_())


def _missing(snapshot: Snapshot, why: str) -> VideoOutput:
    where = shown(snapshot.path) if snapshot.path else ""
    html = fill("missing.html.j2", where=where, why=why, id=plain(snapshot.short_id, 40))
    text = f"The video was saved as {where}, and {why}." if where else "The video has no file."
    return VideoOutput({"text/html": html, "text/plain": text}, snapshot.path)
