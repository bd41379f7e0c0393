"""The terms of the school year, which classes have which, and the year itself (portal facts B3, B5). Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from canonical.batch import Batch
from canonical.coverage import Axis, Scope
from canonical.entities import Period
from canonical.years import AcademicYear, Stretch
from connectors.asurso.school import wire
from connectors.asurso.school.lists import Lists, items_of
from connectors.asurso.values import as_date, by_number, day, id_of
from connectors.contract import Window
from connectors.http import Answer
from connectors.wire import read_each
from connectors.words import period_kind

_HALF_YEARS_FROM = 10
"""The grade from which schools go by half-years, where the portal does not say it class by class."""

_PLAIN_DAYS = 56
"""The length of a piece of the year where there are no terms."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term. `number` is the one in its name, else its place within its kind; `classes` are those that have it.

    Where its record is broken it may have no dates; what belongs to it waits for it.
    """

    key: str
    kind: str | None
    number: int
    start: date | None
    end: date | None
    classes: frozenset[str]

    def touches(self, since: date, until: date) -> bool:
        """Whether it has any of some days."""
        return self.start is not None and self.end is not None and self.start <= until and self.end >= since


class Terms:
    """The terms of a year."""

    def __init__(self, lists: Lists, year: AcademicYear) -> None:
        self._lists = lists
        self._year = year
        self.own_year: str | None = None
        self._items = [i for i in items_of(lists.terms) if self._is_of_year(i)]
        self.all: list[Term] = list(self._terms())

    @property
    def year_key(self) -> str:
        """The period that year, exam and final marks refer to."""
        return self.own_year or f"{self._lists.year_id}:year"

    def _is_of_year(self, item: object) -> bool:
        if not isinstance(item, dict):
            return True
        said = item.get("schoolYearId")
        if isinstance(said, (str, int)) and self._lists.year_id:
            return str(said) == self._lists.year_id
        start, end = as_date(item.get("startDate")), as_date(item.get("endDate"))
        if not start or not end:
            return True
        return AcademicYear.of(start + (end - start) / 2) == self._year

    def _terms(self) -> Iterator[Term]:
        found: list[tuple[str, str | None, date | None, date | None, str]] = []
        for item in self._items:
            number = id_of(item)
            name = (
                next((n for n in (item.get("termName"), item.get("name")) if isinstance(n, str)), "") if number else ""
            )
            kind = period_kind(name)
            if number and kind == "year":
                self.own_year = self.own_year or number
            elif number:
                found.append((number, kind, as_date(item.get("startDate")), as_date(item.get("endDate")), name))
        counted: dict[str | None, int] = defaultdict(int)
        several = len({kind for _, kind, *_ in found}) > 1
        for key, kind, start, end, name in sorted(found, key=lambda f: (f[2] or date.max, by_number(f[0]))):
            counted[kind] += 1
            said = re.search(r"(?<!\d)[1-9](?!\d)", name)
            place = int(said[0]) if said else counted[kind]
            yield Term(key, kind, place, start, end, self._classes(key, kind, several=several))

    def _classes(self, term: str, kind: str | None, *, several: bool) -> frozenset[str]:
        """The classes that have a term: as each says itself, else all, or those whose grade goes by its kind."""
        lists, having = self._lists, set()
        for number in lists.class_ids:
            said = lists.terms_of.get(number)
            if isinstance(said, Answer) and items_of(said):
                if term in {id_of(i) for i in items_of(said)}:
                    having.add(number)
            elif not several or self._goes_by(number, kind):
                having.add(number)
        return frozenset(having)

    def _goes_by(self, number: str, kind: str | None) -> bool:
        level = self._lists.levels.get(number)
        return level is None or (level >= _HALF_YEARS_FROM) == (kind in {"half_year", "semester"})

    def batch(self) -> Batch:
        """The periods; the year is added where the portal has none."""
        batch, lists, name = Batch(), self._lists, self._year.name
        if isinstance(lists.terms, Answer):
            origin = lists.terms.origin
            dated = {t.key: t for t in self.all}
            read = read_each(self._items, wire.Term, batch, entity="periods", key="id", origin=origin)
            batch.add((self._period(one, dated.get(one.id)) for one in read), origin)
            batch.covers(Scope("periods", axis=Axis.ACADEMIC_YEAR, start=name, end=name))
        if self.own_year is None:
            said = lists.year
            for one in read_each([said.json()], wire.SchoolYear, batch, entity="periods", key="id", origin=said.origin):
                added = Period(
                    key=self.year_key,
                    academic_year=name,
                    kind="year",
                    number=1,
                    name=one.name,
                    start=day(one.start_date),
                    end=day(one.end_date),
                )
                batch.add([added], said.origin)
        return batch

    def _period(self, one: wire.Term, dated: Term | None) -> Period:
        kind = period_kind(one.name)
        everywhere = dated is None or dated.classes >= set(self._lists.class_ids)
        return Period(
            key=one.id,
            academic_year=self._year.name,
            kind=kind,
            number=dated.number if dated else 1 if kind == "year" else None,
            name=one.name,
            start=day(one.start_date),
            end=day(one.end_date),
            groups=None if everywhere or dated is None else tuple(sorted(dated.classes, key=by_number)),
            raw=None if kind else {"kind": one.name},
        )

    # -- looking up ------------------------------------------------------------------------------------------------------

    def of_class(self, number: str) -> list[Term]:
        """The terms of a class in the order of time."""
        return [t for t in self.all if number in t.classes]

    def at(self, number: str, since: date, until: date) -> list[Term]:
        """The terms of a class that touch some days."""
        return [t for t in self.of_class(number) if t.touches(since, until)]

    def numbered(self, number: str, kind: str | None, n: int | None) -> Term | None:
        """The n-th term of a class; of a kind, where the class has several."""
        own = [t for t in self.of_class(number) if t.number == n]
        exact = [t for t in own if t.kind == kind]
        return next(iter(exact or (own if kind is None else [])), None)

    def pieces(self, window: Window) -> Iterator[Stretch]:
        """The window in pieces that end with the terms of the schedule that has most of them; together the whole year."""
        by_kind: dict[str | None, list[Term]] = defaultdict(list)
        for term in self.all:
            by_kind[term.kind].append(term)
        chosen = max(by_kind.values(), key=len, default=[])
        ends = _ends(chosen, window.year)
        if not ends:
            yield from window.pieces(_PLAIN_DAYS)
            return
        start = window.year.start
        for end in ends:
            if start <= window.until and end >= window.since:
                left, right = start, end
                if window.explicit:
                    left, right = max(start, window.since), min(end, window.until)
                yield Stretch(left, right, whole=(left, right) == (start, end))
            start = end + timedelta(days=1)


def _ends(terms: Iterable[Term], year: AcademicYear) -> list[date]:
    """The last days of pieces; the last of them ends with the year."""
    inside = sorted({t.end for t in terms if t.end and year.start <= t.end < year.end})
    return [*inside[:-1], year.end] if inside else []
