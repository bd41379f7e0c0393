"""The stand-in's desk: what a question is, who may ask it, and where to look things up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NoReturn

from connectors.partner_api.standin.objects import (
    GROUP,
    SCHOOL,
    USER,
    Objects,
)
from connectors.standins.region import Course, Group, Institution, Lesson, Mark, PeriodMark, Person

STAFF: Final = ["EduStaff", "EduSchoolAdministrator"]
PUPIL: Final = ["EduStudent"]

MARK_VALUES: Final = {
    "mark5": [f"{n}{sign}" for n in range(1, 6) for sign in ("-", "", "+")],
    "test": ["ЗЧ", "НЗ"],
    "markna": ["Н"],
    "markdismiss": ["О"],
}
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")


class RefusedError(Exception):
    """The portal refuses; `code` is the short form of its error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: who asks, the names in the path, what stands in the query and in the body."""

    person: Person
    roles: list[str]
    path: dict[str, str]
    query: dict[str, list[str]]
    body: list[int] = field(default_factory=list)

    @property
    def is_staff(self) -> bool:
        return self.roles == STAFF

    def number(self, name: str, base: int) -> int:
        """The region's own number of a thing that the path names."""
        return number(self.path[name], base)

    def day(self, name: str) -> date:
        """A day of the path or the query, in any spelling that the platform takes."""
        text = self.path.get(name) or (self.query.get(name) or [""])[0]
        found = _DAY.fullmatch(text)
        try:
            return date(*(int(g) for g in found.groups())) if found else refuse("parameterInvalid")
        except ValueError:
            return refuse("parameterInvalid")


def refuse(code: str) -> NoReturn:
    raise RefusedError(code)


def number(text: str, base: int) -> int:
    return int(text) - base if re.fullmatch(r"\d{1,19}", text) else refuse("parameterInvalid")


Handler = Callable[["Desk", Ask], Any]
READS: Final[list[tuple[str, str, Handler]]] = []
"""Method, path below /v2 and function of every question that is answered."""


def reads(*paths: str, method: str = "GET") -> Callable[[Handler], Handler]:
    """Says which paths a function answers."""

    def note(handler: Handler) -> Handler:
        READS.extend((method, path, handler) for path in paths)
        return handler

    return note


class Desk:
    """Looks things up for the answers, and knows who may see them."""

    def __init__(self, made: Institution, objects: Objects, *, most_days: int) -> None:
        self.made = made
        self.objects = objects
        self.most_days = most_days

    def roles(self, one: Person) -> list[str]:
        return STAFF if one.role == "staff" else PUPIL

    def person(self, number: int, ask: Ask | None = None) -> Person:
        """A person; pupils see those of their own class only."""
        one = self.made.people.get(number) or refuse("resourceUnavailable")
        if ask and not ask.is_staff and one.role == "student" and one.id not in self.classmates(ask):
            raise RefusedError("systemForbidden")
        return one

    def classmates(self, ask: Ask) -> set[int]:
        own = self.made.class_of(ask.person.id)
        return {m.person for m in own.members} if own else set()

    def user(self, ask: Ask) -> Person:
        """The person behind a login; pupils see their own only."""
        if ask.path.get("u", "me") == "me":
            return ask.person
        one = self.person(ask.number("u", USER))
        if not ask.is_staff and one is not ask.person:
            raise RefusedError("ownerForbidden")
        return one

    def school(self, ask: Ask) -> None:
        if ask.number("s", SCHOOL) != self.made.id:
            raise RefusedError("systemForbidden")

    def group(self, ask: Ask, name: str = "g") -> Group:
        """A group; pupils see their own class and its parts only."""
        one = self.made.groups.get(ask.number(name, GROUP)) or refuse("resourceUnavailable")
        if not ask.is_staff and not any(m.person == ask.person.id for m in one.members):
            own = self.made.class_of(ask.person.id)
            if own is None or one.parent != own.id:
                raise RefusedError("systemForbidden")
        return one

    def span(self, ask: Ask, first: str, last: str) -> tuple[date, date]:
        """The days asked for, both inclusive."""
        since, until = ask.day(first), ask.day(last)
        if (until - since).days >= self.most_days:
            raise RefusedError("parameterInvalid")
        return since, until

    def active(self, group: Group) -> list[Person]:
        return [self.made.people[p] for p in dict.fromkeys(group.on(self.made.now.date()))]

    def ever(self, group: Group) -> list[Person]:
        begun = [m.person for m in group.members if m.start <= self.made.now.date()]
        return [self.made.people[p] for p in dict.fromkeys(begun)]

    def courses(self, group: Group) -> list[Course]:
        """Courses whose lessons come along with a group: its own, its subgroups' and those of its metagroups."""
        metas = [
            g.id for g in self.made.groups.values() if g.kind == "metagroup" and group.id in self.objects.parents(g)
        ]
        return self.made.courses_of(group.id, with_parts=True) + [c for m in metas for c in self.made.courses_of(m)]

    def lessons(self, courses: Iterable[Course], span: tuple[date, date], subject: int | None = None) -> list[Lesson]:
        """Lessons that stand in the timetable: what was cancelled is taken out of it."""
        wanted = [c.id for c in courses if subject in {None, c.subject}]
        return [x for x in self.made.lessons_of(wanted, *span) if not x.cancelled]

    def lesson(self, number: int) -> Lesson:
        found = self.made.lessons.get(number)
        return found if found and not found.cancelled else refuse("resourceUnavailable")

    def marks(self, lessons: Iterable[Lesson]) -> list[Mark]:
        return [m for x in lessons for w in self.made.works_of(x.id) for m in self.made.marks_of(w.id)]

    def groups_of(self, one: Person) -> list[Group]:
        today = self.made.now.date()
        if one.role == "student":
            return [g for g in self.made.groups.values() if one.id in g.on(today)]
        taught = {c.group for c in self.made.courses.values() if one.id in c.teachers}
        return [g for g in self.made.groups.values() if g.id in taught or g.curator == one.id]

    def finals(self, group: Group) -> list[PeriodMark]:
        """Marks of periods of a class: those of its own courses, its subgroups', and of its pupils in metagroups."""
        found = []
        for one in self.made.period_marks.values():
            home = self.made.groups[self.made.courses[one.course].group]
            place = home.parent or home.id
            if home.kind == "metagroup":
                own = self.made.class_of(one.student)
                place = own.id if own else place
            if place == group.id:
                found.append(one)
        return found

    @property
    def active_staff(self) -> list[Person]:
        return [p for p in self.made.staff if not p.dismissed]
