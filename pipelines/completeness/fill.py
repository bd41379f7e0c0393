"""What a due lesson is, and what makes it filled: one meaning for findings, fill rates and reports.

A lesson is due when its day is over (TEX 4.5.2, 3.1.6; KRU 3.2; USO 3.4), and it is judged by what was last read: a lesson
that was read before its day was over may have been filled since, and is not due yet as far as anybody knows.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from canonical.entities import Lesson
from canonical.view import JournalView, Place


def day_is_over(day: date, zone: tzinfo) -> datetime:
    """The first moment after a day of the institution."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def place_of(view: JournalView, lesson: Lesson) -> Place:
    """Where a lesson, and what belongs to it, lies as far as scopes are concerned."""
    course = view.courses.get(lesson.course)
    group = view.groups.get(course.group) if course else None
    return Place(
        group=course.group if course else None,
        course=lesson.course,
        lesson=lesson.key,
        academic_year=group.academic_year if group else None,
        lesson_date=lesson.date,
    )


def known_at(view: JournalView, lesson: Lesson, moment: datetime) -> datetime | None:
    """The last moment, up to `moment`, for which the lesson's state is known; null if its place was never read whole."""
    read_at = view.coverage.read_at("lessons", place_of(view, lesson))
    return min(read_at, moment) if read_at else None


def is_due(view: JournalView, lesson: Lesson, zone: tzinfo, moment: datetime) -> bool:
    """Whether the lesson should have been filled by the last moment for which its state is known; cancelled ones never."""
    if lesson.status == "cancelled":
        return False
    known = known_at(view, lesson, moment)
    return known is not None and day_is_over(date.fromisoformat(lesson.date), zone) <= known


def is_recorded(view: JournalView, lesson: Lesson) -> bool:
    """Whether the journal has the lesson. Of one without a status: as soon as it has a topic, a mark or an absence."""
    if lesson.status is not None:
        return lesson.status == "held"
    return bool(lesson.topic or view.marks_of_lesson(lesson.key) or view.attendance_of_lesson.get(lesson.key))


def is_filled(view: JournalView, lesson: Lesson) -> bool:
    """Whether the lesson is recorded, with its topic and with attendance taken, as far as the source can say them."""
    has_topic = lesson.topic is not None or not view.source.can_say("lessons", "topic")
    return is_recorded(view, lesson) and has_topic and lesson.attendance_taken is not False
