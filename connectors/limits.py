"""Politeness: how often and how many at once a portal host is asked, whoever asks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

_MARGIN = 1.05
"""Requests are spaced a little wider than the limit: what leaves evenly may arrive bunched."""

_MADE_UP = 0.005
"""Seconds of a late start that the next request makes up for: more would bunch them to more than the limit."""

_CALM = 2
"""Failures in a row that one request bears alone; from the next one on the whole host is left in peace."""

_TOLD_EVERY = 60.0
"""Seconds between two messages about waiting for one host."""

_MANY = 1 << 30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Word:
    """What those who share a host's limit say to one who wants to ask it. Times are seconds.

    `wait` is how long to wait before wanting again; 0 lets the request go. `failures` requests in a row have not been
    answered, for `failing_for` by now; the host is left in peace for `closed_for` more. `sharers` processes share the limit.
    """

    wait: float
    failures: int
    failing_for: float
    closed_for: float
    sharers: int


News = Literal["failed", "fine", "closed"]


class Commons(Protocol):
    """The limit of one host as processes share it."""

    async def want(self) -> Word | None:
        """Asks for leave to send one request; null while the others cannot be heard."""
        ...

    def done(self) -> None:
        """A request that had leave is over."""
        ...

    def tell(self, news: News, seconds: float) -> None:
        """A request has failed that was sent so many seconds ago; the host answers again; it is closed for so long."""
        ...


class HostLimit:
    """One portal host. All sources on it share this, at the strictest of their limits; without a source there is none.

    With `commons` it is shared with other processes. While they cannot be heard each keeps to its part of the limit.

    What is to be asked is done in lanes, tasks of the limit's own, of which there are as many as there may be requests at
    once: a lane that has its answer sends the next request before anything else is done, so that the portal's time is used.
    """

    def __init__(self, commons: Commons | None = None) -> None:
        self._commons = commons
        self._sharers = 1
        self._heard = True
        self.rate = float("inf")
        self.places = _MANY
        self._next = 0.0
        self._closed_until = 0.0
        self._failures = 0
        self._failing_since = 0.0
        self._told_at = float("-inf")
        self._wanted: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._open = 0
        self._lanes: set[asyncio.Task[None]] = set()
        self._queue: asyncio.Lock | None = None

    def join(self, requests_per_second: float, concurrency: int) -> None:
        """Takes a source's limits into account."""
        self.rate = min(self.rate, requests_per_second)
        self.places = min(self.places, concurrency)

    async def run(self, exchange: Callable[[], Awaitable[T]]) -> T:
        """Does an exchange with the host as soon as one more may begin; they begin in the order in which they were wanted.

        One whose asker is cancelled is cancelled itself. An answer may be lost that comes at that very moment: what a portal
        gives only once is asked for in a `turn`.
        """
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._wanted.append((exchange, told))
        self._open_lanes()
        return await told

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until one more exchange may begin, and holds its place as long as the block lasts."""
        begun = asyncio.Event()

        async def hold() -> None:
            begun.set()
            await asyncio.Event().wait()

        place = asyncio.create_task(self.run(hold))
        place.add_done_callback(lambda _: begun.set())
        try:
            await begun.wait()
            if place.done():
                place.result()
            while (closed := self.opens_in) > 0:  # noqa: ASYNC110 - it may have been closed since the place was taken
                await asyncio.sleep(closed)
            yield
        finally:
            place.cancel()

    @property
    def _most(self) -> int:
        return max(1, self.places // self._sharers_unheard)

    def _open_lanes(self) -> None:
        for _ in range(min(len(self._wanted), self._most - self._open)):
            self._open += 1
            lane = asyncio.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _lane(self) -> None:
        try:
            while self._wanted and self._open <= self._most:
                exchange, told = self._wanted.popleft()
                if not told.done():
                    await self._do(exchange, told)
        finally:
            self._open -= 1
            self._open_lanes()

    async def _do(self, exchange: Callable[[], Awaitable[T]], told: asyncio.Future[T]) -> None:
        lane = asyncio.current_task()
        under_way, stopped = True, False

        def stop(_: asyncio.Future[T]) -> None:
            nonlocal stopped
            if lane and under_way and told.cancelled():
                stopped = lane.cancel()

        told.add_done_callback(stop)
        shared = False
        try:
            shared = await self._wait_for_slot()
            answer = await exchange()
            if not told.done():
                told.set_result(answer)
        except Exception as error:  # noqa: BLE001 - it is the asker's to deal with
            if not told.done():
                told.set_exception(error)
        except BaseException:
            if not stopped:  # not the asker's doing: the loop ends
                told.cancel()
                raise
        finally:
            under_way = False
            if lane and stopped:
                lane.uncancel()
            if shared and self._commons:
                self._commons.done()

    async def _wait_for_slot(self) -> bool:
        """Waits for this request's turn; says whether those who share the limit have given leave."""
        if self._queue is None:
            self._queue = asyncio.Lock()
        async with self._queue:
            while True:
                slot = now = time.monotonic()
                while (opens := max(self._next, self._closed_until)) > now:
                    slot = opens
                    await asyncio.sleep(opens - now)
                    now = time.monotonic()
                word = await self._commons.want() if self._commons else None
                if word is not None:
                    self._heed(word)
                if word is not None and word.wait > 0:
                    await asyncio.sleep(word.wait)
                elif self.opens_in <= 0:
                    break
                elif word is not None and self._commons:  # it was closed while leave was asked for
                    self._commons.done()
            self._heard = word is not None
            self._open_lanes()
            self._next = max(slot, now - _MADE_UP) + _MARGIN * self._sharers_unheard / self.rate
            return self._heard

    @property
    def _sharers_unheard(self) -> int:
        """Among how many the limit is to be divided, since they cannot be heard."""
        return 1 if self._heard else self._sharers

    def _heed(self, word: Word) -> None:
        now = time.monotonic()
        self._sharers = word.sharers
        self._failures = word.failures
        self._failing_since = now - word.failing_for
        self._closed_until = max(self._closed_until, now + word.closed_for)

    @property
    def troubled(self) -> bool:
        """Whether the host has not answered so often in a row that it is left in peace."""
        return self._failures > _CALM

    def succeeded(self) -> None:
        """The host answers."""
        if self._failures and self._commons:
            self._commons.tell("fine", 0.0)
        self._failures = 0

    def failed(self, longest: float, *, asked_at: float, patience: float) -> None:
        """The host does not answer: after a few failures in a row it is asked less and less.

        `asked_at` is when this request was sent (monotonic); one who is patient for no more than `patience` seconds does
        not have to wait longer.
        """
        if not self._failures:
            self._failing_since = asked_at
        self._failures += 1
        if self._commons:
            self._commons.tell("failed", time.monotonic() - asked_at)
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
        self.succeeded()
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
        if self._commons and seconds > 0:
            self._commons.tell("closed", seconds)


class Hosts:
    """The limits of all hosts, in each event loop its own; `make` makes the one of a host."""

    def __init__(self, make: Callable[[str], HostLimit]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, dict[str, HostLimit]] = {}

    def limit_of(self, host: str) -> HostLimit:
        """The limit of a host (`name:port`) within the running event loop."""
        with self._lock:
            for loop in [loop for loop in self._loops if loop.is_closed()]:
                del self._loops[loop]
            hosts = self._loops.setdefault(asyncio.get_running_loop(), {})
            if host not in hosts:
                hosts[host] = self._make(host)
            return hosts[host]

    def strictest(self, host: str) -> tuple[float, int]:
        """Requests a second, and requests at once, by the strictest limit of a host in any loop."""
        with self._lock:
            limits = [hosts[host] for hosts in self._loops.values() if host in hosts]
        return min((x.rate for x in limits), default=float("inf")), min((x.places for x in limits), default=_MANY)


limit_for: Final = Hosts(lambda _: HostLimit()).limit_of
"""The limit of a host within the running event loop, which this process does not share."""
