"""The journal of one source in memory, tied together: what rules, reports and comparisons look at.

One institution's year is some tens of thousands of records, so it is read whole and walked, not queried piece by piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TypeVar, cast

from sqlalchemy import Connection, select

from canonical.coverage import Axis, Selector
from canonical.entities import (
    NAMES,
    Attendance,
    Attestation,
    Course,
    Enrolment,
    Group,
    Lesson,
    Mark,
    Period,
    PeriodMark,
    Person,
    PlannedTopic,
    Record,
    Subject,
    Work,
)
from canonical.store.intake import micros
from canonical.store.journal import SourceRow, batch_at, records
from canonical.tables import COVERAGE

R = TypeVar("R", bound=Record)

_LEFT = frozenset({"expelled", "transferred", "academic_leave", "graduated"})
"""Statuses of those who are not there."""


@dataclass(frozen=True, slots=True)
class Covered:
    """One scope that was read completely, and when. Bounds are null where the scope has none."""

    entity: str
    selector: Selector
    selector_key: str | None
    axis: Axis
    start: str | None
    end: str | None
    at: datetime


class JournalView:
    """The records of one source by key, with the ways between them.

    `read` gives the records of an entity; they are read when they are first asked for.
    """

    def __init__(
        self, source: SourceRow, read: Callable[[str], Iterable[Record]], coverage: Iterable[Covered] = ()
    ) -> None:
        self.source = source
        self._read = read
        self.coverage = Coverage(coverage)

    def _by_key(self, kind: type[R]) -> dict[str, R]:
        return {r.key: cast("R", r) for r in self._read(NAMES[kind])}

    # -- the records ---------------------------------------------------------------------------------------------

    @cached_property
    def people(self) -> dict[str, Person]:
        return self._by_key(Person)

    @cached_property
    def groups(self) -> dict[str, Group]:
        return self._by_key(Group)

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        return self._by_key(Subject)

    @cached_property
    def periods(self) -> dict[str, Period]:
        return self._by_key(Period)

    @cached_property
    def enrolments(self) -> dict[str, Enrolment]:
        return self._by_key(Enrolment)

    @cached_property
    def courses(self) -> dict[str, Course]:
        return self._by_key(Course)

    @cached_property
    def planned_topics(self) -> dict[str, PlannedTopic]:
        return self._by_key(PlannedTopic)

    @cached_property
    def lessons(self) -> dict[str, Lesson]:
        return self._by_key(Lesson)

    @cached_property
    def works(self) -> dict[str, Work]:
        return self._by_key(Work)

    @cached_property
    def marks(self) -> dict[str, Mark]:
        return self._by_key(Mark)

    @cached_property
    def attendance(self) -> dict[str, Attendance]:
        return self._by_key(Attendance)

    @cached_property
    def period_marks(self) -> dict[str, PeriodMark]:
        return self._by_key(PeriodMark)

    @cached_property
    def attestations(self) -> dict[str, Attestation]:
        return self._by_key(Attestation)

    def can_say(self, entity: str, field: str = "key") -> bool:
        """Whether the source has such a thing to say: then a field that is empty says that there is none."""
        if not self.source.can_say(entity, field):
            return False
        if field == "key" or not self.source.says_what_comes:
            return True
        records: dict[str, Record] = getattr(self, entity)
        return not records or any(getattr(record, field) is not None for record in records.values())

    # -- the ways between them -----------------------------------------------------------------------------------

    @cached_property
    def courses_of_group(self) -> dict[str, list[Course]]:
        return _index(self.courses.values(), lambda c: c.group)

    @cached_property
    def parts_of_group(self) -> dict[str, list[Group]]:
        """Subgroups by the key of their class."""
        return _index(self.groups.values(), lambda g: g.parent)

    @cached_property
    def lessons_of_course(self) -> dict[str, list[Lesson]]:
        """Lessons by course, in the order of time."""
        index = _index(self.lessons.values(), lambda x: x.course)
        for lessons in index.values():
            lessons.sort(key=lambda x: (x.date, x.number or 0, x.starts_at or "", x.key))
        return index

    @cached_property
    def lessons_of_day(self) -> dict[tuple[str, str], list[Lesson]]:
        """Lessons of a class with those of its parts, by the key of the class and the day; a metagroup is its own."""
        index: dict[tuple[str, str], list[Lesson]] = defaultdict(list)
        for course in self.courses.values():
            whole = self.class_of(course.group)
            for lesson in self.lessons_of_course.get(course.key, ()):
                index[whole.key if whole else course.group, lesson.date].append(lesson)
        return dict(index)

    @cached_property
    def works_of_lesson(self) -> dict[str, list[Work]]:
        return _index(self.works.values(), lambda w: w.lesson)

    @cached_property
    def marks_of_work(self) -> dict[str, list[Mark]]:
        return _index(self.marks.values(), lambda m: m.work)

    @cached_property
    def attendance_of_lesson(self) -> dict[str, list[Attendance]]:
        return _index(self.attendance.values(), lambda a: a.lesson)

    @cached_property
    def period_marks_of_course(self) -> dict[str, list[PeriodMark]]:
        return _index(self.period_marks.values(), lambda p: p.course)

    @cached_property
    def enrolments_of_group(self) -> dict[str, list[Enrolment]]:
        return _index(self.enrolments.values(), lambda e: e.group)

    def marks_of_lesson(self, lesson: str) -> list[Mark]:
        """The marks of all works of a lesson."""
        return [m for w in self.works_of_lesson.get(lesson, ()) for m in self.marks_of_work.get(w.key, ())]

    def class_of(self, group: str) -> Group | None:
        """The class or study group that a group is part of, or is itself; a metagroup is its own."""
        found = self.groups.get(group)
        while found and found.parent and found.parent in self.groups:
            found = self.groups[found.parent]
        return found

    def pupils(self, group: str, day: date) -> list[str]:
        """Keys of those enrolled in a group on a day; where the source tells no dates, of all that it names.

        Without an end, those whose status says that they have left are not meant, nor those of whom it says something that
        is no word of ours (`Archive`): that they are still there is not known.
        """
        iso = day.isoformat()
        keys = [
            e.person
            for e in self.enrolments_of_group.get(group, ())
            if (e.start is None or e.start <= iso) and (e.end is None or iso <= e.end)
            and not (e.end is None and (e.status in _LEFT or (e.status is None and "status" in (e.raw or {}))))
        ]  # fmt: skip
        return sorted(set(keys))

    def periods_of_group(self, group: str) -> list[Period]:
        """The reporting periods of a group in the order of time; those of kind `year` left out."""
        return sorted(
            (
                p
                for p in self.periods.values()
                if p.kind != "year" and p.start and p.end and (p.groups is None or group in p.groups)
            ),
            key=lambda p: (p.start or "", p.key),
        )


def _index(items: Iterable[R], key: Callable[[R], str | None]) -> dict[str, list[R]]:
    index: dict[str, list[R]] = defaultdict(list)
    for item in items:
        name = key(item)
        if name is not None:
            index[name].append(item)
    return dict(index)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies, as far as scopes are concerned; what it has nothing to do with is null."""

    group: str | None = None
    course: str | None = None
    lesson: str | None = None
    person: str | None = None
    academic_year: str | None = None
    lesson_date: str | None = None
    recorded_on: str | None = None
    due_on: str | None = None


