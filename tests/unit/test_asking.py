"""Several asks at once: what of their errors is told, and that none of them goes on afterwards."""

from __future__ import annotations

import asyncio
import gc
import warnings
from pathlib import Path

import pytest

from canonical.batch import Origin
from connectors.archive import FolderArchive, body_of
from connectors.asking import attempt, together, unless_denied
from connectors.errors import AccessDeniedError, DamagedAnswerError, SignInNeededError


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


def test_an_answer_that_the_archive_has_lost_is_no_refusal(tmp_path: Path) -> None:
    """A replay would write a portal's no over good rows."""
    archive = FolderArchive(tmp_path)
    origin = Origin("GET /x?person=1", archive.put(b"[1]"), 3, "2026-11-20T10:00:00+00:00")
    archive.discard(origin.sha256)

    async def ask() -> bytes:
        return body_of(archive, origin)

    with pytest.raises(DamagedAnswerError, match=r"^GET /x: its answer \w+ is no longer in the raw archive"):
        asyncio.run(unless_denied(ask()))


def test_what_is_stopped_before_it_began_leaves_no_warning() -> None:
    began: list[int] = []

    async def answer(n: int) -> int:
        began.append(n)
        return n

    async def go() -> None:
        asking = asyncio.create_task(together(attempt(unless_denied(answer(n))) for n in range(3)))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(go())
        gc.collect()
    assert not began
    assert not [str(w.message) for w in told]
