"""A client of the scripted server, alone: without ledger or jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from happyhorse_nb import Client
from support.fake_server import KEY, FakeServer


@pytest.fixture
async def client(fake_server: FakeServer) -> AsyncIterator[Client]:
    async with Client(KEY, fake_server.origin) as client:
        yield client
