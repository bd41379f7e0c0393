"""Payloads of the school module, as far as they are read (portal facts B1-B4). Nulls are written, some fields left out."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AliasChoices, ConfigDict, Field
from pydantic.alias_generators import to_camel

from connectors.wire import Wire

Id = Annotated[str, Field(min_length=1)]
"""An identifier: a number on the wire, text here."""

Text = Annotated[str, Field(coerce_numbers_to_str=False)]
"""Text that must be text: a number in its place is a broken record."""

Number = int | float


class Net(Wire):
    """An object of the school module's wire: the portal writes names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


class Named(Net):
    """Somebody or something with an id and a name."""

    id: Id
    name: Text | None = None


# -- lists (B3) ------------------------------------------------------------------------------------------------------


class SchoolClass(Net):
    known: ClassVar[frozenset[str]] = frozenset(
        [
            "letter",
            "step",
            "classType",
            "profileId",
            "funcType",
            "iup",
            "plannedOccupancy",
            "hasClassNotWorkingTeacher",
            "room",
            "using",
            "educPrograms",
            "chiefs",
        ]
    )

    id: Id
    name: Text
    grade: Any = None


class Pupil(Net):
    id: Id
    full_name: Text


class Subject(Net):
    known: ClassVar[frozenset[str]] = frozenset(
        [
            "globalSubject",
            "teachers",
            "groups",
            "parentSubject",
            "subjectField",
            "order",
            "using",
            "usingInYear",
            "extraCurricular",
            "isModular",
            "useExemption",
            "direction",
        ]
    )

    id: Id
    name: Text
    short_name: Text | None = None


class SubjectGroup(Net):
    known: ClassVar[frozenset[str]] = frozenset({"class", "terms", "shortName", "teachers"})

    id: Id
    name: Text


class Term(Net):
    """Of `terms`, and of the shorter list that a search gives."""

    known: ClassVar[frozenset[str]] = frozenset({"termTypeId"})

    id: Id
    name: Text = Field(validation_alias=AliasChoices("termName", "name"))
    start_date: Text | None = None
    end_date: Text | None = None
    school_year_id: str | None = None


class SchoolYear(Net):
    known: ClassVar[frozenset[str]] = frozenset({"closed", "schoolId", "globalYear"})

    id: Id
    name: Text | None = None
    start_date: Text | None = None
    end_date: Text | None = None


class AssignmentType(Net):
    known: ClassVar[frozenset[str]] = frozenset({"abbr", "order", "isActive"})

    id: Id
    name: Text | None = None


class Meeting(Net):
    """A place in the timetable of a class; which fields name it differs (portal facts B3)."""

    id: str | None = Field(None, validation_alias=AliasChoices("classmeetingId", "classMeetingId", "id"))
    day: Text
    number: int | None = None
    subject_group_id: Id
    teacher_id: str | None = None


class Bell(Net):
    week_day: int
    relay: int | None = None
    number: int
    start_time: Text
    end_time: Text
    used: bool | None = None
    variant_id: int | None = None


# -- the diary (B2.3, B2.4) ------------------------------------------------------------------------------------------


class Lesson(Net):
    known: ClassVar[frozenset[str]] = frozenset(
        {"isEaLesson", "isDistanceLesson", "extraActivity", "addEducation", "assignments"}
    )

    classmeeting_id: Id
    day: Text
    number: int | None = None
    relay: int | None = None
    room: Text | None = None
    start_time: Text | None = None
    end_time: Text | None = None
    subject_name: Text


class Assignment(Net):
    known: ClassVar[frozenset[str]] = frozenset(
        {"classMeetingId", "classAssignment", "mark", "markComment", "textAnswer"}
    )

    id: Id
    type_id: str | None = None
    assignment_name: Text | None = None
    weight: Number | None = None
    due_date: Text | None = None


class Mark(Net):
    known: ClassVar[frozenset[str]] = frozenset({"assignmentId", "studentId", "resultScore"})

    mark: str | None = None
    duty_mark: bool | None = None


class Comment(Net):
    known: ClassVar[frozenset[str]] = frozenset({"id", "teacher", "wasRead", "editTime"})

    name: Text | None = None


class Card(Net):
    """An assignment by itself: the only place that says its weight and its subject group."""

    known: ClassVar[frozenset[str]] = frozenset(
        [
            "id",
            "assignmentName",
            "activityName",
            "problemName",
            "productId",
            "isDeleted",
            "date",
            "description",
            "teachers",
            "teacher",
            "attachments",
            "contentElements",
            "codeContentElements",
        ]
    )

    weight: Number | None = None
    subject_group: Any = None
