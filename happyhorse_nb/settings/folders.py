"""Where things are, and how files are called."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from happyhorse_nb.errors import ConfigError
from happyhorse_nb.settings import frontend, process

VIDEO_FOLDER = "happyhorse-videos"
LEDGER_FILE = "ledger.sqlite3"
#: The errors of `fsync` where a file system has no such thing: some network drives, FUSE folders, pipes.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
#: Most bytes of a prompt's words in a file name.
_SLUG = 60
#: Seconds after which a folder is tried again.
_STALE = 10.0


def home(environ: Mapping[str, str] = os.environ, *, make: bool = True) -> Path:
    """The folder of the ledger: ``HAPPYHORSE_HOME``, else the platform's user data folder. Made if missing.

    A relative one is resolved once, and in the environment too (for programs started from here): after a ``%cd`` it
    must be the same ledger, or what it holds would be bought again. Raises `ConfigError` when it cannot be made.
    """
    told, own = environ.get("HAPPYHORSE_HOME", "").strip(), environ is os.environ
    # Verbose tracebacks print locals, and the key is in there.
    del environ
    if not told:
        import platformdirs

        folder = _first_read(platformdirs.user_data_dir("happyhorse-nb", appauthor=False))
    else:
        folder = _first_read(told)
        if own and str(folder) != told:
            os.environ["HAPPYHORSE_HOME"] = str(folder)
    if not make:
        return folder
    try:
        private_folder(folder)
    except OSError as problem:
        raise ConfigError(
            f"the folder {folder} cannot be made ({problem.strerror})", remedy="Set HAPPYHORSE_HOME to one that can."
        ) from None
    return folder


def private_folder(folder: Path) -> None:
    """Make a folder and missing ones above it, readable by this user alone. Existing ones stay as they are.

    Raises OSError.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def video_folder(configured: str, *, fallback: Path) -> Path:
    """Where videos go: the configured folder, else ``happyhorse-videos`` beside the notebook, else ``fallback``.

    Beside the notebook, JupyterLab serves the videos by their path. The folder is made by the first video. Raises
    `ConfigError` when a configured folder cannot be written.
    """
    if configured:
        chosen = absolute(configured)
        if not writable(chosen):
            raise ConfigError(
                f"videos cannot be written to {chosen}",
                remedy="Set `%config HappyHorse.folder` to a folder that can be written.",
            )
        return chosen
    folder = notebook_folder()
    beside = folder / VIDEO_FOLDER
    return beside if folder.is_dir() and writable(beside) else fallback / VIDEO_FOLDER


def video_name(created: float, prompt: str, job_id: str) -> str:
    """A readable file name: date, words of the prompt, and the start of the job's id. Never a path.

    (Our own id, as the server's may all begin alike.)

    >>> video_name(0, "The rocket lifts off; smoke", "8f31c2aa97d0")
    '1970-01-01 the-rocket-lifts-off 8f31c2aa.mp4'
    """
    slug = ""
    for word in _words(prompt)[:4]:
        # File systems allow 255 bytes; a Chinese sentence is one long word.
        slug = f"{slug}-{word}".strip("-_")
        if len(slug.encode()) > _SLUG:
            slug = _cut(slug, _SLUG)
            break
    date = time.strftime("%Y-%m-%d", time.localtime(created))
    tail = re.sub(r"[^A-Za-z0-9]+", "", job_id)[:8]
    return " ".join(part for part in (date, slug, tail) if part) + ".mp4"


def _words(text: str) -> list[str]:
    """The words of a text in lower case. Vowel signs and other marks belong to the letter before them."""
    # The invisible joiners (as in Hindi) and non-joiners (as in Persian) are not needed in a name.
    plain = unicodedata.normalize("NFC", text.replace("\u200d", "").replace("\u200c", "").casefold())
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" or c == "_" else " " for c in plain)
    # A mark without a letter would attach to what is before the word.
    return [word for piece in spaced.split() if (word := piece.lstrip("".join(filter(_is_mark, piece))))]


def _cut(text: str, size: int) -> str:
    """As much of the text as fits into so many bytes; no letter loses its marks."""
    cut = text.encode()[:size].decode(errors="ignore")
    if _is_mark(text[len(cut) : len(cut) + 1]):
        while cut and _is_mark(cut[-1]):
            cut = cut[:-1]
        cut = cut[:-1]
    return cut.rstrip("-_")


def _is_mark(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] == "M"


