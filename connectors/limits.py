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

_TOLD_EVERY = 60.0
"""Seconds between two messages about waiting for one host."""

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
        self._failing_since = 0.0
        self._told_at = float("-inf")
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

    def failed(self, longest: float, *, asked_at: float, patience: float) -> None:
        """The host does not answer: after a few failures in a row it is asked less and less.

        `asked_at` is when this request was sent (monotonic); one who is patient for no more than `patience` seconds does
        not have to wait longer.
        """
        if not self._failures:
            self._failing_since = asked_at
        self._failures += 1
        if self.troubled:
            pause = min(longest, 0.5 * 2 ** (self._failures - _CALM), patience - self.failing_for)
            self._close(pause)

    @property
    def failing_for(self) -> float:
        """For how many seconds nothing that was asked has been answered."""
        return time.monotonic() - self._failing_since if self._failures else 0.0

    def is_away(self, patience: float) -> bool:
        """Whether nothing was answered for so long; a single request that took so long is not enough to say so."""
        return self._failures > 1 and self.failing_for >= patience

    def rest(self, seconds: float) -> None:
        """Nobody asks the host for so long, as it wishes."""
        self._failures = 0
        self._close(seconds)

    @property
    def opens_in(self) -> float:
        """In how many seconds the host may be asked again."""
        return max(0.0, self._closed_until - time.monotonic())

    def may_tell(self) -> bool:
        """Whether somebody may be told of waiting: once a minute, whoever waits."""
        now = time.monotonic()
        if now < self._told_at + _TOLD_EVERY:
            return False
        self._told_at = now
        return True

    def _close(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)


_HOSTS: dict[tuple[int, str], HostLimit] = {}


def limit_for(host: str) -> HostLimit:
    """The limit of a host (`name:port`) within the running event loop."""
    return _HOSTS.setdefault((id(asyncio.get_running_loop()), host), HostLimit())
