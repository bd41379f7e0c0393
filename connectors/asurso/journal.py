"""One page of a journal: its thematic plan, lessons, works, marks and absences (portal facts A5.3, A6). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from canonical.batch import Batch, Drift
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Lesson, Mark, PlannedTopic, Record, Work
from canonical.scales import Scale
from canonical.text import tidy
from connectors.asurso import wire
from connectors.asurso.directory import Directory
from connectors.asurso.forms import filled, homework, mark_value
from connectors.asurso.structure import Links
from connectors.asurso.values import as_date, by_number, day, id_of, instant
from connectors.asurso.words import ATTENDANCE, CONTROLS, LESSON_KINDS
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import Wire, Words, as_list, note_drift, read_one, reason

W = TypeVar("W", bound=Wire)

PARTS: Final = ("lessons", "works", "marks", "attendance")
"""The entities that a page holds by lesson."""

_KNOWN: Final = frozenset({"workingProgram", "lessons", "students", "remarks", "teacher"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the records of a page depend on besides its answer.

    `foreign` are the planned lessons that another course of the same thematic plan has given first; `since` and `until`
    are there where explicit dates cut the page.
    """

    course: str
    links: Links
    directory: Directory
    zone: ZoneInfo
    scale: Scale
    foreign: frozenset[str] = frozenset()
    since: date | None = None
    until: date | None = None

    def topic_key(self, number: str) -> str:
        return f"{self.course}:{number}" if number in self.foreign else number

    def holds(self, text: str | None) -> bool:
        """Whether a lesson of this date is to be read."""
        if self.since is None or self.until is None:
            return True
        on = as_date(text)
        return on is None or self.since <= on <= self.until


def read_page(answer: Answer, around: Surroundings) -> Batch:
    """The records of a journal page, and what it covers. An empty answer covers nothing."""
    batch = Batch()
    payload = answer.json()
    if payload is None:
        return batch
    if not isinstance(payload, Mapping):
        raise UnexpectedAnswerError(f"{answer.origin.request}: a journal page was expected")
    _Page(answer, around, batch).read(payload)
    return batch


def has_holes(answer: Answer) -> bool:
    """Whether a page holds something that has no key, or is empty: then what it does not hold may be there all the same.

    Raises:
        UnexpectedAnswerError: its lessons are no list.

    """
    payload = answer.json()
    if not isinstance(payload, Mapping):
        return True
    lessons = as_list(payload.get("lessons"), where=answer.origin.request)
    return _has_unkeyed_topics(payload.get("workingProgram")) or any(_has_unkeyed_parts(item) for item in lessons)


def _has_unkeyed_topics(program: Any) -> bool:
    if program is None:
        return False
    topics = (program.get("topics") or []) if isinstance(program, Mapping) else None
    if not isinstance(topics, list):
        return True
    lists = [t.get("lessons") or [] if isinstance(t, Mapping) else None for t in topics]
    return any(not isinstance(some, list) or not all(id_of(i) for i in some) for some in lists)


def _has_unkeyed_parts(item: Any) -> bool:
    if not isinstance(item, Mapping) or not id_of(item, "scheduleLessonId"):
        return True
    tasks, sets = item.get("tasks"), item.get("markSets")
    if not _readable(tasks, sets):
        return False  # then the lesson as a whole is set aside, with its key
    cells = (sets or {}).values()
    readable = all(c is None or (isinstance(c, Mapping) and isinstance(c.get("marks"), dict | None)) for c in cells)
    return not readable or not all(id_of(t) for t in tasks or ())


