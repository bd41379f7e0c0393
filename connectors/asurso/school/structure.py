"""Records of the school's lists: people, classes and their parts, subjects, courses, membership (portal facts B3). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Course, Enrolment, Group, Person, Subject
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.school import wire
from connectors.asurso.school.forms import FullName
from connectors.asurso.school.lists import Lists, items_of
from connectors.asurso.school.taught import Curriculum, Taught, answered
from connectors.asurso.values import by_number, id_of
from connectors.http import Answer
from connectors.wire import note_drift, read_each, reason


def classes(lists: Lists, year: AcademicYear) -> Batch:
    """Classes."""
    batch = Batch()
    if not isinstance(lists.classes, Answer):
        own = (_own_class(lists, number, name, year) for number, (name, _) in sorted(lists.own.items()))
        batch.add(own, lists.init.origin if lists.init else None)
        return batch
    answer = lists.classes
    read = read_each(items_of(answer), wire.SchoolClass, batch, entity="groups", key="id", origin=answer.origin)
    curators = {number: _first_chief(item) for item in items_of(answer) if (number := id_of(item))}
    batch.add(
        (
            Group(
                key=one.id,
                academic_year=year.name,
                name=one.name,
                kind="class",
                level=lists.levels.get(one.id),
                curator=curators.get(one.id),
            )
            for one in read
        ),
        answer.origin,
    )
    return batch


def _own_class(lists: Lists, number: str, name: str | None, year: AcademicYear) -> Group:
    return Group(key=number, academic_year=year.name, name=name, kind="class", level=lists.levels.get(number))


def _first_chief(item: Any) -> str | None:
    chiefs = item.get("chiefs") if isinstance(item, Mapping) else None
    return next((i for c in chiefs if (i := id_of(c))), None) if isinstance(chiefs, list) else None


def staff(lists: Lists) -> Batch:
    """Teachers and heads of classes, as subject groups and classes name them. A place that names nobody well counts only
    where no other does.
    """
    batch = Batch()
    made: dict[str, tuple[Person, Origin]] = {}
    broken: dict[str, tuple[str, Any, Origin]] = {}
    for answer, item, _ in lists.staff():
        number = id_of(item)
        try:
            one = wire.Named.model_validate(item)
        except ValidationError as error:
            if number is None:
                batch.reject("people", reason(error), item, origin=answer.origin)
            else:
                broken.setdefault(number, (reason(error), item, answer.origin))
            continue
        if one.id not in made or not made[one.id][0].family_name:
            made[one.id] = (_person(one.id, one.name, "staff"), answer.origin)
    for person, origin in made.values():
        batch.add([person], origin)
    for number, (why, item, origin) in broken.items():
        if number not in made:
            batch.reject("people", why, item, key=number, origin=origin)
    return batch


def _person(key: str, full_name: str | None, role: str) -> Person:
    name = FullName.of(full_name)
    return Person(key=key, role=role, family_name=name.family, given_name=name.given, patronymic=name.patronymic)


def pupils(lists: Lists, school_class: str, answer: Answer) -> Batch:
    """The pupils of a class, and that they are in it."""
    batch = Batch()
    items = items_of(answer)
    read = list(
        read_each(items, wire.Pupil, batch, entity="people", key="id", origin=answer.origin, hides=("enrolments",))
    )
    batch.add((_person(lists.key_of(one.id), one.full_name, "student") for one in read), answer.origin)
    numbers = lists.pupils_of.get(school_class, ())
    batch.add((_enrolment(lists, number, school_class) for number in numbers), answer.origin)
    if answer.json() is not None:
        batch.covers(Scope("enrolments", Selector.GROUP, school_class))
    return batch


def own_pupils(lists: Lists) -> Batch:
    """The account's own pupils, where it sees no others. Covers nothing but them."""
    batch = Batch()
    origin = lists.init.origin if lists.init else None
    for number, (_, names) in sorted(lists.own.items()):
        for pupil, name in sorted(names.items(), key=lambda p: by_number(p[0])):
            batch.add([_person(pupil, name, "student"), _enrolment(lists, pupil, number)], origin)
    return batch


