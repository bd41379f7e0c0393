"""Several asks at once: what of their errors is told, and that none of them goes on afterwards."""

from __future__ import annotations

import asyncio

import pytest

from connectors.asking import attempt, together
from connectors.errors import AccessDeniedError, SignInNeededError


def test_all_have_ended_before_an_error_is_told_and_the_gravest_is() -> None:
    ended: list[str] = []

    async def ask(name: str, seconds: float, error: Exception | None = None) -> str:
        await asyncio.sleep(seconds)
        ended.append(name)
        if error:
            raise error
        return name

    async def go(*errors: Exception) -> list[str]:
        asks = [ask(f"{n}", 0.001 * n, error) for n, error in enumerate(errors)]
        return await together([*asks, ask("late", 0.02)])

    denied, signed_out, fault = AccessDeniedError("no"), SignInNeededError("again"), KeyError("x")
    for errors, told in (
        ([denied], AccessDeniedError),
        ([denied, signed_out], SignInNeededError),
        ([denied, signed_out, fault], KeyError),
    ):
        ended.clear()
        with pytest.raises(told):
            asyncio.run(go(*errors))
        assert ended[-1] == "late"
    assert asyncio.run(go()) == ["late"]


def test_an_error_that_an_ask_gives_is_what_it_gives() -> None:
    async def denied() -> None:
        raise AccessDeniedError("no")

    async def go() -> list[object]:
        return await together([attempt(denied())])

    (given,) = asyncio.run(go())
    assert isinstance(given, AccessDeniedError)