@dataclass
class _Page:
    answer: Answer
    around: Surroundings
    batch: Batch
    titles: dict[str, str] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    uncovered: set[str] = field(default_factory=set)

    def read(self, payload: Mapping[str, Any]) -> None:
        batch, around = self.batch, self.around
        for name in payload.keys() - _KNOWN:
            batch.drift[Drift("unknown_field", "JournalPage", name)] += 1
        batch.add(self.plan(payload.get("workingProgram")), self.answer.origin)
        records: list[Record] = []
        for item in as_list(payload.get("lessons"), where=self.answer.origin.request):
            records.extend(self.lesson(item))
        batch.add(records, self.answer.origin)
        batch.covers(Scope("planned_topics", Selector.COURSE, around.course))
        days: tuple[Any, ...] = ()
        if around.since and around.until:
            days = (Axis.LESSON_DATE, around.since.isoformat(), around.until.isoformat())
        parts = (p for p in PARTS if p not in self.uncovered)
        batch.covers(*(Scope(p, Selector.COURSE, around.course, *days) for p in parts))

    # -- the thematic plan -------------------------------------------------------------------------------------------

    def plan(self, program: Any) -> Iterator[PlannedTopic]:
        """The planned lessons, numbered through."""
        number = 0
        for item in self._planned(program):
            number += 1
            made = self._whole(wire.PlannedLesson, item, "planned_topics", id_of(item))
            if made is None:
                continue
            self.places[made.id] = number
            if title := tidy(made.name):
                self.titles[made.id] = title
            words = Words(self.batch, "planned_topics")
            yield PlannedTopic(
                key=self.around.topic_key(made.id),
                course=self.around.course,
                number=number,
                title=made.name,
                hours=made.duration,
                kind=words.of("kind", made.type or None, LESSON_KINDS),
                raw=words.raw,
            )

    def _planned(self, program: Any) -> Iterator[Any]:
        if program is None:
            return
        topics = (program.get("topics") or []) if isinstance(program, Mapping) else None
        if not isinstance(topics, list):
            self._unreadable("planned_topics", "workingProgram: no thematic plan", program)
            return
        for topic in topics:
            lessons = (topic.get("lessons") or []) if isinstance(topic, Mapping) else None
            if isinstance(lessons, list):
                yield from lessons
            else:
                self._unreadable("planned_topics", "topic: no list of lessons", topic)

    # -- lessons -----------------------------------------------------------------------------------------------------

    def lesson(self, item: Any) -> Iterator[Record]:
        """A lesson with its works, marks and absences. If it is broken itself, they wait for it."""
        key = id_of(item, "scheduleLessonId")
        parts = item if isinstance(item, Mapping) else {}
        tasks, sets = parts.get("tasks"), parts.get("markSets")
        made: wire.Lesson | None = None
        try:
            made = wire.Lesson.model_validate(item)
            why = "" if _readable(tasks, sets) else "tasks or markSets: of another kind than they should be"
        except ValidationError as error:
            why = reason(error)
        if made and not self.around.holds(made.date):
            return
        lost = key is None or not _readable(tasks, sets)
        if why:
            hides = PARTS[1:] if lost else ()
            self.batch.reject("lessons", why, item, key=key, origin=self.answer.origin, hides=hides)
            made = None
        if key is None or lost:
            return
        works = [w for task in tasks or () if (w := self._whole(wire.Task, task, "works", id_of(task)))]
        if made is not None:
            note_drift(made, self.batch)
            yield self._lesson(made, works)
        yield from (self._work(key, task) for task in works)
        for student, cells in filled(sets):
            yield from self._cells(key, self.around.links.key(student, self.around.directory), cells)

    def _lesson(self, lesson: wire.Lesson, tasks: list[wire.Task]) -> Lesson:
        around = self.around
        words = Words(self.batch, "lessons")
        on = day(lesson.date)
        covered = sorted(lesson.planned_lessons or {}, key=self._place_in_plan)
        titles = list(dict.fromkeys(self.titles[n] for n in covered if n in self.titles))
        return Lesson(
            key=lesson.schedule_lesson_id,
            course=around.course,
            date=on or "",
            starts_at=instant(on, lesson.start_time, around.zone),
            ends_at=instant(on, lesson.end_time, around.zone),
            status="held" if lesson.id else "planned",
            kind=words.of("kind", lesson.type or None, LESSON_KINDS),
            hours=lesson.duration,
            topic="; ".join(titles) or lesson.name,
            planned_topic=around.topic_key(covered[0]) if covered else None,
            homework=homework(tasks),
            raw=words.raw,
        )

    def _place_in_plan(self, number: str) -> tuple[int, tuple[int, str]]:
        return self.places.get(number, 1 << 31), by_number(number)

    def _work(self, lesson: str, task: wire.Task) -> Work:
        words = Words(self.batch, "works")
        return Work(
            key=task.id,
            lesson=lesson,
            course=self.around.course,
            kind=task.type,
            control=words.of("control", task.type or None, CONTROLS),
            title=task.topic,
            raw=words.raw,
        )

    # -- marks and absences ------------------------------------------------------------------------------------------

    def _cells(self, lesson: str, student: str, cells: Any) -> Iterator[Record]:
        """What one pupil has at one lesson."""
        place = f"{lesson}:{student}"
        absence = self._whole(wire.Absence, cells, "attendance", place)
        if not isinstance(cells, Mapping):
            self.uncovered.add("marks")
            return
        if absence and absence.absence_type:
            words = Words(self.batch, "attendance")
            status = words.of("status", absence.absence_type, ATTENDANCE)
            yield Attendance(key=place, lesson=lesson, student=student, status=status, raw=words.raw)
        marks = cells.get("marks")
        if not isinstance(marks, dict | None):
            self._unreadable("marks", "marks: of another kind than they should be", cells)
            return
        for task, item in filled(marks):
            key = f"{task}:{student}"
            cell = self._whole(wire.Cell, item, "marks", key)
            said = mark_value(cell, self.around.scale, self.batch, "marks") if cell else None
            if said:
                yield Mark(key=key, work=task, student=student, raw=said.raw, **said.fields)

    # -- what is broken ----------------------------------------------------------------------------------------------

    def _whole(self, model: type[W], item: Any, entity: str, key: str | None) -> W | None:
        """An item as it should be; null, and the item set aside, where it is not."""
        return read_one(item, model, self.batch, entity=entity, key=key, origin=self.answer.origin)

    def _unreadable(self, entity: str, why: str, raw: Any) -> None:
        """Something that holds records and cannot be read: without a key, so that nothing in it is found gone."""
        self.batch.reject(entity, why, raw, origin=self.answer.origin)


def _readable(tasks: Any, sets: Any) -> bool:
    return isinstance(tasks, list | None) and isinstance(sets, dict | None)
