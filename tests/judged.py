"""Small journals made by hand, held against the rules without a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from canonical.calendar import SchoolCalendar
from canonical.cleaning import clean
from canonical.coverage import Axis, Selector
from canonical.entities import (
    ENTITIES,
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
    entity_of,
)
from canonical.store import SourceRow
from canonical.view import Covered, JournalView
from canonical.years import AcademicYear
from connectors.contract import Institution
from pipelines.completeness.case import Aside, Case
from pipelines.completeness.judging import Verdict, judge
from pipelines.completeness.profile import Profile, load_profile
from svod.settings import shipped

MOSCOW = ZoneInfo("Europe/Moscow")
EVERYTHING = {name: [f.name for f in entity.fields] for name, entity in ENTITIES.items()}
WHOLE = ("lessons", "works", "marks", "attendance", "period_marks")


def at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    """`2026-09-08 18:00`, on the institution's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def school(kind: Literal["school", "college"] = "school", zone: ZoneInfo = MOSCOW) -> Institution:
    return Institution("a", "Учреждение", kind, zone)


def shipped_profile(name: str, **rules: Mapping[str, Any]) -> Profile:
    """A profile that comes with svod, some of its rules changed: `mark__late={"days": 1}`."""
    made = load_profile(name, lambda wanted, _: shipped() / "rules" / f"{wanted}.toml")
    changed = {
        rule.replace("__", "."): made.rules[rule.replace("__", ".")].model_copy(update=dict(said))
        for rule, said in rules.items()
    }
    return Profile(made.name, made.title, made.evidence_max_age_hours, {**made.rules, **changed})


def shipped_calendar(name: str) -> SchoolCalendar:
    return SchoolCalendar.load(shipped() / "calendars" / f"{name}.toml")


def read(when: datetime, *entities: str, start: str | None = None, end: str | None = None) -> list[Covered]:
    """What a complete read at a moment covers: entities, whole or between two lesson dates."""
    axis = Axis.LESSON_DATE if start else Axis.NONE
    return [Covered(e, Selector.INSTITUTION, None, axis, start, end, when) for e in entities or WHOLE]


def make_view(
    records: Iterable[Record], covered: Iterable[Covered], cannot_say: Iterable[str] = (), zone: ZoneInfo = MOSCOW
) -> JournalView:
    """A journal of these records, from a source that can say everything but `entity.field`."""
    capabilities = {e: [f for f in fields if f"{e}.{f}" not in cannot_say] for e, fields in EVERYTHING.items()}
    source = SourceRow(1, "a/b", "a", "files", capabilities, "ok", "", None, None, None)
    by_entity: dict[str, dict[str, Record]] = {name: {} for name in ENTITIES}
    for record in records:
        by_entity[entity_of(record)][record.key] = clean(record, zone)
    return JournalView(source, lambda entity: by_entity[entity].values(), covered)


def verdict(
    records: Iterable[Record],
    now: datetime,
    profile: Profile,
    *,
    institution: Institution | None = None,
    covered: Iterable[Covered] | None = None,
    read_at: datetime | None = None,
    cannot_say: Iterable[str] = (),
    calendar: SchoolCalendar | None = None,
    aside: Iterable[Aside] = (),
    since: date | None = None,
    until: date | None = None,
) -> Verdict:
    """The journal held against a profile at a moment; without more it has just been read whole."""
    where = institution or school()
    today = now.astimezone(where.zone).date()
    view = make_view(records, read(read_at or now) if covered is None else covered, cannot_say, where.zone)
    case = Case(
        where,
        view,
        now,
        since or AcademicYear.of(today).start,
        until or today,
        calendar=calendar,
        aside=aside,
    )
    return judge(case, profile)


def found(made: Verdict, rule: str) -> list[str]:
    """What a rule found: keys of lessons or pupils, in order."""
    return sorted(f.lesson or f.student or f.id for f in made.found.values() if f.rule == rule)


def undecided(made: Verdict, rule: str) -> dict[str, int]:
    """Why a rule could not decide, and how often."""
    return {s.why: s.count for s in made.stale if s.rule == rule}


# -- a class ---------------------------------------------------------------------------------------------------------

PEOPLE: list[Record] = [
    Person(key="t", role="staff", family_name="Образцова", given_name="Вера", patronymic="Тестовна"),
    Person(key="t2", role="staff", family_name="Макетов", given_name="Лев"),
    Person(key="p1", role="student", family_name="Тестова", given_name="Алиса"),
    Person(key="p2", role="student", family_name="Примеров", given_name="Борис"),
]
"""Two teachers and two pupils."""

PUPIL_NAMES = ("Тестова", "Алиса", "Примеров", "Борис")


def class_of(name: str = "7А", level: int | None = 7, kind: str = "class", key: str = "g") -> list[Record]:
    """A class with its two pupils, and algebra taught to it."""
    return [
        *PEOPLE,
        Group(key=key, name=name, kind=kind, level=level, academic_year="2026/2027", curator="t2"),
        Enrolment(key=f"p1:{key}", person="p1", group=key, start="2026-09-01"),
        Enrolment(key=f"p2:{key}", person="p2", group=key, start="2026-09-01"),
        Subject(key="s", name="Алгебра"),
        Course(key="c", group=key, subject="s", teachers=("t",)),
    ]


CLASS: list[Record] = class_of()


def lesson(key: str = "l", day: str = "2026-09-08", status: str | None = "held", **more: Any) -> Lesson:
    """A lesson of algebra from 8:30 to 9:15; a held one has a topic unless it is told otherwise."""
    values: dict[str, Any] = {
        "course": "c",
        "number": 1,
        "starts_at": f"{day}T08:30:00+03:00",
        "ends_at": f"{day}T09:15:00+03:00",
        "topic": "Дроби" if status == "held" else None,
    }
    return Lesson(key=key, date=day, status=status, **{**values, **more})


def marked(
    key: str = "m", of: str | None = "l", student: str = "p1", work: Mapping[str, Any] | None = None, **more: Any
) -> list[Record]:
    """A mark of a lesson, with its work."""
    values: dict[str, Any] = {"value": "5", "meaning": "grade"}
    return [
        Work(key=f"w-{key}", course="c", lesson=of, **(work or {})),
        Mark(key=key, work=f"w-{key}", student=student, **{**values, **more}),
    ]


QUARTER = Period(
    key="q1",
    academic_year="2026/2027",
    kind="quarter",
    number=1,
    name="1 четверть",
    start="2026-09-01",
    end="2026-10-25",
)


def period_mark(student: str, period: str = "q1", course: str = "c", kind: str = "period", **more: Any) -> PeriodMark:
    values: dict[str, Any] = {"value": "5", "meaning": "grade"}
    return PeriodMark(key=f"{student}:{course}:{period}:{kind}", student=student, course=course, period=period, kind=kind, **{**values, **more})  # fmt: skip
