"""Marks of terms, of the year, exams and final marks: the report `studenttotalmarks` of one pupil (portal facts B4.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from canonical.batch import Batch
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import PeriodMark, Record
from canonical.scales import Scale
from canonical.years import AcademicYear
from connectors.asurso.school.forms import DEBT, DEBTS
from connectors.asurso.school.lists import Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.reports import Column, totals
from connectors.asurso.school.structure import made_course
from connectors.asurso.school.taught import Curriculum
from connectors.http import Answer
from connectors.words import period_kind


@dataclass(frozen=True, slots=True)
class Around:
    """What a pupil's period marks depend on besides the report."""

    lists: Lists
    curriculum: Curriculum
    terms: Terms
    year: AcademicYear
    scale: Scale


def period_marks(answer: Answer, student: str, around: Around) -> Batch:
    """The period marks of one pupil, and that there are no others."""
    batch, lists = Batch(), around.lists
    key = lists.key_of(student)
    school_class = lists.class_of.get(student, "")
    rows, broken = totals(answer)
    holes = bool(broken)
    for one in broken:
        subject = around.curriculum.subject_key(one.cells[1] or "") if len(one.cells) > 1 else None
        batch.reject(
            "period_marks",
            one.reason,
            list(one.cells),
            key=f"{key}:{subject}" if subject else None,
            origin=answer.origin,
        )
    records: list[Record] = []
    for row in rows:
        course, subject, more = _course(student, school_class, row.subject, around)
        said = [(column, value) for column, value in row.cells if value]
        if said:
            records += more
        for column, value in said:
            period = _period(column, school_class, around.terms)
            if period is None:
                raw = {"subject": row.subject, "column": column.above, "value": value}
                batch.reject(
                    "period_marks",
                    "no term of the class has the number above this column",
                    raw,
                    key=f"{key}:{subject}:{column.above}:period",
                    origin=answer.origin,
                )
                continue
            text = DEBT if value in DEBTS else value
            records.append(
                PeriodMark(
                    key=f"{key}:{subject}:{period}:{column.kind}",
                    student=key,
                    course=course,
                    period=period,
                    kind=column.kind,
                    value=text,
                    grade=around.scale.grade(text),
                    meaning="debt" if text == DEBT else around.scale.meaning(text),
                )
            )
    batch.add(records, answer.origin)
    if not holes:
        name = around.year.name
        batch.covers(Scope("period_marks", Selector.PERSON, key, Axis.ACADEMIC_YEAR, name, name))
    return batch


def _course(student: str, school_class: str, name: str, around: Around) -> tuple[str, str, list[Record]]:
    """The pupil's course in a subject, the subject's key, and what must be made for them."""
    taught = around.curriculum.of_pupil(student, name)
    if taught:
        return taught.key, around.curriculum.subject_key(name), []
    course, subject = made_course(around.curriculum, school_class, name)
    return course.key, course.subject, [*((subject,) if subject else ()), course]


def _period(column: Column, school_class: str, terms: Terms) -> str | None:
    if column.kind != "period":
        return terms.year_key
    found = terms.numbered(school_class, period_kind(column.above), column.number)
    return found.key if found else None
