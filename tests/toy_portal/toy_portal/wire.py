"""What the toy portal sends. Only what a record cannot be without is required."""

from __future__ import annotations

from pydantic import Field

from connectors.wire import Wire


class Person(Wire):
    id: str
    role: str | None = None
    last_name: str | None = None
    first_name: str | None = None
    middle_name: str | None = None


class Member(Wire):
    person: str
    since: str | None = None
    until: str | None = None


class Group(Wire):
    id: str
    name: str | None = None
    type: str | None = None
    level: int | None = None
    parent: str | None = None
    members: list[Member] = Field(default_factory=list)


class Subject(Wire):
    id: str
    name: str | None = None


class Course(Wire):
    id: str
    group: str
    subject: str
    teachers: list[str] = Field(default_factory=list)


class Lesson(Wire):
    """Works and absences stand inside, and are read each for itself."""

    id: str
    course: str
    date: str
    number: int | None = None
    begins: str | None = None
    state: str | None = None
    topic: str | None = None
    homework: str | None = None
    works: list[object] = Field(default_factory=list)
    absences: list[object] = Field(default_factory=list)


class Work(Wire):
    id: str
    type: str | None = None
    title: str | None = None
    weight: int | None = None
    marks: list[object] = Field(default_factory=list)


class Mark(Wire):
    id: str
    pupil: str
    text: str | None = None
    type: str | None = None
    at: str | None = None


class Absence(Wire):
    pupil: str
    reason: str | None = None
