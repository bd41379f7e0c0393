"""The canonical records that a whole year's staff import from the stand-in must give.

Written from the region and the portal's key rules (canonical.md), not by way of the connector's mapper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from canonical.entities import (
    Attendance,
    Attestation,
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
from connectors.asurso.standin_view import SHEET_ONLY, View, result
from connectors.standins import region

MARKS: Final = {
    "ОСВ": ("осв", None, "exempt"),
    "зач": ("зач", None, "credit"),
    "незач": ("незач", None, "no_credit"),
    "н/а": ("н/а", None, "not_attested"),
}
CONTROLS: Final = {
    "answer": ("Lesson", "oral"),
    "written": ("Independent", "written"),
    "control": ("Control", "test"),
    "practical": ("PracticalWork", "practical"),
    "laboratory": ("Laboratory", "laboratory"),
    "homework": ("Home", "homework"),
}


def truth(view: View, *, old_absences: bool = False) -> Iterator[Record]:
    """All records of the institution as it stands at its `now`."""
    yield from _people(view)
    yield from _groups(view)
    yield from _periods(view)
    for group in view.groups():
        yield from _enrolments(view, group)
        for term in view.terms():
            for course in view.courses(group):
                yield from _course(view, course, term)
                yield from _lessons(view, course, term, old_absences=old_absences)
            if term.start <= view.today():
                yield from _sheet(view, group, term)


def _people(view: View) -> Iterator[Record]:
    for person in view.place.staff:
        if not person.dismissed:
            yield _person(view, person, position=person.position)
    listed = {p.id for p, _ in view.active()}
    rostered = {
        m.person
        for group in view.groups()
        for course in view.courses(group)
        for term in view.terms()
        for m in view.members(course, term)
    }
    for person in view.place.students:
        if person.id in listed:
            yield _person(view, person, birth_date=person.birth.isoformat(), sex=person.sex)
        elif person.id in rostered:
            yield _person(view, person)


def _person(view: View, person: region.Person, **more: Any) -> Person:
    return Person(
        key=str(view.person(person)),
        role=person.role,
        family_name=person.family,
        given_name=person.given,
        patronymic=person.patronymic,
        **more,
    )


def _groups(view: View) -> Iterator[Record]:
    place = view.place
    for subject in place.subjects.values():
        kind = {"subject": "discipline"}.get(subject.kind, subject.kind)
        yield Subject(key=str(view.subject(subject)), name=view.title(subject), kind=kind)
    for group in view.groups():
        key = str(view.group(group))
        yield Group(
            key=key,
            academic_year=place.year.name,
            name=group.name,
            kind="study_group",
            level=group.level,
            speciality_code=group.speciality[0] if group.speciality else None,
            speciality_name=group.speciality[1] if group.speciality else None,
            department=group.department[1] if group.department else None,
            curator=str(7000 + group.curator) if group.curator else None,
        )
        for part in (g for g in place.groups.values() if g.parent == group.id):
            yield Group(
                key=_group_key(view, part),
                academic_year=place.year.name,
                name=part.name,
                kind="subgroup",
                level=group.level,
                parent=key,
            )


def _group_key(view: View, group: region.Group) -> str:
    if group.parent:
        return f"{view.group(view.place.groups[group.parent])}:{group.name}"
    return str(view.group(group))


def _periods(view: View) -> Iterator[Record]:
    year, terms = view.place.year, view.terms()
    for level in {g.level for g in view.groups()}:
        yield Period(
            key=f"calendar:{20 + level}",
            academic_year=year.name,
            kind="year",
            number=1,
            name=f"{level} курс",
            start=terms[0].start.isoformat(),
            end=terms[-1].end.isoformat(),
            groups=tuple(sorted(str(view.group(g)) for g in view.groups() if g.level == level)),
        )
    for group in view.groups():
        for term in terms:
            yield Period(
                key=str(view.gradebook(group, term)),
                academic_year=year.name,
                kind="semester",
                number=term.number,
                name=f"{group.level} курс, {term.number} семестр",
                start=term.start.isoformat(),
                end=term.end.isoformat(),
                groups=(str(view.group(group)),),
            )


def _enrolments(view: View, group: region.Group) -> Iterator[Record]:
    """Membership as the rosters and the students' list say it: why somebody left neither of them says."""
    here = {person.id for person, current in view.active() if current is group}
    spans = [(t.start, t.end) for t in view.terms()]
    for place in (group, *(g for g in view.place.groups.values() if g.parent == group.id)):
        for member in place.members:
            if not any(member.start <= end and (member.end is None or member.end >= start) for start, end in spans):
                continue
            stays = member.person in here and (place is group or member.end is None)
            person = view.place.people[member.person]
            key = _group_key(view, place)
            yield Enrolment(
                key=f"{view.person(person)}:{key}",
                person=str(view.person(person)),
                group=key,
                start=member.start.isoformat(),
                end=None if stays or member.end is None else member.end.isoformat(),
                status="enrolled" if stays else None,
            )


