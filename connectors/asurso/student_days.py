"""A student's days: lessons with their works, marks and absences (portal facts A3.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from canonical.batch import Batch
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Lesson, Mark, Person, Record, Work
from canonical.text import tidy
from connectors.asurso import wire
from connectors.asurso.forms import homework, mark_value
from connectors.asurso.student_around import Around
from connectors.asurso.values import as_date, day, id_of, instant
from connectors.asurso.words import ATTENDANCE, CONTROLS, LESSON_KINDS
from connectors.http import Answer
from connectors.wire import Words, as_list, note_drift, read_one, reason


def lesson_names(diary: Answer) -> Iterator[str]:
    """How the lessons of some days are called."""
    for item in as_list(diary.json(), where=diary.origin.request):
        lessons = item.get("lessons") if isinstance(item, Mapping) else None
        for lesson in lessons if isinstance(lessons, list) else ():
            if isinstance(lesson, Mapping) and isinstance(lesson.get("name"), str) and tidy(lesson["name"]):
                yield lesson["name"]


def read_days(answer: Answer, around: Around, since: date, until: date) -> Batch:
    """A student's lessons between two days, with works, marks and absences."""
    made = _Days(answer, around)
    for item in as_list(answer.json(), where=answer.origin.request):
        on = item.get("date") if isinstance(item, Mapping) else None
        lessons = item.get("lessons") if isinstance(item, Mapping) else None
        if not isinstance(on, str) or not isinstance(lessons, list | None):
            made.reject(
                "lessons", "a day holds no date or no list of lessons", item, None, ("works", "marks", "attendance")
            )
            continue
        when = as_date(on)
        if when is None or since <= when <= until:
            for lesson in lessons or ():
                made.lesson(lesson, on)
    batch = made.batch
    batch.add(made.found.values(), answer.origin)
    holes = {e for r in batch.rejects if r.key is None for e in (r.entity, *r.hides)}
    on_days = (Axis.LESSON_DATE, since.isoformat(), until.isoformat())
    own = (Scope(e, Selector.PERSON, around.student.id, *on_days) for e in ("marks", "attendance") if e not in holes)
    courses = (
        Scope(e, Selector.COURSE, c, *on_days) for c in made.courses for e in ("lessons", "works") if e not in holes
    )
    batch.covers(*own, *courses)
    return batch