class Coverage:
    """When what was last read completely: outside of it absence means nothing."""

    def __init__(self, scopes: Iterable[Covered]) -> None:
        self._by_entity: dict[str, dict[tuple[Selector, str | None], list[Covered]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for scope in scopes:
            self._by_entity[scope.entity][scope.selector, scope.selector_key].append(scope)

    def knows(self, entity: str) -> bool:
        """Whether anything of an entity was ever read completely."""
        return entity in self._by_entity

    def read_at(self, entity: str, place: Place) -> datetime | None:
        """The last moment at which everything of an entity at this place was read; null if it never was."""
        scopes = self._by_entity.get(entity)
        if not scopes:
            return None
        keys: dict[Selector, str | None] = {
            Selector.INSTITUTION: None,
            Selector.GROUP: place.group,
            Selector.COURSE: place.course,
            Selector.LESSON: place.lesson,
            Selector.PERSON: place.person,
        }
        moments = [
            scope.at
            for selector, key in keys.items()
            if selector is Selector.INSTITUTION or key is not None
            for scope in scopes.get((selector, key), ())
            if _holds(scope, place)
        ]
        return max(moments, default=None)


def _holds(scope: Covered, place: Place) -> bool:
    if scope.axis is Axis.NONE:
        return True
    point: str | None = getattr(place, scope.axis.value)
    if point is None:
        return False
    return (scope.start is None or scope.start <= point) and (scope.end is None or point <= scope.end)


def open_view(connection: Connection, source: SourceRow, *, as_of: datetime | None = None) -> JournalView:
    """The journal of a source as it stands, or stood; read from the connection while the view is used."""
    batch = batch_at(connection, micros(as_of)) if as_of else None
    return JournalView(
        source,
        lambda entity: records(connection, source.id, entity, batch=batch),
        _coverage(connection, source.id, as_of),
    )


def _coverage(connection: Connection, source: int, as_of: datetime | None) -> list[Covered]:
    """The scopes that were read completely, of an earlier moment those that had been read by then.

    The store keeps the first and the last complete read of a scope. Of a moment between them it is taken that the scope
    had just been read.
    """
    query = select(COVERAGE).where(COVERAGE.c.source == source)
    return [
        Covered(
            row.entity,
            Selector(row.selector),
            row.selector_key or None,
            Axis(row.axis),
            row.start or None,
            row.end or None,
            min(datetime.fromisoformat(row.at), as_of) if as_of else datetime.fromisoformat(row.at),
        )
        for row in connection.execute(query)
        if as_of is None or datetime.fromisoformat(row.first_at) <= as_of
    ]