def _course_key(view: View, course: region.Course, term: region.Period) -> str:
    return f"{view.gradebook(view.home_of(course), term)}:{view.taught(course, term)}"


def _course(view: View, course: region.Course, term: region.Period) -> Iterator[Record]:
    teacher = view.place.people[course.teachers[0]]
    known = Counter(p.initials for p in view.place.staff if not p.dismissed)
    sure = not teacher.dismissed and known[teacher.initials] == 1
    if teacher.dismissed and known[teacher.initials] == 1:  # somebody else is printed just so
        namesake = next(p for p in view.place.staff if not p.dismissed and p.initials == teacher.initials)
        teacher, sure = namesake, True
    key = _course_key(view, course, term)
    yield Course(
        key=key,
        group=_group_key(view, view.place.groups[course.group]),
        subject=str(view.subject(view.place.subjects[course.subject])),
        period=str(view.gradebook(view.home_of(course), term)),
        teachers=(str(view.person(teacher)),) if sure else None,
        planned_hours=course.hours,
        raw=None if sure else {"teachers": teacher.initials},
    )
    for item in course.plan:
        yield PlannedTopic(
            key=str(view.planned(course, term, item)),
            course=key,
            number=item.number,
            title=item.title,
            hours=item.hours,
            kind=item.kind,
        )


def _lessons(view: View, course: region.Course, term: region.Period, *, old_absences: bool) -> Iterator[Record]:
    key = _course_key(view, course, term)
    for lesson in view.lessons(course, term):
        item = view.planned_item(lesson)
        number = str(view.slot(lesson))
        recorded = lesson.recorded_at is not None
        homework = " ".join(filter(None, (lesson.homework, view.condition(lesson)))) if lesson.homework else None
        yield Lesson(
            key=number,
            course=key,
            date=lesson.date.isoformat(),
            starts_at=lesson.starts.isoformat(),
            ends_at=lesson.ends.isoformat(),
            status="held" if recorded else "planned",
            kind=lesson.kind if recorded else None,
            hours=2,
            topic=lesson.topic,
            planned_topic=str(view.planned(course, term, item)) if item else None,
            homework=homework,
        )
        if not recorded:
            continue
        if lesson.homework:
            task = str(view.home_task(lesson))
            yield Work(key=task, lesson=number, course=key, kind="Home", control="homework", title=lesson.homework)
        for work in view.place.works_of(lesson.id):
            yield from _work(view, work, lesson, course, key)
        for absence in view.place.absences_of(lesson.id):
            student = str(50000 + absence.student)
            status = "absent" if old_absences and absence.status != "late" else absence.status
            yield Attendance(key=f"{number}:{student}", lesson=number, student=student, status=status)


