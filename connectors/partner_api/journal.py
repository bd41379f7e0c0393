"""Makes canonical records of a piece of the journal: lessons with their works, marks and attendance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from canonical.batch import Batch, Drift, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Lesson, Mark, Work
from canonical.scales import Scale
from canonical.years import Stretch
from connectors.http import Answer
from connectors.partner_api import wire
from connectors.partner_api.mapper import begun, course_key, items_of, key_of
from connectors.partner_api.parts import Part, entries_of, lessons_in
from connectors.partner_api.wire import id_of
from connectors.wire import Words, note_drift, read_each

OF_LESSON: Final = ("works", "marks", "attendance")
"""The entities that stand at a lesson."""

CONTROL: Final = MappingProxyType(
    {
        "CommonWork": "other",
        "DefaultNewLessonWork": "other",
        "Homework": "homework",
        "LessonTestWork": "test",
        "LessonExamination": "exam",
        "LessonComposition": "written",
        "LessonByHeart": "oral",
        "LaboratoryWork": "laboratory",
        "CreativeWork": "other",
        "Exam": "exam",
    }
)
"""A work's type -> what kind of control it is; the list is open (portal facts, section 4)."""

PERIOD_WORKS: Final = frozenset({"PeriodMark", "PeriodFinalMark"})
"""Works that hold marks of periods: they are no works of a lesson."""

STATUS: Final = MappingProxyType(
    {"Attend": "present", "Absent": "absent", "Ill": "ill", "Late": "late", "Pass": "excused"}
)

_GRADED: Final = frozenset(
    {"NotSet", "Mark5", "Mark6", "Mark7", "Mark10", "Mark12", "Mark100", "MarkAbcdf", "MarkOral6Band"}
)
_TYPED: Final = MappingProxyType({"MarkDismiss": "exempt", "MarkNA": "not_attested"})
_CREDIT: Final = MappingProxyType(
    {"зч": "credit", "зач": "credit", "зачтено": "credit", "зачет": "credit", "нз": "no_credit", "незач": "no_credit",
     "незачтено": "no_credit", "незачет": "no_credit"}
)  # fmt: skip

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


# -- marks -----------------------------------------------------------------------------------------------------------


def shown(mark: wire.AnyMark) -> str | None:
    """A mark as it is printed in the cell."""
    return mark.text or mark.value or None


def meaning_of(mark: wire.AnyMark, scale: Scale, words: Words) -> str | None:
    """What a mark means: by its type where that says it, else by what is printed."""
    printed = shown(mark)
    if meaning := _TYPED.get(mark.type or ""):
        return meaning
    if mark.type == "Test":
        plain = re.sub(r"[^а-я]", "", (printed or "").casefold().replace("ё", "е"))
        return _CREDIT.get(plain) or scale.meaning(printed)
    if mark.type in _GRADED or not mark.type:
        return scale.meaning(printed)
    return words.of("meaning", mark.type, {})


