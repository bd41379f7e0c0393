"""A student's or parent's account: the fallback where there is no staff account (portal facts A3).

The portal then shows their own days, without ids of groups' subjects and of lessons that are not recorded yet: a course is
named by its group and subject, a lesson by its group, day, time and subject, so that it stays the same when it is recorded.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from pydantic import ValidationError

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import (
    Attendance,
    Attestation,
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
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.archive import body_of
from connectors.asurso import wire
from connectors.asurso.client import Client
from connectors.asurso.directory import Directory
from connectors.asurso.forms import mark_value
from connectors.asurso.sheets import SheetOf, read_sheet
from connectors.asurso.signin import OwnStudent, Tenant
from connectors.asurso.structure import TaughtCourse
from connectors.asurso.values import as_date, by_number, day, folded, id_of, instant
from connectors.asurso.words import ATTENDANCE, CONTROLS, HOME, LESSON_KINDS, PERIOD_KINDS
from connectors.contract import Context, Reading, Unit, Window, failed, ready
from connectors.errors import ConnectorError, UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import Wire, Words, as_list, note_drift, reason

W = TypeVar("W", bound=Wire)

_PIECE_DAYS: Final = 28

_PART: Final = re.compile(r"подгр|групп|п/г", re.IGNORECASE)
"""How the part of a group is called, where nothing else tells it from the rest of a subject's name."""


_ACCOUNT: Final = "ACCOUNT students"
"""Under this the archive keeps whose account it is: the answer to a sign-in, which says it, is not kept."""


def own_students(context: Context, tenant: Tenant | None) -> tuple[Origin | None, tuple[OwnStudent, ...]]:
    """Whose account it is, where it is none of the staff's, and where that is kept; a replay finds it there."""
    if context.find is not None:
        kept = context.find(_ACCOUNT)
        said = msgspec.json.decode(body_of(context.archive, kept), type=list[OwnStudent]) if kept else []
        return kept, tuple(said)
    students = tenant.students if tenant and tenant.permissions is None else ()
    body = msgspec.json.encode(students)
    return Origin(_ACCOUNT, context.archive.put(body), len(body), context.clock().isoformat()), students


async def own_rows(
    context: Context, client: Client, window: Window, students: Sequence[OwnStudent], kept: Origin
) -> AsyncIterator[Unit]:
    """The units of the account's own students; `kept` says that they are."""
    year = AcademicYear.of(context.today())
    yield ready("own", Reading([kept], partial(_people, students, year, kept), year.name))
    for student in students:
        if student.group is None:
            continue
        terms = await _ask(client.terms_of(student.id))
        names = _subject_names(terms) if isinstance(terms, Answer) else frozenset()
        around = Around(student, student.group, year, names, context)
        taught: set[str] = set()
        for piece in window.pieces(_PIECE_DAYS):
            name = f"diary/{student.id}/{piece.start}"
            diary = await _ask(client.diary(student.id, piece.start, piece.end))
            if isinstance(diary, ConnectorError):
                yield failed(name, diary)
                continue
            taught |= set(_lesson_names(diary))
            make = partial(read_days, diary, around, piece.start, piece.end)
            yield ready(name, Reading([diary], make, repr(sorted(names))), whole=piece.whole)
        async for unit in _marks_of_terms(client, terms, replace(around, taught=frozenset(taught))):
            yield unit


async def _marks_of_terms(client: Client, terms: Answer | ConnectorError, around: Around) -> AsyncIterator[Unit]:
    """The student's terms with their marks, and their sheet."""
    student = around.student.id
    if isinstance(terms, ConnectorError):
        yield failed(f"terms/{student}", terms)
        return
    depends = repr((around.year, sorted(around.taught)))
    yield ready(f"terms/{student}", Reading([terms], partial(_terms, terms, around), depends))
    sheet = await _ask(client.sheet_of(student))
    if isinstance(sheet, ConnectorError):
        yield failed(f"sheet/{student}", sheet)
        return
    make = partial(_sheet, sheet, terms, around)
    yield ready(f"sheet/{student}", Reading([sheet, terms], make, depends))


def _lesson_names(diary: Answer) -> Iterator[str]:
    """How the lessons of some days are called."""
    for item in as_list(diary.json(), where=diary.origin.request):
        lessons = item.get("lessons") if isinstance(item, Mapping) else None
        for lesson in lessons if isinstance(lessons, list) else ():
            if isinstance(lesson, Mapping) and isinstance(lesson.get("name"), str) and tidy(lesson["name"]):
                yield lesson["name"]


async def _ask(asking: Any) -> Answer | ConnectorError:
    """An answer, or why there is none; what concerns the whole source is raised."""
    try:
        answer: Answer = await asking
    except ConnectorError as error:
        if error.stops == "source":
            raise
        return error
    return answer


