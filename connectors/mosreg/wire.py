"""The portal's payloads (facts B4, examples B6). Only what a record cannot be without is required.

Dates come as they are written on each endpoint and leave as ISO text. A field of the wrong type makes its object broken;
an object inside a list of its own (a final mark, a period, a planned lesson) is read by itself, so that it breaks alone.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from connectors.mosreg.formats import blank, plain, to_clock, to_day, to_instant
from connectors.wire import Wire


def _flag(value: Any) -> Any:
    return False if value is None else value


def _listed(value: Any) -> Any:
    return [] if value is None else value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic reports ValueErrors
    return blank(value)


def _only_int(value: Any) -> Any:
    return value if type(value) is int else None


def _name_of(value: Any) -> Any:
    return value.get("name") or value.get("title") if isinstance(value, dict) else blank(value)


def _as_object(value: Any) -> Any:
    """An object that is given by its id alone, which is a number."""
    is_id = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.strip().isdigit()
    )
    return {"id": value} if is_id else value


def _unwrapped(value: Any) -> Any:
    """The printed form of a value in one of its three forms: a number, a text, `{parsedValue, source}`."""
    if isinstance(value, dict) and value.keys() & {"parsedValue", "source"}:
        source = blank(value.get("source"))
        value = value.get("parsedValue") if source is None else source
        if isinstance(value, str) and value.replace(".", "", 1).isdigit():
            value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return plain(value)
    return blank(value)


Id = Annotated[str, Field(min_length=1)]
OptionalId = Annotated[Id | None, BeforeValidator(blank)]
Text = Annotated[Annotated[str, Field(coerce_numbers_to_str=False)] | None, BeforeValidator(blank)]
Loose = Annotated[str | None, BeforeValidator(blank)]
"""A text that may as well be written as a number."""

Printed = Annotated[str | None, BeforeValidator(_unwrapped)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Day = Annotated[Annotated[str, BeforeValidator(to_day)] | None, BeforeValidator(blank)]
Instant = Annotated[Annotated[str, BeforeValidator(to_instant)] | None, BeforeValidator(blank)]
Clock = Annotated[Annotated[str, BeforeValidator(to_clock)] | None, BeforeValidator(blank)]
Quantity = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_number)]
Items = Annotated[list[Any], BeforeValidator(_listed), Field(default_factory=list)]
Ids = Annotated[list[Id], BeforeValidator(_listed), Field(default_factory=list)]


class Named(Wire):
    """Something that is named by its id."""

    id: Id
    name: Text = None

    known: ClassVar[frozenset[str]] = frozenset({"class_level_id", "home_based", "short_name"})


Reference = Annotated[Named, BeforeValidator(_as_object)]
References = Annotated[list[Reference], BeforeValidator(_listed), Field(default_factory=list)]


class AcademicYear(Wire):
    id: Id
    name: Text = None
    begin_date: Day = None
    end_date: Day = None

    known: ClassVar[frozenset[str]] = frozenset({"calendar_id", "current_year"})


class PersonName(Wire):
    """Three parts, or one text `Фамилия Имя Отчество`. `short_name` may be the literal `None None`: never used."""

    last_name: Text = None
    first_name: Text = None
    middle_name: Text = None


class Teacher(PersonName):
    """An entry of the staff list, or of a group's `teachers`."""

    id: Id
    full_name: Text = None
    name: Text = None
    school_id: OptionalId = None
    mentor_class_unit_ids: list[Id] | None = None

    known: ClassVar[frozenset[str]] = frozenset(
        {"user_id", "assigned_group_ids", "replacement_group_ids", "group_ids", "class_unit_ids", "short_name", "type",
         "created_at", "updated_at", "deleted_at", "email", "phone_number", "roles", "subjects", "subject_ids"}
    )  # fmt: skip


class ClassUnit(Wire):
    id: Id
    name: Text = None
    class_level_id: OptionalId = None
    school_id: OptionalId = None

    known: ClassVar[frozenset[str]] = frozenset({"student_count", "academic_year_id", "home_based", "mentors"})


class Group(Wire):
    """One subject taught to one set of pupils: the journal's unit, in the canonical journal a course."""

    id: Id
    name: Text = None
    subject_id: Id
    subject_name: Text = None
    class_level_id: OptionalId = None
    class_unit_id: OptionalId = None
    class_unit_ids: Ids
    student_ids: list[Id] | None = None
    is_metagroup: Flag = False
    is_subgroup: Flag = False
    attestation_periods_schedule_id: OptionalId = None
    school_id: OptionalId = None
    teachers: Annotated[list[Teacher], BeforeValidator(_listed), Field(default_factory=list)]

    known: ClassVar[frozenset[str]] = frozenset(
        {"short_name", "class_unit_name", "student_count", "subgroup_ids", "is_final_by_periods", "periods_schedule_id",
         "academic_year_id", "teacher_loads", "subgroups"}
    )  # fmt: skip


