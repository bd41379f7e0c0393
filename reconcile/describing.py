"""Records in words that staff know them by, for the lists of differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from canonical.entities import (
    ENTITIES,
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
from canonical.view import JournalView

_HASH_SHOWN: Final = 8


class Describer:
    """Describes the records of one source."""

    def __init__(self, view: JournalView) -> None:
        self._view = view

    def about(self, record: Record) -> str:
        """Which thing a record is about: group, subject, date and number of the lesson, pupil, as far as it has them."""
        return _ABOUT[type(record)](self, record)

    def content(self, record: Record) -> str | None:
        """What a record says in short, where the other source has none."""
        match record:
            case Mark() | PeriodMark():
                return record.value
            case Attendance() | Enrolment():
                return record.status
        return self.about(record)

    def value(self, record: Record, field: str) -> str | None:
        """The value of a field as text; people by their names."""
        value = getattr(record, field)
        if value is None:
            return None
        if field == "snils":
            return f"…{value[-_HASH_SHOWN:]}"
        known = ENTITIES[entity_of(record)].field(field)
        if known.ref and known.ref.entity == "people":
            keys = value if isinstance(value, tuple) else (value,)
            return ", ".join(sorted(self.person(k) for k in keys))
        return str(value)

    def value_of_courses(self, courses: Sequence[Course], field: str) -> str | None:
        """The value of a field of courses that are one on the other side: all teachers, all hours."""
        if field == "planned_hours":
            hours = [c.planned_hours for c in courses if c.planned_hours is not None]
            return str(sum(hours)) if hours else None
        names = {self.person(t) for c in courses for t in c.teachers or ()}
        return ", ".join(sorted(names)) or None

    def membership(self, record: Enrolment, *, here: bool) -> str:
        """Whether an enrolment says that the pupil belongs to the group."""
        return record.status or ("enrolled" if here else "ended")

    # -- parts of a description ----------------------------------------------------------------------------------

    def person(self, key: str) -> str:
        """A person's full name."""
        person = self._view.people.get(key)
        return full_name(person) if person else key

    def group(self, key: str) -> str:
        """`7А`, of a part `7А/подгруппа 1`."""
        above = self._view.class_of(key)
        own = self._view.groups[key].name or key
        return own if above is None or above.key == key else f"{above.name or above.key}/{own}"

    def course(self, key: str) -> str:
        """`7А, Алгебра`"""
        course = self._view.courses[key]
        return f"{self.group(course.group)}, {self._view.subjects[course.subject].name or course.subject}"

    def lesson(self, key: str) -> str:
        """`7А, Алгебра, 2026-09-08 № 3`, without a number the time."""
        lesson = self._view.lessons[key]
        when = f" № {lesson.number}" if lesson.number is not None else ""
        if not when and lesson.starts_at:
            when = f" {lesson.starts_at[11:16]}"
        return f"{self.course(lesson.course)}, {lesson.date}{when}"

    def work(self, key: str) -> str:
        """The lesson of a work, or its course."""
        work = self._view.works[key]
        return self.lesson(work.lesson) if work.lesson else self.course(work.course)

    def period(self, key: str) -> str:
        """`1 четверть`"""
        return self._view.periods[key].name or key


def full_name(person: Person) -> str:
    """`Образцова Вера Тестовна`; who has no name is called by their key."""
    return " ".join(filter(None, (person.family_name, person.given_name, person.patronymic))) or person.key


_ABOUT: Final[Mapping[type[Record], Callable[[Describer, Any], str]]] = MappingProxyType(
    {
        Person: lambda _, r: full_name(r),
        Group: lambda d, r: d.group(r.key),
        Enrolment: lambda d, r: f"{d.group(r.group)}, {d.person(r.person)}",
        Subject: lambda _, r: r.name or r.key,
        Period: lambda _, r: r.name or r.key,
        Course: lambda d, r: d.course(r.key),
        Lesson: lambda d, r: d.lesson(r.key),
        Mark: lambda d, r: f"{d.work(r.work)}, {d.person(r.student)}",
        Attendance: lambda d, r: f"{d.lesson(r.lesson)}, {d.person(r.student)}",
        PeriodMark: lambda d, r: f"{d.course(r.course)}, {d.period(r.period)}, {d.person(r.student)}",
    }
)
