"""What the stand-in portal holds besides the region: its ids, and what it shows in a manner of its own.

The answers of the stand-in and the truth that an import must give are written apart from each other; both build on this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

from connectors.standins.region import Absence, Course, Group, Institution, Mark, Membership, Period, Work, WorkKind

FORMS: Final[Mapping[WorkKind, tuple[int, str, str]]] = MappingProxyType(
    {
        "answer": (81, "Ответ на уроке", "ОУ"),
        "written": (82, "Самостоятельная работа", "СР"),
        "control": (83, "Контрольная работа", "КР"),
        "practical": (84, "Практическая работа", "ПР"),
        "laboratory": (85, "Лабораторная работа", "ЛР"),
        "homework": (86, "Домашнее задание", "ДЗ"),
    }
)
"""Kind of work -> control form: id, name, short name."""

REASONS: Final[Mapping[str, tuple[int, str | None]]] = MappingProxyType(
    {"absent": (2, None), "excused": (3, "Уважительная причина"), "ill": (4, "Болезнь")}
)
"""Absence -> `absence_reason_id`, `absence_reason`. Lateness has no representation (facts B4.6)."""


def year_id(year: int) -> int:
    """12 is 2024/25."""
    return year - 2012


def class_id(group: int) -> int:
    return 7000 + group


def subject_id(subject: int) -> int:
    return 3100 + subject


def course_id(course: int) -> int:
    return 510100 + course


def student_id(person: int) -> int:
    return 90000 + person


def teacher_id(person: int) -> int:
    return 6000 + person


def period_id(period: int) -> int:
    return 4020 + period


def lesson_id(lesson: int) -> int:
    return 330000 + lesson


def homework_id(lesson: int) -> int:
    return 990000 + lesson


def mark_id(mark: int) -> int:
    return 770000 + mark


def snils(person: int) -> str | None:
    """A СНИЛС of the range that was never given out; not every pupil has one."""
    return f"000-{person // 1000:03}-{person % 1000:03} 00" if person % 3 else None


def class_name(group: Group) -> str:
    """`7-А`, as the portal writes a class; a study group stays as it is."""
    return f"{group.level}-{group.name[len(str(group.level)) :]}" if group.kind == "class" else group.name


def group_name(institution: Institution, course: Course) -> str:
    """The name of a journal: subject and whom it teaches."""
    group = institution.groups[course.group]
    short = institution.subjects[course.subject].short
    if group.parent is None:
        return f"{short} {class_name(group)}"
    return f"{short} {class_name(institution.groups[group.parent])} {group.name}"


def schedule_of(institution: Institution, level: int) -> int:
    """The attestation periods that a grade goes by."""
    if institution.kind == "college":
        return 404
    return 402 if level < 10 else 403


def classes_of(institution: Institution, person: int) -> list[tuple[Group, Membership]]:
    """The classes that a pupil has belonged to until today, in the order of time. The future is not known to anybody."""
    return classes_by_pupil(institution).get(person, [])


def classes_by_pupil(institution: Institution) -> dict[int, list[tuple[Group, Membership]]]:
    """`classes_of` every pupil."""
    today = institution.now.date()
    found: dict[int, list[tuple[Group, Membership]]] = {}
    for group in institution.classes():
        for member in group.members:
            if member.start <= today:
                found.setdefault(member.person, []).append((group, member))
    for belonged in found.values():
        belonged.sort(key=lambda f: f[1].start)
    return found


def has_ended(institution: Institution, member: Membership) -> bool:
    """Whether a membership is over today."""
    return member.end is not None and member.end < institution.now.date()


def is_reported(period: Period) -> bool:
    """Whether the portal has it: the year itself is no period of its schedules."""
    return period.kind != "year"


def form_of(institution: Institution, work: Work) -> int | None:
    """The control form of a work; marks of literature lessons have none."""
    course = institution.courses[institution.lessons[work.lesson].course]
    plain = work.kind == "answer" and institution.subjects[course.subject].short == "Лит"
    return None if plain else FORMS[work.kind][0]


def shown(institution: Institution, mark: Mark) -> tuple[str, Literal[5, 10]]:
    """The text in the cell and the top of its grade system: physics is marked with ten points."""
    course = institution.courses[institution.lessons[institution.works[mark.work].lesson].course]
    if institution.subjects[course.subject].short == "Физ" and mark.type == "grade":
        return str(2 * int(mark.text[0])), 10
    return mark.text, 5


@dataclass(frozen=True, slots=True)
class Point:
    """A «точка»: a mark that is still to come."""

    id: int
    work: Work
    student: int
    at: datetime
    due: date


def points_of(institution: Institution, work: Work) -> Iterator[Point]:
    """The one pupil who was there and has still to hand in a heavier work. Its date may be over or not."""
    lesson = institution.lessons[work.lesson]
    if work.weight < 2 or lesson.recorded_at is None:
        return
    marked = {m.student for m in institution.marks_of(work.id)}
    away = {a.student for a in institution.absences_of(lesson.id) if a.status != "late"}
    waiting = [
        p for p in institution.pupils_of(institution.courses[lesson.course], lesson.date) if p not in marked | away
    ]
    if waiting:
        due = lesson.date + timedelta(days=7)
        yield Point(79_000_000 + work.id, work, min(waiting), lesson.recorded_at, due)


def has_row(absence: Absence) -> bool:
    """Whether an absence stands in the attendance list."""
    return absence.status != "late" and absence.id % 7 != 0


def has_letter(absence: Absence) -> bool:
    """Whether an absence stands as «н» among the marks: some twice, some only there."""
    return absence.status != "late" and (absence.id % 2 == 0 or absence.id % 7 == 0)


def letter_id(absence: Absence) -> int:
    return 78_000_000 + absence.id


def plan_row_id(item: int, course: Course) -> int | None:
    """The id of a row of a thematic plan; half of the plans have rows without ids."""
    return 610_000_000 + item if course.id % 2 == 0 else None


def plan_dates(institution: Institution, course: Course) -> dict[int, date]:
    """Number in the plan -> the day of the lesson at that place."""
    lessons = institution.lessons_of([course.id])
    return {item.number: lesson.date for item, lesson in zip(course.plan, lessons, strict=False)}


def in_debt(kind: str, number: int) -> bool:
    """Which period marks stand as «А/З» instead of what they say."""
    return kind == "not_attested" and number % 2 == 0
