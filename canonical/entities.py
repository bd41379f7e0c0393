"""The entities of the canonical journal, as data.

A record is what one source says about one thing. Its fields are JSON-ready: text, numbers, booleans and lists; a date is
the text `YYYY-MM-DD`, an instant is ISO 8601 text with an offset, so that a record is the same thing in a mapper, in the
store and in an exported file, and is hashed and compared without conversion. What may stand in a field is said by its
annotation; `canonical.cleaning` holds records against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec


@dataclass(frozen=True, slots=True)
class Ref:
    """The field holds the key (or a list of keys) of another record of the same source.

    A required reference that does not resolve puts the record in quarantine; an optional one is noted as drift.
    """

    entity: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Words:
    """The field holds one of these values; anything else becomes null and stands in `raw` as it came."""

    allowed: frozenset[str | int]


@dataclass(frozen=True, slots=True)
class Form:
    """The field holds text of a fixed form: `date`, `instant` or `academic_year`."""

    name: str


def _words(text: str) -> Words:
    return Words(frozenset(text.split()))


DATE: Final = Form("date")
INSTANT: Final = Form("instant")
ACADEMIC_YEAR: Final = Form("academic_year")
GRADE: Final = Words(frozenset(range(1, 6)))
LESSON_KIND: Final = _words("theory practical laboratory control consultation practice exam other")
MARK_MEANING: Final = _words("grade credit no_credit exempt not_attested debt note")

Number = int | float
"""Hours and weights: whole numbers stay whole."""

Raw = dict[str, Any]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every entity has. `key` is the source's own identifier, unique per source and entity."""

    key: str


class Period(Record, frozen=True, kw_only=True):
    academic_year: Annotated[str | None, ACADEMIC_YEAR] = None
    kind: Annotated[str | None, _words("quarter trimester half_year semester module year")] = None
    number: int | None = None
    name: str | None = None
    start: Annotated[str | None, DATE] = None
    end: Annotated[str | None, DATE] = None
    groups: Annotated[tuple[str, ...] | None, Ref("groups", required=False)] = None
    raw: Raw | None = None


class Group(Record, frozen=True, kw_only=True):
    academic_year: Annotated[str | None, ACADEMIC_YEAR] = None
    name: str | None = None
    kind: Annotated[str | None, _words("class study_group subgroup metagroup")] = None
    level: int | None = None
    parent: Annotated[str | None, Ref("groups")] = None
    speciality_code: str | None = None
    speciality_name: str | None = None
    department: str | None = None
    curator: Annotated[str | None, Ref("people", required=False)] = None
    raw: Raw | None = None


class Person(Record, frozen=True, kw_only=True):
    role: Annotated[str | None, _words("student staff")] = None
    family_name: str | None = None
    given_name: str | None = None
    patronymic: str | None = None
    birth_date: Annotated[str | None, DATE] = None
    sex: Annotated[str | None, _words("f m")] = None
    position: str | None = None
    snils: str | None = None
    raw: Raw | None = None


class Enrolment(Record, frozen=True, kw_only=True):
    person: Annotated[str, Ref("people")]
    group: Annotated[str, Ref("groups")]
    start: Annotated[str | None, DATE] = None
    end: Annotated[str | None, DATE] = None
    status: Annotated[str | None, _words("enrolled expelled transferred academic_leave restored graduated")] = None
    order_number: str | None = None
    raw: Raw | None = None


class Subject(Record, frozen=True, kw_only=True):
    name: str | None = None
    short_name: str | None = None
    kind: Annotated[str | None, _words("subject discipline module mdk practice")] = None
    raw: Raw | None = None


class Course(Record, frozen=True, kw_only=True):
    group: Annotated[str, Ref("groups")]
    subject: Annotated[str, Ref("subjects")]
    period: Annotated[str | None, Ref("periods")] = None
    teachers: Annotated[tuple[str, ...] | None, Ref("people", required=False)] = None
    planned_hours: Number | None = None
    raw: Raw | None = None


class PlannedTopic(Record, frozen=True, kw_only=True):
    course: Annotated[str, Ref("courses")]
    number: int | None = None
    title: str | None = None
    hours: Number | None = None
    kind: Annotated[str | None, LESSON_KIND] = None
    planned_on: Annotated[str | None, DATE] = None
    homework: str | None = None
    raw: Raw | None = None


class Lesson(Record, frozen=True, kw_only=True):
    course: Annotated[str, Ref("courses")]
    date: Annotated[str, DATE]
    number: int | None = None
    starts_at: Annotated[str | None, INSTANT] = None
    ends_at: Annotated[str | None, INSTANT] = None
    room: str | None = None
    status: Annotated[str | None, _words("planned held cancelled")] = None
    kind: Annotated[str | None, LESSON_KIND] = None
    hours: Number | None = None
    topic: str | None = None
    planned_topic: Annotated[str | None, Ref("planned_topics", required=False)] = None
    homework: str | None = None
    homework_at: Annotated[str | None, INSTANT] = None
    teacher: Annotated[str | None, Ref("people", required=False)] = None
    recorded_at: Annotated[str | None, INSTANT] = None
    attendance_taken: bool | None = None
    raw: Raw | None = None


