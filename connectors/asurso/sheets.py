"""The attestation sheet of a group and term: period marks and attestations (portal facts A5.5, A3.5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from canonical.batch import Batch, Drift
from canonical.coverage import Scope, Selector
from canonical.entities import Attestation, Course, PeriodMark, Record, Subject
from canonical.scales import Scale
from connectors.asurso import wire
from connectors.asurso.directory import Directory
from connectors.asurso.forms import MarkValue, filled, mark_value, merged
from connectors.asurso.gradebooks import Gradebook
from connectors.asurso.mapper import person
from connectors.asurso.structure import TaughtCourse
from connectors.asurso.values import folded, id_of
from connectors.asurso.words import EXAMINATIONS
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import Wire, Words, as_list, read_one

W = TypeVar("W", bound=Wire)

_KNOWN: Final = frozenset(
    {"students", "subjects", "profModules", "courseWorks", "termType", "termNumber", "year", "departmentName"}
)

_WITHOUT_PERIOD_MARKS: Final = (("profModules", "ProfessionalModule"), ("courseWorks", "CourseWork"))
"""Lists of the sheet whose columns are attestations only, with what they are attested by."""


@dataclass(frozen=True, slots=True)
class SheetOf:
    """What the records of a sheet depend on besides its answer.

    `courses` are those of the gradebook, `people` the keys of those whom the group's rosters alone name.
    """

    group: str
    gradebook: str
    courses: tuple[TaughtCourse, ...]
    people: frozenset[str]
    directory: Directory
    scale: Scale


def speaks_of(answer: Answer, gradebook: Gradebook) -> bool:
    """Whether a sheet is of a gradebook's term, as far as it says of which it is."""
    sheet = answer.json()
    if not isinstance(sheet, Mapping):
        return True
    year = gradebook.year()
    said = (sheet.get("termType"), sheet.get("termNumber"), sheet.get("year"))
    meant = (*gradebook.term, year.first if year else None)
    return all(s is None or m is None or s == m for s, m in zip(said, meant, strict=True))


def read_sheet(answer: Answer, of: SheetOf) -> Batch:
    """The records of a sheet, and what it covers. An empty answer covers nothing."""
    batch = Batch()
    sheet = answer.json()
    if sheet is None:
        return batch
    if not isinstance(sheet, Mapping):
        raise UnexpectedAnswerError(f"{answer.origin.request}: an attestation sheet was expected")
    _Sheet(answer, of, batch).read(sheet)
    return batch