def _work(
    view: View, work: region.Work, lesson: region.Lesson, course: region.Course, course_key: str
) -> Iterator[Record]:
    kind, control = CONTROLS[work.kind]
    for place in range(1, view.places(work) + 1):
        yield Work(
            key=str(view.task(work, place)),
            lesson=str(view.slot(lesson)),
            course=course_key,
            kind=kind,
            control=control,
            title=work.title,
        )
    marked = set()
    for mark in view.place.marks_of(work.id):
        task, student = str(view.task(work, mark.number)), str(50000 + mark.student)
        marked.add((mark.student, mark.number))
        yield Mark(key=f"{task}:{student}", work=task, student=student, **_value(mark.text))
    if work.required:
        for pupil in view.place.pupils_of(course, lesson.date):
            if (pupil, 1) not in marked:
                task, student = str(view.task(work, 1)), str(50000 + pupil)
                yield Mark(key=f"{task}:{student}", work=task, student=student, value="•", meaning="debt")


def _value(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"value": "•", "meaning": "debt"}
    value, grade, meaning = MARKS.get(text, (text, int(text) if text.isdigit() else None, "grade"))
    return {"value": value, "grade": grade, "meaning": meaning}


# -- the attestation sheet -------------------------------------------------------------------------------------------


def _sheet(view: View, group: region.Group, term: region.Period) -> Iterator[Record]:
    book = str(view.gradebook(group, term))
    pupils = [m.person for m in group.members if m.start <= term.end and (m.end is None or m.end >= term.start)]
    results = view.results(term)
    for subject, courses in view.sheet_columns(group):
        for pupil in pupils:
            text = result(results, courses, pupil)
            if text is None and not view.owes(courses, pupil):
                continue
            own = next(c for c in courses if pupil in {m.person for m in view.members(c, term)})
            yield from _result(view, book, pupil, subject, _course_key(view, own, term), courses[0].examination, text)
    first = view.courses(group)[:1]
    attended = [p for p in pupils if result(results, first, p)]
    if attended:
        yield Subject(key=SHEET_ONLY[1], name=SHEET_ONLY[1])
        made = f"{book}:{SHEET_ONLY[0]}"
        yield Course(key=made, group=str(view.group(group)), subject=SHEET_ONLY[1], period=book)
        for pupil in attended:
            student = str(50000 + pupil)
            yield PeriodMark(
                key=f"{student}:{SHEET_ONLY[1]}:{book}:period",
                student=student,
                course=made,
                period=book,
                kind="period",
                **_value("зач"),
            )
    yield from _module(view, group, book, pupils, results)
    yield from _course_work(view, group, term, book, pupils, results)


def _result(
    view: View,
    book: str,
    pupil: int,
    subject: region.Subject,
    course: str,
    examination: str | None,
    text: str | None,
) -> Iterator[Record]:
    student, key = str(50000 + pupil), str(view.subject(subject))
    yield PeriodMark(
        key=f"{student}:{key}:{book}:period",
        student=student,
        course=course,
        period=book,
        kind="period",
        **_value(text),
    )
    if examination:
        yield Attestation(
            key=f"{student}:{key}:{book}:{examination}",
            student=student,
            course=course,
            subject=key,
            kind=examination,
            **_value(text),
        )


def _module(
    view: View, group: region.Group, book: str, pupils: list[int], results: dict[tuple[int, int], str]
) -> Iterator[Record]:
    courses = view.course_named(group, "МДК")
    for pupil in pupils:
        text = result(results, courses, pupil)
        if text:
            yield Attestation(
                key=f"{50000 + pupil}:{700 + group.id}:{book}:qualification_exam",
                student=str(50000 + pupil),
                kind="qualification_exam",
                title="ПМ.01 Разработка модулей",
                **_value(text),
            )


def _course_work(
    view: View,
    group: region.Group,
    term: region.Period,
    book: str,
    pupils: list[int],
    results: dict[tuple[int, int], str],
) -> Iterator[Record]:
    courses = view.course_named(group, "Основы алгоритмизации")
    for pupil in pupils:
        text = result(results, courses, pupil)
        if text:
            yield Attestation(
                key=f"{50000 + pupil}:{800 + group.id}:{book}:coursework",
                student=str(50000 + pupil),
                course=_course_key(view, courses[0], term),
                subject=str(view.subject(view.place.subjects[courses[0].subject])),
                kind="coursework",
                title="Основы алгоритмизации",
                **_value(text),
            )
