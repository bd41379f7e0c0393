"""Makes canonical records of what the toy portal sends. Pure: no question is asked here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from toy_portal import wire
from toy_portal.client import items

from canonical import entities
from canonical.batch import Batch, Origin
from canonical.entities import Record
from canonical.scales import Scale
from connectors.http import Answer
from connectors.wire import Words, read_each

ROLES: Final = {"pupil": "student", "teacher": "staff"}
GROUPS: Final = {"class": "class", "part": "subgroup", "mixed": "metagroup"}
STATES: Final = {"plan": "planned", "done": "held", "off": "cancelled"}
CONTROLS: Final = {
    "answer": "oral", "written": "written", "control": "test", "practical": "practical", "laboratory": "laboratory",
    "homework": "homework",
}  # fmt: skip
MEANINGS: Final = {"grade": "grade", "exempt": "exempt", "credit": "credit", "no_credit": "no_credit"}
REASONS: Final = {"none": "absent", "excused": "excused", "ill": "ill", "late": "late"}


def people(answers: Sequence[Answer]) -> Batch:
    batch = Batch()
    for answer in answers:
        made: list[Record] = []
        for one in read_each(items(answer), wire.Person, batch, entity="people", key="id", origin=answer.origin):
            words = Words(batch, "Person")
            role = words.of("role", one.role, ROLES)
            made.append(
                entities.Person(
                    key=one.id, role=role, family_name=one.last_name, given_name=one.first_name,
                    patronymic=one.middle_name, raw=words.raw,
                )
            )  # fmt: skip
        batch.add(made, answer.origin)
    return batch


def groups(answers: Sequence[Answer], year: str) -> Batch:
    """Groups, and who is in them."""
    batch = Batch()
    for answer in answers:
        made: list[Record] = []
        read = read_each(
            items(answer), wire.Group, batch, entity="groups", key="id", origin=answer.origin, hides=("enrolments",)
        )
        for one in read:
            words = Words(batch, "Group")
            kind = words.of("kind", one.type, GROUPS)
            made.append(
                entities.Group(
                    key=one.id, academic_year=year, name=one.name, kind=kind, level=one.level, parent=one.parent,
                    raw=words.raw,
                )
            )  # fmt: skip
            made += [
                entities.Enrolment(
                    key=f"{one.id}:{m.person}", person=m.person, group=one.id, start=m.since, end=m.until
                )
                for m in one.members
            ]
        batch.add(made, answer.origin)
    return batch


def subjects(answers: Sequence[Answer]) -> Batch:
    batch = Batch()
    for answer in answers:
        read = read_each(items(answer), wire.Subject, batch, entity="subjects", key="id", origin=answer.origin)
        batch.add((entities.Subject(key=one.id, name=one.name) for one in read), answer.origin)
    return batch


def courses(answers: Sequence[Answer]) -> Batch:
    batch = Batch()
    for answer in answers:
        read = read_each(items(answer), wire.Course, batch, entity="courses", key="id", origin=answer.origin)
        made = (
            entities.Course(key=c.id, group=c.group, subject=c.subject, teachers=tuple(c.teachers) or None)
            for c in read
        )
        batch.add(made, answer.origin)
    return batch


def journal(answers: Sequence[Answer], scale: Scale) -> Batch:
    """Lessons with what stands in them. A thing that is broken is set aside alone; what it holds is hidden with it."""
    batch = Batch()
    inside = ("works", "marks", "attendance")
    for answer in answers:
        made: list[Record] = []
        for one in read_each(
            items(answer), wire.Lesson, batch, entity="lessons", key="id", origin=answer.origin, hides=inside
        ):
            words = Words(batch, "Lesson")
            status = words.of("status", one.state, STATES)
            made.append(
                entities.Lesson(
                    key=one.id, course=one.course, date=one.date, number=one.number, starts_at=one.begins,
                    status=status, topic=one.topic, homework=one.homework, raw=words.raw,
                )
            )  # fmt: skip
            made += _works(one, batch, answer.origin, scale)
            made += _absences(one, batch, answer.origin)
        batch.add(made, answer.origin)
    return batch


def _works(lesson: wire.Lesson, batch: Batch, origin: Origin, scale: Scale) -> list[Record]:
    made: list[Record] = []
    for one in read_each(lesson.works, wire.Work, batch, entity="works", key="id", origin=origin, hides=("marks",)):
        words = Words(batch, "Work")
        control = words.of("control", one.type, CONTROLS)
        made.append(
            entities.Work(
                key=one.id, lesson=lesson.id, course=lesson.course, control=control, title=one.title, weight=one.weight,
                raw=words.raw,
            )
        )  # fmt: skip
        for mark in read_each(one.marks, wire.Mark, batch, entity="marks", key="id", origin=origin):
            words = Words(batch, "Mark")
            meaning = words.of("meaning", mark.type, MEANINGS)
            grade = scale.grade(mark.text) if meaning == "grade" else None
            made.append(
                entities.Mark(
                    key=mark.id, work=one.id, student=mark.pupil, value=mark.text, grade=grade, meaning=meaning,
                    recorded_at=mark.at, raw=words.raw,
                )
            )  # fmt: skip
    return made


def _absences(lesson: wire.Lesson, batch: Batch, origin: Origin) -> list[Record]:
    made: list[Record] = []
    for one in read_each(
        lesson.absences, wire.Absence, batch, entity="attendance", key=lambda x: _absence_key(lesson, x), origin=origin
    ):
        words = Words(batch, "Absence")
        status = words.of("status", one.reason, REASONS)
        key = f"{lesson.id}:{one.pupil}"
        made.append(entities.Attendance(key=key, lesson=lesson.id, student=one.pupil, status=status, raw=words.raw))
    return made


def _absence_key(lesson: wire.Lesson, item: object) -> str | None:
    pupil = item.get("pupil") if isinstance(item, dict) else None
    return f"{lesson.id}:{pupil}" if pupil else None