class Pupil(PersonName):
    """A StudentProfile. Its final marks are read one by one."""

    id: Id
    birth_date: Day = None
    sex: Loose = None
    snils: Loose = None
    deleted: Flag = False
    deleted_at: Day = None
    transferred: Flag = False
    enlisted_on: Day = None
    migration_date: Day = None
    class_unit: Reference | None = None
    previously_class_unit: Reference | None = None
    groups: References
    mentors: References
    final_marks: Items

    known: ClassVar[frozenset[str]] = frozenset(
        {"created_at", "updated_at", "person_id", "school_id", "user_id", "study_mode_id", "user_name", "short_name",
         "change_password_required", "gusoev_login", "age", "email", "phone_number", "email_ezd", "phone_number_ezd",
         "curricula", "non_attendance", "previously_profile_id", "education_level", "class_level", "last_sign_in_at",
         "parents", "marks", "attendances", "lesson_comments", "home_based_periods", "subjects", "ae_attendances",
         "ec_attendances", "assignments", "left_on_registry", "contingent_guid", "type"}
    )  # fmt: skip


class FinalMark(Wire):
    """A mark of a period or of the year. `value` may be a number, a text or `{parsedValue, source}`."""

    subject_id: Id
    attestation_period_id: OptionalId = None
    period_id: OptionalId = None
    value: Printed = None
    manual_value: Printed = None
    is_year_mark: Flag = False
    year_mark: Flag = False
    no_mark: Flag = False
    academic_debt: Flag = False
    mark_type: Text = None

    known: ClassVar[frozenset[str]] = frozenset({"id", "grade", "student_profile_id", "created_at", "updated_at"})

    @property
    def period(self) -> str | None:
        return self.attestation_period_id or self.period_id

    @property
    def is_year(self) -> bool:
        return self.is_year_mark or self.year_mark

    @property
    def shown(self) -> str | None:
        """What stands in the cell."""
        return "А/З" if self.academic_debt else self.manual_value or self.value


class AttestationPeriod(Wire):
    id: Id
    name: Text = None
    begin_date: Day = None
    end_date: Day = None

    known: ClassVar[frozenset[str]] = frozenset({"attestation_periods_schedule_id"})


class PeriodsSchedule(Wire):
    id: Id
    name: Text = None
    academic_year_id: OptionalId = None
    school_id: OptionalId = None
    periods: Items

    known: ClassVar[frozenset[str]] = frozenset({"organization_id"})


class ControlForm(Wire):
    id: Id
    name: Text = None

    known: ClassVar[frozenset[str]] = frozenset(
        {"short_name", "weight", "deleted_at", "subject_id", "education_level_id", "grade_system", "grade_system_id",
         "grade_system_name", "nmax", "school_id", "academic_year_id"}
    )  # fmt: skip


