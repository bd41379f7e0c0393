"""Lessons with their absences, and marks with their works, of a stretch of days (facts B4.4-B4.6). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from canonical.batch import Batch, Drift, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Lesson, Work
from canonical.scales import Scale
from connectors.mosreg.client import Listing
from connectors.mosreg.homeworks import Homeworks
from connectors.mosreg.marks import MarksOfPiece, mark_record, work_key, work_of
from connectors.mosreg.reading import Read, parts_key, read, salvaged
from connectors.mosreg.roster import staff_member
from connectors.mosreg.school import NONE
from connectors.mosreg.wire import Absence, Mark, ScheduleItem, Teacher
from connectors.wire import plain_key

_PLAIN_ABSENCE: Final = 2
"""The one `absence_reason_id` whose meaning is known (B4.6)."""


@dataclass(frozen=True, slots=True)
class Late:
    """The days of older lessons for which marks were entered now: their timetable and absences."""

    schedule: Listing
    attendances: Listing


@dataclass(frozen=True, slots=True)
class PieceAnswers:
    """What was asked for one stretch of days, `since`..`until`.

    `marks` are those entered on these days, `other_marks` those entered on others, as far as they were read. `began` is
    false for a stretch that lies in the future: marks and absences of it were not asked for. `first` is the first day of
    the whole window, `late` what was asked of days before it, if that was needed and allowed; `teachers` are those whom
    only lessons name.
    """

    since: str
    until: str
    first: str
    schedule: Listing
    attendances: Listing
    marks: MarksOfPiece
    other_marks: Sequence[MarksOfPiece]
    homeworks: Listing
    teachers: Listing
    late: Late | None
    began: bool


@dataclass(frozen=True, slots=True)
class JournalContext:
    """What else a stretch of the journal depends on.

    `forms` is control form -> its name. `numbered` says that the groups are those of one class, so that a lesson's number
    can be told by its place in the class's day. `scopes` are selectors with keys of which all groups were asked for.
    `is_settled` says that marks were asked for up to today, so that nothing entered later can be missing.
    """

    forms: Mapping[str, str | None]
    scale: Scale
    numbered: bool
    scopes: Sequence[tuple[Selector, str]]
    is_settled: bool


def journal_batch(asked: PieceAnswers, context: JournalContext) -> Batch:
    """The lessons of the days with their absences and works, and the marks that were entered on the days."""
    piece = _Piece(asked, context)
    piece.add_teachers()
    piece.add_lessons()
    piece.add_works()
    piece.add_marks()
    piece.add_absences()
    piece.add_late()
    piece.cover()
    return piece.batch


class _Piece:
    """One stretch on its way into a batch."""

    def __init__(self, asked: PieceAnswers, context: JournalContext) -> None:
        self.batch = Batch()
        self._asked = asked
        self._context = context
        self._lessons = read(asked.schedule, ScheduleItem, entity="lessons")
        self._absences = _absence_rows(asked.attendances)
        self._homeworks = Homeworks(asked.homeworks)
        self._every_marks = (asked.marks, *asked.other_marks)
        for some in (self._lessons, self._absences, asked.marks.read, self._homeworks):
            some.report(self.batch)

    def add_teachers(self) -> None:
        some = read(self._asked.teachers, Teacher, entity="people")
        some.report(self.batch)
        for teacher, origin in some.items:
            self.batch.add([staff_member(teacher)], origin)

    # -- lessons -------------------------------------------------------------------------------------------------

    def add_lessons(self) -> None:
        asked = self._asked
        noted = (plain_key(row, "schedule_lesson_id") for row in asked.attendances.items())
        recorded = {key for key in noted if key is not None}.union(*(m.lessons for m in self._every_marks))
        within = [(i, o) for i, o in self._lessons.items if asked.since <= i.day <= asked.until]
        self._add_lessons(within, recorded, self._numbers(self._lessons))

    def _add_lessons(
        self,
        items: Iterable[tuple[ScheduleItem, Origin]],
        recorded: set[str],
        numbers: Mapping[tuple[str, str | None], int],
    ) -> None:
        for item, origin in items:
            if broken := self._homeworks.broken_of(item):
                reason = f"homework: {broken.reason}"
                self.batch.reject("lessons", reason, broken.raw, key=item.id, origin=broken.origin)
                continue
            status = "cancelled" if item.cancelled else "held" if item.topic or item.id in recorded else "planned"
            homework, homework_at = self._homeworks.of(item, self.batch)
            lesson = Lesson(
                key=item.id,
                course=item.group_id,
                date=item.day,
                number=item.lesson_number or numbers.get((item.day, item.starts_at)),
                starts_at=item.starts_at,
                room=item.room_name or item.room_number,
                status=status,
                topic=item.topic,
                homework=homework,
                homework_at=homework_at,
                teacher=item.teacher,
            )
            self.batch.add([lesson], origin)

    def _numbers(self, lessons: Read[ScheduleItem]) -> Mapping[tuple[str, str | None], int]:
        """Day and start -> the place in the class's day (B4.4). A broken lesson keeps its place."""
        if not self._context.numbered:
            return {}
        places = [(i.day, i.starts_at) for i, _ in lessons.items]
        for reject in lessons.rejects:
            good = salvaged(reject.raw, ScheduleItem, {"id": NONE, "group_id": NONE, "date": "2000-01-01"})
            moment, clock = good.get("iso_date_time"), good.get("time")
            if day := good.get("date") or (moment or "")[:10]:
                places.append((day, f"{day}T{clock}" if clock else moment))
        starts: dict[str, set[str]] = {}
        for day, start in places:
            if start:
                starts.setdefault(day, set()).add(start)
        return {(d, s): n for d, some in starts.items() for n, s in enumerate(sorted(some), 1)}

    # -- marks ---------------------------------------------------------------------------------------------------

    def add_works(self) -> None:
        """The works of the marks that were entered on the days, and all works of the lessons of the days."""
        here = {i.id for i, _ in self._lessons.items} | {r.key for r in self._lessons.rejects}
        made: dict[str, tuple[Work, Origin]] = {}
        for marks in self._every_marks:
            for place, origin in marks.places:
                if marks is self._asked.marks or place.schedule_lesson_id in here:
                    made.setdefault(work_key(place), (work_of(place, self._context.forms), origin))
        for work, origin in made.values():
            self.batch.add([work], origin)

    def add_marks(self) -> None:
        for mark, origin in self._asked.marks.read.items:
            if not mark.is_absence:
                self.batch.add([mark_record(mark, self._context.scale)], origin)

    # -- absences ------------------------------------------------------------------------------------------------

    def add_absences(self) -> None:
        """The absences of the lessons of the days: the portal's rows, and «н» where there is no row."""
        since, until = self._asked.since, self._asked.until
        noted = [(m, o) for marks in self._every_marks for m, o in marks.absences if m.day and since <= m.day <= until]
        self._add_absences(self._absences, noted)

    def _add_absences(self, rows: Read[Absence], noted: Iterable[tuple[Mark, Origin]]) -> None:
        taken = {r.key for r in rows.rejects}
        newest_first = sorted(rows.items, key=lambda r: (r[0].created_at or "", r[0].id or ""), reverse=True)
        for row, origin in newest_first:
            if (key := _absence_key(row)) not in taken:
                taken.add(key)
                self.batch.add([self._absence(key, row)], origin)
        for mark, origin in sorted(noted, key=lambda m: (m[0].created_at or "", m[0].id)):
            if (key := _absence_key(mark)) not in taken:
                taken.add(key)
                absent = Attendance(
                    key=key,
                    lesson=mark.schedule_lesson_id,
                    student=mark.student_profile_id,
                    status="absent",
                    recorded_at=mark.created_at,
                )
                self.batch.add([absent], origin)

    def _absence(self, key: str, row: Absence) -> Attendance:
        """A row. Of a reason whose code is not known only the number is kept."""
        code = row.absence_reason_id
        is_plain = code in {None, _PLAIN_ABSENCE}
        if not is_plain:
            self.batch.drift[Drift("unknown_value", "Absence", f"absence_reason_id={code}")] += 1
        return Attendance(
            key=key,
            lesson=row.schedule_lesson_id,
            student=row.student_profile_id,
            status="absent" if is_plain else None,
            reason=row.absence_reason,
            recorded_at=row.created_at,
            raw=None if is_plain else {"status": code},
        )

    # -- older lessons -------------------------------------------------------------------------------------------

    def add_late(self) -> None:
        """Older lessons for which marks were entered on the days: they are held now, if they were not before."""
        asked = self._asked
        if asked.late is None:
            return
        noted = [(m, o) for m, o in asked.marks.read.items if m.day is not None and m.day < asked.first]
        late = {m.schedule_lesson_id for m, _ in noted}
        lessons = read(asked.late.schedule, ScheduleItem, entity="lessons")
        self.batch.rejects.extend(r for r in lessons.rejects if r.key in late)
        self._add_lessons([(i, o) for i, o in lessons.items if i.id in late], late, self._numbers(lessons))
        noted = [(m, o) for m, o in noted if m.is_absence]
        wanted = {_absence_key(m) for m, _ in noted}
        every_row = _absence_rows(asked.late.attendances)
        problems = Batch(rejects=[r for r in every_row.rejects if r.key in wanted])
        rows = Read(tuple(r for r in every_row.items if _absence_key(r[0]) in wanted), problems)
        rows.report(self.batch)
        self._add_absences(rows, noted)

    # -- coverage ------------------------------------------------------------------------------------------------

    def cover(self) -> None:
        """Each list on the axis on which it was asked for; works and absences only where all marks are known."""
        asked, days = self._asked, (self._asked.since, self._asked.until)
        settled = asked.began and self._context.is_settled and all(m.all_have_places for m in self._every_marks)
        in_days = all(a.date is None or days[0] <= a.date <= days[1] for a, _ in self._absences.items)
        told = all(m.tells_all_absences for m in self._every_marks)
        for selector, key in self._context.scopes:
            self.batch.covers(Scope("lessons", selector, key, Axis.LESSON_DATE, *days))
            if asked.began and asked.marks.keeps_to_its_days:
                self.batch.covers(Scope("marks", selector, key, Axis.RECORDED_ON, *days))
            if settled:
                self.batch.covers(Scope("works", selector, key, Axis.LESSON_DATE, *days))
            if settled and in_days and told:
                self.batch.covers(Scope("attendance", selector, key, Axis.LESSON_DATE, *days))


def _absence_rows(listing: Listing) -> Read[Absence]:
    """The rows. One that does not tell whose absence it is and from what has no key: its own id is not the record's."""
    return read(listing, Absence, entity="attendance", key=parts_key("schedule_lesson_id", "student_profile_id"))


def _absence_key(row: Absence | Mark) -> str:
    return f"{row.schedule_lesson_id}:{row.student_profile_id}"