def _enrolment(lists: Lists, pupil: str, group: str) -> Enrolment:
    key = lists.key_of(pupil)
    return Enrolment(key=f"{key}:{group}", person=key, group=group, status="enrolled")


def subjects(answer: Answer) -> Batch:
    """Subjects."""
    batch = Batch()
    read = read_each(items_of(answer), wire.Subject, batch, entity="subjects", key="id", origin=answer.origin)
    batch.add(
        (Subject(key=one.id, name=one.name, short_name=one.short_name, kind="subject") for one in read), answer.origin
    )
    return batch


def courses(made: Curriculum, year: AcademicYear) -> Batch:
    """Subject groups: a course each, and the group that it is taught to where that is no class."""
    batch = Batch()
    lists = made.lists
    for answer in (a for _, a in sorted(lists.taught.items()) if isinstance(a, Answer)):
        for item in items_of(answer):
            if id_of(item) is None:
                batch.reject("courses", "id: there is none", item, origin=answer.origin)
    for one in made.taught.values():
        _course(made, one, year, batch)
    if answered(lists.taught) and answered(lists.rosters) and lists.staff_side:
        parts = {one.group for one in made.taught.values() if one.kind != "class"}
        batch.covers(*(Scope("enrolments", Selector.GROUP, part) for part in sorted(parts)))
    return batch


def _course(made: Curriculum, one: Taught, year: AcademicYear, batch: Batch) -> None:
    lists, origin = made.lists, one.answer.origin
    whole = True
    try:
        note_drift(wire.SubjectGroup.model_validate(one.item), batch)
        teachers = one.item.get("teachers")
        if teachers is not None and not isinstance(teachers, list):
            batch.reject("courses", "teachers: a list was expected", one.item, key=one.key, origin=origin)
            whole = False
    except ValidationError as error:
        batch.reject("courses", reason(error), one.item, key=one.key, origin=origin)
        whole = False
    if one.kind != "class":
        batch.add([_part(made, one, year)], origin)
        roster = lists.rosters.get(one.key)
        members = sorted(one.pupils or (), key=by_number)
        where = roster.origin if isinstance(roster, Answer) else origin
        batch.add((_enrolment(lists, pupil, one.group) for pupil in members), where)
    if whole:
        if not made.is_listed(one.subject):
            batch.add([Subject(key=one.subject, name=one.subject_name, kind="subject")], origin)
        course = Course(key=one.key, group=one.group, subject=one.subject, teachers=one.teachers or None)
        batch.add([course], origin)


def _part(made: Curriculum, one: Taught, year: AcademicYear) -> Group:
    """A part of a class, or pupils of several; its level is that of all their classes."""
    levels = {made.lists.levels.get(c) for c in one.classes}
    return Group(
        key=one.group,
        academic_year=year.name,
        name=one.group_name,
        kind=one.kind,
        level=levels.pop() if len(levels) == 1 else None,
        parent=one.home if one.kind == "subgroup" else None,
    )


def made_course(made: Curriculum, school_class: str, subject_name: str) -> tuple[Course, Subject | None]:
    """The course of a subject that no subject group stands for, and the subject if the portal does not list it."""
    subject = made.subject_key(subject_name)
    course = Course(key=f"{school_class}:{subject}", group=school_class, subject=subject)
    listed = made.is_listed(subject)
    return course, None if listed else Subject(key=subject, name=tidy(subject_name), kind="subject")


def of_everything(lists: Lists, year: AcademicYear) -> Iterator[Scope]:
    """The scopes of the institution, of what the lists hold completely."""
    if not lists.staff_side:
        return
    if not (lists.pupils_whole and answered(lists.taught) and answered(lists.rosters)):
        return
    yield Scope("groups", axis=Axis.ACADEMIC_YEAR, start=year.name, end=year.name)
    yield from (Scope(e) for e in ("people", "enrolments", "courses"))
    if isinstance(lists.subjects, Answer):
        yield Scope("subjects")
