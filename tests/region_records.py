"""The synthetic region as canonical records, written straight into a store: for tests that need no portal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from canonical.batch import Batch
from canonical.coverage import Scope
from canonical.entities import (
    ENTITIES,
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
from canonical.store import Store
from canonical.store import runs as run_log
from connectors.standins import region
from connectors.standins.region import Institution

GRADES = {f"{n}{sign}": n for n in range(1, 6) for sign in ("", "+", "-")}
CAPABILITIES = {name: tuple(f.name for f in entity.fields if f.name != "raw") for name, entity in ENTITIES.items()}
"""A source that can say everything."""


def records_of(made: Institution) -> Iterator[Record]:
    """The canonical records of an institution; keys are the region's numbers."""
    year = made.year.name
    for p in made.people.values():
        yield Person(
            key=str(p.id), role=p.role, family_name=p.family, given_name=p.given, patronymic=p.patronymic,
            birth_date=p.birth.isoformat(), sex=p.sex, position=p.position,
        )  # fmt: skip
    for g in made.groups.values():
        yield Group(
            key=str(g.id), name=g.name, kind=g.kind, level=g.level, academic_year=year,
            parent=str(g.parent) if g.parent else None,
        )  # fmt: skip
        for m in g.members:
            end = m.end.isoformat() if m.end else None
            yield Enrolment(
                key=f"{g.id}:{m.person}", person=str(m.person), group=str(g.id), start=m.start.isoformat(), end=end,
                status=m.status,
            )  # fmt: skip
    for s in made.subjects.values():
        yield Subject(key=str(s.id), name=s.name, short_name=s.short, kind=s.kind)
    for q in made.periods.values():
        groups = tuple(str(g.id) for g in made.classes() if g.level in q.levels)
        yield Period(
            key=str(q.id), academic_year=year, kind=q.kind, number=q.number, name=q.name, start=q.start.isoformat(),
            end=q.end.isoformat(), groups=groups,
        )  # fmt: skip
    for c in made.courses.values():
        yield Course(
            key=str(c.id), group=str(c.group), subject=str(c.subject), teachers=tuple(map(str, c.teachers)),
            planned_hours=c.hours,
        )  # fmt: skip
    yield from _lessons(made)
    for w in made.works.values():
        lesson = made.lessons[w.lesson]
        yield Work(key=str(w.id), lesson=str(lesson.id), course=str(lesson.course), title=w.title, weight=w.weight)
    for k in made.marks.values():
        yield Mark(
            key=str(k.id), work=str(k.work), student=str(k.student), value=k.text, grade=GRADES.get(k.text),
            meaning=k.type, recorded_at=_instant(k.at),
        )  # fmt: skip
    for a in made.absences.values():
        yield Attendance(
            key=f"{a.lesson}:{a.student}", lesson=str(a.lesson), student=str(a.student), status=a.status,
            minutes_late=a.minutes, recorded_at=_instant(a.at),
        )  # fmt: skip
    for pm in made.period_marks.values():
        yield PeriodMark(
            key=str(pm.id), student=str(pm.student), course=str(pm.course), period=str(pm.period), kind=pm.kind,
            value=pm.text, grade=GRADES.get(pm.text), meaning=pm.type, recorded_at=_instant(pm.at),
        )  # fmt: skip


def _lessons(made: Institution) -> Iterator[Record]:
    for x in made.lessons.values():
        yield Lesson(
            key=str(x.id), course=str(x.course), date=x.date.isoformat(), number=x.number, starts_at=_instant(x.starts),
            ends_at=_instant(x.ends), status=_status(x), kind=x.kind, hours=2 if made.kind == "college" else None,
            topic=x.topic, homework=x.homework, homework_at=_instant(x.homework_at), teacher=str(x.teacher),
            recorded_at=_instant(x.recorded_at),
        )  # fmt: skip


def _status(lesson: region.Lesson) -> str:
    if lesson.cancelled:
        return "cancelled"
    return "held" if lesson.recorded_at else "planned"


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def put(store: Store, made: Institution, source: str = "portal") -> int:
    """Writes an institution into a store as one whole reading; gives the number of its source."""
    key = f"{made.key}/{source}"
    number = store.source(key, institution=made.key, connector="files", capabilities=CAPABILITIES)
    with store.writing() as connection:
        run = run_log.begin(connection, "import", {}, store.stamp())
    intake = store.intake(run=run, source=number, name=key, zone=made.zone)
    batch = Batch()
    batch.add(records_of(made))
    batch.covers(*(Scope(entity) for entity in CAPABILITIES))
    intake.commit("everything", batch)
    intake.finish()
    return number
