"""How a host's limit has its exchanges done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connectors.limits import HostLimit, News, Word


def limited(places: int) -> HostLimit:
    limit = HostLimit()
    limit.join(float("inf"), places)
    return limit


async def answered(what: Any, log: list[Any] | None = None) -> Any:
    if log is not None:
        log.append(what)
    await asyncio.sleep(0)
    return what


def answering(what: Any, log: list[Any] | None = None) -> Callable[[], Awaitable[Any]]:
    return lambda: answered(what, log)


class TestLanes:
    def test_they_begin_in_the_order_in_which_they_were_wanted(self) -> None:
        began: list[int] = []

        async def go() -> list[int]:
            limit = limited(3)
            return list(await asyncio.gather(*(limit.run(answering(n, began)) for n in range(20))))

        assert asyncio.run(go()) == began == list(range(20))

    def test_no_more_at_once_than_there_are_places(self) -> None:
        now: set[int] = set()
        most: list[int] = []

        async def ask(n: int) -> None:
            now.add(n)
            most.append(len(now))
            await asyncio.sleep(0.001)
            now.discard(n)

        async def go() -> None:
            limit = limited(4)
            await asyncio.gather(*(limit.run(lambda n=n: ask(n)) for n in range(40)))  # type: ignore[misc]

        asyncio.run(go())
        assert max(most) == 4

    def test_one_that_is_cancelled_frees_its_place_and_those_who_wait_are_served(self) -> None:
        stopped: list[bool] = []

        async def for_ever() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                stopped.append(True)

        async def go() -> Any:
            limit = limited(1)
            first = asyncio.create_task(limit.run(for_ever))
            given_up = asyncio.create_task(limit.run(answering("never")))
            waiting = asyncio.create_task(limit.run(answering("served")))
            await asyncio.sleep(0.01)
            given_up.cancel()
            first.cancel()
            return await asyncio.wait_for(waiting, 5)

        assert asyncio.run(go()) == "served"
        assert stopped == [True]

    def test_one_that_is_cancelled_too_late_is_not_mistaken_for_the_next(self) -> None:
        """The lane is at the next exchange already when it hears of it."""

        async def go() -> Any:
            limit = limited(1)

            async def last_moment() -> str:
                first.cancel()
                return "first"

            first = asyncio.create_task(limit.run(last_moment))
            second = asyncio.create_task(limit.run(lambda: asyncio.sleep(0.01, "second")))
            return await second, first.cancelled()

        assert asyncio.run(go()) == ("second", True)

    def test_who_holds_a_place_frees_it_at_the_end_and_when_it_is_cancelled(self) -> None:
        got: list[str] = []

        async def go() -> None:
            limit = limited(1)

            async def hold(seconds: float, name: str) -> None:
                async with limit.turn():
                    await asyncio.sleep(seconds)
                    got.append(name)

            first = asyncio.create_task(hold(0.01, "first"))
            waits_in_vain = asyncio.create_task(hold(0, "given up before its turn"))
            stopped = asyncio.create_task(hold(60, "given up in its turn"))
            await asyncio.sleep(0)
            waits_in_vain.cancel()
            asyncio.get_running_loop().call_later(0.05, stopped.cancel)
            await asyncio.gather(first, waits_in_vain, stopped, return_exceptions=True)
            got.append(await asyncio.wait_for(limit.run(answering("last")), 5))

        asyncio.run(go())
        assert got == ["first", "last"]

    @pytest.mark.parametrize("ticks", range(8))
    def test_a_place_is_no_leave_while_the_host_is_left_in_peace(self, ticks: int) -> None:
        async def go() -> float:
            limit = limited(2)

            async def is_told() -> None:
                for _ in range(ticks):
                    await asyncio.sleep(0)
                limit.rest(0.05)

            async def hold() -> float:
                async with limit.turn():
                    return limit.opens_in

            _, left = await asyncio.gather(limit.run(is_told), hold())
            return left

        assert asyncio.run(go()) == 0

    def test_leave_that_came_too_late_is_given_back(self) -> None:
        """The host is closed while those who share its limit are asked."""
        given_back: list[float] = []

        class Slow:
            async def want(self) -> Word:
                await asyncio.sleep(0.02)
                return Word(0.0, 0, 0.0, 0.0, 1)

            def done(self) -> None:
                given_back.append(limit.opens_in)

            def tell(self, news: News, seconds: float) -> None:
                """Nobody listens."""

        async def go() -> float:
            limit.join(float("inf"), 1)
            asyncio.get_running_loop().call_later(0.01, limit.rest, 0.1)

            async def ask() -> float:
                return limit.opens_in

            return await limit.run(ask)

        limit = HostLimit(Slow())
        assert asyncio.run(go()) == 0
        assert given_back[0] > 0
        assert len(given_back) == 2

    def test_a_failure_is_the_asker_s_alone(self) -> None:
        async def fail() -> None:
            raise KeyError("own")

        async def go() -> list[Any]:
            limit = limited(1)
            asked = [limit.run(fail), limit.run(answering("fine")), limit.run(fail)]
            return list(await asyncio.gather(*asked, return_exceptions=True))

        first, second, third = asyncio.run(go())
        assert isinstance(first, KeyError)
        assert second == "fine"
        assert isinstance(third, KeyError)

    def test_a_time_limit_around_it_holds(self) -> None:
        async def go() -> Any:
            limit = limited(1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await limit.run(lambda: asyncio.sleep(60))
            return await asyncio.wait_for(limit.run(answering("next")), 5)

        assert asyncio.run(go()) == "next"

    def test_nothing_is_left_of_them_when_nothing_is_wanted(self) -> None:
        async def go() -> set[Any]:
            limit = limited(5)
            await asyncio.gather(*(limit.run(answering(n)) for n in range(20)))
            await asyncio.sleep(0)
            return asyncio.all_tasks() - {asyncio.current_task()}

        assert asyncio.run(go()) == set()
