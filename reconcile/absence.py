"""Whether the absence of a thing says anything: only where its source was read completely, and says such things at all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final

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
from reconcile.names import Name, read_name
from reconcile.rosters import roles
from reconcile.rows import debts
from reconcile.subjects import year_of
from reconcile.ties import Tie, Ties

_RARE: Final = frozenset({"late", "exempt"})
"""Attendance that some portals have no word for: missed only where the source uses the word."""


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
        if not self._view.can_say(entity) or not self._keeps(record):
            return False
        places = self._places(record)
        recorded = getattr(record, "recorded_at", None)
        since = datetime.fromisoformat(recorded) if recorded else None
        read = "enrolments" if isinstance(record, Person) and places is self._rosters else entity
        moments = [self._view.coverage.read_at(read, place) for place in places]
        if not moments or not all(m is not None and (since is None or since <= m) for m in moments):
            return False
        return not self._is_aside(record, places)

    # -- what the source says at all -----------------------------------------------------------------------------

    def _keeps(self, record: Record) -> bool:
        """A registry of pupils says nothing of teachers, a source without subgroups nothing of subgroups."""
        if isinstance(record, Person | Group | Period):
            return self._keeps_such(record)
        match record:
            case Lesson():
                return record.status != "cancelled" and (record.status != "planned" or self._has_timetable)
            case Attendance():
                return record.status != "present" and (record.status not in _RARE or record.status in self._statuses)
            case PeriodMark():
                return record.meaning != "debt" or record.value in debts(self._view, "period_marks")
            case Subject():
                return self._shares_a_year("subjects", record.key)
        return True

    def _keeps_such(self, record: Person | Group | Period) -> bool:
        match record:
            case Person():
                return self._roles_there[record.key] in self._roles and self._shares_a_year("people", record.key)
            case Group():
                return (is_part(record), record.academic_year) in self._group_kinds
        return record.kind != "year" and (record.kind, year_of(record)) in self._period_kinds

    def _shares_a_year(self, entity: str, key: str) -> bool:
        """Whether someone or something of the other source is met there in a year that this source has as well.

        An archive knows nothing of who came later, and a new portal nothing of who had left. What is met in no year at
        all is taken for known in all of the other source's.
        """
        here = {g.academic_year for g in self._view.groups.values()} - {None}
        there = self._years_there[entity].get(key) or {g.academic_year for g in self._other.groups.values()} - {None}
        return not here or not there or not here.isdisjoint(there)

    @cached_property
    def _years_there(self) -> dict[str, dict[str, set[str]]]:
        """The academic years in which the people and the subjects of the other source are met: entity, key -> years."""
        other, found = (
            self._other,
            {"people": defaultdict[str, set[str]](set), "subjects": defaultdict[str, set[str]](set)},
        )

        def met(entity: str, key: str | None, group: str) -> None:
            year = other.groups[group].academic_year
            if key is not None and year is not None:
                found[entity][key].add(year)

        for enrolment in other.enrolments.values():
            met("people", enrolment.person, enrolment.group)
        for group in other.groups.values():
            met("people", group.curator, group.key)
        for course in other.courses.values():
            met("subjects", course.subject, course.group)
            for teacher in course.teachers or ():
                met("people", teacher, course.group)
        for lesson in other.lessons.values():
            met("people", lesson.teacher, other.courses[lesson.course].group)
        return {entity: dict(years) for entity, years in found.items()}

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

    @cached_property
    def _statuses(self) -> set[str | None]:
        return {a.status for a in self._view.attendance.values()}

    # -- what was read, but not understood -----------------------------------------------------------------------

    def unreadable(self, entity: str) -> int:
        """How many records of an entity were set aside of which nothing can be told."""
        return self._aside.unreadable[entity]

    def _is_aside(self, record: Record, places: list[Place]) -> bool:
        """Whether the quarantine may hold the record, or what it belongs to."""
        aside, entity = self._aside, entity_of(record)
        for p in places:
            holders = (("groups", p.group), ("courses", p.course), ("lessons", p.lesson), ("people", p.person))
            if any(aside.holds(*holder) for holder in holders):
                return True
        match record:
            case Person():
                return aside.may_be_person(_name(record))
            case Group() | Subject():
                return aside.may_be_named(entity, record.name)
            case Period():
                return aside.may_be_named(entity, record.name, record.start, record.end)
            case Enrolment() if aside.may_be_person(_name(self._other.people[record.person])):
                return True
        return aside.may_be(entity, self._pointed_at(record), record.date if isinstance(record, Lesson) else None)

    def _pointed_at(self, record: Record) -> dict[str, list[str]]:
        """What the record would point at in this source, by the kinds that `Aside` knows."""
        match record:
            case Enrolment():
                return {"people": self._keys("people", record.person), "groups": self._keys("groups", record.group)}
            case Course():
                return {"groups": self._keys("groups", record.group), "subjects": self._keys("subjects", record.subject)}  # fmt: skip
            case Lesson():
                return {"courses": self._keys("courses", record.course)}
            case PeriodMark():
                return {"people": self._keys("people", record.student), "courses": self._keys("courses", record.course)}  # fmt: skip
        assert isinstance(record, Mark | Attendance)  # noqa: S101 - nothing else is compared
        course, lesson = self._cell(record)
        if lesson is None:
            held = [key for c in self._keys("courses", course) for key in self._works_without_lesson.get(c, ())]
        else:
            lessons = self._keys("lessons", lesson)
            held = [*lessons, *(w.key for key in lessons for w in self._view.works_of_lesson.get(key, ()))]
        return {"people": self._keys("people", record.student), "lessons": held}

    @cached_property
    def _works_without_lesson(self) -> dict[str, list[str]]:
        """Their keys, by course."""
        found: dict[str, list[str]] = defaultdict(list)
        for work in self._view.works.values():
            if work.lesson is None:
                found[work.course].append(work.key)
        return found

    # -- where it should stand -----------------------------------------------------------------------------------

    def _places(self, record: Record) -> list[Place]:
        """Where the record would lie in this source, in this source's keys: in every place it must have been looked for."""
        match record:
            case Person():
                return self._in_rosters(record)
            case Subject():
                return [Place()]
            case Group():
                return [Place(academic_year=record.academic_year)]
            case Period():
                return [Place(academic_year=year_of(record))]
            case Enrolment() | Course():
                return self._in_groups(record)
        return self._in_courses(record)

    def _in_rosters(self, person: Person) -> list[Place]:
        """In the list of people; of a source that has none, in the rosters, for a pupil who should stand in one of them."""
        coverage = self._view.coverage
        if person.key in self._enrolled_there and coverage.read_at("people", Place()) is None:
            return self._rosters
        return [Place()]

    @cached_property
    def _rosters(self) -> list[Place]:
        return [Place(group=g.key, academic_year=g.academic_year) for g in self._view.groups.values() if not is_part(g)]

    @cached_property
    def _enrolled_there(self) -> set[str]:
        """Pupils of the other source who stand there in a class that this source has."""
        return {
            e.person
            for e in self._other.enrolments.values()
            if self._ties.groups.id(1 - self._side, e.group) is not None
        }

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
        course, lesson = self._cell(record)
        if lesson is None:
            places = [self._course_place(c, None, person=p) for c in self._keys("courses", course) for p in people]
        else:
            lessons = [self._view.lessons[key] for key in self._keys("lessons", lesson)]
            places = [self._course_place(x.course, x.date, lesson=x.key, person=p) for x in lessons for p in people]
        return [recorded for place in places for recorded in _whenever_recorded(place, record.recorded_at)]

    def _cell(self, record: Mark | Attendance) -> tuple[str | None, str | None]:
        """The course and the lesson of a mark in the other source; of attendance the lesson is enough."""
        if isinstance(record, Attendance):
            return None, record.lesson
        work = self._other.works[record.work]
        return work.course, work.lesson

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


def _name(person: Person) -> Name:
    return read_name(person.family_name, person.given_name, person.patronymic)


def _whenever_recorded(place: Place, recorded_at: str | None) -> list[Place]:
    """The place on the day of the lesson and on the day of recording: what is read by the latter lies in between."""
    days = {day for day in (place.lesson_date, recorded_at[:10] if recorded_at else None) if day}
    return [replace(place, recorded_on=day) for day in sorted(days)] or [place]
