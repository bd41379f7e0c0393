"""Whether the absence of a thing says anything: only where its source was read completely, and says such things at all."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from canonical.entities import (
    Attendance,
    Course,
    Enrolment,
    Group,
    Lesson,
    Mark,
    Period,
    PeriodMark,
    Person,
    Record,
    Subject,
    entity_of,
)
from canonical.view import JournalView, Place
from reconcile.aside import Aside
from reconcile.groups import is_part
from reconcile.names import read_name
from reconcile.rosters import roles
from reconcile.subjects import year_of
from reconcile.ties import Tie, Ties


class Absence:
    """What the lack of a record means in one source (`side`), given the record that the other source has."""

    def __init__(self, ties: Ties, view: JournalView, side: int, other: JournalView, aside: Aside) -> None:
        self._ties = ties
        self._aside = aside
        self._view = view
        self._side = side
        self._other = other

    def is_known(self, record: Record) -> bool:
        """Whether a record of the other source should stand in this one, and has surely been looked for.

        What was recorded after the last complete reading is not missed yet.
        """
        entity = entity_of(record)
        if not self._view.source.can_say(entity) or not self._keeps(record):
            return False
        places = self._places(record)
        recorded = getattr(record, "recorded_at", None)
        since = datetime.fromisoformat(recorded) if recorded else None
        moments = [self._view.coverage.read_at(entity, place) for place in places]
        if not moments or not all(m is not None and (since is None or since <= m) for m in moments):
            return False
        return not self._is_aside(record, places)

    # -- what the source says at all -----------------------------------------------------------------------------

    def _keeps(self, record: Record) -> bool:
        """A registry of pupils says nothing of teachers, a source without subgroups nothing of subgroups."""
        match record:
            case Person():
                return self._roles_there[record.key] in self._roles
            case Group():
                return (is_part(record), record.academic_year) in self._group_kinds
            case Period():
                return record.kind != "year" and (record.kind, year_of(record)) in self._period_kinds
            case Lesson():
                return record.status != "cancelled" and (record.status != "planned" or self._has_timetable)
            case Attendance():
                return record.status != "present"
        return True

    @cached_property
    def _roles_there(self) -> dict[str, str]:
        return roles(self._other)

    @cached_property
    def _roles(self) -> set[str]:
        return set(roles(self._view).values())

    @cached_property
    def _group_kinds(self) -> set[tuple[bool, str | None]]:
        return {(is_part(g), g.academic_year) for g in self._view.groups.values()}

    @cached_property
    def _period_kinds(self) -> set[tuple[str | None, str | None]]:
        return {(p.kind, year_of(p)) for p in self._view.periods.values()}

    @cached_property
    def _has_timetable(self) -> bool:
        return any(x.status == "planned" for x in self._view.lessons.values())

    # -- what was read, but not understood -----------------------------------------------------------------------

    def _is_aside(self, record: Record, places: list[Place]) -> bool:
        """Whether the quarantine may hold the record, or what it belongs to."""
        if any(self._aside.holds(p.group, p.course, p.lesson, p.person) for p in places):
            return True
        match record:
            case Person():
                name = read_name(record.family_name, record.given_name, record.patronymic)
                return self._aside.names("people", name.family, name.given)
            case Group() | Subject():
                return self._aside.names(entity_of(record), record.name)
            case Lesson():
                return any(self._aside.names_day("lessons", p.course, record.date) for p in places if p.course)
            case Mark():
                return any(
                    self._aside.names("marks", p.person, key)
                    for p in places
                    for key in (p.lesson, *(w.key for w in self._view.works_of_lesson.get(p.lesson or "", ())))
                )
        entity = entity_of(record)
        return any(self._aside.names(entity, p.person, p.lesson or p.course or p.group) for p in places)

    # -- where it should stand -----------------------------------------------------------------------------------

    def _places(self, record: Record) -> list[Place]:
        """Where the record would lie in this source, in this source's keys: in every place it must have been looked for."""
        match record:
            case Person() | Subject():
                return [Place()]
            case Group():
                return [Place(academic_year=record.academic_year)]
            case Period():
                return [Place(academic_year=year_of(record))]
            case Enrolment() | Course():
                return self._in_groups(record)
        return self._in_courses(record)

    def _in_groups(self, record: Enrolment | Course) -> list[Place]:
        groups = self._keys("groups", record.group)
        people = self._keys("people", record.person) if isinstance(record, Enrolment) else [None]
        return [
            Place(group=g, person=p, academic_year=self._view.groups[g].academic_year) for g in groups for p in people
        ]

    def _in_courses(self, record: Record) -> list[Place]:
        if isinstance(record, Lesson):
            return [self._course_place(c, record.date) for c in self._keys("courses", record.course)]
        if isinstance(record, PeriodMark):
            people = self._keys("people", record.student)
            return [self._course_place(c, None, person=p) for c in self._keys("courses", record.course) for p in people]
        assert isinstance(record, Mark | Attendance)  # noqa: S101 - nothing else is compared
        return self._cells(record)

    def _cells(self, record: Mark | Attendance) -> list[Place]:
        people = self._keys("people", record.student)
        course: str | None
        lesson: str | None
        if isinstance(record, Attendance):
            course, lesson = None, record.lesson
        else:
            work = self._other.works[record.work]
            course, lesson = work.course, work.lesson
        if lesson is None:
            return [self._course_place(c, None, person=p) for c in self._keys("courses", course) for p in people]
        lessons = [self._view.lessons[key] for key in self._keys("lessons", lesson)]
        return [self._course_place(x.course, x.date, lesson=x.key, person=p) for x in lessons for p in people]

    def _course_place(
        self, course: str, day: str | None, *, lesson: str | None = None, person: str | None = None
    ) -> Place:
        group = self._view.courses[course].group
        year = self._view.groups[group].academic_year
        return Place(group=group, course=course, lesson=lesson, person=person, academic_year=year, lesson_date=day)

    def _keys(self, entity: str, key: str | None) -> list[str]:
        """What a key of the other source is called in this one."""
        tie: Tie = getattr(self._ties, entity)
        number = tie.id(1 - self._side, key)
        return [] if number is None else tie.keys(self._side, number)
