"""The gradebooks of a group: one per course and term, each with the subjects taught in it (portal facts A5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError

from canonical.batch import Batch
from canonical.entities import Period
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.directory import count_of
from connectors.asurso.values import as_date, by_number, day, id_of
from connectors.asurso.wire import Entry, ScheduleSubject
from connectors.asurso.words import PERIOD_KINDS
from connectors.contract import Window
from connectors.http import Answer
from connectors.wire import Words, as_list, note_drift, read_each, reason


@dataclass(frozen=True, slots=True)
class Taught:
    """One subject of a gradebook. `item` is null where it is broken; the name may be readable all the same."""

    id: str
    name: str | None
    item: ScheduleSubject | None


@dataclass(frozen=True, slots=True)
class Gradebook:
    """One course and term of a group. `term` is its type and number, as the reports' addresses have them."""

    id: str
    term: tuple[str | None, int | None]
    level: int | None
    active: bool
    start: date | None
    end: date | None
    subjects: tuple[Taught, ...]

    def year(self) -> AcademicYear | None:
        """The academic year in which its middle lies; null where it has no dates."""
        return middle_year(self.start, self.end)

    def lies_in(self, window: Window, level: int | None) -> bool:
        """Whether it is of the window's year and touches its days. Without dates the group's own course decides."""
        year = self.year()
        if year is None:
            return self.level is None or level is None or self.level == level
        touches = (not self.start or self.start <= window.until) and (not self.end or self.end >= window.since)
        return year == window.year and touches


def middle_year(start: date | None, end: date | None) -> AcademicYear | None:
    """The academic year in which the middle of a stretch lies: a term may begin in the last days of August."""
    first = start or end
    return AcademicYear.of(first + ((end or first) - first) / 2) if first else None


def gradebooks(answer: Answer, group: str, window: Window, batch: Batch) -> list[Gradebook]:
    """The gradebooks of a group, and the periods of the window's year in the batch (`gradebook/{group}/entries`)."""
    found: list[Gradebook] = []
    whole: dict[str, Entry] = {}
    for item in as_list(answer.json(), where=answer.origin.request):
        entry = next(read_each([item], Entry, batch, entity="periods", key="id", origin=answer.origin), None)
        if isinstance(item, Mapping):
            found.append(_gradebook(id_of(item) or "", item, answer, batch))
        if entry:
            whole[entry.id] = entry
    found.sort(key=lambda g: (g.start or g.end or date.max, by_number(g.id)))
    of_year = [g for g in found if g.year() in {window.year, None}]
    batch.add(
        (_period(whole[g.id], n, group, window.year, batch) for n, g in enumerate(of_year, 1) if g.id in whole),
        answer.origin,
    )
    return [g for g in found if g.id]


def _gradebook(number: str, item: Mapping[str, Any], answer: Answer, batch: Batch) -> Gradebook:
    def text(name: str) -> str | None:
        value = item.get(name)
        return value if isinstance(value, str) else None

    listed = item.get("scheduleSubjects") if number else None
    return Gradebook(
        id=number,
        term=(text("termType"), count_of(item, "termNumber")),
        level=count_of(item, "yearNumber"),
        active=item.get("isActive") is True,
        start=as_date(text("startDate")),
        end=as_date(text("endDate")),
        subjects=_subjects(number, listed if isinstance(listed, list) else [], answer, batch),
    )


def _subjects(gradebook: str, items: Sequence[Any], answer: Answer, batch: Batch) -> tuple[Taught, ...]:
    found: dict[str, Taught] = {}
    for item in items:
        number = id_of(item)
        try:
            made: ScheduleSubject | None = ScheduleSubject.model_validate(item)
        except ValidationError as error:
            made = None
            batch.reject(
                "courses", reason(error), item, key=f"{gradebook}:{number}" if number else None, origin=answer.origin
            )
        if made:
            note_drift(made, batch)
        if number:
            found[number] = Taught(number, _name(item), made)
    return tuple(sorted(found.values(), key=lambda t: by_number(t.id)))


def _name(item: Mapping[str, Any]) -> str | None:
    name = item.get("name")
    return tidy(name) if isinstance(name, str) else None


def _period(entry: Entry, number: int, group: str, year: AcademicYear, batch: Batch) -> Period:
    words = Words(batch, "periods")
    dated = as_date(entry.start_date) or as_date(entry.end_date)
    return Period(
        key=entry.id,
        academic_year=year.name if dated else None,
        kind=words.of("kind", entry.term_type or None, PERIOD_KINDS),
        number=number,
        name=entry.name,
        start=day(entry.start_date),
        end=day(entry.end_date),
        groups=(group,),
        raw=words.raw,
    )
