"""Payloads of the partner API (portal facts, section 6): only fields that a mapper reads are typed.

Identifiers come as numbers beyond 2^53 and again as text in a `_str` twin; the twin is read first (section 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, model_validator

from connectors.wire import Wire

_ID = re.compile(r"-?\d{1,19}")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,7}))?(Z|[+-]\d\d:?\d\d)?")
_UNSET: Final = "0001-01-01"
"""The platform's way to say that a date is not set."""


# -- single values ---------------------------------------------------------------------------------------------------


def id_text(value: Any) -> str | None:
    """An identifier as text; null if the value is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value.strip()):
        return value.strip()
    return None


def id_of(item: Any, name: str) -> str | None:
    """The identifier in a field of an object as it came, its twin first; null if there is none to be read."""
    if not isinstance(item, Mapping):
        return None
    return id_text(item.get(f"{name}_str")) or id_text(item.get(f"{name}Str")) or id_text(item.get(name))


def _id(value: Any) -> str:
    text = id_text(value)
    if text is None or not text.strip("-0"):
        raise ValueError("an identifier is expected")
    return text


def _optional_id(value: Any) -> str | None:
    return None if _is_no_id(value) else _id(value)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("not a date of the calendar") from None


def _day(value: Any) -> date:
    found = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError("a date is expected")
    return _date(found[1])


def _optional_day(value: Any) -> date | None:
    return None if _is_unset(value) else _day(value)


def _moment(value: Any) -> datetime | None:
    """A moment of entry: UTC where no zone is printed, with a fraction of 1 to 7 digits (section 1.2)."""
    if _is_unset(value):
        return None
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError("a moment is expected")
    day, clock, fraction, zone = found.groups()
    try:
        made = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{zone or '+00:00'}")
        return made.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a moment of the calendar") from None


def moment_in(value: Any) -> datetime | None:
    """A moment of entry that may not be one: then null."""
    try:
        return _moment(value)
    except ValueError:
        return None


def day_in(value: Any) -> date | None:
    """A date that may not be one: then null."""
    try:
        return _optional_day(value)
    except ValueError:
        return None


def text_in(value: Any) -> str | None:
    """Text, or a number in its place; null if the value is neither, or empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, str) and (not value.strip() or value.startswith(_UNSET)))


