"""Lessons: recorded, with a topic, with attendance taken, by the end of their day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from pydantic import Field

from canonical.entities import Lesson
from pipelines.completeness.case import Case
from pipelines.completeness.fill import is_doubtful, is_on_free_day
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Suspicion


class LessonSettings(RuleSettings):
    """`days` after the day of the lesson are granted."""

    days: int = Field(default=0, ge=0)


def unrecorded(case: Case, settings: LessonSettings) -> Iterator[Suspicion]:
    """Lessons that only stand in the timetable when their day is over; those of a day off are left out."""
    what = "урок не записан в журнал" if case.is_school else "занятие не записано в журнал"
    for lesson in case.lessons:
        if not (case.is_recorded(lesson) or is_doubtful(lesson) or is_on_free_day(case.view, lesson, case.calendar)):
            yield from _missing(case, settings, lesson, what, ("works", "marks", "attendance"))


def topic_missing(case: Case, settings: LessonSettings) -> Iterator[Suspicion]:
    """Recorded lessons without a topic when their day is over."""
    what = f"не указана тема {'урока' if case.is_school else 'занятия'}"
    yield from _recorded_without(case, settings, lambda x: x.topic is None, what, ())


def attendance_not_taken(case: Case, settings: LessonSettings) -> Iterator[Suspicion]:
    """Recorded lessons of which the portal says that attendance was not taken."""
    what = "посещаемость не отмечена"
    yield from _recorded_without(case, settings, lambda x: x.attendance_taken is False, what, ("attendance",))


def _recorded_without(
    case: Case, settings: LessonSettings, lacks: Callable[[Lesson], bool], what: str, entities: tuple[str, ...]
) -> Iterator[Suspicion]:
    for lesson in case.lessons:
        if lacks(lesson) and case.is_recorded(lesson):
            yield from _missing(case, settings, lesson, what, entities)


def _missing(
    case: Case, settings: LessonSettings, lesson: Lesson, what: str, entities: tuple[str, ...]
) -> Iterator[Suspicion]:
    """A suspicion, once the deadline is over; a record of one of `entities` would have filled the gap."""
    due_at = case.day_is_over(lesson.date) + timedelta(days=settings.days)
    if due_at <= case.moment:
        yield case.of_lesson(
            lesson,
            Ground.MISSING,
            what,
            due_at=due_at,
            read_at=case.read_at("lessons", lesson),
            records=(("lessons", "key", lesson.key), *((entity, "lesson", lesson.key) for entity in entities)),
        )


RULES: Final = (
    Rule(
        "lesson.unrecorded",
        "Урок (занятие) не записан до конца своего дня",
        "Урок стоит в расписании, его день закончился, а в журнале он не записан. Отменённые уроки, праздники и каникулы "
        "не считаются.",
        ("lessons.status",),
        LessonSettings,
        unrecorded,
    ),
    Rule(
        "lesson.topic_missing",
        "Урок (занятие) записан без темы",
        "Урок в журнале есть, а тема не указана, и день урока закончился.",
        ("lessons.topic",),
        LessonSettings,
        topic_missing,
    ),
    Rule(
        "attendance.not_taken",
        "Посещаемость не отмечена",
        "Урок записан, а журнал сообщает, что посещаемость на нём не отмечали. Если портал такого признака не даёт, "
        "правило молчит.",
        ("lessons.attendance_taken",),
        LessonSettings,
        attendance_not_taken,
    ),
)
