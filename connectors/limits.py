"""Politeness: how often and how many at once a portal host is asked, whoever in this process asks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

_MARGIN = 1.05
"""Requests are spaced a little wider than the limit: what leaves evenly may arrive bunched."""

_MADE_UP = 0.005
"""Seconds of a late start that the next request makes up for: more would bunch them to more than the limit."""

_CALM = 2
"""Failures in a row that one request bears alone; from the next one on the whole host is left in peace."""


_MANY = 1 << 30


class HostLimit:
    """One portal host. All sources on it share this, at the strictest of their limits; without a source there is none."""

    def __init__(self) -> None:
        self._rate = float("inf")
        self._places = _MANY
        self._used = 0
        self._next = 0.0
        self._closed_until = 0.0
        self._failures = 0
        self._waiting: asyncio.Condition | None = None
        self._queue: asyncio.Lock | None = None

    def join(self, requests_per_second: float, concurrency: int) -> None:
        """Takes a source's limits into account."""
        self._rate = min(self._rate, requests_per_second)
        self._places = min(self._places, concurrency)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until one more request may be sent, and holds its place while it is under way."""
        if self._waiting is None:
            self._waiting = asyncio.Condition()
        async with self._waiting:
            await self._waiting.wait_for(lambda: self._used < self._places)
            self._used += 1
        try:
            await self._wait_for_slot()
            yield
        finally:
            async with self._waiting:
                self._used -= 1
                self._waiting.notify()

    async def _wait_for_slot(self) -> None:
        if self._queue is None:
            self._queue = asyncio.Lock()
        async with self._queue:
            slot = now = time.monotonic()
            while (opens := max(self._next, self._closed_until)) > now:
                slot = opens
                await asyncio.sleep(opens - now)
                now = time.monotonic()
            self._next = max(slot, now - _MADE_UP) + _MARGIN / self._rate

    @property
    def troubled(self) -> bool:
        """Whether the host has not answered so often in a row that it is left in peace."""
        return self._failures > _CALM

    def succeeded(self) -> None:
        """The host answers."""
        self._failures = 0

    def failed(self, longest: float) -> None:
        """The host does not answer: after a few failures in a row it is asked less and less."""
        self._failures += 1
        if self.troubled:
            self.rest(min(longest, 0.5 * 2 ** (self._failures - _CALM)))

    def rest(self, seconds: float) -> None:
        """Nobody asks the host for so long."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)


_HOSTS: dict[tuple[int, str], HostLimit] = {}


def limit_for(host: str) -> HostLimit:
    """The limit of a host (`name:port`) within the running event loop."""
    return _HOSTS.setdefault((id(asyncio.get_running_loop()), host), HostLimit())