def _plain_text(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("text is expected")  # noqa: TRY004 - pydantic reports ValueErrors
    return value


def _no_list(value: Any) -> Any:
    return [] if value is None else value


def _some_ids(value: Any) -> Any:
    return [v for v in value if not _is_no_id(v)] if isinstance(value, list) else _no_list(value)


def _is_no_id(value: Any) -> bool:
    return value is None or (type(value) in {int, str} and value in {"", 0, "0"})


Id = Annotated[str, BeforeValidator(_id)]
OptionalId = Annotated[str | None, BeforeValidator(_optional_id)]
Day = Annotated[date, BeforeValidator(_day)]
OptionalDay = Annotated[date | None, BeforeValidator(_optional_day)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Text = Annotated[str | None, BeforeValidator(_plain_text)]
Items = Annotated[list[Any], BeforeValidator(_no_list)]
Ids = Annotated[list[Id], BeforeValidator(_some_ids)]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Coded(Wire):
    """An object whose identifiers come twice: a twin that can be read takes the place of the number."""

    @model_validator(mode="before")
    @classmethod
    def _twins_first(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        twins = {k: twin_of for k in data if (twin_of := _twin_of(k))}
        merged = {k: v for k, v in data.items() if k not in twins}
        for name, twin_of in twins.items():
            if _is_usable(data[name]):
                merged[twin_of] = data[name]
        return merged


@lru_cache(maxsize=4096)
def _twin_of(name: str) -> str | None:
    """The field whose identifier stands in this one as text; null if it is no twin."""
    if name.endswith("_str"):
        return name[:-4]
    return name[:-3] if name.endswith("IdStr") else None


def _is_usable(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(id_text(v) for v in value)
    return id_text(value) is not None


# -- who and what ----------------------------------------------------------------------------------------------------


class User(Coded):
    """A login; its person's birth date stands nowhere else for pupils."""

    known: ClassVar = _names(
        "name email login fullName fullNameInverse firstName middleName lastName shortName locale timezone sex "
        "photoSmall photoMedium photoLarge phone"
    )
    id: Id
    person: OptionalId = Field(default=None, alias="personId")
    birthday: OptionalDay = None
    roles: Items = Field(default_factory=list)


class Context(Coded):
    """What an account is and sees."""

    known: ClassVar = _names("userId avatarUrl eduGroups splitId firstName lastName middleName shortName groupIds")
    person: OptionalId = Field(default=None, alias="personId")
    roles: Items = Field(default_factory=list)
    school_ids: Ids = Field(default_factory=list, alias="schoolIds")
    schools: Items = Field(default_factory=list)
    children: Items = Field(default_factory=list)


class School(Coded):
    known: ClassVar = _names(
        "avatarSmall city municipality regionid markType timeZone uses_avg uses_weighted_avg educationType tsoCityId "
        "tsoRegionTreePath type groupIds"
    )
    id: Id
    name: Text = None
    full_name: Text = Field(default=None, alias="fullName")


class EduGroup(Coded):
    known: ClassVar = _names("fullName timetable status educationType subjects journaltype journalType")
    id: Id
    parents: Ids = Field(default_factory=list, alias="parentIds")
    type: Text = None
    name: Text = None
    parallel: int | None = None
    year: int | None = Field(default=None, alias="studyyear")


class Person(Coded):
    known: ClassVar = frozenset({"shortName"})
    id: Id
    user: OptionalId = Field(default=None, alias="userId")
    given_name: Text = Field(default=None, alias="firstName")
    family_name: Text = Field(default=None, alias="lastName")
    patronymic: Text = Field(default=None, alias="middleName")
    sex: Text = None


class SchoolTeacher(Coded):
    """One of the staff list, which alone is written in PascalCase."""

    known: ClassVar = _names(
        "UserId ShortName Email Subjects HouseMaster Education ScientificDegree StartDate PedagogicalActivityDate "
        "ManagingEmployee TeachingStaff TrainingAndSupportStaff ServicePersonnel MedicalWorker ExternalPartTime"
    )
    id: Id = Field(alias="Id")
    given_name: Text = Field(default=None, alias="FirstName")
    family_name: Text = Field(default=None, alias="LastName")
    patronymic: Text = Field(default=None, alias="MiddleName")
    sex: Text = Field(default=None, alias="Sex")
    birthday: OptionalDay = Field(default=None, alias="DateBirth")
    teaching: Text = Field(default=None, alias="NameTeacherPosition")
    managing: Text = Field(default=None, alias="NameManagingPosition")
    medical: Text = Field(default=None, alias="NameMedicalPosition")


class Subject(Coded):
    known: ClassVar = _names("knowledgeArea knowledgeAreaId fgosSubjectId espSubjectName")
    id: Id
    name: Text = None


class WorkType(Coded):
    """A kind of work that the school uses, in its full or its short form."""

    known: ClassVar = _names("schoolId kindId abbr abbreviation isFinal isImportant")
    id: Id
    kind: Text = None
    title: Text = None
    name: Text = None
    weight: int | float | None = None


class ReportingPeriod(Coded):
    known: ClassVar = frozenset({"number"})
    id: Id
    start: Day
    finish: Day
    type: Text = None
    name: Text = None
    year: int | None = None


class Bell(Coded):
    known: ClassVar = frozenset({"Id", "Name", "Type"})
    number: int | None = Field(default=None, alias="LessonNumber")
    start: Text = Field(default=None, alias="Start")
    finish: Text = Field(default=None, alias="Finish")
    days: Items = Field(default_factory=list, alias="DaysOfWeek")


class Timetable(Coded):
    """Bell times. `start` is the day from which they hold."""

    known: ClassVar = frozenset({"Name", "FirstLessonNumber"})
    start: OptionalDay = Field(default=None, alias="Start")
    bells: Items = Field(default_factory=list, alias="Items")


# -- the journal -----------------------------------------------------------------------------------------------------


class SubjectOfLesson(Coded):
    """Which subject a lesson is of; how it is called the school's own list says."""

    known: ClassVar = Subject.known | {"name"}
    id: Id


class Lesson(Coded):
    known: ClassVar = _names("status resultPlaceId building place floor hours isImportant")
    id: Id
    date: Day
    number: int | None = None
    title: Text = None
    subject: SubjectOfLesson
    group: Id
    works: Items = Field(default_factory=list)
    teachers: Ids = Field(default_factory=list)


class Work(Coded):
    known: ClassVar = _names(
        "markType markCount displayInJournal status eduGroup tasks isImportant createdBy files oneDriveLinks"
    )
    id: Id
    type: Text = None
    work_type: OptionalId = Field(default=None, alias="workType")
    lesson: OptionalId = None
    subject: OptionalId = Field(default=None, alias="subjectId")
    text: Text = None
    period_type: Text = Field(default=None, alias="periodType")
    period_number: int | None = Field(default=None, alias="periodNumber")
    target: OptionalDay = Field(default=None, alias="targetDate")
    sent: Moment = Field(default=None, alias="sentDate")


class AnyMark(Coded):
    """A mark of whatever kind."""

    known: ClassVar = _names("number mood use_avg_calc lesson")
    id: Id
    type: Text = None
    value: Text = None
    text: Text = Field(default=None, alias="textValue")
    person: Id
    work: OptionalId = None
    work_type: OptionalId = Field(default=None, alias="workType")
    date: Moment = None


class Mark(AnyMark):
    """A mark given for a work."""

    work: Id


class LogEntry(Coded):
    """What the attendance log says of one pupil at one lesson."""

    person: Id
    lesson: Id
    comment: Text = None
    status: Text = None
    created: Moment = Field(default=None, alias="createdDate")


class FinalsOfPerson(Coded):
    """A pupil's final marks of one reporting period; without a period, those of the year."""

    known: ClassVar = frozenset({"group"})
    person: Id
    period: OptionalId = Field(default=None, alias="reportingPeriod")
    subjects: Items = Field(default_factory=list, alias="per-subject-final-marks")


class FinalOfSubject(Coded):
    subject: Id
    mark: AnyMark | None = Field(default=None, alias="final-mark")


class Membership(Coded):
    """Which subjects a teacher teaches to a group."""

    known: ClassVar = frozenset({"roles"})
    group: EduGroup = Field(alias="eduGroup")
    subjects: Items = Field(default_factory=list)
