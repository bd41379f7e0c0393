"""One stretch of days of the journals: lessons, works, marks and absences of everybody (portal facts B2.3, B4.3). Pure.

Diaries say what was set and marked; the report of attendance and progress says who was absent, by subject and day; the
report of one subject says when a mark was entered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from canonical.batch import Batch, Drift, Origin
from canonical.entities import Attendance, Course, Lesson, Mark, Record, Subject, Work
from canonical.scales import Scale
from canonical.text import tidy
from connectors.asurso.school import wire
from connectors.asurso.school.diaries import SeenLesson, SeenMark, SeenWork, day_of
from connectors.asurso.school.evidence import Evidence
from connectors.asurso.school.forms import ATTENDANCE, DEBT, DEBTS, HOME_TYPE, control_of, midnight
from connectors.asurso.school.lists import Lists
from connectors.asurso.school.reports import Broken, Cell, Given
from connectors.asurso.school.structure import made_course
from connectors.asurso.school.taught import Curriculum
from connectors.asurso.values import as_date, by_number, day, folded, id_of, instant
from connectors.wire import Words, note_drift, reason

_NOT_ATTENDANCE = frozenset({"Н/А", "НА", "ЗАЧ", "НЕЗАЧ"})
"""Words of the report's cells that are marks."""


@dataclass(frozen=True)
class Surroundings:
    """What records depend on besides the answers of the days."""

    lists: Lists
    curriculum: Curriculum
    bells: Mapping[tuple[int, int, int], tuple[str, str]]
    zone: ZoneInfo
    scale: Scale


@dataclass
class Home:
    """The records that go with one class, or with one set of pupils of several classes."""

    blocks: list[tuple[Origin | None, list[Record]]] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)
    origins: dict[str, Origin] = field(default_factory=dict)

    def add(self, records: Sequence[Record], origin: Origin | None) -> None:
        if records:
            self.batch.add(records, origin)
        if origin:
            self.origins[origin.request] = origin


def journal(evidence: Evidence, around: Surroundings) -> dict[str, Home]:
    """The records of the days by home."""
    return _Journal(evidence, around).made()


def course_of(lesson: SeenLesson, evidence: Evidence, around: Surroundings) -> tuple[str, str, str | None] | None:
    """The course of a lesson, the home of its records, and its subject group; null where it cannot be told."""
    lists = around.lists
    pupils = frozenset(lesson.pupils)
    classes = {c for p in pupils if (c := lists.class_of.get(p))}
    sure = [g for work in lesson.works.values() if (g := _card_group(evidence, work.key))]
    if evidence.meetings:
        sure += [slot.taught for slot in evidence.meetings.of(lesson, classes)]
    taught = around.curriculum.of_lesson(lesson.subjects, pupils, sure)
    if taught:
        return taught.key, taught.home, taught.key
    if not lesson.subjects or not classes:
        return None
    own = Counter(c for p in sorted(pupils) if (c := lists.class_of.get(p))).most_common(1)[0][0]
    course, _ = made_course(around.curriculum, own, min(lesson.subjects))
    return course.key, own, None


def _card_group(evidence: Evidence, work: str) -> str | None:
    card, _ = evidence.cards.get(work, (None, None))
    return id_of(card.get("subjectGroup")) if isinstance(card, Mapping) else None


