"""What a student's own rows depend on: whose they are, and how the names of their lessons are to be read (portal facts A3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from canonical.entities import Course, Enrolment, Group, Record, Subject
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.signin import OwnStudent
from connectors.asurso.values import folded
from connectors.contract import Context

_PART: Final = re.compile(r"подгр|групп|п/г", re.IGNORECASE)
"""How the part of a group is called, where nothing else tells it from the rest of a subject's name."""


@dataclass(frozen=True)
class Around:
    """What the records of one student depend on besides an answer.

    `names` are the folded names of the subjects in which they have marks of terms, `taught` those of their lessons.
    """

    student: OwnStudent
    group: str
    year: AcademicYear
    names: frozenset[str]
    context: Context
    taught: frozenset[str] = frozenset()

    def split(self, name: str) -> tuple[str, str | None]:
        """The subject of a lesson's name, and the part of the group: a subject's own name may have a slash."""
        base, _, tail = (part.strip() for part in name.rpartition("/"))
        part = base and tail and (_PART.search(tail) or (folded(base) in self.names and folded(name) not in self.names))
        return (tidy(base) or base, tidy(tail)) if part else (tidy(name) or name, None)

    def course(self, name: str) -> tuple[str, str, list[Record]]:
        """The course of a lesson's name, its subject, and the records that they stand on."""
        subject, part = self.split(name)
        group = f"{self.group}:{part}" if part else self.group
        course = Course(key=f"{group}:{subject}", group=group, subject=subject)
        records: list[Record] = [Subject(key=subject, name=subject)]
        if part:
            own = self.student.id
            records += [
                Group(key=group, academic_year=self.year.name, name=part, kind="subgroup", parent=self.group),
                Enrolment(key=f"{own}:{group}", person=own, group=group),
            ]
        return course.key, subject, [*records, course]

    def course_of_subject(self, name: str) -> tuple[str, str, list[Record]]:
        """The student's course in a subject: that of their lessons, of several the group's own."""
        wanted = self.split(name)[0]
        own = sorted(n for n in self.taught if folded(self.split(n)[0]) == folded(wanted))
        whole = [n for n in own if self.split(n)[1] is None]
        return self.course(next(iter(whole or own), name))
