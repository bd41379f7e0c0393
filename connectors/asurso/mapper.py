"""The institution's lists: records of people, groups, subjects and periods.

Pure: answers in, records out. Sources: portal facts A5.1, A5.2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from canonical.batch import Batch, Drift
from canonical.entities import Group, Period, Person, Subject
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.directory import STUDENTS, Directory
from connectors.asurso.values import as_date, day, id_of
from connectors.asurso.wire import (
    Calendar,
    Department,
    Employee,
    Named,
    PlanSubject,
    Position,
    Speciality,
    Student,
    StudentGroup,
)
from connectors.asurso.words import SEXES, SUBJECT_KINDS
from connectors.http import Answer
from connectors.wire import Words, as_list, read_each

Auxiliary = TypeVar("Auxiliary", Department, Position, Speciality)


def staff(answer: Answer, positions: Answer | None = None) -> Batch:
    """Employees (`employees/all`); whose position has an id only, the list of `positions` names it."""
    batch = Batch()
    named = {p.id: p.name for p in _auxiliary(positions, Position, batch)}
    items = as_list(answer.json(), where="employees/all")
    read = read_each(items, Employee, batch, entity="people", key="id", origin=answer.origin)
    batch.add(
        (person(e.id, e, "staff", position=e.position_name or named.get(e.position_id or "")) for e in read),
        answer.origin,
    )
    return batch


def students(answers: Sequence[Answer], directory: Directory) -> Batch:
    """Pupils (`people/students`, page by page)."""
    batch = Batch()
    for answer in answers:
        batch.add(_students(answer, directory, batch), answer.origin)
    return batch


def _students(answer: Answer, directory: Directory, batch: Batch) -> Iterator[Person]:
    items = as_list(answer.json(), *STUDENTS, where="people/students")
    for item in read_each(items, Student, batch, entity="people", key="id", origin=answer.origin):
        words = Words(batch, "people")
        yield person(
            directory.student_key(item.id),
            item,
            "student",
            birth_date=day(item.birthday),
            sex=words.of("sex", item.gender or None, SEXES),
            raw=words.raw,
        )


def person(key: str, who: Named, role: str, **more: Any) -> Person:
    """A person of whom the portal says the name."""
    return Person(
        key=key,
        role=role,
        family_name=who.last_name,
        given_name=who.first_name,
        patronymic=who.middle_name,
        **more,
    )


def groups(
    listed: Answer | None,
    with_journal: Answer | None,
    departments: Answer | None,
    specialities: Answer | None,
    year: AcademicYear,
) -> Batch:
    """Groups (`student-groups/all`), and those that only the list of journals names. `year` is the current one."""
    batch = Batch()
    offices = {d.id: d.name for d in _auxiliary(departments, Department, batch)}
    titles: dict[str, set[str]] = defaultdict(set)
    for speciality in _auxiliary(specialities, Speciality, batch):
        if speciality.code and (title := tidy(speciality.name)):
            titles[speciality.code].add(title)
    named: set[str] = set()
    for answer in (listed, with_journal):
        if answer is None:
            continue
        items = [i for i in as_list(answer.json(), where="student-groups") if id_of(i) not in named]
        read = read_each(items, StudentGroup, batch, entity="groups", key="id", origin=answer.origin)
        batch.add((_group(g, offices, titles, year) for g in read), answer.origin)
        named.update(i for item in items if (i := id_of(item)))
    return batch


def _group(
    group: StudentGroup, offices: Mapping[str, str | None], titles: Mapping[str, set[str]], year: AcademicYear
) -> Group:
    title = titles.get(group.code or "", set())
    return Group(
        key=group.id,
        academic_year=year.name,
        name=group.name,
        kind="study_group",
        level=group.year_number,
        speciality_code=group.code,
        speciality_name=next(iter(title)) if len(title) == 1 else None,
        department=offices.get(group.department_id or ""),
        curator=group.curator_id or None,
    )


def _auxiliary(answer: Answer | None, model: type[Auxiliary], batch: Batch) -> Iterator[Auxiliary]:
    """Items of a list that makes no records of its own; a broken one is drift."""
    if answer is None:
        return
    aside = Batch()
    items = as_list(answer.json(), where=model.__name__)
    yield from read_each(items, model, aside, entity="groups", key="id", origin=answer.origin)
    batch.add([], answer.origin)  # so that a replay finds the answer
    batch.drift.update(aside.drift)
    for _ in aside.rejects:
        batch.drift[Drift("unknown_value", model.__name__, "record")] += 1


def subjects(answer: Answer) -> Batch:
    """Subjects of the plans (`plan/subjects/flatten`)."""
    batch = Batch()
    made = []
    items = as_list(answer.json(), where="plan/subjects")
    for item in read_each(items, PlanSubject, batch, entity="subjects", key="id", origin=answer.origin):
        words = Words(batch, "subjects")
        kind = words.of("kind", item.type or None, SUBJECT_KINDS)
        made.append(Subject(key=item.id, name=item.name, kind=kind, raw=words.raw))
    batch.add(made, answer.origin)
    return batch


def calendars(answer: Answer, year: AcademicYear, current: AcademicYear, directory: Directory) -> Batch:
    """Education calendars of a year (`plan/calendars/all`), each the period `year` of the groups of its course.

    The lists say on which course a group is in the `current` year.
    """
    batch = Batch()
    made = []
    items = as_list(answer.json(), where="plan/calendars/all")
    for item in read_each(items, Calendar, batch, entity="periods", key="id", origin=answer.origin):
        start = as_date(item.start_date)
        course = item.year_number
        for_groups = tuple(g for g in directory.levels if directory.level_in(g, year, current) == course)
        if (start and AcademicYear.of(start) != year) or (course and not for_groups):
            continue
        made.append(
            Period(
                key=f"calendar:{item.id}",
                academic_year=year.name if start else None,
                kind="year",
                number=1,
                name=item.name,
                start=day(item.start_date),
                end=day(item.end_date),
                groups=tuple(sorted(for_groups)) if course else None,
            )
        )
    batch.add(made, answer.origin)
    return batch
