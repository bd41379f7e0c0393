"""A student's or parent's account: the fallback where there is no staff account (portal facts A3).

The portal then shows their own days, without ids of groups' subjects and of lessons that are not recorded yet: a course is
named by its group and subject, a lesson by its group, day, time and subject, so that it stays the same when it is recorded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from canonical.batch import Batch, Origin
from canonical.entities import Enrolment, Group, Person
from canonical.years import AcademicYear
from connectors.archive import body_of
from connectors.asking import attempt
from connectors.asurso.client import Client
from connectors.asurso.signin import OwnStudent, Tenant
from connectors.asurso.student_around import Around
from connectors.asurso.student_days import lesson_names, read_days
from connectors.asurso.student_terms import read_own_sheet, read_terms, subject_names
from connectors.contract import Context, Reading, Unit, Window, failed, ready
from connectors.errors import ConnectorError
from connectors.http import Answer

_PIECE_DAYS: Final = 28

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
        terms = await attempt(client.terms_of(student.id))
        names = subject_names(terms) if isinstance(terms, Answer) else frozenset()
        around = Around(student, student.group, year, names, context)
        taught: set[str] = set()
        for piece in window.pieces(_PIECE_DAYS):
            name = f"diary/{student.id}/{piece.start}"
            diary = await attempt(client.diary(student.id, piece.start, piece.end))
            if isinstance(diary, ConnectorError):
                yield failed(name, diary)
                continue
            taught |= set(lesson_names(diary))
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
    yield ready(f"terms/{student}", Reading([terms], partial(read_terms, terms, around), depends))
    sheet = await attempt(client.sheet_of(student))
    if isinstance(sheet, ConnectorError):
        yield failed(f"sheet/{student}", sheet)
        return
    make = partial(read_own_sheet, sheet, terms, around)
    yield ready(f"sheet/{student}", Reading([sheet, terms], make, depends))


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
