"""One limit for all processes, in a real Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from connectors.limits import HostLimit
from pipelines.jobs.common_limit import SharedLimits
from pipelines.jobs.wakeups import connect


@contextmanager
def processes(url: str, number: int) -> Iterator[list[SharedLimits]]:
    """So many processes, as far as Redis can tell."""
    made = [SharedLimits(connect(url)) for _ in range(number)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def joined(shared: SharedLimits, rate: float = 1000.0, places: int = 50) -> HostLimit:
    limit = shared.limit_of("portal:443")
    limit.join(rate, places)
    return limit


def most_within_a_second(moments: list[float]) -> int:
    moments.sort()
    return max(sum(first <= m < first + 1.0 for m in moments) for first in moments)


def test_three_processes_keep_to_one_rate_and_one_number_of_places(redis_url: str) -> None:
    moments: list[float] = []
    at_once: list[int] = []
    under_way = 0

    async def ask(limit: HostLimit) -> None:
        nonlocal under_way
        async with limit.turn():
            moments.append(time.monotonic())
            under_way += 1
            at_once.append(under_way)
            await asyncio.sleep(0.07)
            under_way -= 1

    async def all_of_them(shared: list[SharedLimits]) -> None:
        limits = [joined(s, rate, places) for s, (rate, places) in zip(shared, STRICTNESS, strict=True)]
        await asyncio.gather(*(ask(limit) for limit in limits for _ in range(14)))

    with processes(redis_url, 3) as shared:
        asyncio.run(all_of_them(shared))
    assert len(moments) == 42
    assert most_within_a_second(moments) <= 20, "the strictest rate of the three"
    assert max(at_once) <= 2, "the strictest number of places"
    assert moments[-1] - moments[0] < 6, "together they use what they may"


STRICTNESS = [(20.0, 6), (40.0, 2), (50.0, 6)]


def test_a_wish_to_be_left_in_peace_holds_for_all(redis_url: str) -> None:
    async def one_is_told_and_another_asks(shared: list[SharedLimits]) -> float:
        told, other = (joined(s) for s in shared)
        async with told.turn():
            pass
        told.rest(0.8)
        await asyncio.sleep(0.1)
        started = time.monotonic()
        async with other.turn():
            return time.monotonic() - started

    with processes(redis_url, 2) as shared:
        assert 0.6 < asyncio.run(one_is_told_and_another_asks(shared)) < 2


def test_failures_are_counted_together_and_forgotten_together(redis_url: str) -> None:
    async def go(shared: list[SharedLimits]) -> None:
        one, other = (joined(s) for s in shared)
        for limit in (one, other, one, other):
            async with limit.turn():
                limit.failed(0.05, asked_at=time.monotonic(), patience=10)
            await asyncio.sleep(0.05)
        async with one.turn():
            pass
        assert one.troubled, "four have failed, if only two here"
        other.succeeded()
        await asyncio.sleep(0.1)
        async with one.turn():
            pass
        assert not one.troubled
        assert one.failing_for == 0

    with processes(redis_url, 2) as shared:
        asyncio.run(go(shared))


def test_the_places_of_one_who_has_died_are_free_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.jobs.common_limit._HEARD_WITHIN", 0.5)
    monkeypatch.setattr("pipelines.jobs.common_limit._BEAT", 0.1)

    async def go(shared: list[SharedLimits]) -> float:
        dead, other = (joined(s, places=1) for s in shared)
        async with dead.turn():
            await asyncio.sleep(1.0)
            waiting = asyncio.create_task(enter(other))
            await asyncio.sleep(0.3)
            assert not waiting.done(), "it lives, and says so while it waits for an answer"
            shared[0]._over.set()  # nothing is heard of it any more
            started = time.monotonic()
            await waiting
            return time.monotonic() - started

    async def enter(limit: HostLimit) -> None:
        async with limit.turn():
            pass

    with processes(redis_url, 2) as shared:
        assert asyncio.run(go(shared)) < 2


def test_a_redis_that_is_emptied_forgets_pauses_alone(redis_url: str) -> None:
    async def go(shared: list[SharedLimits]) -> None:
        one, other = (joined(s, places=1) for s in shared)
        async with one.turn():
            with Redis.from_url(redis_url) as client:
                client.flushdb()
            one.succeeded()
            shared[0]._common("portal:443").say()
            waiting = asyncio.create_task(enter(other))
            await asyncio.sleep(0.3)
            assert not waiting.done()
        await waiting

    async def enter(limit: HostLimit) -> None:
        async with limit.turn():
            pass

    with processes(redis_url, 2) as shared:
        asyncio.run(go(shared))


def test_while_redis_is_away_each_keeps_to_its_part(redis_url: str) -> None:
    async def go(shared: list[SharedLimits]) -> float:
        limits = [joined(s, rate=50.0) for s in shared]
        for limit in limits * 2:
            async with limit.turn():
                pass
        for one in shared:
            one._away_until = time.monotonic() + 60
        started = time.monotonic()
        for _ in range(10):
            async with limits[0].turn():
                pass
        return time.monotonic() - started

    with processes(redis_url, 2) as shared:
        assert asyncio.run(go(shared)) > 10 * 2 / 50 * 0.8


def test_redis_away_is_told_once_and_once_when_it_is_back(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with processes(redis_url, 1) as (shared,), caplog.at_level(logging.WARNING, "svod.limits"):
        good, away = shared._script.registered_client, connect("redis://127.0.0.1:1/0")
        shared._script.registered_client = away
        for _ in range(3):
            assert shared.ask("portal:443", 0, [], wants=True) is None
            shared._away_until = 0.0
        shared._script.registered_client = good
        away.close()
        assert shared.ask("portal:443", 0, [], wants=True) is not None
        assert [r.message.partition(" (")[0].partition(":")[0] for r in caplog.records] == [
            "Redis is away",
            "Redis is back",
        ]
