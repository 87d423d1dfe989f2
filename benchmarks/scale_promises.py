"""The least that the promises of a job cost, for a program of aiohttp alone: rows on the disk, a video decoded."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av

#: Threads that wait for the disk and decode: as many as videos are fetched at once.
_ASIDE = 6


class Promises:
    """A table in ``folder``, written on a thread, what waits together in one commit; and threads for the videos."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "jobs.sqlite3", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, status TEXT, task TEXT)")
        self._pen, self._aside = ThreadPoolExecutor(1), ThreadPoolExecutor(_ASIDE)
        self._waiting: list[tuple[tuple[object, ...], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, number: int, status: str, task: str | None) -> None:
        """Wait until it is on the disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(((number, status, task), written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def check(self, video: Path) -> None:
        """Wait until it is on the disk and its first picture is decoded."""
        await asyncio.get_running_loop().run_in_executor(self._aside, _look, video)

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._pen, self._commit, [row for row, _ in some])
            for _, written in some:
                written.set_result(None)
        self._writing = None

    def _commit(self, rows: list[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")


def _look(video: Path) -> None:
    with video.open("rb") as file:
        os.fsync(file.fileno())
    with av.open(str(video)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        next(container.decode(video=0))
