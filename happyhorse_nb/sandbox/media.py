"""The pictures that were uploaded: kept on disk for some days, and sent to anybody with their link."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PureWindowsPath

from aiohttp import BodyPartReader, hdrs, web

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import ImageLimits
from happyhorse_nb.sandbox import answers
from happyhorse_nb.sandbox.answers import Refusal
from happyhorse_nb.sandbox.store import write_private
from happyhorse_nb.wire import is_task_id

#: The limits of the API's page.
MAX_BYTES, MOST_FILES, MOST_AT_ONCE = 16 * 1024 * 1024, 10, 2


@dataclass(frozen=True, kw_only=True)
class Media:
    """An uploaded picture. ``account`` stands for the key that it was sent with; ``created`` is Unix seconds."""

    account: str
    filename: str
    format: str
    size: int
    created: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: f"file-{secrets.token_hex(8)}")
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    @property
    def path(self) -> str:
        """The path of its link, which needs no key."""
        return f"/media/{self.token}/{self.id}.{self.format.lower()}"


class MediaStore:
    """A folder of pictures, two files each, which several servers may use at once. No key is ever written here."""

    def __init__(self, folder: Path, *, keep: float) -> None:
        self._folder = folder / "media"
        self._keep = keep
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, media: Media, data: bytes) -> None:
        """Write a picture. Raises OSError."""
        write_private(self.file(media), data)
        write_private(self._record(media.id), json.dumps(asdict(media)).encode())

    def get(self, media_id: str) -> Media | None:
        """The picture of that id, None where there is none or it has expired."""
        # The id comes from a request: it must not leave the folder.
        if not is_task_id(media_id):
            return None
        try:
            media = Media(**json.loads(self._record(media_id).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return None if media.id != media_id or time.time() >= media.created + self._keep else media

    def all(self) -> Iterator[Media]:
        """Every picture that has not expired."""
        for path in sorted(self._folder.glob("*.json")):
            media = self.get(path.stem)
            if media is not None:
                yield media

    def file(self, media: Media) -> Path:
        """Where its bytes are."""
        return self._folder / media.id

    def delete(self, media_id: str) -> None:
        """Remove a picture; does nothing where there is none."""
        self._record(media_id).unlink(missing_ok=True)
        (self._folder / media_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what has expired. Another server may do the same at once."""
        for path in list(self._folder.glob("*.json")):
            if self.get(path.stem) is None:
                self.delete(path.stem)

    def _record(self, media_id: str) -> Path:
        return self._folder / f"{media_id}.json"


class MediaRoutes:
    """The addresses of uploads, over their store."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._sending: Counter[str] = Counter()
        # No other file may be added between counting those there are and adding one.
        self._gate = asyncio.Lock()

    def table(self) -> list[web.RouteDef]:
        """All routes. They come before the models', or ``media`` would be taken for a provider."""
        return [
            web.post("/api/v1/media/files", self.upload),
            web.delete("/api/v1/media/files/{file_id}", self.delete),
            web.get("/media/{token}/{name}", self.file),
        ]

    async def upload(self, request: web.Request) -> web.Response:
        """Keep a picture."""
        account = _account(request)
        if self._sending[account] >= MOST_AT_ONCE:
            raise Refusal(
                429, f"{MOST_AT_ONCE} uploads are running, the most at once; wait for one of them", {"Retry-After": "1"}
            )
        self._sending[account] += 1
        try:
            media, data = await _read(request, account)
            async with self._gate:
                await asyncio.to_thread(self._add, media, data)
        finally:
            self._sending[account] -= 1
        return answers.success(
            {
                "file_id": media.id,
                "type": "image",
                "url": f"{request.scheme}://{request.host}{media.path}",
                "filename": media.filename,
                "size": media.size,
                "created_at": round(media.created * 1000),
            }
        )

    def _add(self, media: Media, data: bytes) -> None:
        held = sum(one.account == media.account for one in self._store.all())
        if held >= MOST_FILES:
            raise Refusal(400, f"this team holds {held} of at most {MOST_FILES} files; delete one of them first")
        self._store.add(media, data)

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a picture of the same account."""
        media = self._store.get(request.match_info["file_id"])
        if media is None or media.account != _account(request):
            raise Refusal(404, "there is no such file, or it has expired")
        self._store.delete(media.id)
        return answers.success({"file_id": media.id, "deleted": True})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send a picture to anybody with its link."""
        media = self._store.get(request.match_info["name"].rpartition(".")[0])
        if media is None:
            raise Refusal(404, "there is no such file, or it has expired")
        if not secrets.compare_digest(media.token.encode(), request.match_info["token"].encode()):
            raise Refusal(403, "this link is not valid")
        headers = {"Content-Type": f"image/{media.format.lower()}"}
        return web.FileResponse(self._store.file(media), headers=headers)


def _account(request: web.Request) -> str:
    """What stands for the request's key, as keys are written nowhere."""
    key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")[2].strip()
    return hashlib.sha256(f"sandbox {key}".encode(errors="replace")).hexdigest()[:16]


async def _read(request: web.Request, account: str) -> tuple[Media, bytes]:
    """The picture in a multipart body. Raises `Refusal`."""
    if not request.content_type.startswith("multipart/"):
        raise Refusal(415, "send the file as multipart/form-data")
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "file":
                return _media(part.filename or "file", await _bytes(part), account)
    except ValueError as problem:
        raise Refusal(400, f"the body is not multipart/form-data: {problem}") from None
    raise Refusal(400, "file is missing; send it as multipart/form-data under that name")


async def _bytes(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        data += chunk
        if len(data) > MAX_BYTES:
            raise Refusal(413, f"the file is larger than {MAX_BYTES // 1024**2} MiB")
    if not data:
        raise Refusal(400, "the file is empty")
    return bytes(data)


def _media(filename: str, data: bytes, account: str) -> tuple[Media, bytes]:
    known = ImageLimits().formats
    try:
        kind = images.inspect(data).format
    except InvalidRequest:
        kind = ""
    if kind not in known:
        raise Refusal(415, f"the file is {kind or 'no image'}; the server takes {', '.join(known)}")
    # (Either kind of slash divides a path there.)
    return Media(account=account, filename=PureWindowsPath(filename).name[:200], format=kind, size=len(data)), data