class Work(Record, frozen=True, kw_only=True):
    lesson: Annotated[str | None, Ref("lessons")] = None
    course: Annotated[str, Ref("courses")]
    kind: str | None = None
    control: Annotated[str | None, _words("oral written practical laboratory test homework exam other")] = None
    title: str | None = None
    weight: Number | None = None
    due_on: Annotated[str | None, DATE] = None
    checked_on: Annotated[str | None, DATE] = None
    raw: Raw | None = None


class Mark(Record, frozen=True, kw_only=True):
    work: Annotated[str, Ref("works")]
    student: Annotated[str, Ref("people")]
    value: str | None = None
    grade: Annotated[int | None, GRADE] = None
    meaning: Annotated[str | None, MARK_MEANING] = None
    recorded_at: Annotated[str | None, INSTANT] = None
    comment: str | None = None
    raw: Raw | None = None


class Attendance(Record, frozen=True, kw_only=True):
    lesson: Annotated[str, Ref("lessons")]
    student: Annotated[str, Ref("people")]
    status: Annotated[str | None, _words("present absent excused ill late exempt")] = None
    minutes_late: int | None = None
    reason: str | None = None
    recorded_at: Annotated[str | None, INSTANT] = None
    raw: Raw | None = None


class PeriodMark(Record, frozen=True, kw_only=True):
    student: Annotated[str, Ref("people")]
    course: Annotated[str, Ref("courses")]
    period: Annotated[str, Ref("periods")]
    kind: Annotated[str | None, _words("period year exam final")] = None
    value: str | None = None
    grade: Annotated[int | None, GRADE] = None
    meaning: Annotated[str | None, MARK_MEANING] = None
    recorded_at: Annotated[str | None, INSTANT] = None
    raw: Raw | None = None


class Attestation(Record, frozen=True, kw_only=True):
    student: Annotated[str, Ref("people")]
    course: Annotated[str | None, Ref("courses")] = None
    subject: Annotated[str | None, Ref("subjects")] = None
    kind: Annotated[
        str | None,
        _words("credit graded_credit exam coursework practice qualification_exam thesis state_exam"),
    ] = None
    title: str | None = None
    held_on: Annotated[str | None, DATE] = None
    known_on: Annotated[str | None, DATE] = None
    published_at: Annotated[str | None, INSTANT] = None
    value: str | None = None
    grade: Annotated[int | None, GRADE] = None
    meaning: Annotated[str | None, MARK_MEANING] = None
    raw: Raw | None = None


class Activity(Record, frozen=True, kw_only=True):
    person: Annotated[str, Ref("people")]
    role: Annotated[str | None, _words("teacher student parent administrator")] = None
    date: Annotated[str, DATE]
    logins: int | None = None
    edits: int | None = None
    raw: Raw | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entity, read from its annotation.

    `kind` is the Python type behind it: `str`, `int`, `float` (a number), `bool`, `tuple` (a list of keys) or `dict`.
    """

    name: str
    kind: type
    required: bool
    ref: Ref | None = None
    words: Words | None = None
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as the store and the files see it: its name, its record type and its fields in canonical order."""

    name: str
    record: type[Record]
    fields: tuple[Field, ...]

    @property
    def refs(self) -> tuple[Field, ...]:
        """The fields that point at other records, required ones and optional ones."""
        return tuple(f for f in self.fields if f.ref)

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)


def _field(name: str, hint: Any, *, required: bool) -> Field:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    options = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    types = [get_origin(o) or o for o in options if o is not type(None)]
    kind = float if float in types else types[0]

    def marked(kind: type) -> Any:
        return next((m for m in marks if isinstance(m, kind)), None)

    return Field(name, kind, required, marked(Ref), marked(Words), marked(Form))


def _entity(name: str, record: type[Record]) -> Entity:
    hints = get_type_hints(record, include_extras=True)
    info = msgspec.structs.fields(record)
    return Entity(name, record, tuple(_field(f.name, hints[f.name], required=f.required) for f in info))


_RECORDS: Final[Mapping[str, type[Record]]] = {
    # what is pointed at comes before what points at it
    "people": Person,
    "groups": Group,
    "subjects": Subject,
    "periods": Period,
    "enrolments": Enrolment,
    "courses": Course,
    "planned_topics": PlannedTopic,
    "lessons": Lesson,
    "works": Work,
    "marks": Mark,
    "attendance": Attendance,
    "period_marks": PeriodMark,
    "attestations": Attestation,
    "activity": Activity,
}

ENTITIES: Final[Mapping[str, Entity]] = MappingProxyType({n: _entity(n, r) for n, r in _RECORDS.items()})
"""Every entity by name, in an order in which records can be loaded without waiting for each other."""

NAMES: Final[Mapping[type[Record], str]] = MappingProxyType({e.record: e.name for e in ENTITIES.values()})


def entity_of(record: Record) -> str:
    """The entity name of a record, e.g. `marks`."""
    return NAMES[type(record)]


def references(record: Record, entity: Entity) -> Iterator[tuple[Field, str]]:
    """Every key that the record points at, with the field in which it stands."""
    for field in entity.refs:
        value = getattr(record, field.name)
        if value is None:
            continue
        if field.kind is tuple:
            for key in value:
                yield field, key
        else:
            yield field, value
