"""Looks at the browser captures of a source without taking them in: what they hold, and what is missing in them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from canonical.coverage import Scope, Selector
from connectors.captures import Capture
from connectors.contract import CheckLine, Window
from connectors.errors import ConnectorError, NotCapturedError
from connectors.registry import connect
from pipelines.workplace import SourceJob, Workplace

_MOST: Final = 12
"""Names in one line."""

_ENTITIES: Final = ("lessons", "works", "marks", "attendance", "planned_topics", "period_marks")


async def survey(work: Workplace, job: SourceJob) -> list[CheckLine]:
    """Reads the captures as an import would, and says what came of it.

    Raises:
        ConnectorError: they cannot be read, or hold nothing of the portal.

    """
    product = job.manifest.product(job.config.product)
    capture = await asyncio.to_thread(Capture.of_files, product, job.captures(work.root), job.config.remote_id)
    try:
        lines = [CheckLine(f"capture {file.name}", *_usable(number)) for file, number in capture.usable.items()]
        passed = ", ".join(f"{n} {why}" for why, n in sorted(capture.passed.items()))
        missing, scopes = await _read(work, job, capture)
        lines.append(
            CheckLine("answers", bool(capture.used), f"{len(capture.used)} used; passed over: {passed or 'none'}")
        )
        lines += _covered(scopes)
        some = ", ".join(missing[:_MOST]) + (f" and {len(missing) - _MOST} more" if len(missing) > _MOST else "")
        lines.append(CheckLine("not in the capture", None if missing else True, some or "nothing is missing"))
        return lines
    finally:
        capture.close()


def _usable(number: int) -> tuple[bool | None, str]:
    return (True, f"{number} answers") if number else (None, "no answer of this portal")


async def _read(work: Workplace, job: SourceJob, capture: Capture) -> tuple[list[str], list[Scope]]:
    """What is missing, and what is covered."""
    context = work.context(job, capture=capture, clock=lambda: capture.newest)
    missing: list[str] = []
    scopes: list[Scope] = []
    connector = connect(context)
    try:
        for year in capture.years(context.today()):
            async for unit in connector.read(Window(year, year.start, year.end)):
                try:
                    reading = await unit.read()
                except NotCapturedError:
                    missing.append(unit.name)
                except ConnectorError as error:
                    if error.stops == "source":
                        raise
                    missing.append(f"{unit.name} ({error})")
                else:
                    batch = await asyncio.to_thread(reading.make)
                    capture.limit(reading.answers, batch)
                    scopes += batch.scopes
    finally:
        await connector.close()
    return missing, scopes


def _covered(scopes: Sequence[Scope]) -> Iterator[CheckLine]:
    """Which days of which groups are held completely, entity by entity."""
    for entity in _ENTITIES:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in scopes:
            if one.entity == entity:
                whose = "everybody" if one.selector is Selector.INSTITUTION else f"{one.selector} {one.selector_key}"
                found[one.start or "", one.end or ""].add(whose)
        if found:
            yield CheckLine(entity, True, "; ".join(_spans(found)))


def _spans(found: Mapping[tuple[str, str], set[str]]) -> Iterator[str]:
    for (start, end), whose in sorted(found.items()):
        names = sorted(whose)
        some = ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
        yield f"{start}…{end}: {some}" if start else some
