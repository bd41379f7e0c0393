"""Records of the school as a whole: people, classes and their parts, subjects, courses, enrolments. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope
from canonical.entities import Course, Enrolment, Group, Person, Record, Subject
from connectors.mosreg.school import Place, School, by_number
from connectors.mosreg.wire import Group as WireGroup
from connectors.mosreg.wire import PersonName, Pupil, Teacher
from connectors.wire import Words

Pseudonym = Callable[[str], str | None]

_SEX: Final[Mapping[str, str | None]] = MappingProxyType(
    {"male": "m", "m": "m", "м": "m", "муж": "m", "мужской": "m", "female": "f", "f": "f", "ж": "f", "жен": "f", "женский": "f"}
)  # fmt: skip
# -- people ----------------------------------------------------------------------------------------------------------


def staff_batch(school: School) -> Batch:
    """Teachers: those of the staff list, and those whom only a group names."""
    batch = Batch()
    school.staff.report(batch)
    for teacher, origin in (*school.staff.items, *school.teachers_of_groups()):
        batch.add([staff_member(teacher)], origin)
    return batch


def staff_member(teacher: Teacher) -> Person:
    """A teacher, named by the three parts or by one text."""
    family, given, patronymic = _names(teacher, teacher.full_name or teacher.name)
    return Person(key=teacher.id, role="staff", family_name=family, given_name=given, patronymic=patronymic)


def pupils_batch(school: School, class_unit: str | None, pseudonym: Pseudonym) -> Batch:
    """The pupils of a class unit, or those of none."""
    batch = Batch()
    some = school.pupils[class_unit]
    some.report(batch)
    for pupil, origin in some.items:
        batch.add([_pupil(pupil, pseudonym, batch)], origin)
    return batch


def _pupil(pupil: Pupil, pseudonym: Pseudonym, batch: Batch) -> Person:
    words = Words(batch, "Pupil")
    sex = pupil.sex or ""
    known = {sex: _SEX[sex.casefold()]} if sex.casefold() in _SEX else {}
    digits = re.sub(r"\D", "", pupil.snils or "")
    return Person(
        key=pupil.id,
        role="student",
        family_name=pupil.last_name,
        given_name=pupil.first_name,
        patronymic=pupil.middle_name,
        birth_date=pupil.birth_date,
        sex=words.of("sex", pupil.sex, known),
        snils=pseudonym(digits) if digits else None,
        raw=words.raw,
    )


def _names(person: PersonName, whole: str | None) -> tuple[str | None, str | None, str | None]:
    """Family name, given name, patronymic; initials are no names."""
    if person.last_name or person.first_name or not whole:
        return person.last_name, person.first_name, person.middle_name
    family, *rest = whole.split()
    if not rest or any("." in part for part in rest):
        return family, None, None
    return family, rest[0], " ".join(rest[1:]) or None


# -- classes and courses ---------------------------------------------------------------------------------------------


def classes_batch(school: School, *, college: bool, made_all: bool) -> Batch:
    """Classes and their parts, subjects, courses, and who is enrolled where.

    `made_all` says that every course which must be made for a period mark is made in this run.
    """
    batch = Batch()
    school.classes.report(batch)
    school.groups.report(batch)
    for class_unit, origin in school.classes.items:
        group = Group(
            key=class_unit.id,
            academic_year=school.academic_year,
            name=class_unit.name,
            kind="study_group" if college else "class",
            level=_level(class_unit.class_level_id),
            curator=school.curators.get(class_unit.id),
        )
        batch.add([group], origin)
    for subject, origin in _subjects(school):
        batch.add([subject], origin)
    left = _left(school)
    for wire, origin in school.groups.items:
        batch.add(_group_records(school, school.places[wire.id], wire, left), origin)
    for enrolment, origin in _class_enrolments(school):
        batch.add([enrolment], origin)
    batch.covers(*_scopes(school, made_all=made_all))
    return batch


def _scopes(school: School, *, made_all: bool) -> Iterator[Scope]:
    """What the answers hold completely; a broken item of which more depends than itself leaves that open."""
    name = school.academic_year
    broken_pupils = [r for some in school.pupils.values() for r in some.rejects]
    if not school.answers.is_complete or not school.groups.is_whole:
        return
    yield Scope("groups", axis=Axis.ACADEMIC_YEAR, start=name, end=name)
    if all(r.key is not None for r in broken_pupils):
        yield Scope("enrolments", axis=Axis.ACADEMIC_YEAR, start=name, end=name)
    if made_all and not broken_pupils:
        yield Scope("courses", axis=Axis.ACADEMIC_YEAR, start=name, end=name)


def _group_records(
    school: School, place: Place, group: WireGroup, left: Mapping[str, tuple[str, str | None]]
) -> Iterator[Record]:
    """A course; of one that teaches no whole class also whom it teaches."""
    teachers = tuple(dict.fromkeys(t.id for t in group.teachers))
    if place.kind != "class":
        yield Group(
            key=place.group,
            academic_year=school.academic_year,
            name=group.name,
            kind=place.kind,
            level=_level(group.class_level_id),
            parent=place.parent,
        )
        for student in sorted(place.students):
            status, end = left.get(student, ("enrolled", None))
            yield Enrolment(key=f"{student}:{place.group}", person=student, group=place.group, end=end, status=status)
    yield Course(key=place.course, group=place.group, subject=group.subject_id, teachers=teachers or None)


def _level(number: str | None) -> int | None:
    """The grade or the course; other parallels (of a kindergarten) are none."""
    return int(number) if number and number.isdigit() and 1 <= int(number) <= 11 else None


def _subjects(school: School) -> Iterator[tuple[Subject, Origin]]:
    """Each subject once, by the first group that names it."""
    named: dict[str, tuple[Subject, Origin]] = {}
    for group, origin in sorted(school.groups.items, key=lambda g: by_number(g[0].id)):
        standing = named.get(group.subject_id)
        if standing is None or (standing[0].name is None and group.subject_name):
            named[group.subject_id] = (Subject(key=group.subject_id, name=group.subject_name), origin)
    yield from named.values()


# -- enrolments ------------------------------------------------------------------------------------------------------


def _departure(pupil: Pupil) -> tuple[str, str | None]:
    """How and when a pupil has left the school."""
    return ("transferred" if pupil.transferred else "expelled"), pupil.deleted_at or pupil.migration_date


def _left(school: School) -> dict[str, tuple[str, str | None]]:
    """Those who have left the school, with how and when. Who stands in two lists has left only if both say so."""
    every = [pupil for some in school.pupils.values() for pupil, _ in some.items]
    here = {pupil.id for pupil in every if not school.has_left(pupil)}
    return {pupil.id: _departure(pupil) for pupil in every if pupil.id not in here}


def _class_enrolments(school: School) -> Iterator[tuple[Enrolment, Origin]]:
    """Pupils in their class, and in the class of this year from which they have moved."""
    for asked, some in school.pupils.items():
        for pupil, origin in some.items:
            before, now = school.came_from(pupil, asked), school.class_of(pupil, asked)
            if before is not None:
                yield _enrolment(pupil, before, pupil.enlisted_on, ("transferred", pupil.migration_date)), origin
            if now is not None:
                start = pupil.migration_date if before is not None else pupil.enlisted_on
                fate = _departure(pupil) if school.has_left(pupil) else ("enrolled", None)
                yield _enrolment(pupil, now, start, fate), origin


def _enrolment(pupil: Pupil, group: str, start: str | None, fate: tuple[str, str | None]) -> Enrolment:
    status, end = fate
    return Enrolment(key=f"{pupil.id}:{group}", person=pupil.id, group=group, start=start, end=end, status=status)