class _Journal:
    def __init__(self, evidence: Evidence, around: Surroundings) -> None:
        self.evidence = evidence
        self.around = around
        self.homes: dict[str, Home] = defaultdict(Home)
        self.courses: dict[str, tuple[str, str, str | None]] = {}
        self.absent: dict[str, list[tuple[str, str, Origin]]] = defaultdict(list)
        self.entry = _Entries(evidence.entered)

    def made(self) -> dict[str, Home]:
        evidence, around = self.evidence, self.around
        lessons = evidence.diaries.lessons
        for key in sorted(lessons, key=by_number):
            found = course_of(lessons[key], evidence, around)
            if found:
                self.courses[key] = found
        for student in sorted(evidence.absences, key=by_number):
            self._absences(student)
        for key in sorted(lessons, key=by_number):
            self._lesson(lessons[key])
        for key in sorted(evidence.diaries.loose, key=by_number):
            self._loose(evidence.diaries.loose[key])
        self._broken_reports()
        for entity, why, raw, origin, hides in evidence.diaries.unkeyed:
            self._home(None).batch.reject(entity, why, raw, origin=origin, hides=hides)
        self._home(None).batch.drift.update(evidence.diaries.drift.drift)
        return dict(self.homes)

    def _home(self, name: str | None) -> Home:
        """The home of records; what has none goes with the first class."""
        ids = self.around.lists.class_ids
        return self.homes[name if name is not None else ids[0] if ids else ""]

    # -- lessons -----------------------------------------------------------------------------------------------------

    def _lesson(self, lesson: SeenLesson) -> None:
        copies, found = lesson.copies, self.courses.get(lesson.key)
        if found is None:
            why = copies.why or "no course can be told for it"
            hides = ("works", "marks", "attendance")
            raw = copies.raw if copies.made is None else copies.made.model_dump(by_alias=True)
            self._home(None).batch.reject("lessons", why, raw, key=lesson.key, origin=copies.origin, hides=hides)
            return
        course, name, taught = found
        home = self._home(name)
        works = sorted(lesson.works.values(), key=lambda w: by_number(w.key))
        marks = [m for w in works for m in self._marks(home, lesson, w, taught)]
        absences = self._attendance(lesson)
        if copies.made is None:
            home.batch.reject("lessons", copies.why, copies.raw, key=lesson.key, origin=copies.origin)
        else:
            if taught is None:
                self._made_course(home, lesson, name)
            held = bool(marks or absences) or any(_holds_something(m.mark) for w in works for m in w.marks.values())
            record = self._record(lesson, copies.made, course, works, held=held)
            home.add([record], copies.origin)
        for work in works:
            self._work(home, work, lesson, course)
        for mark, origin in marks:
            home.add([mark], origin)
        for absence, origin in absences:
            home.add([absence], origin)

    def _made_course(self, home: Home, lesson: SeenLesson, school_class: str) -> None:
        made, subject = made_course(self.around.curriculum, school_class, min(lesson.subjects))
        records: list[Record] = [*((subject,) if isinstance(subject, Subject) else ()), made]
        home.add([r for r in records if isinstance(r, (Course, Subject))], lesson.copies.origin)

    def _record(
        self, lesson: SeenLesson, one: wire.Lesson, course: str, works: list[SeenWork], *, held: bool
    ) -> Lesson:
        around = self.around
        on = day_of(lesson)
        starts, ends = one.start_time, one.end_time
        if not starts and lesson.day:
            place = (lesson.day.isoweekday() % 7 + 1, one.relay or 1, one.number or 0)
            starts, ends = around.bells.get(place, (None, None))
        sure = held or not (lesson.pupils.keys() & self.evidence.unsure)
        return Lesson(
            key=lesson.key,
            course=course,
            date=on,
            number=one.number,
            starts_at=instant(on, starts, around.zone),
            ends_at=instant(on, ends, around.zone),
            room=one.room,
            status="held" if held else "planned" if sure else None,
            homework=_homework(works),
            teacher=self._teacher(lesson, course),
        )

    def _teacher(self, lesson: SeenLesson, course: str) -> str | None:
        """Who holds it, as the timetable says."""
        if not self.evidence.meetings:
            return None
        classes = {c for p in lesson.pupils if (c := self.around.lists.class_of.get(p))}
        slots = [s for s in self.evidence.meetings.of(lesson, classes) if s.taught == course]
        teachers = {s.teacher for s in slots}
        return teachers.pop() if len(teachers) == 1 else None

    # -- works and marks -----------------------------------------------------------------------------------------------

    def _work(self, home: Home, work: SeenWork, lesson: SeenLesson | None, course: str) -> None:
        one, origin = work.copies.made, work.copies.origin
        if one is None:
            home.batch.reject("works", work.copies.why, work.copies.raw, key=work.key, origin=origin)
            return
        if work.key in self.evidence.lost_cards:
            return  # what is known of its weight would be overwritten with nothing
        weight: int | float | None = one.weight or None
        card, card_origin = self.evidence.cards.get(work.key, (None, None))
        if card_origin:
            try:
                read = wire.Card.model_validate(card)
            except ValidationError as error:
                home.batch.reject("works", reason(error), card, key=work.key, origin=card_origin)
                return
            note_drift(read, home.batch)
            weight = read.weight if read.weight is not None else weight
            home.origins[card_origin.request] = card_origin
        kind = self.around.lists.kinds.get(one.type_id or "")
        unknown = one.type_id and not kind
        if unknown and self.around.lists.types:
            home.batch.drift[Drift("unknown_value", "works", f"kind={one.type_id}")] += 1
        made = Work(
            key=work.key,
            lesson=lesson.key if lesson else None,
            course=course,
            kind=kind,
            control=control_of(kind) if kind else "homework" if one.type_id == HOME_TYPE else None,
            title=one.assignment_name,
            weight=weight,
            due_on=day(one.due_date),
            raw={"kind": one.type_id} if unknown else None,
        )
        home.add([made], origin)

    def _loose(self, work: SeenWork) -> None:
        """An assignment without a lesson: its card alone says of which course it is."""
        group = _card_group(self.evidence, work.key)
        taught = self.around.curriculum.taught.get(group or "")
        if taught is None:
            home = self._home(None)
            why = "no course can be told for it"
            home.batch.reject("works", why, work.copies.raw, key=work.key, origin=work.copies.origin, hides=("marks",))
            return
        home = self._home(taught.home)
        self._work(home, work, None, taught.key)
        for mark, origin in self._marks(home, None, work, taught.key):
            home.add([mark], origin)

    def _marks(
        self, home: Home, lesson: SeenLesson | None, work: SeenWork, taught: str | None
    ) -> Iterator[tuple[Mark, Origin]]:
        """The marks of an assignment."""
        for student in sorted(work.marks, key=by_number):
            seen = work.marks[student]
            key = f"{work.key}:{self.around.lists.key_of(student)}"
            try:
                mark = wire.Mark.model_validate(seen.mark)
                comment = wire.Comment.model_validate(seen.comment) if seen.comment is not None else None
            except ValidationError as error:
                raw = {"mark": seen.mark, "markComment": seen.comment}
                home.batch.reject("marks", reason(error), raw, key=key, origin=seen.origin)
                continue
            value = tidy(mark.mark) if mark.mark is not None else DEBT if mark.duty_mark else None
            if value is None:
                continue
            note_drift(mark, home.batch)
            debt = value == DEBT
            yield (
                Mark(
                    key=key,
                    work=work.key,
                    student=self.around.lists.key_of(student),
                    value=value,
                    grade=self.around.scale.grade(value),
                    meaning="debt" if debt else self.around.scale.meaning(value),
                    recorded_at=None if debt else self._entered(lesson, work, seen, value, taught),
                    comment=comment.name if comment else None,
                ),
                seen.origin,
            )

    def _entered(
        self, lesson: SeenLesson | None, work: SeenWork, seen: SeenMark, value: str, taught: str | None
    ) -> str | None:
        """The day on which a mark was entered, as its subject's report says."""
        one = work.copies.made
        on = lesson.day if lesson else as_date(one.due_date) if one else None
        if taught is None or on is None:
            return None
        kind = self.around.lists.kinds.get(one.type_id or "") if one else None
        entered = self.entry.of(seen.student, taught, on, kind, one.assignment_name if one else None, value)
        return midnight(entered, self.around.zone) if entered else None

    # -- absences ------------------------------------------------------------------------------------------------------

    def _absences(self, student: str) -> None:
        """Puts a pupil's codes of attendance to the lessons of their days."""
        cells, _, origin = self.evidence.absences[student]
        for cell in cells:
            lessons = self.evidence.diaries.at(student, cell.day, cell.subject)
            codes = self._without_marks(cell, lessons, student)
            if not codes:
                continue
            free = [x for x in lessons if not _is_marked(x, student)]
            order = lessons if len(codes) >= len(lessons) else [*free, *(x for x in lessons if x not in free)]
            for code, lesson in zip(codes, order, strict=False):
                self.absent[lesson.key].append((student, code, origin))
            if not lessons:
                key = f"{cell.day}:{folded(cell.subject)}:{self.around.lists.key_of(student)}"
                raw = {"subject": cell.subject, "day": cell.day.isoformat(), "codes": list(codes)}
                why = "the pupil's diary has no such lesson on this day"
                self._home(self.around.lists.class_of.get(student)).batch.reject(
                    "attendance", why, raw, key=key, origin=origin
                )

    def _without_marks(self, cell: Cell, lessons: list[SeenLesson], student: str) -> list[str]:
        """The codes of a cell that are none of the marks that the diary has there."""
        texts = Counter(
            (tidy(str(m.mark.get("mark"))) or "").upper()
            for x in lessons
            for w in x.works.values()
            if (m := w.marks.get(student)) and isinstance(m.mark, Mapping)
        )
        left: list[str] = []
        for code in cell.codes:
            if texts[code] > 0:
                texts[code] -= 1
            elif code not in _NOT_ATTENDANCE:
                left.append(code)
        return left

    def _attendance(self, lesson: SeenLesson) -> list[tuple[Attendance, Origin]]:
        made: dict[str, tuple[Attendance, Origin]] = {}
        for student, code, origin in self.absent.get(lesson.key, ()):
            words = Words(self._home(None).batch, "attendance")
            status = words.of("status", code, ATTENDANCE)
            key = self.around.lists.key_of(student)
            record = Attendance(key=f"{lesson.key}:{key}", lesson=lesson.key, student=key, status=status, raw=words.raw)
            made.setdefault(record.key, (record, origin))
        return list(made.values())

    # -- what is broken in reports ---------------------------------------------------------------------------------------

    def _broken_reports(self) -> None:
        lists = self.around.lists
        for student in sorted(self.evidence.absences, key=by_number):
            _, broken, origin = self.evidence.absences[student]
            for row in broken:
                self._home(lists.class_of.get(student)).batch.reject(
                    "attendance", row.reason, list(row.cells), origin=origin
                )
        for student, taught in sorted(self.evidence.entered):
            _, broken, origin = self.evidence.entered[student, taught]
            for n, row in enumerate(broken, 1):
                key = f"{taught}:{lists.key_of(student)}:{n}"
                home = self._home(lists.class_of.get(student))
                home.batch.reject("marks", row.reason, list(row.cells), key=key, origin=origin)


