"""The stretches of time that reports speak of: a reporting period of a group, a study year, a month (USO 5.1, KRU 8.1)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from canonical.entities import Period
from canonical.text import sort_key
from canonical.years import AcademicYear

YEAR: Final = "год"
_KINDS: Final = {
    "quarter": "четверть",
    "trimester": "триместр",
    "half_year": "полугодие",
    "semester": "семестр",
    "module": "модуль",
}
_MONTHS: Final = (
    "январь", "февраль", "март", "апрель", "май", "июнь",
    "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
)  # fmt: skip
_ROMAN: Final = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `start` to `end`, both inclusive, and the periods (keys) whose marks are given for it."""

    name: str
    kind: Literal["period", "year", "month"]
    start: date
    end: date
    periods: frozenset[str] = frozenset()

    def is_over(self, today: date) -> bool:
        return today > self.end

    def last_day(self, today: date) -> date:
        """The day whose roster counts: the last one, or today while it runs."""
        return min(self.end, today)

    def holds(self, day: str) -> bool:
        """Whether a day (`YYYY-MM-DD`) lies in it."""
        return self.start.isoformat() <= day <= self.end.isoformat()


def period_name(period: Period) -> str:
    """What a reporting period is called; one without a name by its kind and number."""
    if period.kind == "year":
        return YEAR
    if period.name:
        return period.name
    word = _KINDS.get(period.kind or "", "период")
    return f"{period.number} {word}" if period.number is not None else word


def in_order(periods: Iterable[Period]) -> list[Period]:
    """Periods in the order of time; of those without dates by number."""
    return sorted(periods, key=lambda p: (p.start or "", p.end or "", p.number or 0, sort_key(p.name), p.key))


def of_period(period: Period, alike: Iterable[Period]) -> Span | None:
    """The span of a period with dates; `alike` are periods that are the same one in other groups' schedules."""
    if period.start is None or period.end is None:
        return None
    keys = frozenset({period.key} | {p.key for p in alike if _same(p, period)})
    return Span(period_name(period), "period", date.fromisoformat(period.start), date.fromisoformat(period.end), keys)


def of_year(year: AcademicYear, yearly: Iterable[Period], parts: Iterable[Period]) -> Span:
    """The study year: as the source's period of kind `year` says, else from the first to the last of its `parts`."""
    known = in_order(yearly)
    dated = [p for p in known if p.start and p.end] or [p for p in parts if p.start and p.end]
    start = min((p.start for p in dated if p.start), default=year.start.isoformat())
    end = max((p.end for p in dated if p.end), default=year.end.isoformat())
    keys = frozenset(p.key for p in known)
    return Span(YEAR, "year", date.fromisoformat(start), date.fromisoformat(end), keys)


def of_month(first: date) -> Span:
    """A calendar month, given by its first day."""
    last = first.replace(day=monthrange(first.year, first.month)[1])
    return Span(f"{_MONTHS[first.month - 1]} {first.year}", "month", first, last)


def current(spans: list[Span], today: date, marked: frozenset[str]) -> Span | None:
    """The span of a day: the one that holds it, else the last that has begun, else the first.

    Where schedules overlap (quarters beside half-years) the one in which the group has period marks (`marked`, keys of
    periods), else the shortest.
    """
    holding = [s for s in spans if s.start <= today <= s.end]
    if holding:
        return min(holding, key=lambda s: (not s.periods & marked, s.end - s.start, s.name))
    begun = [s for s in spans if s.end < today]
    if begun:
        return max(begun, key=lambda s: (s.end, bool(s.periods & marked), s.start, s.name))
    return min(spans, key=lambda s: (s.start, s.name), default=None)


def is_year(asked: str) -> bool:
    """Whether a person means the study year."""
    return _plain(asked) in {"год", "учебныйгод", "загод", "year"}


def is_meant(asked: str, period: Period) -> bool:
    """Whether a person means this period: by its key, its name, or its kind and number (`1 четверть`, `I семестр`)."""
    if asked.strip() == period.key:
        return True
    called = {_plain(period_name(period))}
    if period.kind in _KINDS and period.number is not None:
        called.add(_plain(f"{period.number} {_KINDS[period.kind]}"))
    return _plain(asked) in called


def _plain(text: str) -> str:
    words = re.findall(r"\w+", text.casefold().replace("ё", "е"))
    return "".join(_ROMAN.get(w, w) for w in words if w not in {"я", "й", "е", "ая", "ое"})


def _same(left: Period, right: Period) -> bool:
    return (left.academic_year, left.kind, left.number, left.start, left.end) == (
        right.academic_year,
        right.kind,
        right.number,
        right.start,
        right.end,
    )
