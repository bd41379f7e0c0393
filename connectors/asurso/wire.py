"""Payloads of the SPO module, as far as they are read (portal facts A4, A5).

The portal drops empty fields: what is missing, null and the empty text are the same. Code words stay text here; their
canonical words are in `words`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from connectors.wire import Wire

Id = Annotated[str, Field(min_length=1)]
"""An identifier: a number on the wire, text here."""

Text = Annotated[str, Field(coerce_numbers_to_str=False)]
"""Text that must be text: a number in its place is a broken record."""

Number = int | float


class Spo(Wire):
    """An object of the SPO module's wire: the portal writes names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


class Named(Spo):
    """Who somebody is."""

    last_name: Text | None = None
    first_name: Text | None = None
    middle_name: Text | None = None


# -- reference lists (A5.1, A5.2) ------------------------------------------------------------------------------------


class Department(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"managerId"})

    id: Id
    name: Text | None = None


class Speciality(Spo):
    known: ClassVar[frozenset[str]] = frozenset(
        {"id", "type", "year", "isActive", "isReadOnly", "uid", "state", "qualifications"}
    )

    code: Text | None = None
    name: Text | None = None


class StudentGroup(Spo):
    """Of `student-groups/all`, and of the shorter list of groups that have a journal."""

    known: ClassVar[frozenset[str]] = frozenset({"educationForm", "shiftId"})

    id: Id
    code: Text | None = None
    name: Text | None = None
    year_number: int | None = None
    department_id: str | None = None
    curator_id: str | None = None


class Employee(Named):
    known: ClassVar[frozenset[str]] = frozenset({"isFired"})

    id: Id
    position_id: str | None = None
    position_name: Text | None = None


class Position(Spo):
    id: Id
    name: Text | None = None


class PlanSubject(Spo):
    id: Id
    name: Text
    type: Text | None = None


class Calendar(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"termType", "inUse", "periods"})

    id: Id
    name: Text | None = None
    year_number: int | None = None
    start_date: Text | None = None
    end_date: Text | None = None


class GroupRef(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"name"})

    id: Id


class Student(Named):
    known: ClassVar[frozenset[str]] = frozenset(
        {
            "userProfileId",
            "educationBasis",
            "educationLevel",
            "formOfTraining",
            "graduationDate",
            "gradePointAverage",
            "isEsiaBound",
        }
    )

    id: Id
    birthday: Text | None = None
    gender: Text | None = None
    student_group: GroupRef | None = None


class Decree(Spo):
    """An order that moves a pupil; the group may be an object or its id."""

    id: str | None = None
    type: Text | None = None
    date: Text | None = None
    effective_date: Text | None = None
    number: str | None = None
    student_group: Any = None
    reason: Text | None = None
    retirement_reason: Text | None = None
    retire_reason: Text | None = None

    @property
    def group_id(self) -> str | None:
        """The group, where its id alone stands."""
        plain = isinstance(self.student_group, (str, int)) and not isinstance(self.student_group, bool)
        return str(self.student_group).strip() or None if plain else None


# -- the journal (A5.3) ----------------------------------------------------------------------------------------------


class Entry(Spo):
    """One course and term of a group: a gradebook."""

    id: Id
    name: Text | None = None
    year_number: int | None = None
    term_number: int | None = None
    term_type: Text | None = None
    is_active: bool | None = None
    start_date: Text | None = None
    end_date: Text | None = None
    schedule_subjects: list[Any] | None = None


class ScheduleSubject(Spo):
    """A subject as one teacher teaches it to one set of pupils in one term."""

    known: ClassVar[frozenset[str]] = frozenset({"editable", "isAttendanceEditable", "remarks"})

    id: Id
    name: Text
    planned_hours: Number | None = None


class RosterStudent(Named):
    known: ClassVar[frozenset[str]] = frozenset({"number", "averageScore"})

    id: Id
    start_date: Text | None = None
    end_date: Text | None = None


class PlannedLesson(Spo):
    id: Id
    type: Text | None = None
    duration: Number | None = None
    name: Text | None = None


class Lesson(Spo):
    """A slot of the timetable; `id` is there once the journal has it."""

    known: ClassVar[frozenset[str]] = frozenset({"tasks", "markSets"})

    schedule_lesson_id: Id
    id: str | None = None
    date: Text
    type: Text | None = None
    duration: Number | None = None
    start_time: Text | None = None
    end_time: Text | None = None
    planned_lessons: dict[str, Any] | None = None
    name: Text | None = None


class Task(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"attachments", "isRequired"})

    id: Id
    type: Text | None = None
    topic: Text | None = None
    condition: Text | None = None


class Absence(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"marks"})

    absence_type: Text | None = None


class Cell(Spo):
    """A mark, or the place of one."""

    is_required: bool | None = None
    value: Text | None = None


# -- the attestation sheet (A5.5) ------------------------------------------------------------------------------------


class SheetColumn(Spo):
    """A subject, a professional module or a course work of the sheet. `marks` is by student."""

    id: Id
    name: Text
    examination_type: Text | None = None
    teacher: Any = None
    marks: dict[str, Any] | None = None


class SheetStudent(Named):
    id: Id


# -- a student's side (A3) -------------------------------------------------------------------------------------------


class DiaryLesson(Spo):
    """A lesson of a student's day; `gradebook` is there once it is recorded."""

    name: Text
    start_time: Text | None = None
    end_time: Text | None = None
    timetable: dict[str, Any] | None = None
    gradebook: dict[str, Any] | None = None


class DiaryTask(Task):
    known: ClassVar[frozenset[str]] = Task.known | {"mark"}


class StudyYear(Spo):
    """One course of study of a student, with its terms."""

    id: Id
    number: int | None = None
    term_type: Text | None = None
    terms: list[Any] | None = None


class StudyTerm(Spo):
    known: ClassVar[frozenset[str]] = frozenset({"isActive"})

    id: Id
    number: int | None = None


class TermSubject(Spo):
    name: Text
    marks: dict[str, Any] | None = None
    final_mark: dict[str, Any] | None = None
