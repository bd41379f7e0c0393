"""Subjects and reporting periods in two sources."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from canonical.entities import Period, Subject
from canonical.years import AcademicYear
from reconcile.ties import LEFT, RIGHT, Tie, Ties, Views, join_same, join_single
from reconcile.words import abbreviates, fold, subject_code, subject_words

_SAME_NAME_BESIDE_CODE: Final = 80
_LONG_ENOUGH_FOR_A_TYPO: Final = 8
_SAME_KIND: Final[Mapping[str | None, str | None]] = {"semester": "half_year"}


def tie_subjects(ties: Ties, views: Views) -> None:
    """Subjects by name; then by what is safe: a short name, an abbreviation or a curriculum code that fits only one."""
    tie = ties.subjects
    sides = (views[LEFT].subjects, views[RIGHT].subjects)
    join_same(tie, sides, lambda s: subject_words(s.name or "") or None, 1.0, "name")
    join_single(tie, _pairs(tie, views, _same_code), 0.9, "curriculum code")
    join_single(tie, _pairs(tie, views, _same_but_for_code), 0.9, "name without the curriculum code")
    join_single(tie, _pairs(tie, views, _is_short_for), 0.9, "short name")
    join_single(tie, _pairs(tie, views, _is_typo_of), 0.9, "nearly the same name")


def _same_code(one: Subject, other: Subject) -> bool:
    """The same code is not enough: every speciality has its МДК.01.01."""
    (code, name), (other_code, other_name) = subject_code(one.name or ""), subject_code(other.name or "")
    if not code or code != other_code:
        return False
    return not name or not other_name or fuzz.token_sort_ratio(name, other_name) >= _SAME_NAME_BESIDE_CODE


def _same_but_for_code(one: Subject, other: Subject) -> bool:
    (code, name), (other_code, other_name) = subject_code(one.name or ""), subject_code(other.name or "")
    return bool(name) and name == other_name and not (code and other_code)


def _pairs(tie: Tie, views: Views, like: Callable[[Subject, Subject], bool]) -> list[tuple[str, str]]:
    return [
        (a.key, b.key)
        for a in tie.open(LEFT, views[LEFT].subjects.values())
        for b in tie.open(RIGHT, views[RIGHT].subjects.values())
        if like(a, b)
    ]


def _is_short_for(one: Subject, other: Subject) -> bool:
    if not one.name or not other.name:
        return False
    names = (fold(one.name), fold(other.name))
    if fold(other.short_name or "") == names[0] or fold(one.short_name or "") == names[1]:
        return True
    return abbreviates(one.name, other.name) or abbreviates(other.name, one.name)


def _is_typo_of(one: Subject, other: Subject) -> bool:
    a, b = " ".join(subject_words(one.name or "")), " ".join(subject_words(other.name or ""))
    digits = [[c for c in text if c.isdigit()] for text in (a, b)]
    if min(len(a), len(b)) < _LONG_ENOUGH_FOR_A_TYPO or digits[0] != digits[1]:
        return False
    return OSA.distance(a, b, score_cutoff=1) <= 1


def tie_periods(ties: Ties, views: Views) -> None:
    """Periods by kind and dates, then by kind and number; the year itself by its academic year."""
    tie = ties.periods
    sides = (views[LEFT].periods, views[RIGHT].periods)
    join_same(tie, sides, lambda p: year_of(p) if p.kind == "year" else None, 1.0, "the year")
    join_same(tie, sides, _dated, 1.0, "kind and dates")
    join_same(tie, sides, _numbered, 0.9, "kind and number", unique=True)


def year_of(period: Period) -> str | None:
    """The academic year of a period, as said or by its beginning."""
    if period.academic_year or not period.start:
        return period.academic_year
    return AcademicYear.of(date.fromisoformat(period.start)).name


def _dated(period: Period) -> Hashable | None:
    if period.kind in {None, "year"} or not period.start or not period.end:
        return None
    return (_SAME_KIND.get(period.kind, period.kind), period.start, period.end)


def _numbered(period: Period) -> Hashable | None:
    if period.kind in {None, "year"} or period.number is None:
        return None
    return (_SAME_KIND.get(period.kind, period.kind), period.number, year_of(period))
