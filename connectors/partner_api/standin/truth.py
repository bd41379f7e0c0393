"""What an import of the stand-in must give: written from the institution, not from the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
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
from connectors.partner_api.standin import objects
from connectors.partner_api.standin.objects import fraction
from connectors.standins import region
from connectors.standins.region import Institution

_KINDS_OF_WORK: Final = {
    "control": ("Контрольная работа", "test", 1),
    "written": ("Самостоятельная работа", None, 2),
    "laboratory": ("Лабораторная работа", "laboratory", 2),
}
_MEANINGS: Final = {"grade", "exempt", "credit", "no_credit", "not_attested"}


def truth(made: Institution, *, lists_year: bool) -> Iterator[Record]:
    """Every record that an import of the whole year with the staff account must give."""
    yield from _people(made)
    yield from _groups(made)
    yield from _periods(made, lists_year=lists_year)
    held = [x for x in made.lessons.values() if not x.cancelled]
    for number in {x.course for x in held}:
        course = made.courses[number]
        here = [t for t in course.teachers if not made.people[t].dismissed]
        yield Course(
            key=_course(course),
            group=_group(course.group),
            subject=_subject(course.subject),
            teachers=tuple(sorted(_person(t) for t in here)) or None,
        )
    for lesson in held:
        yield from _lesson(made, lesson)
    for mark in made.period_marks.values():
        course = made.courses[mark.course]
        period = _period(mark.period)
        if mark.kind != "period":
            period = _year_of(made, made.groups[course.group], mark.student) if lists_year else f"year:{made.year.name}"
        yield PeriodMark(
            key=f"{_person(mark.student)}:{_subject(course.subject)}:{period}:{mark.kind}",
            student=_person(mark.student),
            course=_course(course),
            period=period,
            kind=mark.kind,
            **_mark(made, mark, mark.id),
        )


# -- keys ------------------------------------------------------------------------------------------------------------


def _person(number: int) -> str:
    return str(objects.PERSON + number)


def _group(number: int) -> str:
    return str(objects.GROUP + number)


def _subject(number: int) -> str:
    return str(objects.SUBJECT + number)


def _period(number: int) -> str:
    return str(objects.PERIOD + number)


def _course(course: region.Course) -> str:
    return f"{_group(course.group)}:{_subject(course.subject)}"


def _at(made: Institution, at: datetime, number: int) -> str:
    """A moment of entry to the microsecond: the platform's seventh digit is cut off."""
    micro = int(fraction(number)[:6].ljust(6, "0"))
    return at.astimezone(made.zone).replace(microsecond=micro).isoformat()


# -- people and groups -----------------------------------------------------------------------------------------------


def _people(made: Institution) -> Iterator[Record]:
    today = made.now.date()
    named = {x.teacher for x in made.lessons.values() if not x.cancelled}
    begun = {m.person for g in made.groups.values() for m in g.members if m.start <= today}
    for one in made.people.values():
        if one.role == "student" and one.id not in begun:
            continue
        if one.dismissed and one.id not in named:
            continue
        yield Person(
            key=_person(one.id),
            role=one.role,
            family_name=one.family,
            given_name=one.given,
            patronymic=one.patronymic,
            birth_date=one.birth.isoformat(),
            sex=one.sex,
            position=None if one.dismissed else one.position,
        )


def _groups(made: Institution) -> Iterator[Record]:
    today = made.now.date()
    for group in made.groups.values():
        yield Group(
            key=_group(group.id),
            academic_year=made.year.name,
            name=group.name,
            kind=group.kind,
            level=group.level,
            parent=_group(group.parent) if group.parent else None,
            curator=_person(group.curator) if group.curator else None,
        )
        here = set(group.on(today))
        for person in {m.person for m in group.members if m.start <= today}:
            yield Enrolment(
                key=f"{_person(person)}:{_group(group.id)}",
                person=_person(person),
                group=_group(group.id),
                status="enrolled" if person in here else None,
                raw=None if person in here else {"status": "Archive"},
            )
    for subject in made.subjects.values():
        yield Subject(key=_subject(subject.id), name=subject.name)