def _holds_something(mark: Any) -> bool:
    """Whether there is a mark, even if it is none of those that can be."""
    return not isinstance(mark, Mapping) or mark.get("mark") is not None or mark.get("dutyMark") is True


def _is_marked(lesson: SeenLesson, student: str) -> bool:
    return any(student in w.marks for w in lesson.works.values())


def _homework(works: list[SeenWork]) -> str | None:
    """What stands at a lesson as homework."""
    home = [w.copies.made for w in works if w.copies.made and w.copies.made.type_id == HOME_TYPE]
    texts = dict.fromkeys(t for one in home if (t := tidy(one.assignment_name)))
    return "; ".join(texts) or None


class _Entries:
    """The days on which marks were entered. Each row is of one mark; alike ones are taken in the order of their days."""

    def __init__(self, entered: Mapping[tuple[str, str], tuple[list[Given], list[Broken], Origin]]) -> None:
        self._left: dict[tuple[str, str, date], list[Given]] = defaultdict(list)
        for (student, taught), (rows, _, _) in entered.items():
            for row in sorted(rows, key=lambda r: (r.lesson, r.entered)):
                self._left[student, taught, row.lesson].append(row)

    def of(self, student: str, taught: str, on: date, kind: str | None, title: str | None, value: str) -> date | None:
        """The day of a mark: its row has the same kind and topic; one that has other words counts if no other could be it."""
        rows = [r for r in self._left.get((student, taught, on), ()) if _same_mark(r.mark, value)]
        exact = [r for r in rows if folded(r.kind) == folded(kind) and folded(r.topic) == folded(title)]
        found = next(iter(exact), None)
        if found is None and len({r.entered for r in rows}) == 1:
            found = rows[0]
        if found:
            self._left[student, taught, on].remove(found)
        return found.entered if found else None


def _same_mark(printed: str, value: str) -> bool:
    return folded(printed) == folded(value) or (printed in DEBTS and value in DEBTS)
