"""The canonical records that a whole year's staff import from the stand-in must give.

Written from the region and the portal's key rules (canonical.md), not by way of the connector's mapper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

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
    Work,
)
from connectors.asurso.school.standin_view import YEAR, View
from connectors.standins import region

CONTROLS: Final = {
    "homework": "homework",
    "control": "test",
    "written": "written",
    "laboratory": "laboratory",
    "practical": "practical",
    "answer": "oral",
}
KINDS: Final = {
    "homework": "Домашнее задание",
    "control": "Контрольная работа",
    "written": "Самостоятельная работа",
    "laboratory": "Лабораторная работа",
    "practical": "Практическая работа",
    "answer": "Ответ на уроке",
}


def truth(view: View) -> Iterator[Record]:
    """All records of the school as it stands at its `now`."""
    yield from _people(view)
    yield from _groups(view)
    yield from _periods(view)
    for lesson in view.place.lessons.values():
        attending = view.attending(lesson)
        if attending and not lesson.cancelled:
            yield from _lesson(view, lesson, attending)
    yield from _totals(view)


def _student(view: View, number: int) -> str:
    return str(view.person(number, student=True))


def _teacher(view: View, number: int) -> str:
    return str(view.person(number, student=False))


def _people(view: View) -> Iterator[Record]:
    place = view.place
    named = {t for c in place.courses.values() for t in c.teachers if view.members(place.groups[c.group])}
    named |= {g.curator for g in view.classes() if g.curator}
    for number in sorted(named):
        yield _person(_teacher(view, number), place.people[number])
    for person in view.pupils():
        yield _person(_student(view, person.id), person)


def _person(key: str, person: region.Person) -> Person:
    return Person(
        key=key, role=person.role, family_name=person.family, given_name=person.given, patronymic=person.patronymic
    )


def _groups(view: View) -> Iterator[Record]:
    place, year = view.place, view.place.year.name
    for subject in place.subjects.values():
        yield Subject(
            key=str(view.subject(subject)), name=view.title(subject), short_name=subject.short, kind="subject"
        )
    for group in view.classes():
        yield Group(
            key=str(view.group(group)),
            academic_year=year,
            name=group.name,
            kind="class",
            level=group.level,
            curator=_teacher(view, group.curator) if group.curator else None,
        )
        yield from _enrolments(view, group, str(view.group(group)))
    for course in view.courses():
        group, classes = place.groups[course.group], view.classes_of(course)
        if not classes:
            continue
        key = str(view.taught(course))
        if group.kind != "class":
            levels = {c.level for c in classes}
            yield Group(
                key=key,
                academic_year=year,
                name=group.name,
                kind=group.kind,
                level=levels.pop() if len(levels) == 1 else None,
                parent=str(view.group(classes[0])) if group.kind == "subgroup" else None,
            )
            yield from _enrolments(view, group, key)
        yield Course(
            key=key,
            group=key if group.kind != "class" else str(view.group(group)),
            subject=str(view.subject(place.subjects[course.subject])),
            teachers=tuple(_teacher(view, t) for t in course.teachers),
        )


def _enrolments(view: View, group: region.Group, key: str) -> Iterator[Record]:
    for number in view.members(group):
        student = _student(view, number)
        yield Enrolment(key=f"{student}:{key}", person=student, group=key, status="enrolled")


def _periods(view: View) -> Iterator[Record]:
    year = view.place.year
    everyone = {g.id for g in view.classes()}
    for term in view.terms():
        having = [g for g in view.classes() if g.level in term.levels]
        yield Period(
            key=str(view.term(term)),
            academic_year=year.name,
            kind=term.kind,
            number=term.number,
            name=term.name,
            start=term.start.isoformat(),
            end=term.end.isoformat(),
            groups=None if {g.id for g in having} == everyone else tuple(str(view.group(g)) for g in having),
        )
    yield Period(
        key=f"{YEAR}:year",
        academic_year=year.name,
        kind="year",
        number=1,
        name=year.name,
        start=year.start.isoformat(),
        end=year.end.isoformat(),
    )


def _lesson(view: View, lesson: region.Lesson, attending: list[int]) -> Iterator[Record]:
    key, course = str(view.meeting(lesson)), str(view.taught(view.place.courses[lesson.course]))
    parts: list[Record] = []
    here = set(attending)
    for absence in view.place.absences_of(lesson.id):
        if absence.student in here:
            student = _student(view, absence.student)
            parts.append(Attendance(key=f"{key}:{student}", lesson=key, student=student, status=absence.status))
    works: list[Record] = []
    for place in view.places(lesson):
        word = place.work.kind if place.work else "homework"
        number = str(place.id)
        works.append(
            Work(
                key=number,
                lesson=key,
                course=course,
                kind=KINDS[word],
                control=CONTROLS[word],
                title=place.name,
                weight=place.weight,
                due_on=lesson.date.isoformat(),
            )
        )
        for pupil in attending:
            mark, student = view.mark(place, pupil), _student(view, pupil)
            if mark or view.owes(place, pupil):
                value = _value(str(view.shown(mark)), mark) if mark else {"value": "•", "meaning": "debt"}
                parts.append(Mark(key=f"{number}:{student}", work=number, student=student, **value))
    yield Lesson(
        key=key,
        course=course,
        date=lesson.date.isoformat(),
        number=lesson.number,
        starts_at=lesson.starts.isoformat(),
        ends_at=lesson.ends.isoformat(),
        room=lesson.room if lesson.id % 5 else None,
        status="held" if parts else "planned",
        homework=lesson.homework if lesson.recorded_at else None,
        teacher=_teacher(view, lesson.teacher),
    )
    yield from works
    yield from parts


def _value(text: str, mark: region.Mark | None = None) -> dict[str, Any]:
    grade = int(text[0]) if text[0] in "12345" else None
    meanings = {"ОСВ": "exempt", "н/а": "not_attested"}
    made: dict[str, Any] = {"value": text, "grade": grade, "meaning": meanings.get(text, "grade")}
    if mark:
        made |= {"recorded_at": f"{mark.at.date()}T00:00:00{mark.at:%z}"[:-2] + ":00", "comment": mark.comment}
    return made


def _totals(view: View) -> Iterator[Record]:
    year = next(p for p in view.place.periods.values() if p.kind == "year")
    for person in view.pupils():
        totals = view.totals(person.id)
        student = _student(view, person.id)
        columns = [(str(view.term(t)), t.id, "period") for t in view.terms_of(view.class_of(person.id))]
        columns += [(f"{YEAR}:year", year.id, kind) for kind in ("year", "exam", "final")]
        for subject in view.learns(person.id):
            course = view.course_of(person.id, subject)
            for period, number, kind in columns:
                text = totals.get((subject.id, number, kind))
                if text and course:
                    key = str(view.subject(subject))
                    yield PeriodMark(
                        key=f"{student}:{key}:{period}:{kind}",
                        student=student,
                        course=str(view.taught(course)),
                        period=period,
                        kind=kind,
                        **_value(text),
                    )