def _periods(made: Institution, *, lists_year: bool) -> Iterator[Record]:
    classes = made.classes()
    shown = {p.id: p for g in classes for p in made.periods_of(g)}
    for period in shown.values():
        yield Period(
            key=_period(period.id),
            academic_year=made.year.name,
            kind=period.kind,
            number=period.number,
            name=period.name,
            start=period.start.isoformat(),
            end=period.end.isoformat(),
            groups=_whose(made, [g for g in classes if g.level in period.levels]),
        )
    years: Iterable[tuple[str, list[region.Group]]]
    if lists_year:
        years = [(_period(objects.YEAR + n), [g for g in classes if g.level == n]) for n in {g.level for g in classes}]
    else:
        years = [(f"year:{made.year.name}", classes)]
    for key, groups in years:
        bounds = [p for g in groups for p in made.periods_of(g)]
        yield Period(
            key=key,
            academic_year=made.year.name,
            kind="year",
            number=1,
            name="Год",
            start=min(p.start for p in bounds).isoformat(),
            end=max(p.end for p in bounds).isoformat(),
            groups=_whose(made, groups),
        )


def _whose(made: Institution, groups: list[region.Group]) -> tuple[str, ...] | None:
    return None if len(groups) == len(made.classes()) else tuple(sorted(_group(g.id) for g in groups))


def _year_of(made: Institution, group: region.Group, student: int) -> str:
    """The year of the class whose register holds a pupil's mark, where the portal lists years."""
    home = made.class_of(student) if group.kind == "metagroup" else None
    return _period(objects.YEAR + (home or group).level)


# -- the journal -----------------------------------------------------------------------------------------------------


def _lesson(made: Institution, lesson: region.Lesson) -> Iterator[Record]:
    course = made.courses[lesson.course]
    key = str(objects.LESSON + lesson.id)
    works = made.works_of(lesson.id)
    marks = [m for w in works for m in made.marks_of(w.id)]
    rows = list(_attendance(made, lesson, course, key))
    homework = list(_homework(made, lesson, course, key))
    yield Lesson(
        key=key,
        course=_course(course),
        date=lesson.date.isoformat(),
        number=lesson.number,
        starts_at=lesson.starts.isoformat(),
        ends_at=lesson.ends.isoformat(),
        status="held" if lesson.topic or marks or rows else "planned",
        topic=lesson.topic,
        homework="; ".join(w.title or "" for w in homework) or None,
        homework_at=_at(made, lesson.homework_at, lesson.id) if homework and lesson.homework_at else None,
        teacher=_person(lesson.teacher),
    )
    for work in works:
        plain = ("Работа на уроке" if lesson.id % 2 else "Ответ на уроке", "other", 1)
        kind, control, weight = _KINDS_OF_WORK.get(work.kind, plain)
        yield Work(
            key=str(objects.WORK + work.id),
            lesson=key,
            course=_course(course),
            kind=kind,
            control=control,
            title=work.title if work.kind in {"written", "laboratory"} else None,
            weight=weight,
            due_on=lesson.date.isoformat(),
            raw={"control": "IndependentWork"} if control is None else None,
        )
    for mark in marks:
        yield Mark(
            key=str(objects.MARK + mark.id),
            work=str(objects.WORK + mark.work),
            student=_person(mark.student),
            **_mark(made, mark, mark.id),
        )
    yield from homework
    yield from rows


def _homework(made: Institution, lesson: region.Lesson, course: region.Course, key: str) -> Iterator[Work]:
    if not lesson.homework:
        return
    later = [x.date for x in made.lessons_of([course.id]) if x.date > lesson.date]
    for place, part in enumerate(objects.homework_parts(lesson.homework)):
        yield Work(
            key=str(objects.HOMEWORK + 2 * lesson.id + place),
            lesson=key,
            course=_course(course),
            kind="Домашняя работа",
            control="homework",
            title=part,
            weight=1,
            due_on=min(later, default=lesson.date).isoformat(),
        )


def _attendance(made: Institution, lesson: region.Lesson, course: region.Course, key: str) -> Iterator[Record]:
    for one in made.absences_of(lesson.id):
        yield Attendance(
            key=f"{key}:{_person(one.student)}",
            lesson=key,
            student=_person(one.student),
            status=one.status,
            reason="по заявлению" if one.status == "excused" and one.id % 2 else None,
            recorded_at=_at(made, one.at, one.id),
        )
    if lesson.id % 20 == 0 and lesson.recorded_at:
        away = {a.student for a in made.absences_of(lesson.id)}
        there = [p for p in made.pupils_of(course, lesson.date) if p not in away]
        for student in there[:1]:
            yield Attendance(
                key=f"{key}:{_person(student)}",
                lesson=key,
                student=_person(student),
                status="present",
                recorded_at=_at(made, lesson.recorded_at, lesson.id),
            )


def _mark(made: Institution, mark: region.Mark | region.PeriodMark, number: int) -> dict[str, Any]:
    return {
        "value": mark.text,
        "grade": int(mark.text[0]) if mark.type == "grade" else None,
        "meaning": mark.type if mark.type in _MEANINGS else "note",
        "recorded_at": _at(made, mark.at, number),
    }
