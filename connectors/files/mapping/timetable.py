"""On which days the lessons of a timetable lie: a date, a weekday of one week, or a weekday of a whole term."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from canonical.calendar import SchoolCalendar
from connectors.files.layouts.model import Table
from connectors.files.layouts.values import Fault, Values
from connectors.files.mapping.around import LackingError, need
from connectors.files.reading.sheets import Place

_WEEK = 7

_NO_DAYS = (
    "a day of the week alone is no date: the headings must name the week, the first and last day, or a period of the "
    "institution's calendar"
)
_NO_CALENDAR = (
    "a weekday of more than one week is spread over its days only where the days off are known: name the institution's "
    "calendar (calendar = …), or list them in the layout's table (off = […])"
)


def days_of(
    values: Values, table: Table, place: Place, calendar: SchoolCalendar | None, level: int | None
) -> list[date]:
    """The days of a lesson, in order. `level` is that of its group.

    Raises:
        LackingError: they cannot be told.

    """
    if "date" in values.said or "date" in values.faults:
        return [need(values, "date")]
    weekday: int = need(values, "weekday", "date", place=place)
    said = values.said
    span = said.get("dates") or _span_of(said.get("period"), calendar, level)
    start: date | None = said.get("week") or (span[0] if span and (span[1] - span[0]).days < _WEEK else None)
    if start is not None:
        return [start + timedelta(days=weekday - 1 - start.weekday())]
    if span is None:
        names = () if "period" in said else ("week", "dates", "period")
        broken = next((values.faults[n] for n in names if n in values.faults), None)
        raise LackingError(broken or Fault(_NO_DAYS, "", place))
    knows = calendar is not None and all(calendar.knows(day) for day in span)
    if not knows and table.off is None:
        raise LackingError(Fault(_NO_CALENDAR, "", place))
    weeks = _weeks(said.get("parity"), place)
    off = set(table.days_off)
    return [
        day
        for number, day in _weekdays(span[0], span[1], weekday)
        if number % 2 in weeks
        and day not in off
        and (calendar is None or not knows or calendar.is_school_day(day, level))
    ]


def _span_of(period: Any, calendar: SchoolCalendar | None, level: int | None) -> tuple[date, date] | None:
    """The days of a reporting period that the headings name, as the calendar has them."""
    if period is None or calendar is None:
        return None
    for one in calendar.period:
        if (one.kind, one.number) == (period.kind, period.number) and (one.levels is None or level in one.levels):
            return one.start, one.end
    return None


def _weeks(parity: str | None, place: Place) -> tuple[int, ...]:
    """The remainders by two of the weeks that are meant."""
    if parity is None:
        return (0, 1)
    if parity not in {"odd", "even"}:
        raise LackingError(Fault("neither odd nor even weeks", parity, place))
    return (1,) if parity == "odd" else (0,)


def _weekdays(first: date, last: date, weekday: int) -> Iterator[tuple[int, date]]:
    """The days of a weekday in a stretch, each with the number of its week: that of the first day is 1."""
    monday = first - timedelta(days=first.weekday())
    day, number = monday + timedelta(days=weekday - 1), 1
    while day <= last:
        if day >= first:
            yield number, day
        day, number = day + timedelta(days=_WEEK), number + 1
