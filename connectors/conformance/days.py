"""Checks of dates: windows that are asked for, the borders of months and years, and the time of day."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from canonical.entities import ENTITIES, entity_of
from connectors.conformance.bench import A_WEEK, AUTUMN, WINTER, YEAR, Bench, Season, Trial
from connectors.conformance.check import check, some
from connectors.conformance.giving import is_the_truth, untroubled
from connectors.contract import Window

_WINDOWS: Final[tuple[tuple[Season, date, date], ...]] = (
    (AUTUMN, date(2026, 9, 28), date(2026, 9, 28)),
    (AUTUMN, date(2026, 10, 23), date(2026, 11, 2)),
    (WINTER, date(2026, 12, 28), date(2027, 1, 13)),
    (WINTER, date(2027, 2, 26), date(2027, 3, 2)),
)
"""A single day, and over the ends of a month, of a quarter, of the calendar year and of February."""

_DAY = re.compile(r"(?<!\d)(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)\.(\d\d)\.(\d{4}))(?!\d)")


@check("silver", "lessons.date")
def windows(bench: Bench) -> Iterator[str]:
    """Days that are asked for give just their lessons, whole, also over the borders of months and years."""
    for season, since, until in _WINDOWS:
        standin = bench.standin(bench.place(season))
        trial = bench.read(standin, Window(YEAR, since, until, explicit=True))
        yield from (f"{since}..{until}: {line}" for line in _of_window(trial, since, until, bench))


def _of_window(trial: Trial, since: date, until: date, bench: Bench) -> Iterator[str]:
    yield from untroubled(trial)
    if "files" in bench.offers:
        return  # dates do not cut a file
    truth = {r.key: r for r in trial.standin.truth() if entity_of(r) == "lessons"}
    wanted = {k for k, r in truth.items() if since.isoformat() <= _day(r) <= until.isoformat()}
    found = set(trial.got.records.get("lessons", {}))
    yield from some(f"lesson {k} of {_day(truth[k])} is missing" for k in sorted(wanted - found))
    yield from some(f"lesson {k} lies outside" for k in sorted(found - wanted))
    for _, batch in trial.got.batches:
        for scope in batch.scopes:
            inside = scope.start is None or (
                since.isoformat() <= scope.start and (scope.end or "") <= until.isoformat()
            )
            if scope.axis.value in {"lesson_date", "recorded_on", "due_on"} and not inside:
                yield f"covers {scope.entity} from {scope.start} to {scope.end}, which was not asked for"
                return
    yield from some(_asked_outside(trial.visits.asked, since, until))


def _day(record: Any) -> str:
    return str(record.date)


def _asked_outside(asked: list[str], since: date, until: date) -> Iterator[str]:
    for one in asked:
        for found in _DAY.finditer(one):
            year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
            if not since <= date(int(year), int(month), int(day)) <= until:
                yield f"asked for a day outside: {one}"
                break


@check("silver", "lessons.date")
def adjacent_windows(bench: Bench) -> Iterator[str]:
    """Two windows side by side give what the window over both gives: no day twice, none lost."""
    if "files" in bench.offers:
        return
    place = bench.place()

    def keys(trial: Trial) -> set[tuple[str, str]]:
        return {(e, k) for e in ("lessons", "works", "marks") for k in trial.got.records.get(e, {})}

    border = date(2026, 9, 30)
    both = keys(bench.short)
    left = keys(bench.read(bench.standin(place), replace(A_WEEK, until=border)))
    right = keys(bench.read(bench.standin(place), replace(A_WEEK, since=border + timedelta(days=1))))
    if not both:
        yield "the window gives nothing"
    yield from some(f"{e} {k} is in the whole window and in none of its parts" for e, k in sorted(both - left - right))
    yield from some(f"{e} {k} is in a part and not in the whole" for e, k in sorted((left | right) - both))
    yield from some(f"lesson {k} is in both parts" for e, k in sorted(left & right) if e == "lessons")


@check("silver")
def time_of_the_machine(bench: Bench) -> Iterator[str]:
    """The time zone of the machine makes no difference."""
    with _machine_in("Pacific/Auckland"):
        trial = bench.read(window=A_WEEK)
    yield from untroubled(trial)
    if trial.got.records != bench.short.got.records:
        yield "records differ from those read in another time zone"


@check("silver")
def time_zones(bench: Bench) -> Iterator[str]:
    """From Kaliningrad to Kamchatka, shortly before and after midnight, days and instants are the institution's own."""
    now, since, until = AUTUMN
    own = ZoneInfo(bench.product.timezone or "Asia/Kamchatka")
    places = [(own, 0)] if bench.product.timezone else [(own, 0), (ZoneInfo("Europe/Kaliningrad"), 23)]
    for zone, hour in places:
        trial = bench.read(bench.standin(bench.place((now.replace(hour=hour, minute=30), since, until), zone=zone)))
        for line in (*is_the_truth(trial), *some(_offsets(trial))):
            yield f"{zone.key} at {hour}:30: {line}"


def _offsets(trial: Trial) -> Iterator[str]:
    zone = trial.standin.institution.zone
    for entity, records in trial.got.records.items():
        names = [f.name for f in ENTITIES[entity].fields if f.form and f.form.name == "instant"]
        for record in records.values():
            for name in names:
                text = getattr(record, name)
                if text is None:
                    continue
                moment = datetime.fromisoformat(text)
                if moment.utcoffset() != moment.astimezone(zone).utcoffset():
                    yield f"{entity} {record.key}.{name}: {text} has not the offset of the institution"
                if name == "starts_at" and text[:10] != _day(record):
                    yield f"{entity} {record.key}: starts at {text}, on another day than {_day(record)}"


@contextmanager
def _machine_in(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
