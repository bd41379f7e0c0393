"""The canonical records that an import of the whole year must give of the stand-in, written from the region itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

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
    PlannedTopic,
    Record,
    Subject,
    Work,
)
from connectors.mosreg import standin_facts as facts
from connectors.standins.region import Course as RegionCourse
from connectors.standins.region import Institution
from connectors.standins.region import Lesson as RegionLesson
from connectors.standins.region import Mark as RegionMark
from connectors.standins.region import Work as RegionWork

_CONTROL = {
    "answer": "oral",
    "written": "written",
    "control": "test",
    "practical": "practical",
    "laboratory": "laboratory",
    "homework": "homework",
}
_MEANINGS = {"ОСВ": "exempt", "зач": "credit", "незач": "no_credit", "н/а": "not_attested"}


def truth(institution: Institution) -> Iterator[Record]:
    """Every record, as things stand now."""
    yield from _people(institution)
    yield from _groups(institution)
    yield from _courses(institution)
    yield from _periods(institution)
    for lesson in institution.lessons.values():
        yield from _lesson(institution, lesson)
    yield from _period_marks(institution)


def _minute(moment: datetime | None) -> str | None:
    return moment.replace(second=0, microsecond=0).isoformat() if moment else None


def _year(institution: Institution) -> str:
    return institution.year.name


def _people(institution: Institution) -> Iterator[Record]:
    named = {lesson.teacher for lesson in institution.lessons.values()} | {
        t for c in institution.courses.values() for t in c.teachers
    }
    for person in institution.people.values():
        is_student = person.role == "student"
        if facts.classes_of(institution, person.id) if is_student else not person.dismissed or person.id in named:
            yield Person(
                key=str(facts.student_id(person.id) if is_student else facts.teacher_id(person.id)),
                role=person.role,
                family_name=person.family,
                given_name=person.given,
                patronymic=person.patronymic,
                birth_date=person.birth.isoformat() if is_student else None,
                sex=person.sex if is_student else None,
            )


def _group_key(institution: Institution, course: RegionCourse) -> str:
    group = institution.groups[course.group]
    if group.kind == "metagroup":
        return f"-:{facts.course_id(course.id)}"
    if group.kind == "subgroup":
        return f"{facts.class_id(group.parent or 0)}:{facts.course_id(course.id)}"
    return str(facts.class_id(group.id))


def _groups(institution: Institution) -> Iterator[Record]:
    for group in institution.classes():
        yield Group(
            key=str(facts.class_id(group.id)),
            academic_year=_year(institution),
            name=facts.class_name(group),
            kind=group.kind,
            level=group.level,
            curator=str(facts.teacher_id(group.curator)) if group.curator else None,
        )
    for person in institution.students:
        yield from _class_enrolments(institution, person.id)


def _class_enrolments(institution: Institution, person: int) -> Iterator[Record]:
    """The portal tells who moved to which class when, and who has left; not why."""
    rows = facts.classes_of(institution, person)
    for index, (group, member) in enumerate(rows):
        end, status = None, "enrolled"
        if index + 1 < len(rows):
            end, status = rows[index + 1][1].start, "transferred"
        elif facts.has_ended(institution, member):
            end, status = member.end, "expelled"
        yield Enrolment(
            key=f"{facts.student_id(person)}:{facts.class_id(group.id)}",
            person=str(facts.student_id(person)),
            group=str(facts.class_id(group.id)),
            start=member.start.isoformat(),
            end=end.isoformat() if end else None,
            status=status,
        )


def _courses(institution: Institution) -> Iterator[Record]:
    taught = {c.subject for c in institution.courses.values()}
    for subject in institution.subjects.values():
        if subject.id in taught:
            yield Subject(key=str(facts.subject_id(subject.id)), name=subject.name)
    for course in institution.courses.values():
        group = institution.groups[course.group]
        key = _group_key(institution, course)
        if group.kind in {"subgroup", "metagroup"}:
            yield Group(
                key=key,
                academic_year=_year(institution),
                name=facts.group_name(institution, course),
                kind=group.kind,
                level=group.level,
                parent=str(facts.class_id(group.parent)) if group.parent else None,
            )
            for person in group.on(institution.now.date()):
                student = str(facts.student_id(person))
                yield Enrolment(key=f"{student}:{key}", person=student, group=key, status="enrolled")
        number = str(facts.course_id(course.id))
        yield Course(
            key=number,
            group=key,
            subject=str(facts.subject_id(course.subject)),
            teachers=tuple(str(facts.teacher_id(t)) for t in course.teachers),
        )
        days = facts.plan_dates(institution, course)
        for item in course.plan:
            row = facts.plan_row_id(item.id, course)
            yield PlannedTopic(
                key=f"{number}:{item.number}" if row is None else str(row),
                course=number,
                number=item.number,
                title=item.title,
                hours=item.hours,
                planned_on=days[item.number].isoformat() if item.number in days else None,
                homework=item.homework,
            )


def _periods(institution: Institution) -> Iterator[Record]:
    first = institution.year.first
    yield Period(
        key=f"{facts.year_id(first)}:year",
        academic_year=_year(institution),
        kind="year",
        number=1,
        name=_year(institution),
        start=f"{first}-09-01",
        end=f"{first + 1}-08-31",
    )
    for period in institution.periods.values():
        groups = {
            _group_key(institution, c)
            for c in institution.courses.values()
            if facts.schedule_of(institution, institution.groups[c.group].level)
            == facts.schedule_of(institution, period.levels[0])
        }
        if groups and facts.is_reported(period):
            yield Period(
                key=str(facts.period_id(period.id)),
                academic_year=_year(institution),
                kind=period.kind,
                number=period.number,
                name=period.name,
                start=period.start.isoformat(),
                end=period.end.isoformat(),
                groups=tuple(sorted(groups, key=lambda k: (not k.isdigit(), int(k) if k.isdigit() else 0, k))),
            )


def _lesson(institution: Institution, lesson: RegionLesson) -> Iterator[Record]:
    key = str(facts.lesson_id(lesson.id))
    entries = list(_entries(institution, lesson))
    status = "cancelled" if lesson.cancelled else "held" if lesson.topic or entries else "planned"
    yield Lesson(
        key=key,
        course=str(facts.course_id(lesson.course)),
        date=lesson.date.isoformat(),
        number=lesson.number,
        starts_at=lesson.starts.isoformat(),
        room=lesson.room,
        status=status,
        topic=lesson.topic,
        homework=lesson.homework,
        homework_at=_minute(lesson.homework_at) if lesson.homework else None,
        teacher=str(facts.teacher_id(lesson.teacher)),
    )
    yield from entries


def _entries(institution: Institution, lesson: RegionLesson) -> Iterator[Record]:
    """The marks of a lesson with the works they stand in, and its absences."""
    key = facts.lesson_id(lesson.id)
    for work in institution.works_of(lesson.id):
        form = facts.form_of(institution, work)
        number = f"{key}:{form or '-'}:{work.weight}"
        cells = [_mark(institution, mark, number) for mark in institution.marks_of(work.id)]
        for point in facts.points_of(institution, work):
            student = str(facts.student_id(point.student))
            at = _minute(point.at)
            cells.append(
                Mark(key=str(point.id), work=number, student=student, value="точка", meaning="debt", recorded_at=at)
            )
        if cells:
            yield _work(lesson, work, number, form)
            yield from cells
    for absence in institution.absences_of(lesson.id):
        student = str(facts.student_id(absence.student))
        code, reason = facts.REASONS.get(absence.status, (0, None))
        is_told = facts.has_row(absence)
        if is_told or facts.has_letter(absence):
            is_plain = not is_told or code == 2
            yield Attendance(
                key=f"{key}:{student}",
                lesson=str(key),
                student=student,
                status="absent" if is_plain else None,
                reason=reason if is_told else None,
                recorded_at=_minute(absence.at),
                raw=None if is_plain else {"status": code},
            )


def _work(lesson: RegionLesson, work: RegionWork, number: str, form: int | None) -> Work:
    return Work(
        key=number,
        lesson=str(facts.lesson_id(lesson.id)),
        course=str(facts.course_id(lesson.course)),
        kind=facts.FORMS[work.kind][1] if form else None,
        control=_CONTROL[work.kind] if form else None,
        weight=work.weight,
    )


def _mark(institution: Institution, mark: RegionMark, work: str) -> Mark:
    value, highest = facts.shown(institution, mark)
    return Mark(
        key=str(facts.mark_id(mark.id)),
        work=work,
        student=str(facts.student_id(mark.student)),
        value=value,
        grade=int(value[0]) if mark.type == "grade" and highest == 5 else None,
        meaning=_MEANINGS.get(value, "grade"),
        recorded_at=_minute(mark.at),
        comment=mark.comment,
    )


def _period_marks(institution: Institution) -> Iterator[Record]:
    year = f"{facts.year_id(institution.year.first)}:year"
    for mark in institution.period_marks.values():
        student = str(facts.student_id(mark.student))
        subject = facts.subject_id(institution.courses[mark.course].subject)
        period = str(facts.period_id(mark.period)) if mark.kind == "period" else year
        debt = facts.in_debt(mark.type, mark.id)
        yield PeriodMark(
            key=f"{student}:{subject}:{period}:{mark.kind}",
            student=student,
            course=str(facts.course_id(mark.course)),
            period=period,
            kind=mark.kind,
            value="А/З" if debt else mark.text,
            grade=int(mark.text) if mark.type == "grade" else None,
            meaning="debt" if debt else _MEANINGS.get(mark.text, "grade"),
        )
