"""Small helps for asking several things at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

from connectors.errors import ConnectorError

T = TypeVar("T")


class Once(Generic[T]):
    """A question that is asked when its answer is first wanted, and then never again, whatever came of it."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._answer: list[T] = []
        self._error: ConnectorError | None = None

    async def get(self) -> T:
        """The answer.

        Raises:
            ConnectorError: as the question did.

        """
        async with self._asking:
            if self._error is not None:
                raise self._error
            if not self._answer:
                try:
                    self._answer.append(await self._ask())
                except ConnectorError as error:
                    self._error = error
                    raise
            return self._answer[0]


async def together(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The answers to several questions, asked at the same time; the first error ends all of them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(q) for q in questions]
    except* ConnectorError as errors:
        failed: BaseException = errors.exceptions[0]
    else:
        return [t.result() for t in tasks]
    raise failed


async def settled(question: Awaitable[T]) -> T | ConnectorError:
    """The answer, or the error where it leaves out no more than what was asked for.

    Raises:
        ConnectorError: it stops the source.

    """
    try:
        return await question
    except ConnectorError as error:
        if error.stops == "source":
            raise
        return error
