"""How far work has come: bars on a terminal; elsewhere an import says so in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from canonical.store.runs import Run
from svod.cli.frame import Frame
from svod.cli.logs import telling

log = logging.getLogger("svod.import")

EVERY_SECONDS: Final = 60.0
"""How often the log says how far a source is."""


def expected_units(runs: Sequence[Run], asked: Mapping[str, Any]) -> dict[str, int]:
    """How many units each source gave in the last import that was asked for the same; `runs` are the newest first."""
    found: dict[str, int] = {}
    for run in runs:
        if run.job == "import" and all(run.detail.get(name) == value for name, value in asked.items()):
            for source in (run.result or {}).get("sources", ()):
                if source.get("units"):
                    found.setdefault(source["source"], source["units"])
    return found


@contextmanager
def by_source(frame: Frame, expected: Mapping[str, int | None]) -> Iterator[Callable[[str, str], None] | None]:
    """A bar for each source: what it is at, how many units, and where it is known how many to expect, how long it will take.

    Off a terminal log lines: when a source begins and ends, and in between how many units, once a minute.
    """
    if frame.quiet:
        yield None
        return
    if not frame.errors.is_terminal:
        with telling(log):
            yield _in_log(expected)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[count]} units"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=frame.errors, transient=True) as bar:
        tasks = {key: bar.add_task(key, total=total, count="0") for key, total in expected.items()}
        done = dict.fromkeys(expected, 0)

        def told(key: str, unit: str) -> None:
            done[key] += 1
            total = expected[key]
            if total is not None and total < done[key]:
                total = None  # it gives more than the last time: nobody knows how many
            count = f"{done[key]}/{total}" if total else str(done[key])
            bar.update(tasks[key], completed=done[key], total=total, description=f"{key}: {unit}", count=count)

        yield told


def _in_log(expected: Mapping[str, int | None]) -> Callable[[str, str], None]:
    done = dict.fromkeys(expected, 0)
    said_at = dict.fromkeys(expected, time.monotonic())

    def told(key: str, _unit: str) -> None:
        done[key] += 1
        if (now := time.monotonic()) - said_at[key] >= EVERY_SECONDS:
            said_at[key] = now
            of = f" of about {total}" if (total := expected[key]) and total >= done[key] else ""
            log.info("source %s: %d%s units read", key, done[key], of, extra={"source": key, "units": done[key]})

    return told


@contextmanager
def by_step(frame: Frame) -> Iterator[Callable[[str, int, int | None], None]]:
    """One bar: what is being done, how much has been, and of how much."""
    if frame.quiet or not frame.errors.is_terminal:
        yield lambda *_: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=frame.errors, transient=True) as bar:
        task = bar.add_task("", total=None, count="")

        def told(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total, count=str(done or ""))

        yield told