def instant(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """A moment of entry in the institution's own time."""
    return moment.astimezone(zone).isoformat() if moment else None


# -- bells -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Ring:
    """When one lesson of the day begins and ends, from a day on. `weekday` is empty where it is so every day."""

    since: date
    weekday: str
    number: int
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Bells:
    """When lessons begin and end."""

    rings: tuple[Ring, ...] = ()

    def at(self, day: date, number: int | None) -> tuple[str | None, str | None]:
        """Start and end of a lesson as local date-times, by the last table that held on the day.

        Null where it does not say them, or says more than one.
        """
        held = [r for r in self.rings if r.since <= day]
        last = max((r.since for r in held), default=None)
        here = [r for r in held if r.since == last and r.number == number]
        exact = [r for r in here if r.weekday == _WEEKDAYS[day.weekday()]]
        times = {(r.start, r.end) for r in exact or here if r.weekday in {"", _WEEKDAYS[day.weekday()]}}
        if len(times) != 1:
            return None, None
        ((start, end),) = times
        return datetime.combine(day, start).isoformat(), datetime.combine(day, end).isoformat()


def bells_of(answer: Answer, batch: Batch) -> Bells | None:
    """The bells of a timetable answer, which holds one or several; null if it holds none.

    What cannot be read is noted as drift: it makes no record of its own.
    """
    body = answer.json()
    tables = body if isinstance(body, list) else [body] if body else []
    rings: list[Ring] = []
    for item in tables:
        try:
            table = wire.Timetable.model_validate(item)
            note_drift(table, batch)
            bells = [wire.Bell.model_validate(b) for b in table.bells]
            rings += [ring for bell in bells for ring in _rings(bell, table.start or date.min)]
        except ValueError:
            batch.drift[Drift("unknown_value", "Timetable", "Items")] += 1
    return Bells(tuple(sorted(set(rings)))) if tables else None


def _rings(bell: wire.Bell, since: date) -> Iterator[Ring]:
    """What one bell says. Those numbered 0 or less are no lessons.

    Raises:
        ValueError: it has no times.

    """
    if bell.number is None or bell.number <= 0:
        return
    start, end = (time.fromisoformat((t or "").replace(" ", "T").rpartition("T")[2]) for t in (bell.start, bell.finish))
    for weekday in [d for d in bell.days if isinstance(d, str)] or [""]:
        yield Ring(since, weekday, bell.number, start.replace(tzinfo=None), end.replace(tzinfo=None))


# -- lessons ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What a group's journal is read by.

    `elsewhere` holds groups whose lessons come along here but have a reading of their own; `family` the group and its
    subgroups, whose lessons are here completely.
    """

    zone: ZoneInfo
    scale: Scale
    work_types: Mapping[str, wire.WorkType]
    bells: Bells
    family: tuple[str, ...]
    elsewhere: frozenset[str]

    def is_own(self, lesson: Any) -> bool:
        """Whether a lesson is read here."""
        return id_of(lesson, "group") not in self.elsewhere


def own_lessons(view: View, lessons: Part) -> list[Any]:
    """The lessons of a part that are read here, each once."""
    return [item for some, _ in lessons_in(lessons) for item in some if view.is_own(item)]


def journal_batch(view: View, lessons: Part, marks: Part, log: Part, days: Stretch) -> Batch:
    """The batch of one group and one stretch of days."""
    batch = begun((*lessons.answers, *marks.answers, *log.answers))
    told = lessons_in(lessons)
    own = own_lessons(view, lessons)
    others = {key_of(item) for some, _ in told for item in some if not view.is_own(item)} - {None}
    given = _Given(own, others if marks.whole else frozenset(), marks, log)
    for some, answer in told:
        _add_lessons(batch, view, [item for item in some if view.is_own(item)], given, answer.origin)
    for answer in marks.answers:
        _add_marks(batch, view, given, items_of(answer), answer.origin)
    for answer in log.answers:
        _add_attendance(batch, view, entries_of(answer), answer.origin)
    batch.covers(*_covered(view, ("lessons", "works"), lessons, days))
    batch.covers(*_covered(view, ("marks",), marks, days))
    batch.covers(*_covered(view, ("attendance",), replace(log, whole=log.whole and lessons.whole), days))
    return batch


def _covered(view: View, entities: Sequence[str], part: Part, days: Stretch) -> Iterator[Scope]:
    """What a part is complete for: the group and its subgroups, or single pupils, of whom only what is theirs is known."""
    bounds = (Axis.LESSON_DATE, days.start.isoformat(), days.end.isoformat())
    for entity in entities:
        if part.whole:
            yield from (Scope(entity, Selector.GROUP, group, *bounds) for group in view.family)
        elif entity in {"marks", "attendance"}:
            yield from (Scope(entity, Selector.PERSON, person, *bounds) for person in part.persons)


class _Given:
    """What marks and log entries, broken ones included, say about lessons and works."""

    def __init__(self, lessons: Sequence[Any], others: AbstractSet[str | None], marks: Part, log: Part) -> None:
        self.others = others
        self.lesson_of: dict[str, str] = {}
        self.no_works: set[str] = set()
        for lesson in lessons:
            for work in _works(lesson):
                key = key_of(work)
                if key and _is_of_period(work):
                    self.no_works.add(key)
                elif key and (holder := key_of(lesson)):
                    self.lesson_of[key] = holder
        given = [m for answer in marks.answers for m in items_of(answer)]
        marked = {id_of(m, "lesson") or self.lesson_of.get(id_of(m, "work") or "") for m in given}
        entries = [e for answer in log.answers for e in entries_of(answer)]
        self.filled = {key for key in (*marked, *(id_of(e, "lesson") for e in entries)) if key}

    def is_mark(self, item: Any) -> bool:
        """Whether an item is a mark for a lesson that is read here.

        Marks of periods come along without a lesson, and are read elsewhere.
        """
        if id_of(item, "lesson") in self.others:
            return False
        work = id_of(item, "work")
        if work is None or work in self.lesson_of:
            return True
        return work not in self.no_works and any(item.get(name) for name in ("lesson", "lesson_str"))


def _works(lesson: Any) -> list[Any]:
    works = lesson.get("works") if isinstance(lesson, Mapping) else None
    return works if isinstance(works, list) else []


def _is_of_period(work: Any) -> bool:
    kind = work.get("type")
    return kind in PERIOD_WORKS or (kind == "Exam" and id_of(work, "lesson") is None)


def _add_lessons(batch: Batch, view: View, items: Sequence[Any], given: _Given, origin: Origin) -> None:
    lessons: list[Lesson] = []
    works: list[Work] = []
    for one in read_each(items, wire.Lesson, batch, entity="lessons", key=key_of, origin=origin, hides=OF_LESSON):
        lessons.append(_lesson(view, one, held=bool(one.title) or one.id in given.filled))
        own = [w for w in one.works if not isinstance(w, Mapping) or not _is_of_period(w)]
        works += [
            _work(batch, view, one, w)
            for w in read_each(own, wire.Work, batch, entity="works", key=key_of, origin=origin, hides=("marks",))
        ]
    batch.add(lessons, origin)
    batch.add(works, origin)


def _lesson(view: View, one: wire.Lesson, *, held: bool) -> Lesson:
    start, end = view.bells.at(one.date, one.number)
    text, at = _homework(one.works)
    return Lesson(
        key=one.id,
        course=course_key(one.group, one.subject.id),
        date=one.date.isoformat(),
        number=one.number,
        starts_at=start,
        ends_at=end,
        status="held" if held else "planned",
        topic=one.title,
        homework=text,
        homework_at=instant(at, view.zone),
        teacher=one.teachers[0] if one.teachers else None,
    )


def _homework(works: Sequence[Any]) -> tuple[str | None, datetime | None]:
    """What a lesson's homework works say, the earliest first, and when the first was entered.

    A work that is broken as a record may still show its text: the lesson is not to lose it.
    """
    found = [
        (wire.moment_in(work.get("sentDate")), int(key_of(work) or 0), text)
        for work in works
        if isinstance(work, Mapping) and work.get("type") == "Homework" and (text := wire.text_in(work.get("text")))
    ]
    found.sort(key=lambda f: (f[0] or datetime.max.replace(tzinfo=UTC), f[1]))
    if not found:
        return None, None
    return "; ".join(text for *_, text in found), found[0][0]


def _work(batch: Batch, view: View, lesson: wire.Lesson, one: wire.Work) -> Work:
    words = Words(batch, "Work")
    known = view.work_types.get(one.work_type or "")
    return Work(
        key=one.id,
        lesson=lesson.id,
        course=course_key(lesson.group, lesson.subject.id),
        kind=(known and (known.title or known.name)) or one.type,
        control=words.of("control", one.type or None, CONTROL),
        title=one.text,
        weight=known.weight if known else None,
        due_on=one.target.isoformat() if one.target else None,
        raw=words.raw,
    )


def _add_marks(batch: Batch, view: View, given: _Given, items: Sequence[Any], origin: Origin) -> None:
    items = [item for item in items if not isinstance(item, Mapping) or given.is_mark(item)]
    marks = []
    for one in read_each(items, wire.Mark, batch, entity="marks", key=key_of, origin=origin):
        words = Words(batch, "Mark")
        value = shown(one)
        mark = Mark(
            key=one.id,
            work=one.work,
            student=one.person,
            value=value,
            grade=view.scale.grade(value),
            meaning=meaning_of(one, view.scale, words),
            recorded_at=instant(one.date, view.zone),
            raw=words.raw,
        )
        marks.append(mark)
    batch.add(marks, origin)


def _add_attendance(batch: Batch, view: View, items: Sequence[Any], origin: Origin) -> None:
    rows = []
    for one in read_each(items, wire.LogEntry, batch, entity="attendance", key=_entry_key, origin=origin):
        words = Words(batch, "LessonLogEntry")
        row = Attendance(
            key=f"{one.lesson}:{one.person}",
            lesson=one.lesson,
            student=one.person,
            status=words.of("status", one.status or None, STATUS),
            reason=one.comment,
            recorded_at=instant(one.created, view.zone),
            raw=words.raw,
        )
        rows.append(row)
    batch.add(rows, origin)


def _entry_key(item: Any) -> str | None:
    lesson, person = id_of(item, "lesson"), id_of(item, "person")
    return f"{lesson}:{person}" if lesson and person else None
