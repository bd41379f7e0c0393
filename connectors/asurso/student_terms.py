"""A student's terms with their marks, and their own cells of the attestation sheet (portal facts A3.3, A3.5). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from canonical.batch import Batch
from canonical.coverage import Scope, Selector
from canonical.entities import Attestation, Course, Period, PeriodMark, Subject
from canonical.text import tidy
from connectors.asurso import wire
from connectors.asurso.directory import Directory
from connectors.asurso.forms import mark_value
from connectors.asurso.sheets import SheetOf, read_sheet
from connectors.asurso.structure import TaughtCourse
from connectors.asurso.student_around import Around
from connectors.asurso.values import by_number, folded, id_of, inside
from connectors.asurso.words import PERIOD_KINDS
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import Words, as_list, read_one


def subject_names(terms: Answer) -> frozenset[str]:
    """The folded names of the subjects in which a student has marks of terms."""
    said = terms.json()
    items = said.get("subjects") if isinstance(said, Mapping) else None
    names = (i.get("name") for i in (items if isinstance(items, list) else ()) if isinstance(i, Mapping))
    return frozenset(filter(None, map(folded, names)))


def read_terms(answer: Answer, around: Around) -> Batch:
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
        name = inside(item, "name")
        key = f"{student}:{tidy(name)}" if isinstance(name, str) else None
        one = read_one(item, wire.TermSubject, batch, entity="period_marks", key=key, origin=origin)
        if one is None:
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
        cell = read_one(item or {}, wire.Cell, batch, entity="period_marks", key=key, origin=answer.origin)
        said = mark_value(cell, around.context.scale, batch, "period_marks") if cell else None
        if said and period:
            yield PeriodMark(
                key=key, student=student, course=course, period=period, kind=kind, raw=said.raw, **said.fields
            )


def _periods(item: Any, around: Around, batch: Batch, answer: Answer, of_year: dict[str, str]) -> Iterator[Period]:
    """The terms of one course of study, and its year; that of the term that is going on is the current one."""
    one = read_one(item, wire.StudyYear, batch, entity="periods", key=id_of(item), origin=answer.origin)
    if one is None:
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
        term = read_one(raw, wire.StudyTerm, batch, entity="periods", key=id_of(raw), origin=answer.origin)
        if term is None:
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


def read_own_sheet(answer: Answer, terms: Answer, around: Around) -> Batch:
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
