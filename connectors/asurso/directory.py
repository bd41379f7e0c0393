"""Who is who and what is called what: what the institution's lists say to its journals.

Broken items count as well: a pupil whose record cannot be read stands in the list all the same, and what points at them
waits.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.forms import Name, printed, printed_names
from connectors.asurso.values import by_number, folded, id_of, inside
from connectors.http import Answer
from connectors.wire import as_list, plain_key

STUDENTS = ("students", "items")
"""Names under which a page of students holds its list."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A pupil of the students' list: their name, to be compared, and the id of their group."""

    name: Name
    group: str | None


@dataclass(frozen=True)
class Directory:
    """What the lists say, for the journals.

    `students` is by id, and null where the list could not be read; `students_whole`: whether all of it was, `nameless`:
    the names in its items that have no id. `staff` are ids; `teachers` is printed name -> ids, `subjects` folded name -> key, `levels` group -> its course.
    """

    students: Mapping[str, Listed] | None = None
    students_whole: bool = False
    nameless: frozenset[Name] = frozenset()
    staff: frozenset[str] = frozenset()
    teachers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, int | None] = field(default_factory=dict)

    def level_in(self, group: str, year: AcademicYear, current: AcademicYear) -> int | None:
        """On which course a group was in a year; the lists say it of the current one."""
        level = self.levels.get(group)
        return None if level is None else level - (current.first - year.first)

    @property
    def placed(self) -> set[str]:
        """The groups into which the list of pupils puts anybody."""
        return {who.group for who in (self.students or {}).values() if who.group}

    @cached_property
    def staff_digest(self) -> str:
        """Changes when the ids of the staff do."""
        return hashlib.sha256(" ".join(sorted(self.staff)).encode()).hexdigest()

    def student_key(self, number: str) -> str:
        """The key of a pupil: the portal's id, told apart where an employee has the same one."""
        return f"student:{number}" if number in self.staff else number

    def pupils_of(self, group: str) -> dict[str, Name]:
        """Keys and names of those whom the list puts into a group."""
        listed = (self.students or {}).items()
        return {self.student_key(number): who.name for number, who in listed if who.group == group}

    def find(self, name: Name) -> list[str]:
        """Keys of those of the whole list who have just this name."""
        return [self.student_key(number) for number, who in (self.students or {}).items() if who.name == name]

    def teacher(self, name: str) -> str | None:
        """The one employee whose name is printed so; null where there is none, or more than one."""
        found = self.teachers.get(printed(name), ())
        return found[0] if len(found) == 1 else None

    def subject_key(self, name: str) -> str:
        """The key of a subject by its name: that of the plan's subject, else the name itself."""
        return self.subjects.get(folded(name)) or tidy(name) or name

    @classmethod
    def of(
        cls,
        *,
        students: Sequence[Answer] | None,
        staff: Answer | None,
        subjects: Answer | None,
        groups: Iterable[Answer | None],
    ) -> Directory:
        """What lists say; one that could not be read is null."""
        people: dict[str, Listed] = {}
        nameless: set[Name] = set()
        items = [i for a in students or () for i in as_list(a.json(), *STUDENTS, where="people/students")]
        for item in items:
            number, who = id_of(item), _name(item)
            if number:
                people[number] = Listed(who, id_of(inside(item, "studentGroup")))
            elif who[0]:
                nameless.add(who)
        teachers: dict[str, list[str]] = defaultdict(list)
        employees = [(number, item) for item in _items(staff) if (number := id_of(item))]
        for number, item in employees:
            parts = (_text(item, "lastName"), _text(item, "firstName"), _text(item, "middleName"))
            for form in printed_names(*parts):
                teachers[form].append(number)
        named = [
            (number, name) for item in _items(subjects) if (number := id_of(item)) and (name := _text(item, "name"))
        ]
        levels: dict[str, int | None] = {}
        for answer in groups:
            for item in _items(answer):
                if (number := id_of(item)) and levels.get(number) is None:
                    levels[number] = count_of(item, "yearNumber")
        return cls(
            students=people if students is not None else None,
            students_whole=len(items) >= _total(students or ()) and all(id_of(i) for i in items),
            nameless=frozenset(nameless),
            staff=frozenset(number for number, _ in employees),
            teachers={form: tuple(keys) for form, keys in teachers.items()},
            subjects={
                folded(name): number for number, name in sorted(named, key=lambda n: by_number(n[0]), reverse=True)
            },
            levels=levels,
        )


def _total(pages: Sequence[Answer]) -> int:
    """How many pupils there are said to be; at least one, since an empty list says nothing."""
    totals = (inside(a.json(), "studentsCount") for a in pages)
    return max((t for t in totals if isinstance(t, int)), default=1)


def _items(answer: Answer | None) -> Iterator[Any]:
    if answer is not None:
        yield from as_list(answer.json(), where=answer.origin.request)


def count_of(item: Any, name: str) -> int | None:
    """A whole number in an item, broken or not; null where there is none."""
    text = plain_key(item, name)
    return int(text) if text and text.isdecimal() else None


def _text(item: Any, name: str) -> str | None:
    value = inside(item, name)
    return tidy(value) if isinstance(value, str) else None


def _name(item: Any) -> Name:
    return folded(inside(item, "lastName")), folded(inside(item, "firstName")), folded(inside(item, "middleName"))
