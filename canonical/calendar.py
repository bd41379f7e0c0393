"""The school calendar of an institution: reporting periods, vacations, holidays and moved days (config/calendars/).

A calendar speaks of one academic year; of days outside of it, it knows nothing. Levels are grades of a school or courses
of a college; what names none holds for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from canonical.toml_files import checked, read_toml

Levels = frozenset[int]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(_Table):
    """Days from `start` to `end`, both inclusive, for some levels (null: all)."""

    name: str
    start: date
    end: date
    levels: Levels | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.end < self.start:
            raise ValueError(f"{self.name}: its end {self.end} is before its start {self.start}")
        return self

    def holds(self, day: date, level: int | None) -> bool:
        """Whether a day of a level lies in the span. Of a level that is not known only what holds for all is known."""
        return self.start <= day <= self.end and (self.levels is None or level in self.levels)


class CalendarPeriod(Span):
    """A reporting period as the institution's calendar has it."""

    kind: Literal["quarter", "trimester", "half_year", "semester", "module", "year"]
    number: int = Field(ge=1)


class Holiday(_Table):
    """Days on which nobody works."""

    name: str
    days: tuple[date, ...] = Field(min_length=1)


class Moved(_Table):
    """A day off that was moved: `off` is free in place of a school day, `on` is worked in place of a day off."""

    off: date | None = None
    on: date | None = None

    @model_validator(mode="after")
    def _one(self) -> Moved:
        if self.off is None and self.on is None:
            raise ValueError("give off, on, or both")
        return self


class SchoolCalendar(_Table):
    """One file of `config/calendars/`. `week_days` is how many days of a week are school days, from Monday on."""

    title: str
    academic_year: str
    week_days: int = Field(default=6, ge=5, le=7)
    period: tuple[CalendarPeriod, ...] = ()
    vacation: tuple[Span, ...] = ()
    holiday: tuple[Holiday, ...] = ()
    moved: tuple[Moved, ...] = ()

    @classmethod
    def load(cls, path: Path) -> SchoolCalendar:
        """A calendar from its TOML file.

        Raises:
            ConfigError: the file is not a calendar; says file, key and reason.

        """
        return checked(path, cls, read_toml(path))

    @field_validator("academic_year")
    @classmethod
    def _is_year(cls, value: str) -> str:
        first, _, second = value.partition("/")
        if not (first.isdigit() and second.isdigit() and len(first) == 4 and int(second) == int(first) + 1):
            raise ValueError(f"{value!r} is not an academic year; write one like 2026/2027")
        return value

    @model_validator(mode="after")
    def _inside_the_year(self) -> SchoolCalendar:
        for name, day in self._days():
            if not self.knows(day):
                raise ValueError(f"{name}: {day} does not lie in the academic year {self.academic_year}")
        return self

    def _days(self) -> Iterator[tuple[str, date]]:
        for span in (*self.period, *self.vacation):
            yield span.name, span.start
            yield span.name, span.end
        for holiday in self.holiday:
            yield from ((holiday.name, day) for day in holiday.days)
        for moved in self.moved:
            yield from (("moved", day) for day in (moved.off, moved.on) if day)

    def knows(self, day: date) -> bool:
        """Whether the calendar is about the year in which a day lies."""
        first = int(self.academic_year[:4])
        return date(first, 9, 1) <= day <= date(first + 1, 8, 31)

    def is_free(self, day: date, level: int | None = None) -> bool:
        """Whether a day is a holiday, a day moved to be one, or vacation; Sundays by themselves are not meant."""
        if any(day == m.on for m in self.moved):
            return False
        return (
            any(day in h.days for h in self.holiday)
            or any(day == m.off for m in self.moved)
            or any(v.holds(day, level) for v in self.vacation)
        )

    def is_school_day(self, day: date, level: int | None = None) -> bool:
        """Whether lessons are held on a day; of a year that the calendar does not know its weekday alone decides."""
        if any(day == m.on for m in self.moved):
            return True
        return day.isoweekday() <= self.week_days and not self.is_free(day, level)

    def period_kinds(self, level: int | None) -> frozenset[str]:
        """The kinds of reporting periods by which a level is marked, `year` left out; empty if the calendar has none."""
        return frozenset(
            p.kind for p in self.period if p.kind != "year" and (p.levels is None or level in p.levels)
        )  # fmt: skip

    def last_school_day(self, start: date, end: date, level: int | None = None) -> date | None:
        """The last day of a stretch on which lessons are held; null if there is none."""
        day = end
        while day >= start:
            if self.is_school_day(day, level):
                return day
            day -= timedelta(days=1)
        return None
