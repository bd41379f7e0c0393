"""Academic years and stretches of days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True, slots=True, order=True)
class AcademicYear:
    """The year from 1 September of `first` to 31 August of the next."""

    first: int

    @classmethod
    def of(cls, day: date) -> AcademicYear:
        """The academic year in which a day lies."""
        return cls(day.year if day.month >= 9 else day.year - 1)

    @property
    def name(self) -> str:
        """`2026/2027`"""
        return f"{self.first}/{self.first + 1}"

    @property
    def start(self) -> date:
        return date(self.first, 9, 1)

    @property
    def end(self) -> date:
        return date(self.first + 1, 8, 31)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days from `start` to `end`, both inclusive. `whole` is false where dates that were asked for have cut it.

    `name` is the day on which it begins when nothing cuts it: the same in every import.
    """

    start: date
    end: date
    whole: bool = True
    name: str = field(default="", compare=False)

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


def grid(year: AcademicYear, days: int, since: date, until: date, *, cut: bool) -> Iterator[Stretch]:
    """The pieces of a fixed division of the year, `days` long each, that touch `since`..`until`.

    The division depends on nothing but the year, so the same request is asked in every import and its answer can be
    compared with the last one. With `cut` the outer pieces end at the given dates; without, they are read whole.
    """
    start = year.start
    while start <= year.end:
        end = min(start + timedelta(days=days - 1), year.end)
        if start <= until and end >= since:
            left, right = (max(start, since), min(end, until)) if cut else (start, end)
            yield Stretch(left, right, (left, right) == (start, end), start.isoformat())
        start = end + timedelta(days=1)