@dataclass(frozen=True)
class Around:
    """What the records of one student depend on besides an answer.

    `names` are the folded names of the subjects in which they have marks of terms, `taught` those of their lessons.
    """

    student: OwnStudent
    group: str
    year: AcademicYear
    names: frozenset[str]
    context: Context
    taught: frozenset[str] = frozenset()

    def split(self, name: str) -> tuple[str, str | None]:
        """The subject of a lesson's name, and the part of the group: a subject's own name may have a slash."""
        base, _, tail = (part.strip() for part in name.rpartition("/"))
        part = base and tail and (_PART.search(tail) or (folded(base) in self.names and folded(name) not in self.names))
        return (tidy(base) or base, tidy(tail)) if part else (tidy(name) or name, None)

    def course(self, name: str) -> tuple[str, str, list[Record]]:
        """The course of a lesson's name, its subject, and the records that they stand on."""
        subject, part = self.split(name)
        group = f"{self.group}:{part}" if part else self.group
        course = Course(key=f"{group}:{subject}", group=group, subject=subject)
        records: list[Record] = [Subject(key=subject, name=subject)]
        if part:
            own = self.student.id
            records += [
                Group(key=group, academic_year=self.year.name, name=part, kind="subgroup", parent=self.group),
                Enrolment(key=f"{own}:{group}", person=own, group=group),
            ]
        return course.key, subject, [*records, course]

    def course_of_subject(self, name: str) -> tuple[str, str, list[Record]]:
        """The student's course in a subject: that of their lessons, of several the group's own."""
        wanted = self.split(name)[0]
        own = sorted(n for n in self.taught if folded(self.split(n)[0]) == folded(wanted))
        whole = [n for n in own if self.split(n)[1] is None]
        return self.course(next(iter(whole or own), name))


def _people(students: Sequence[OwnStudent], year: AcademicYear, kept: Origin) -> Batch:
    """The students and their groups. A person may have been enrolled twice, so that they still are is not said."""
    batch = Batch()
    for one in students:
        family, given, middle = one.names
        batch.add([Person(key=one.id, role="student", family_name=family, given_name=given, patronymic=middle)], kept)
        if one.group:
            group = Group(key=one.group, academic_year=year.name, name=one.group_name, kind="study_group")
            status = "enrolled" if len(students) == 1 else None
            enrolment = Enrolment(key=f"{one.id}:{one.group}", person=one.id, group=one.group, status=status)
            batch.add([group, enrolment], kept)
    return batch


# -- days (A3.1) -----------------------------------------------------------------------------------------------------


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
        try:
            who = wire.Employee.model_validate(said)
        except ValidationError as error:
            self.reject("people", reason(error), said, number)
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
        home: list[wire.DiaryTask] = []
        for item in tasks or ():
            task = self._task(lesson, course, item)
            if task and task.type == HOME:
                home.append(task)
        home.sort(key=lambda t: by_number(t.id))
        texts = (" ".join(filter(None, (tidy(t.topic), tidy(t.condition)))) for t in home)
        return "; ".join(t for t in texts if t) or None

    def _task(self, lesson: str, course: str, item: Any) -> wire.DiaryTask | None:
        number, student = id_of(item), self.around.student.id
        if isinstance(item, Mapping) and number:
            key = f"{number}:{student}"
            try:
                cell = wire.Cell.model_validate({"isRequired": item.get("isRequired"), "value": item.get("mark")})
            except ValidationError as error:
                self.reject("marks", reason(error), item, key)
            else:
                said = mark_value(cell, self.around.context.scale, self.batch, "marks")
                if said:
                    self.take(
                        Mark(
                            key=key,
                            work=number,
                            student=student,
                            value=said.value,
                            grade=said.grade,
                            meaning=said.meaning,
                            raw=said.raw,
                        )
                    )
        try:
            task = wire.DiaryTask.model_validate(item)
        except ValidationError as error:
            self.reject("works", reason(error), item, number, () if number else ("marks",))
            return None
        note_drift(task, self.batch)
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


# -- terms (A3.3) and the sheet (A3.5) -------------------------------------------------------------------------------


def _subject_names(terms: Answer) -> frozenset[str]:
    said = terms.json()
    items = said.get("subjects") if isinstance(said, Mapping) else None
    names = (i.get("name") for i in (items if isinstance(items, list) else ()) if isinstance(i, Mapping))
    return frozenset(filter(None, map(folded, names)))


