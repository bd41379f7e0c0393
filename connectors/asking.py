"""Asking a portal for several things, some of which it may refuse."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Generic, TypeVar

from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError

T = TypeVar("T")

REFUSALS: Final = (AccessDeniedError, NotFoundError)
"""The portal does not let the account have it, or has no such thing: for good. After any other error it may be there."""


async def together(asks: Iterable[Awaitable[T]]) -> list[T]:
    """What several asks give, asked at once.

    Waits for all of them before it raises the error of one, first what the source cannot go on after: an ask that is given
    up midway may be renewing the sign-in, and a new token that is lost on the way cannot be had again.
    """
    asks = list(asks)
    try:
        settled = await asyncio.gather(*(_settled(ask) for ask in asks))
    except asyncio.CancelledError:
        for ask in asks:
            _let_go(ask)
        raise
    if errors := [error for _, error in settled if error is not None]:
        raise min(errors, key=_weight)
    return [value for values, _ in settled for value in values]


async def _settled(ask: Awaitable[T]) -> tuple[tuple[T, ...], Exception | None]:
    """What an ask gives, which may be an error that it has caught itself; or the error that it ends with."""
    try:
        return (await ask,), None
    except Exception as error:  # noqa: BLE001 - raised again when all have ended
        return (), error


def _let_go(ask: object) -> None:
    """Closes a coroutine that was stopped before it began, and those that it was given: Python warns of each that nobody awaits."""
    if inspect.iscoroutine(ask) and inspect.getcoroutinestate(ask) == inspect.CORO_CREATED:
        given = list(inspect.getcoroutinelocals(ask).values())
        ask.close()
        for one in given:
            _let_go(one)


def _weight(error: Exception) -> int:
    """The less, the more it ends: 0 for a fault of our own, 1 for what ends the source, 2 for what leaves out a part."""
    if not isinstance(error, ConnectorError):
        return 0
    return 1 if error.stops == "source" else 2


async def attempt(ask: Awaitable[T]) -> T | ConnectorError:
    """What an ask gives, or the error that leaves out no more than what was asked for.

    Raises:
        ConnectorError: the source cannot go on.

    """
    try:
        return await ask
    except ConnectorError as error:
        if error.stops == "source":
            raise
        return error


async def unless_denied(ask: Awaitable[T]) -> T | None:
    """What an ask gives; null where the portal refuses it, which it may."""
    try:
        return await ask
    except REFUSALS:
        return None


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
