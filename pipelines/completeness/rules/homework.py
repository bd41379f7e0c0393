"""Homework: entered during the lesson or within some hours after the end of the group's lessons that day (KOL 2.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import Field

from canonical.entities import Lesson
from pipelines.completeness.case import Case, russian
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Severity, Suspicion


class HomeworkSettings(RuleSettings):
    """The `deadline`: `hours` after the end of the group's lessons that day, or the end of the `day`.

    `lesson_minutes` is how long a lesson lasts, for portals that tell only when it begins (null: not known). Where the end
    of the group's lessons is not known, the hours count from the end of the day, which is later than any.
    """

    deadline: Literal["hours", "day"] = "hours"
    hours: float = Field(default=4, gt=0)
    lesson_minutes: int | None = Field(default=None, gt=0)
    except_kinds: tuple[str, ...] = ("exam", "consultation")


class HomeworkMissingSettings(HomeworkSettings):
    """Homework is entered if it is set, and only the thematic plan can tell whether it is.

    With `plan_decides` none is missed at a lesson whose planned topic has none. Where the plan is not known to set any, what
    is missed is told with `unplanned_severity` (null: as `severity`).
    """

    plan_decides: bool = False
    unplanned_severity: Severity | None = None


def missing(case: Case, settings: HomeworkMissingSettings) -> Iterator[Suspicion]:
    """Recorded lessons without homework after the deadline."""
    for lesson in case.lessons:
        if lesson.homework is not None or not _is_judged(case, settings, lesson):
            continue
        planned = _is_planned(case, lesson)
        if settings.plan_decides and planned is False:
            continue
        due_at = deadline(case, settings, lesson)
        if due_at <= case.moment:
            yield case.of_lesson(
                lesson,
                Ground.MISSING,
                f"домашнее задание не внесено (срок был {_when(case, due_at)})",
                due_at=due_at,
                read_at=case.read_at("lessons", lesson),
                records=(("lessons", "key", lesson.key), ("works", "lesson", lesson.key)),
                severity=None if planned else settings.unplanned_severity,
            )


def late(case: Case, settings: HomeworkSettings) -> Iterator[Suspicion]:
    """Homework whose entry came after the deadline, where the portal tells when it was entered."""
    for lesson in case.lessons:
        if lesson.homework is None or lesson.homework_at is None or not _is_judged(case, settings, lesson):
            continue
        due_at, entered = deadline(case, settings, lesson), datetime.fromisoformat(lesson.homework_at)
        if entered > due_at:
            yield case.of_lesson(
                lesson,
                Ground.LATE,
                f"домашнее задание внесено {_when(case, entered)}, срок был {_when(case, due_at)}",
                due_at=due_at,
                done_at=entered,
            )


def deadline(case: Case, settings: HomeworkSettings, lesson: Lesson) -> datetime:
    """Until when the homework of a lesson must be entered."""
    over = case.day_is_over(lesson.date)
    if settings.deadline == "day":
        return over
    course = case.view.courses.get(lesson.course)
    whole = case.view.class_of(course.group) if course else None
    same_day = case.view.lessons_of_day.get((whole.key, lesson.date), []) if whole else [lesson]
    ends = [_end(x, settings) for x in same_day if x.status != "cancelled"]
    known = [end for end in ends if end is not None]
    last = max(known) if known and len(known) == len(ends) else over
    return case.local(last + timedelta(hours=settings.hours))


def _end(lesson: Lesson, settings: HomeworkSettings) -> datetime | None:
    if lesson.ends_at is not None:
        return datetime.fromisoformat(lesson.ends_at)
    if lesson.starts_at is None or settings.lesson_minutes is None:
        return None
    return datetime.fromisoformat(lesson.starts_at) + timedelta(minutes=settings.lesson_minutes)


def _is_judged(case: Case, settings: HomeworkSettings, lesson: Lesson) -> bool:
    return lesson.kind not in settings.except_kinds and case.is_recorded(lesson)


def _is_planned(case: Case, lesson: Lesson) -> bool | None:
    """Whether the thematic plan sets homework at this lesson; null: it is not known."""
    topic = case.view.planned_topics.get(lesson.planned_topic or "")
    if topic is None or not case.view.can_say("planned_topics", "homework"):
        return None
    return topic.homework is not None


def _when(case: Case, moment: datetime) -> str:
    local = case.local(moment)
    return f"{russian(local.date())} {local:%H:%M}"


RULES: Final = (
    Rule(
        "homework.missing",
        "Домашнее задание не внесено в срок",
        "Урок записан, домашнего задания нет, а срок прошёл. Если акт требует задание, только «если оно задано», урок, "
        "по теме которого план (КТП) задания не предусматривает, не считается, а где план этого не говорит — это напоминание.",
        ("lessons.homework", "lessons.status"),
        HomeworkMissingSettings,
        missing,
    ),
    Rule(
        "homework.late",
        "Домашнее задание внесено позже срока",
        "Портал сообщает, когда внесено задание, и это позже срока. Исправить это уже нельзя: замечание остаётся, пока его "
        "не снимут.",
        ("lessons.homework", "lessons.homework_at"),
        HomeworkSettings,
        late,
    ),
)
