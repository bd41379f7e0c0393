"""The stand-in of exported files: an institution as a folder of canonical NDJSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from starlette.responses import PlainTextResponse

from canonical import entities as e
from canonical.entities import ENTITIES, Record
from connectors.standins.folder import write_folder
from connectors.standins.region import Institution
from connectors.standins.server import StandIn

_GRADES = {f"{n}{sign}": n for n in range(1, 6) for sign in ("", "+", "-")}


def make(institution: Institution) -> StandIn:
    """An institution whose journal is exported whole."""

    def lay(folder: Path) -> dict[str, str]:
        write_folder(folder, truth(institution), f"{institution.key}/portal", institution.zone, also=ENTITIES)
        return {"path": str(folder), "layout": "canonical"}

    return StandIn(
        portal="files",
        institution=institution,
        app=PlainTextResponse("files have no server", 404),
        remote_id="",
        auth={},
        student={},
        truth=lambda: truth(institution),
        lay=lay,
    )


def truth(made: Institution) -> Iterator[Record]:
    """The canonical records of an institution, keys being the region's numbers."""
    for person in made.people.values():
        yield e.Person(
            key=str(person.id), role=person.role, family_name=person.family, given_name=person.given,
            patronymic=person.patronymic, birth_date=_day(person.birth), sex=person.sex, position=person.position,
        )  # fmt: skip
    yield from _structure(made)
    for course in made.courses.values():
        yield e.Course(
            key=str(course.id), group=str(course.group), subject=str(course.subject),
            teachers=tuple(map(str, course.teachers)), planned_hours=course.hours,
        )  # fmt: skip
        for item in course.plan:
            yield e.PlannedTopic(
                key=f"{course.id}:{item.number}", course=str(course.id), number=item.number, title=item.title,
                hours=item.hours, kind=item.kind, homework=item.homework,
            )  # fmt: skip
    yield from _journal(made)
    for given in made.period_marks.values():
        yield e.PeriodMark(
            key=str(given.id), student=str(given.student), course=str(given.course), period=str(given.period),
            kind=given.kind, value=given.text, grade=_GRADES.get(given.text), meaning=given.type,
            recorded_at=_instant(given.at),
        )  # fmt: skip


def _structure(made: Institution) -> Iterator[Record]:
    year = made.year.name
    for group in made.groups.values():
        code, title = group.speciality or (None, None)
        yield e.Group(
            key=str(group.id), academic_year=year, name=group.name, kind=group.kind, level=group.level,
            parent=str(group.parent) if group.parent else None, speciality_code=code, speciality_name=title,
            department=group.department[1] if group.department else None,
            curator=str(group.curator) if group.curator else None,
        )  # fmt: skip
        for m in group.members:
            yield e.Enrolment(
                key=f"{group.id}:{m.person}", person=str(m.person), group=str(group.id), start=_day(m.start),
                end=_day(m.end), status=m.status,
            )  # fmt: skip
    for subject in made.subjects.values():
        yield e.Subject(key=str(subject.id), name=subject.name, short_name=subject.short, kind=subject.kind)
    for period in made.periods.values():
        groups = tuple(str(g.id) for g in made.classes() if g.level in period.levels)
        yield e.Period(
            key=str(period.id), academic_year=year, kind=period.kind, number=period.number, name=period.name,
            start=_day(period.start), end=_day(period.end), groups=groups,
        )  # fmt: skip


def _journal(made: Institution) -> Iterator[Record]:
    for lesson in made.lessons.values():
        status = "cancelled" if lesson.cancelled else "held" if lesson.recorded_at else "planned"
        yield e.Lesson(
            key=str(lesson.id), course=str(lesson.course), date=lesson.date.isoformat(), number=lesson.number,
            starts_at=_instant(lesson.starts), ends_at=_instant(lesson.ends), room=lesson.room, status=status,
            kind=lesson.kind, topic=lesson.topic, homework=lesson.homework, homework_at=_instant(lesson.homework_at),
            teacher=str(lesson.teacher), recorded_at=_instant(lesson.recorded_at),
        )  # fmt: skip
    for work in made.works.values():
        course = made.lessons[work.lesson].course
        yield e.Work(
            key=str(work.id), lesson=str(work.lesson), course=str(course), kind=work.kind, title=work.title,
            weight=work.weight,
        )  # fmt: skip
    for mark in made.marks.values():
        yield e.Mark(
            key=str(mark.id), work=str(mark.work), student=str(mark.student), value=mark.text,
            grade=_GRADES.get(mark.text), meaning=mark.type, recorded_at=_instant(mark.at), comment=mark.comment,
        )  # fmt: skip
    for absence in made.absences.values():
        yield e.Attendance(
            key=f"{absence.lesson}:{absence.student}", lesson=str(absence.lesson), student=str(absence.student),
            status=absence.status, minutes_late=absence.minutes, recorded_at=_instant(absence.at),
        )  # fmt: skip


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