def working_folder() -> Path:
    """The working folder; if it was deleted, a path at which nothing is."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.sep, "deleted").absolute()


def notebook_folder() -> Path:
    """The folder of the notebook, for new videos and links, wherever the kernel goes (``%cd``).

    A Jupyter server names the notebook in ``JPY_SESSION_NAME``, papermill in the variable ``PAPERMILL_OUTPUT_PATH`` if
    asked to. Otherwise it is the working folder at import, and outside of a kernel the working folder.
    """
    if frontend.in_notebook() and not frontend.watched():
        output = str(getattr(frontend.shell(), "user_ns", {}).get("PAPERMILL_OUTPUT_PATH") or "")
        if output and "://" not in output and (_AT_IMPORT or working_folder()).joinpath(output).parent.is_dir():
            return (_AT_IMPORT or working_folder()).joinpath(output).parent
    return _AT_IMPORT or working_folder()


def served(path: Path, start: Path) -> bool:
    """Whether a link from the notebook's folder ``start`` leads to the file: a Jupyter server serves what is below its
    notebooks and not hidden. Voilà serves no files; other servers are not known."""
    if "JPY_SESSION_NAME" not in os.environ or frontend.in_voila():
        return False
    try:
        inside = path.absolute().relative_to(start.absolute())
    except ValueError:
        return False
    return not any(part.startswith(".") for part in inside.parts)


def _found(environ: Mapping[str, str] = os.environ) -> Path:
    told = Path(environ.get("JPY_SESSION_NAME", ""))
    # A kernel that a program drives may have inherited the name of the program's own notebook.
    if told.is_absolute() and told.parent.is_dir() and frontend.watched():
        return told.parent
    return working_folder()


def _first_read(told: str) -> Path:
    """The absolute folder that these words meant when this process first read them."""

    def read() -> Path:
        folder = absolute(told)
        if folder.is_absolute():
            return folder
        raise ConfigError(
            f"the folder {told} lies in the working folder, and that one is gone",
            remedy="Set HAPPYHORSE_HOME to an absolute path, or `%cd` to a folder that is there.",
        )

    return process.once(f"folder {told}", read, forks=True)


def absolute(folder: str) -> Path:
    """The folder as an absolute path, from now on."""
    path = Path(folder)
    # (No home of that user: the name begins like that. No working folder: the path stays relative, and not writable.)
    with suppress(RuntimeError):
        path = path.expanduser()
    with suppress(OSError):
        path = path.absolute()
    return path


def bring_to_disk(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
    """Wait until the file behind a descriptor is on disk. Raises OSError when the disk fails.

    Where the file system cannot do that, it is as safe as all files there: giving up a video or the ledger would save
    nothing.
    """
    try:
        sync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_SYNC:
            raise


def writable(folder: Path) -> bool:
    """Whether files can be written into a folder, or into one that can be made at that path."""
    # The folder itself is made by the first video.
    missing: list[str] = []
    for path in (folder, *folder.parents):
        # A dangling link exists, and nothing can be made in its place.
        if os.path.lexists(path):
            return all(_tried(path, name) for name in missing or [""])
        missing.append(path.name)
    return False


def nameable(file: Path) -> bool:
    """Whether a file of that name can be made in its folder, found out without making it."""
    return _tried(file.parent, file.name)


def _tried(folder: Path, name: str) -> bool:
    # By trying, as permission bits say little on network drives, in containers and for root, and only the file system
    # knows which names it takes. Not with the very name, which others would see and a kill would leave behind; but with
    # one of the same length and odd characters.
    alike = re.sub("[A-Za-z0-9]", "x", name)
    if name.endswith(".mp4"):
        alike = f"{alike[:-4]}.tmp"
    try:
        found = folder.stat()
        as_it_is = found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid
        _try_to_write(str(folder), alike, as_it_is, time.monotonic() // _STALE)
    except (OSError, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _try_to_write(folder: str, name: str, _as_it_is: tuple[int, ...], _when: float) -> None:
    """Raises OSError. Cached for a while as long as the folder is the same: a thousand jobs try one folder."""
    if not name:
        with tempfile.TemporaryFile(dir=folder):
            return
    # A name that is taken is possible.
    with suppress(FileExistsError):
        file = Path(folder, name)
        file.open("xb").close()
        file.unlink()


#: Found once, in the cell that imports this: background threads know no cell, and a reload is no import.
_AT_IMPORT: Path | None = process.once("notebook folder", _found) if frontend.in_notebook() else None
