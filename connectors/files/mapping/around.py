"""Whose page it is: the group, the subject, the course, the people; their keys follow canonical.md.

The source has no identifiers of its own, so a key is what the thing belongs to and its name, joined with `:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from canonical.years import AcademicYear
from connectors.files.layouts.headings import year_of
from connectors.files.layouts.names import Name, PeriodName, level_of, read_subject
from connectors.files.layouts.pages import Line
from connectors.files.layouts.values import Fault, Values
from connectors.files.mapping.gathering import Gathering

_PUPIL = ("student", "family_name", "given_name", "patronymic", "student_key", "birth_date", "sex", "snils")
_GROUP = ("level", "department", "speciality_code", "speciality_name")


class LackingError(ValueError):
    """A value without which the thing cannot be told. `fault` says which cell is to blame."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Course:
    """A course, with the group that its pupils stand in (which is the parent of a subgroup)."""

    key: str
    group: str
    home: str
    subject: str


def need(values: Values, *names: str, place: Any = None) -> Any:
    """The first of these fields that is there.

    Raises:
        LackingError: none is, or its cell cannot be read.

    """
    for name in names:
        if name in values.faults:
            raise LackingError(values.faults[name])
        if name in values.said:
            return values.said[name]
    raise LackingError(Fault(f"{' or '.join(names)} is missing", "", place))


def group_of(made: Gathering, file: int, values: Values, year: AcademicYear, line: Line | None) -> str:
    """The key of the group that is named.

    Raises:
        LackingError: none is, or its cell cannot be read.

    """
    name: str = need(values, "group", place=line.place if line else None)
    year = year_of(values, year)
    said = values.said
    for field in (*_GROUP, "curator"):
        if field in values.faults and line is not None:
            made.refuse(file, "groups", values.faults[field], line=line)
    level = said.get("level") or (level_of(name) if made.kind == "school" else None)
    fields = {field: said.get(field) for field in _GROUP if field != "level"}
    curator = said.get("curator")
    return made.add(
        file,
        "groups",
        f"{year.name}:{name}",
        academic_year=year.name,
        name=name,
        kind="class" if made.kind == "school" else "study_group",
        level=level,
        curator=staff(made, file, curator) if curator else None,
        **fields,
    )


def staff(made: Gathering, file: int, name: Name, **fields: Any) -> str:
    """The key of a member of the staff."""
    return made.add(file, "people", f"staff:{name.full}", role="staff", **_parts(name), **fields)


def teachers(made: Gathering, file: int, values: Values, line: Line | None) -> tuple[str, ...]:
    """The keys of the teachers that are named. A name that cannot be read is set aside by itself."""
    if "teacher" in values.faults and line is not None:
        made.refuse(file, "people", values.faults["teacher"], line=line)
    return tuple(staff(made, file, name) for name in values.said.get("teacher", ()))


def course_of(made: Gathering, file: int, values: Values, year: AcademicYear, line: Line | None) -> Course:
    """The course that is named by its group and subject.

    Raises:
        LackingError: one of them is not there, or its cell cannot be read.

    """
    home = group_of(made, file, values, year, line)
    text: str = need(values, "subject", place=line.place if line else None)
    name, part = read_subject(text, values.said["group"])
    said = values.said
    group = home
    if part:
        group = made.add(
            file,
            "groups",
            f"{home}:{part}",
            academic_year=home.partition(":")[0],
            name=part,
            kind="subgroup",
            level=made.made["groups"][home][1].get("level"),
            parent=home,
        )
    subject = made.add(
        file, "subjects", name, name=name, short_name=said.get("short_name"), kind=said.get("subject_kind")
    )
    key = made.add(
        file, "courses", f"{group}:{subject}", group=group, subject=subject, planned_hours=said.get("planned_hours")
    )
    return Course(key, group, home, subject)


def taught_by(made: Gathering, file: int, course: Course, keys: tuple[str, ...]) -> None:
    """Adds teachers to a course."""
    known = made.made["courses"][course.key][1].get("teachers", ())
    if keys:
        made.add(file, "courses", course.key, teachers=tuple(dict.fromkeys((*known, *keys))))


def pupil_of(made: Gathering, file: int, values: Values, home: str | None, line: Line | None) -> str:
    """The key of the pupil that is named; in `home`, the class or group, if there is one.

    Raises:
        LackingError: nobody is, or the cell of the name cannot be read.

    """
    name = name_of(values, line)
    key = str(values.said["student_key"]) if "student_key" in values.said else f"{home or 'student'}:{name.full}"
    fields = {f: values.said.get(f) for f in ("sex", "snils")}
    born = values.said.get("birth_date")
    made.add(
        file, "people", key, role="student", **_parts(name), birth_date=born.isoformat() if born else None, **fields
    )
    return key


def name_of(values: Values, line: Line | None) -> Name:
    """The name of a person, from one cell or from its parts.

    Raises:
        LackingError: there is none, or a cell of it cannot be read.

    """
    for field in (*_PUPIL[:5], "name"):
        if field in values.faults:
            raise LackingError(values.faults[field])
    said = values.said
    whole = said.get("student") or said.get("name")
    if isinstance(whole, Name):
        return whole
    family = need(values, "family_name", place=line.place if line else None)
    return Name(family, said.get("given_name"), said.get("patronymic"))


def period_of(made: Gathering, file: int, period: PeriodName, year: AcademicYear, values: Values) -> str:
    """The key of a reporting period."""
    dates = values.said.get("dates") if period.kind != "year" else None
    return made.add(
        file,
        "periods",
        f"{year.name}:{period.kind}:{period.number}",
        academic_year=year.name,
        kind=period.kind,
        number=period.number,
        name="Год" if period.kind == "year" else period.name,
        start=dates[0].isoformat() if dates else None,
        end=dates[1].isoformat() if dates else None,
    )


def _parts(name: Name) -> dict[str, str | None]:
    return {"family_name": name.family, "given_name": name.given, "patronymic": name.patronymic}