class ScheduleItem(Wire):
    """A lesson. Its day comes as `[Y,M,D]`, and again in `iso_date_time`, which is local and has no zone."""

    id: Id
    group_id: Id
    date: Day = None
    time: Clock = None
    iso_date_time: Instant = None
    lesson_number: Annotated[int | None, BeforeValidator(_only_int)] = None
    lesson_name: Text = None
    topic_name: Text = None
    teacher_id: OptionalId = None
    replaced: Flag = False
    replaced_teacher_id: OptionalId = None
    cancelled: Flag = False
    room_name: Loose = None
    room_number: Loose = None
    homeworks_to_give: References

    known: ClassVar[frozenset[str]] = frozenset(
        {"schedule_id", "group_name", "class_unit_id", "class_unit_name", "subject_id", "subject_name", "room_id",
         "building_id", "building_name", "homeworks_to_verify", "didactic_units", "theme_frame_integration_id", "scripts",
         "scripts_new", "duration", "course_lesson_topic_id"}
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_a_day(self) -> ScheduleItem:
        if not (self.date or self.iso_date_time):
            raise ValueError("neither date nor iso_date_time is there")
        return self

    @property
    def day(self) -> str:
        return self.date or (self.iso_date_time or "")[:10]

    @property
    def starts_at(self) -> str | None:
        return f"{self.day}T{self.time}" if self.time else self.iso_date_time

    @property
    def topic(self) -> str | None:
        return self.lesson_name or self.topic_name

    @property
    def teacher(self) -> str | None:
        """Who holds it: of a replaced lesson the substitute, who may be unknown."""
        return self.replaced_teacher_id if self.replaced else self.teacher_id


class HomeworkEntry(Wire):
    id: OptionalId = None
    description: Text = None

    known: ClassVar[frozenset[str]] = frozenset(
        {"is_digital_homework", "homework_id", "attachments", "attachment_ids", "duration", "student_ids"}
    )


class Homework(Wire):
    id: Id
    created_at: Instant = None
    homework_entries: Annotated[list[HomeworkEntry], BeforeValidator(_listed), Field(default_factory=list)]

    known: ClassVar[frozenset[str]] = frozenset(
        {"updated_at", "date_assigned_on", "date_prepared_for", "group_id", "subject_id", "teacher_id", "deleted_at"}
    )


class GradeValue(Wire):
    """The value of a mark in a grade system that goes up to `nmax`."""

    nmax: Quantity = None

    known: ClassVar[frozenset[str]] = frozenset({"name", "grade", "grade_system_id", "grade_system_type"})


class MarkPlace(Wire):
    """Where a mark stands: what makes its work (canonical.md: one per lesson, control form or `-`, and weight)."""

    schedule_lesson_id: Id
    group_id: Id
    control_form_id: OptionalId = None
    weight: Quantity = None


class Mark(MarkPlace):
    id: Id
    name: Loose = None
    student_profile_id: Id
    values: Annotated[list[GradeValue], BeforeValidator(_listed), Field(default_factory=list)]
    comment: Text = None
    is_point: Flag = False
    mark_type_id: OptionalId = None
    date: Day = None
    created_at: Instant = None

    known: ClassVar[frozenset[str]] = frozenset(
        {"subject_id", "teacher_id", "comment_exists", "is_exam", "is_criterion", "point_date", "updated_at",
         "theme_frame_integration_id", "course_lesson_topic_id", "criteria", "grade_system_id", "grade_system_type"}
    )  # fmt: skip

    @model_validator(mode="after")
    def _shows_something(self) -> Mark:
        if self.name is None and not self.is_placeholder:
            raise ValueError("name is empty")
        return self

    @property
    def is_placeholder(self) -> bool:
        """A «точка»: to be turned into a mark before its date."""
        return self.is_point or self.mark_type_id == "2"

    @property
    def is_absence(self) -> bool:
        """An «н», which stands among the marks where text marks are asked for."""
        return not self.is_placeholder and (self.name or "").casefold() == "н"

    @property
    def day(self) -> str | None:
        """The day of its lesson."""
        return self.date or (self.created_at or "")[:10] or None


class Absence(Wire):
    """A row of the attendance list, which holds absences only. The codes of reasons are not published."""

    id: OptionalId = None
    student_profile_id: Id
    schedule_lesson_id: Id
    date: Day = None
    absence_reason_id: int | None = None
    absence_reason: Annotated[Text, BeforeValidator(_name_of)] = None
    created_at: Instant = None

    known: ClassVar[frozenset[str]] = frozenset(
        {"updated_at", "teacher_id", "group_id", "subject_id", "nonattendance_reason_id", "is_missed_lesson"}
    )


class PlannedLesson(Wire):
    """A row of a thematic plan (КТП). The names of its fields are not published: the likely ones are read."""

    id: OptionalId = None
    date: Day = None
    number: int | None = None
    lesson_number: int | None = None
    topic_name: Text = None
    lesson_name: Text = None
    lesson_topic: Text = None
    theme_name: Text = None
    topic: Annotated[Text, BeforeValidator(_name_of)] = None
    theme: Annotated[Text, BeforeValidator(_name_of)] = None
    title: Text = None
    name: Text = None
    hours: Quantity = None
    homework: Text = None

    known: ClassVar[frozenset[str]] = frozenset({"time", "schedule_lesson_id", "schedule_item_id", "order"})

    @property
    def shown(self) -> str | None:
        """What is planned, by the first of the names that holds something."""
        named = (self.topic_name, self.lesson_name, self.lesson_topic, self.theme_name, self.topic, self.theme)
        return next(filter(None, (*named, self.title, self.name)), None)


class CalendarPlan(Wire):
    """The thematic plan of a group."""

    id: OptionalId = None
    group_id: OptionalId = None
    group_name: Text = None
    lessons: Items

    known: ClassVar[frozenset[str]] = frozenset({"subject_id", "subject_name", "academic_year_id", "class_level_id"})
