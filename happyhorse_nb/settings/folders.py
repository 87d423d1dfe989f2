"""Where things are, and what files are called."""

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
#: What `fsync` answers where the file system has no such thing: some network drives, FUSE folders and pipes.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
#: Bytes of a prompt's words in a file name.
_SLUG = 60
#: Seconds after which a folder is tried again.
_STALE = 10.0


def home(environ: Mapping[str, str] = os.environ, *, make: bool = True) -> Path:
    """The folder of the ledger: ``HAPPYHORSE_HOME``, else the platform's user data folder. Made if missing.

    A relative one lies in the folder in which this process has first read it, wherever it goes to (``%cd``) later: what
    stands in another ledger is bought again. It is said so in the process's environment, for the programs that it
    starts from there.

    Raises `ConfigError` when it cannot be made.
    """
    told, own = environ.get("HAPPYHORSE_HOME", "").strip(), environ is os.environ
    # Verbose tracebacks print the locals of every frame, and the key is in there.
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
    """Make a folder, and those above it that are missing, for this user alone: prompts and pictures are private.

    One that is there stays as it is. Raises OSError.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def video_folder(configured: str, *, fallback: Path) -> Path:
    """Where videos go: the configured folder, else ``happyhorse-videos`` beside the notebook, else ``fallback``.

    JupyterLab serves files below the notebook only, so a folder beside it is what lets a video play by its path. It is
    not made here, but by the first video.
    Raises `ConfigError` when a configured folder cannot be written.
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
    """A readable file name: date, words of the prompt, and of the job's own id what names it elsewhere too.

    (The server's ids may all begin alike: with a date, or with a time as UUIDv7 do.) Nothing in a prompt can make it a
    path.

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
    """The words of a text, in small letters. Vowel signs and other marks belong to the letter that they stand on."""
    # Those that join letters (as in Hindi) or keep them apart (as in Persian) are not seen, and not needed in a name.
    plain = unicodedata.normalize("NFC", text.replace("\u200d", "").replace("\u200c", "").casefold())
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" or c == "_" else " " for c in plain)
    # A mark that stands on nothing would stand on what is before the word.
    return [word for piece in spaced.split() if (word := piece.lstrip("".join(filter(_is_mark, piece))))]


def _cut(text: str, size: int) -> str:
    """As much of the text as fits into so many bytes, no letter without its marks."""
    cut = text.encode()[:size].decode(errors="ignore")
    if _is_mark(text[len(cut) : len(cut) + 1]):
        while cut and _is_mark(cut[-1]):
            cut = cut[:-1]
        cut = cut[:-1]
    return cut.rstrip("-_")


def _is_mark(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] == "M"


def working_folder() -> Path:
    """The working folder, for links to what lies in it; where it was deleted, one in which nothing lies."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.sep, "deleted").absolute()


def notebook_folder() -> Path:
    """The folder of the notebook: new videos go beside it, and links lead from it, wherever the kernel goes (``%cd``).

    A Jupyter server names the notebook in ``JPY_SESSION_NAME``; papermill puts its output's path into the variable
    ``PAPERMILL_OUTPUT_PATH`` when it is asked to. Else it is the working folder at import. Outside of a kernel there is
    no notebook, and it is the working folder.
    """
    if frontend.in_notebook() and not frontend.watched():
        output = str(getattr(frontend.shell(), "user_ns", {}).get("PAPERMILL_OUTPUT_PATH") or "")
        if output and "://" not in output and (_AT_IMPORT or working_folder()).joinpath(output).parent.is_dir():
            return (_AT_IMPORT or working_folder()).joinpath(output).parent
    return _AT_IMPORT or working_folder()


def served(path: Path, start: Path) -> bool:
    """Whether a link leads to the file from the folder ``start`` of the notebook: a Jupyter server that shows the
    notebook serves what lies beside it, unless it is hidden. Voilà serves no files, and others are not asked."""
    if "JPY_SESSION_NAME" not in os.environ or frontend.in_voila():
        return False
    try:
        inside = path.absolute().relative_to(start.absolute())
    except ValueError:
        return False
    return not any(part.startswith(".") for part in inside.parts)


def _found(environ: Mapping[str, str] = os.environ) -> Path:
    told = Path(environ.get("JPY_SESSION_NAME", ""))
    # A kernel that a program drives may have inherited the name of the notebook in which that program runs.
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
    """The folder as it is to be read from now on."""
    path = Path(folder)
    # Where there is no home of that user, the name begins so. Where the working folder was deleted, the path stays as
    # it is, and turns out not to be writable.
    with suppress(RuntimeError):
        path = path.expanduser()
    with suppress(OSError):
        path = path.absolute()
    return path


def bring_to_disk(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
    """Wait until the file behind a descriptor is on the disk itself. Raises OSError when the disk fails.

    A file system that cannot be asked for that keeps what it was given as it does for every program: to give up a film
    or the ledger for it would save nothing.
    """
    try:
        sync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_SYNC:
            raise


def writable(folder: Path) -> bool:
    """Whether files can be written into a folder, or it can be made where it is to be."""
    # The folder itself is made by the first video that needs it.
    missing: list[str] = []
    for path in (folder, *folder.parents):
        # A link that leads nowhere is there, and nothing is made in its place.
        if os.path.lexists(path):
            return all(_tried(path, name) for name in missing or [""])
        missing.append(path.name)
    return False


def nameable(file: Path) -> bool:
    """Whether a file of that name can be made in its folder, as far as that can be tried without making it."""
    return _tried(file.parent, file.name)


def _tried(folder: Path, name: str) -> bool:
    # Asked by trying: permission bits say little on network drives, in containers, and for root, and what a name may be
    # is known to the file system alone. Not with the very name: others would find a file under it, and a kill at that
    # instant would leave it there; but with all that can be wrong with it, its length and its odd characters.
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
    """Raises OSError. Once in a while for a folder as it is: a thousand jobs try one folder, and each try is a file."""
    if not name:
        with tempfile.TemporaryFile(dir=folder):
            return
    # Where a file has that name, it can be made.
    with suppress(FileExistsError):
        file = Path(folder, name)
        file.open("xb").close()
        file.unlink()


#: Asked once, in the cell that imports this: the background thread knows of no cell, and a reload is no import.
_AT_IMPORT: Path | None = process.once("notebook folder", _found) if frontend.in_notebook() else None
