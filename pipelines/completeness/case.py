"""One journal at one moment, as rules look at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import Any, Final

import msgspec

from canonical.calendar import SchoolCalendar
from canonical.entities import Lesson, Person
from canonical.view import JournalView, Place
from connectors.contract import Institution
from pipelines.completeness.fill import day_is_over, is_recorded, place_of
from pipelines.completeness.suspicion import Ground, Names, Pointer, Suspicion

Aside = tuple[str, str | None, str]
"""An open entry of the quarantine: entity, key, raw form."""

_WORDS: Final = {"lesson": ("lesson",), "student": ("student", "person", "pupil")}
"""Names of portals' fields, by what they point at, hold one of these."""

_FIRST_IN_KEY: Final = {"attendance": "lesson", "period_marks": "student"}
"""Entities whose made keys begin with the key of another record (canonical.md)."""


class Case:
    """A journal, the moment at which it is judged, and the days (both inclusive) that are looked at."""

    def __init__(
        self,
        institution: Institution,
        view: JournalView,
        moment: datetime,
        since: date,
        until: date,
        *,
        calendar: SchoolCalendar | None = None,
        aside: Iterable[Aside] = (),
    ) -> None:
        self.institution = institution
        self.view = view
        self.moment = moment
        self.since = since.isoformat()
        self.until = until.isoformat()
        self.calendar = calendar
        self._aside = aside
        self._recorded: dict[str, bool] = {}
        self._over: dict[str, datetime] = {}

    # -- time ----------------------------------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        return self.institution.zone

    @cached_property
    def today(self) -> date:
        """The institution's own day."""
        return self.moment.astimezone(self.zone).date()

    def inside(self, day: str | None) -> bool:
        """Whether a day (`YYYY-MM-DD`) is looked at; what has no day always is."""
        return day is None or self.since <= day <= self.until

    def day_is_over(self, day: str) -> datetime:
        """The first moment after a day (`YYYY-MM-DD`)."""
        if day not in self._over:
            self._over[day] = day_is_over(date.fromisoformat(day), self.zone)
        return self._over[day]

    def local(self, instant: str | datetime) -> datetime:
        """An instant on the institution's clock."""
        moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return moment.astimezone(self.zone)

    # -- lessons -------------------------------------------------------------------------------------------------

    @cached_property
    def lessons(self) -> list[Lesson]:
        """The lessons that are looked at, the cancelled ones left out."""
        return [x for x in self.view.lessons.values() if x.status != "cancelled" and self.inside(x.date)]

    def is_recorded(self, lesson: Lesson) -> bool:
        if lesson.key not in self._recorded:
            self._recorded[lesson.key] = is_recorded(self.view, lesson)
        return self._recorded[lesson.key]

    def read_at(self, entity: str, lesson: Lesson) -> datetime | None:
        """When everything of an entity that belongs to a lesson was last read completely."""
        return self.view.coverage.read_at(entity, place_of(self.view, lesson))

    def read_place(self, entity: str, place: Place) -> datetime | None:
        return self.view.coverage.read_at(entity, place)

    # -- names ---------------------------------------------------------------------------------------------------

    @property
    def is_school(self) -> bool:
        return self.institution.kind == "school"

    def group_name(self, course: str) -> str | None:
        """`7А`; of a part of a class `7А, подгруппа 1`."""
        found = self.view.courses.get(course)
        group = self.view.groups.get(found.group) if found else None
        if group is None:
            return None
        whole = self.view.class_of(group.key)
        own, name = group.name or group.key, whole.name if whole else None
        return own if name is None or name in own else f"{name}, {own}"

    def subject_name(self, course: str) -> str | None:
        found = self.view.courses.get(course)
        subject = self.view.subjects.get(found.subject) if found else None
        return (subject.name or subject.short_name) if subject else None

    def teacher_name(self, course: str, lesson: Lesson | None = None) -> str | None:
        """Who held the lesson, else the teachers of the course."""
        found = self.view.courses.get(course)
        keys = (lesson.teacher,) if lesson and lesson.teacher else (found.teachers if found else None) or ()
        names = [full_name(p) for k in keys if (p := self.view.people.get(k))]
        return ", ".join(filter(None, names)) or None

    def class_teacher_name(self, course: str) -> str | None:
        """The curator of the class that a course is taught to, or of which it is taught to a part."""
        found = self.view.courses.get(course)
        whole = self.view.class_of(found.group) if found else None
        person = self.view.people.get(whole.curator) if whole and whole.curator else None
        return full_name(person) if person else None

    # -- suspicions ----------------------------------------------------------------------------------------------

    def of_lesson(self, lesson: Lesson, ground: Ground, what: str, **more: Any) -> Suspicion:
        """A suspicion about a lesson; `what` is said of it."""
        number = f", {lesson.number}-{'й урок' if self.is_school else 'я пара'}" if lesson.number is not None else ""
        where = self.where(lesson.course)
        return Suspicion(
            about=more.pop("about", (lesson.key,)),
            ground=ground,
            message=f"{russian(lesson.date)}, {where}{number}: {what}",
            day=lesson.date,
            lesson=lesson.key,
            names=self.names(lesson.course, lesson),
            **more,
        )

    def where(self, course: str) -> str:
        """`7А, Алгебра`"""
        return ", ".join(filter(None, (self.group_name(course), self.subject_name(course))))

    def names(self, course: str, lesson: Lesson | None = None) -> Names:
        """The names that a suspicion about a course, or about a lesson of it, carries."""
        return Names(
            self.group_name(course),
            self.subject_name(course),
            self.teacher_name(course, lesson),
            self.class_teacher_name(course),
        )

    # -- quarantine ----------------------------------------------------------------------------------------------

    @cached_property
    def _set_aside(self) -> set[Pointer]:
        return {pointer for entry in self._aside for pointer in pointers(*entry)}

    def is_aside(self, pointer: Pointer) -> bool:
        """Whether the quarantine holds such a record."""
        return pointer in self._set_aside


def pointers(entity: str, key: str | None, body: str) -> Iterator[Pointer]:
    """What can be told of an entry of the quarantine: its key, and the lesson and the pupil that it seems to be about."""
    if key is not None:
        yield entity, "key", key
        if entity in _FIRST_IN_KEY and ":" in key:
            yield entity, _FIRST_IN_KEY[entity], key.partition(":")[0]
    try:
        raw = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return
    for name, value in _named(raw):
        for field, words in _WORDS.items():
            if any(word in name.casefold() for word in words):
                yield entity, field, str(value)


def _named(raw: Any) -> Iterator[tuple[str, str | int]]:
    """Every text and number of a JSON value that has a name."""
    if isinstance(raw, list):
        for item in raw:
            yield from _named(item)
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if type(value) in {str, int}:
                yield name, value
            else:
                yield from _named(value)


def full_name(person: Person) -> str:
    """`Образцова Вера Тестовна`"""
    return " ".join(filter(None, (person.family_name, person.given_name, person.patronymic)))


def russian(day: str | date) -> str:
    """`08.09.2026`"""
    return (date.fromisoformat(day) if isinstance(day, str) else day).strftime("%d.%m.%Y")
