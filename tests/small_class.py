"""A class that fits into one's head, for reports whose numbers are worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from canonical.coverage import Scope, Selector
from canonical.entities import (
    NAMES,
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
from canonical.store import SourceRow
from canonical.view import Covered, JournalView
from canonical.years import AcademicYear
from connectors.contract import Institution
from pipelines.reporting.journal import Journal
from tests.region_records import CAPABILITIES

MOSCOW = ZoneInfo("Europe/Moscow")
PLACE = Institution("malaya", "Малая школа", "school", MOSCOW)
READ_AT = datetime(2026, 11, 20, 17, tzinfo=MOSCOW)
NOW = datetime(2026, 11, 20, 18, tzinfo=MOSCOW)
YEAR = "2026/2027"


def lesson(key: str, course: str, date: str, status: str = "held", **more: object) -> Lesson:
    topic = None if status == "planned" else f"Тема {key}"
    return Lesson(key=key, course=course, date=date, **{"status": status, "topic": topic, **more})  # type: ignore[arg-type]


def period_mark(student: str, course: str, value: str, period: str = "q1", kind: str = "period") -> PeriodMark:
    words = {"н/а": "not_attested", "ОСВ": "exempt", "зач": "credit", "незач": "no_credit"}
    grade = int(value[0]) if value[0].isdigit() else None
    return PeriodMark(
        key=f"{student}:{course}:{period}:{kind}", student=student, course=course, period=period, kind=kind, value=value,
        grade=grade, meaning=words.get(value, "grade"),
    )  # fmt: skip


PEOPLE: list[Record] = [
    Person(key="p1", role="student", sex="f", family_name="Тестова", given_name="Алиса"),
    Person(key="p2", role="student", sex="m", family_name="Примеров", given_name="Борис"),
    Person(key="p3", role="student", sex="m", family_name="Ёлкин", given_name="Глеб"),
    Person(key="p4", role="student", sex="f", family_name="Образцова", given_name="Вера"),
    Person(key="p5", role="student", sex="m", family_name="Макетов", given_name="Лев"),
    Person(key="p6", role="student", family_name="Стендова", given_name="Нина"),
    Person(key="t1", role="staff", family_name="Шаблонова", given_name="Вера", patronymic="Макетовна"),
    Person(key="t2", role="staff", family_name="Эскизов", given_name="Пётр", patronymic="Тестович"),
]

CLASS: list[Record] = [
    *PEOPLE,
    Group(key="g", name="7А", kind="class", level=7, academic_year=YEAR),
    Group(key="g1", name="подгруппа 1", kind="subgroup", parent="g", academic_year=YEAR),
    Group(key="g2", name="подгруппа 2", kind="subgroup", parent="g", academic_year=YEAR),
    *(Enrolment(key=f"g:{p}", person=p, group="g", start="2026-09-01", status="enrolled") for p in ("p1", "p2", "p3", "p4")),
    Enrolment(key="g:p5", person="p5", group="g", start="2026-09-01", end="2026-10-09", status="expelled"),
    Enrolment(key="g:p6", person="p6", group="g", start="2026-11-05", status="enrolled"),
    *(Enrolment(key=f"g1:{p}", person=p, group="g1", start="2026-09-01") for p in ("p1", "p2")),
    *(Enrolment(key=f"g2:{p}", person=p, group="g2", start="2026-09-01") for p in ("p3", "p4")),
    Period(key="q1", academic_year=YEAR, kind="quarter", number=1, name="1 четверть", start="2026-09-01", end="2026-10-25"),
    Period(key="q2", academic_year=YEAR, kind="quarter", number=2, name="2 четверть", start="2026-11-02", end="2026-12-27"),
    Period(key="y", academic_year=YEAR, kind="year", number=1, name="2026/2027 учебный год", start="2026-09-01", end="2027-05-31"),
    Subject(key="alg", name="Алгебра"),
    Subject(key="eng", name="Иностранный язык"),
    Subject(key="pe", name="Физическая культура"),
    Course(key="c", group="g", subject="alg", teachers=("t1",)),
    Course(key="e1", group="g1", subject="eng", teachers=("t1",)),
    Course(key="e2", group="g2", subject="eng", teachers=("t2",)),
    Course(key="s", group="g", subject="pe", teachers=("t2",)),
]  # fmt: skip
"""7А: four pupils the whole year, one who left on 9 October, one who came on 5 November; a language in two subgroups."""

FIRST_QUARTER: list[Record] = [
    period_mark("p1", "c", "5"), period_mark("p1", "e1", "5"), period_mark("p1", "s", "ОСВ"),
    period_mark("p2", "c", "4"), period_mark("p2", "e1", "5-"), period_mark("p2", "s", "зач"),
    period_mark("p3", "c", "3"), period_mark("p3", "e2", "4"),
    period_mark("p4", "c", "2"), period_mark("p4", "e2", "н/а"),
    period_mark("p5", "c", "2"),
]  # fmt: skip


def journal(
    *parts: Iterable[Record],
    now: datetime = NOW,
    read_at: datetime = READ_AT,
    unsaid: Iterable[str] = (),
    uncovered: Iterable[str] = (),
    place: Institution = PLACE,
) -> Journal:
    """A journal of these records.

    `unsaid` names what the source cannot say (an entity, or `lessons.topic`), `uncovered` entities not read completely.
    """
    records: dict[str, list[Record]] = {}
    for record in (r for part in parts for r in part):
        records.setdefault(NAMES[type(record)], []).append(record)
    away = set(unsaid)
    said = {e: [f for f in fields if f"{e}.{f}" not in away] for e, fields in CAPABILITIES.items() if e not in away}
    scopes = [Scope(e) for e in said if e not in set(uncovered)]
    covered = [Covered(s.entity, Selector.INSTITUTION, None, s.axis, s.start, s.end, read_at) for s in scopes]
    row = SourceRow(1, f"{place.key}/portal", place.key, "files", said, "ok", "", None, None, None)
    view = JournalView(row, lambda entity: records.get(entity, []), covered)
    return Journal(place, view, now, AcademicYear.of(now.astimezone(place.zone).date()))


def marks_of(
    course: str, day: str, grades: dict[str, str], *, weight: int | None = None, key: str = ""
) -> list[Record]:
    """A lesson with one work and these marks: pupil -> value."""
    name = f"{course}:{day}{key}"
    work = Work(key=f"w:{name}", lesson=f"l:{name}", course=course, weight=weight)
    made: list[Record] = [lesson(f"l:{name}", course, day), work]
    for student, value in grades.items():
        grade = int(value[0]) if value[0].isdigit() else None
        made.append(
            Mark(
                key=f"{work.key}:{student}", work=work.key, student=student, value=value, grade=grade,
                meaning="grade" if grade else "note",
            )
        )  # fmt: skip
    return made


def absence(lesson_key: str, student: str, status: str | None) -> Attendance:
    return Attendance(key=f"{lesson_key}:{student}", lesson=lesson_key, student=student, status=status)  # type: ignore[arg-type]