@dataclass
class _Days:
    answer: Answer
    around: Around
    batch: Batch = field(default_factory=Batch)
    found: dict[tuple[str, str], Record] = field(default_factory=dict)
    courses: dict[str, None] = field(default_factory=dict)

    def reject(self, entity: str, why: str, raw: Any, key: str | None, hides: tuple[str, ...] = ()) -> None:
        self.batch.reject(entity, why, raw, key=key, origin=self.answer.origin, hides=hides)

    def take(self, record: Record) -> None:
        self.found.setdefault((type(record).__name__, record.key), record)

    def lesson(self, item: Any, of_day: str) -> None:
        """A lesson with all that hangs on it; a slot without a name is none."""
        if isinstance(item, Mapping) and not item.get("name"):
            return
        on = day(of_day)
        named = isinstance(item, Mapping) and isinstance(item.get("name"), str)
        name = str(item["name"]) if named else ""
        key = f"{self.around.group}:{on}:{_clock(item.get('startTime'))}:{tidy(name)}" if named else None
        try:
            one = wire.DiaryLesson.model_validate(item)
        except ValidationError as error:
            hides = () if key and isinstance(item.get("gradebook"), dict | None) else ("works", "marks", "attendance")
            self.reject("lessons", reason(error), item, key, hides)
            if key and not hides:
                self._recorded(key, self._course(name), item.get("gradebook"))
            return
        note_drift(one, self.batch)
        assert key  # noqa: S101 - the model has a name
        teacher = self._teacher(one)
        course = self._course(name)
        parts = self._recorded(key, course, one.gradebook)
        words = Words(self.batch, "lessons")
        book = one.gradebook or {}
        kind = book.get("lessonType")
        themes = [t for t in (tidy(t) for t in _texts(book.get("themes"))) if t]
        self.take(
            Lesson(
                key=key,
                course=course,
                date=on or "",
                starts_at=instant(on, one.start_time, self.around.context.zone),
                ends_at=instant(on, one.end_time, self.around.context.zone),
                room=_room(one.timetable),
                status="held" if one.gradebook is not None else "planned",
                kind=words.of("kind", kind if isinstance(kind, str) else None, LESSON_KINDS),
                topic="; ".join(dict.fromkeys(themes)) or None,
                homework=parts,
                teacher=teacher,
                raw=words.raw,
            )
        )

    def _teacher(self, one: wire.DiaryLesson) -> str | None:
        said = (one.timetable or {}).get("teacher")
        if said is None:
            return None
        number = id_of(said)
        who = read_one(said, wire.Employee, self.batch, entity="people", key=number, origin=self.answer.origin)
        if who is None:
            return number
        self.take(
            Person(
                key=who.id,
                role="staff",
                family_name=who.last_name,
                given_name=who.first_name,
                patronymic=who.middle_name,
            )
        )
        return who.id

    def _course(self, name: str) -> str:
        """The course of a lesson's name, its subject, and its part of the group."""
        key, _, records = self.around.course(name)
        self.courses[key] = None
        for record in records:
            self.take(record)
        return key

    def _recorded(self, lesson: str, course: str, book: Any) -> str | None:
        """Works, marks and absence of a recorded lesson; gives its homework."""
        if not isinstance(book, Mapping):
            return None
        student = self.around.student.id
        absence = book.get("absenceType")
        place = f"{lesson}:{student}"
        if absence and not isinstance(absence, str):
            self.reject("attendance", "absenceType: a word was expected", book, place)
        elif absence:
            words = Words(self.batch, "attendance")
            status = words.of("status", absence, ATTENDANCE)
            self.take(Attendance(key=place, lesson=lesson, student=student, status=status, raw=words.raw))
        tasks = book.get("tasks")
        if not isinstance(tasks, list | None):
            self.reject("works", "tasks: a list was expected", book, None, ("marks",))
            return None
        return homework([task for item in tasks or () if (task := self._task(lesson, course, item))])

    def _task(self, lesson: str, course: str, item: Any) -> wire.DiaryTask | None:
        number, student = id_of(item), self.around.student.id
        if isinstance(item, Mapping) and number:
            key = f"{number}:{student}"
            given = {"isRequired": item.get("isRequired"), "value": item.get("mark")}
            try:
                cell = wire.Cell.model_validate(given)
            except ValidationError as error:
                self.reject("marks", reason(error), item, key)
            else:
                if said := mark_value(cell, self.around.context.scale, self.batch, "marks"):
                    self.take(Mark(key=key, work=number, student=student, raw=said.raw, **said.fields))
        hides = () if number else ("marks",)
        origin = self.answer.origin
        task = read_one(item, wire.DiaryTask, self.batch, entity="works", key=number, origin=origin, hides=hides)
        if task is None:
            return None
        words = Words(self.batch, "works")
        control = words.of("control", task.type or None, CONTROLS)
        self.take(
            Work(
                key=task.id,
                lesson=lesson,
                course=course,
                kind=task.type,
                control=control,
                title=task.topic,
                raw=words.raw,
            )
        )
        return task


def _texts(value: Any) -> Iterator[str]:
    yield from (t for t in (value if isinstance(value, list) else ()) if isinstance(t, str))


def _clock(text: Any) -> str:
    """`8:30` and `08:30` alike."""
    return text.strip().rjust(5, "0")[:5] if isinstance(text, str) else ""


def _room(timetable: Any) -> str | None:
    room = timetable.get("classroom") if isinstance(timetable, Mapping) else None
    name = room.get("name") if isinstance(room, Mapping) else None
    return name if isinstance(name, str) else None