def _terms(answer: Answer, around: Around) -> Batch:
    """Terms, and a student's marks of them. The marks of all years come together, and are all there are."""
    batch, said = Batch(), answer.json()
    if said is None:
        return batch
    if not isinstance(said, Mapping):
        raise UnexpectedAnswerError(f"{answer.origin.request}: terms and marks were expected")
    where, origin = answer.origin.request, answer.origin
    of_year: dict[str, str] = {}
    for item in as_list(said.get("academicYears"), where=where):
        batch.add(_periods(item, around, batch, answer, of_year), origin)
    student = around.student.id
    for item in as_list(said.get("subjects"), where=where):
        try:
            one = wire.TermSubject.model_validate(item)
        except ValidationError as error:
            name = item.get("name") if isinstance(item, Mapping) else None
            batch.reject(
                "period_marks",
                reason(error),
                item,
                key=f"{student}:{tidy(name)}" if isinstance(name, str) else None,
                origin=origin,
            )
            continue
        course, subject, records = around.course_of_subject(one.name)
        cells = [(term, "period", cell) for term, cell in sorted((one.marks or {}).items())]
        last = max((term for term, _, _ in cells), key=by_number, default="")
        cells.append((of_year.get(last, ""), "final", one.final_mark))
        made = list(_cells(cells, subject, course, around, batch, answer))
        batch.add([*records, *made] if made else [], origin)
    if not any(r.key is None for r in batch.rejects):
        batch.covers(Scope("period_marks", Selector.PERSON, student))
    return batch


def _cells(
    cells: Sequence[tuple[str, str, Any]], subject: str, course: str, around: Around, batch: Batch, answer: Answer
) -> Iterator[PeriodMark]:
    student = around.student.id
    for period, kind, item in cells:
        key = f"{student}:{subject}:{period}:{kind}"
        try:
            cell = wire.Cell.model_validate(item or {})
        except ValidationError as error:
            batch.reject("period_marks", reason(error), item, key=key, origin=answer.origin)
            continue
        said = mark_value(cell, around.context.scale, batch, "period_marks")
        if said and period:
            yield PeriodMark(
                key=key,
                student=student,
                course=course,
                period=period,
                kind=kind,
                value=said.value,
                grade=said.grade,
                meaning=said.meaning,
                raw=said.raw,
            )


def _periods(item: Any, around: Around, batch: Batch, answer: Answer, of_year: dict[str, str]) -> Iterator[Period]:
    """The terms of one course of study, and its year; that of the term that is going on is the current one."""
    try:
        one = wire.StudyYear.model_validate(item)
    except ValidationError as error:
        batch.reject("periods", reason(error), item, key=id_of(item), origin=answer.origin)
        return
    terms = [t for t in one.terms or () if isinstance(t, Mapping)]
    current = any(t.get("isActive") is True for t in terms)
    year = around.year.name if current else None
    words = Words(batch, "periods")
    kind = words.of("kind", one.term_type or None, PERIOD_KINDS)
    whole = f"{one.id}:year"
    named = f"{one.number} курс" if one.number else None
    yield Period(key=whole, academic_year=year, kind="year", number=1, name=named, groups=(around.group,))
    for raw in terms:
        try:
            term = wire.StudyTerm.model_validate(raw)
        except ValidationError as error:
            batch.reject("periods", reason(error), raw, key=id_of(raw), origin=answer.origin)
            continue
        of_year[term.id] = whole
        yield Period(
            key=term.id,
            academic_year=year,
            kind=kind,
            number=term.number,
            groups=(around.group,),
            raw=words.raw,
        )


def _sheet(answer: Answer, terms: Answer, around: Around) -> Batch:
    """The student's own cells of the attestation sheet: what attests them, and what they owe."""
    said = terms.json()
    years = said.get("academicYears") if isinstance(said, Mapping) else None
    listed = [t for y in years or () if isinstance(y, Mapping) for t in y.get("terms") or () if isinstance(t, Mapping)]
    active = next((number for t in listed if t.get("isActive") is True and (number := id_of(t))), None)
    if active is None:
        return Batch()
    names = {i["name"] for i in said.get("subjects") or () if isinstance(i, Mapping) and isinstance(i.get("name"), str)}
    known = {around.course_of_subject(n)[0]: n for n in sorted(names | around.taught) if tidy(n)}
    own = around.student.id
    courses = tuple(
        TaughtCourse(key, active, around.split(name)[0], around.group, around.split(name)[0], frozenset({own}))
        for key, name in known.items()
    )
    of = SheetOf(around.group, active, courses, frozenset({own}), Directory(), around.context.scale)
    whole = read_sheet(answer, of)
    kept = Batch(rejects=[r for r in whole.rejects if r.entity != "people"], drift=whole.drift)
    records = [r for _, block in whole.blocks for r in block]
    marks = [r for r in records if isinstance(r, (PeriodMark, Attestation)) and r.student == own]
    needed = {r.course for r in marks} | {r.subject for r in marks if isinstance(r, Attestation)}
    made = [r for r in records if isinstance(r, Course) and r.key in needed]
    needed |= {r.subject for r in made}
    subjects = [r for r in records if isinstance(r, Subject) and r.key in needed]
    standing = [r for key, name in known.items() if key in needed for r in around.course_of_subject(name)[2]]
    kept.add([*standing, *subjects, *(msgspec.structs.replace(c, teachers=None) for c in made), *marks], answer.origin)
    return kept