@dataclass
class _Sheet:
    answer: Answer
    of: SheetOf
    batch: Batch
    made: dict[str, Record] = field(default_factory=dict)
    found: dict[tuple[type, str], PeriodMark | Attestation] = field(default_factory=dict)
    uncovered: set[str] = field(default_factory=set)

    def read(self, sheet: Mapping[str, Any]) -> None:
        batch, of = self.batch, self.of
        for name in sheet.keys() - _KNOWN:
            batch.drift[Drift("unknown_field", "AttestationSheet", name)] += 1
        batch.add(self._people(sheet), self.answer.origin)
        for column in self._columns(sheet, "subjects"):
            self._subject(column)
        for name, word in _WITHOUT_PERIOD_MARKS:
            for column in self._columns(sheet, name):
                self._without_period_marks(column, word)
        batch.add(self.made.values(), self.answer.origin)
        batch.add(self.found.values(), self.answer.origin)
        courses = {c.key for c in of.courses} | {r.key for r in self.made.values() if isinstance(r, Course)}
        entities = [e for e in ("period_marks", "attestations") if e not in self.uncovered]
        batch.covers(*(Scope(e, Selector.COURSE, c) for c in sorted(courses) for e in entities))

    def _people(self, sheet: Mapping[str, Any]) -> Iterator[Record]:
        """Pupils whom only the sheet names."""
        directory = self.of.directory
        for item in as_list(sheet.get("students"), where=self.answer.origin.request):
            number = id_of(item)
            student = self._whole(wire.SheetStudent, item, "people", directory.student_key(number) if number else None)
            key = directory.student_key(student.id) if student else None
            if student and key and student.id not in (directory.students or {}) and key not in self.of.people:
                yield person(key, student, "student")

    def _columns(self, sheet: Mapping[str, Any], name: str) -> Iterator[wire.SheetColumn]:
        for item in as_list(sheet.get(name), where=self.answer.origin.request):
            entities = ("period_marks", "attestations") if name == "subjects" else ("attestations",)
            column = self._whole(wire.SheetColumn, item, entities[0], None, hides=entities[1:])
            if column:
                yield column

    # -- subjects ----------------------------------------------------------------------------------------------------

    def _subject(self, column: wire.SheetColumn) -> None:
        of = self.of
        candidates = self._candidates(column)
        subject = next((c.subject for c in candidates if c.subject), None) or of.directory.subject_key(column.name)
        for student, said in self._cells(column, "period_marks", lambda s: f"{s}:{subject}:{of.gradebook}:period"):
            course = _course_of(student, candidates, of.group) or self._make_course(column, subject, candidates)
            mark = PeriodMark(
                key=f"{student}:{subject}:{of.gradebook}:period",
                student=student,
                course=course,
                period=of.gradebook,
                kind="period",
                raw=said.raw,
                **said.fields,
            )
            self._take(mark)
            if column.examination_type:
                self._attest(column.examination_type, student, said, course, subject, subject)

    def _candidates(self, column: wire.SheetColumn) -> list[TaughtCourse]:
        """The gradebook's courses that a column may mean: by the page's name, else by the subject.

        The one with the column's id comes first. Where there is none, one whose name cannot be read may be meant.
        """
        name, courses = folded(column.name), self.of.courses
        same = [c for c in courses if c.name and folded(c.name) == name]
        same.sort(key=lambda c: c.key != f"{self.of.gradebook}:{column.id}")
        subject = self.of.directory.subject_key(column.name)
        of_subject = [c for c in courses if c.subject == subject or (c.subject is None and _begins(c.name, name))]
        return same or of_subject or [c for c in courses if c.name is None]

    def _make_course(self, column: wire.SheetColumn, subject: str, candidates: list[TaughtCourse]) -> str:
        """The course of a subject that the gradebook does not have for a pupil."""
        of = self.of
        key = f"{of.gradebook}:{column.id}"
        if any(c.key == key for c in of.courses):
            key = f"{of.gradebook}:{subject}:{of.group}"
        if key not in self.made:
            if not candidates and subject not in of.directory.subjects.values():
                self.made[f"subject {subject}"] = Subject(key=subject, name=column.name)
            teacher = id_of(column.teacher)
            self.made[key] = Course(
                key=key,
                group=of.group,
                subject=subject,
                period=of.gradebook,
                teachers=(teacher,) if teacher else None,
            )
        return key

    # -- what has no period marks --------------------------------------------------------------------------------------

    def _without_period_marks(self, column: wire.SheetColumn, word: str) -> None:
        of = self.of
        candidates = self._candidates(column)
        known = next((c.subject for c in candidates if c.subject), None)
        subject = known or of.directory.subjects.get(folded(column.name))
        kind = EXAMINATIONS[word]
        for student, said in self._cells(column, "attestations", lambda s: f"{s}:{column.id}:{of.gradebook}:{kind}"):
            course = _course_of(student, candidates, of.group)
            self._attest(word, student, said, course, subject, column.id, title=column.name)

    def _attest(
        self,
        word: str,
        student: str,
        said: MarkValue,
        course: str | None,
        subject: str | None,
        about: str,
        *,
        title: str | None = None,
    ) -> None:
        words = Words(self.batch, "attestations")
        kind = words.of("kind", word, EXAMINATIONS)
        self._take(
            Attestation(
                key=f"{student}:{about}:{self.of.gradebook}:{kind or word}",
                student=student,
                course=course,
                subject=subject,
                kind=kind,
                title=title,
                raw=merged(words.raw, said.raw),
                **said.fields,
            )
        )

    # -- cells -------------------------------------------------------------------------------------------------------

    def _cells(
        self, column: wire.SheetColumn, entity: str, key: Callable[[str], str]
    ) -> Iterator[tuple[str, MarkValue]]:
        """The pupils that have something in a column, and what; `key` makes a record's key of a pupil's."""
        for number, item in filled(column.marks):
            student = self.of.directory.student_key(number)
            cell = self._whole(wire.Cell, item, entity, key(student))
            if cell is None:
                self.uncovered.add("attestations")
                continue
            said = mark_value(cell, self.of.scale, self.batch, entity)
            if said:
                yield student, said

    def _take(self, record: PeriodMark | Attestation) -> None:
        """Keeps a record; of two columns that say something of one pupil's subject a mark beats a debt."""
        place = (type(record), record.key)
        before = self.found.get(place)
        if before is None or before.meaning == "debt":
            self.found[place] = record

    def _whole(
        self, model: type[W], item: Any, entity: str, key: str | None, *, hides: tuple[str, ...] = ()
    ) -> W | None:
        """An item as it should be; null, and the item set aside, where it is not."""
        return read_one(item, model, self.batch, entity=entity, key=key, origin=self.answer.origin, hides=hides)


def _begins(name: str | None, folded_subject: str) -> bool:
    """Whether the name of a course is of a subject, for itself or before a part's name."""
    return name is not None and (folded(name) == folded_subject or folded(name.rpartition("/")[0]) == folded_subject)


def _course_of(student: str, candidates: list[TaughtCourse], group: str) -> str | None:
    """The pupil's own course; of several the group's own. Without one: that whose page was not read, or the group's own."""
    own = [c for c in candidates if c.pupils is not None and student in c.pupils]
    unread = [c for c in candidates if c.pupils is None]
    whole = [c for c in candidates if c.group == group]
    for some in ([c for c in own if c.group == group], own, unread, whole):
        if some:
            return some[0].key
    return None
