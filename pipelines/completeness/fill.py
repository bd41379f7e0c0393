"""What a due lesson is, and what makes it filled: one meaning for findings, fill rates and reports.

A lesson is due when its day is over (TEX 4.5.2, 3.1.6; KRU 3.2; USO 3.4), and it is judged by what was last read: a lesson
that was read before its day was over may have been filled since, and is not due yet as far as anybody knows.

A lesson that only stands in the timetable of a holiday or a vacation is not due, unless the journal shows that the class
was at school on that day after all.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from canonical.calendar import SchoolCalendar
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


def is_due(
    view: JournalView, lesson: Lesson, zone: tzinfo, moment: datetime, calendar: SchoolCalendar | None = None
) -> bool:
    """Whether the lesson should have been filled by the last moment for which its state is known.

    Never one that was cancelled, or of which the portal says something that we do not understand.
    """
    if lesson.status == "cancelled" or is_doubtful(lesson):
        return False
    known = known_at(view, lesson, moment)
    if known is None or known < day_is_over(date.fromisoformat(lesson.date), zone):
        return False
    return not is_on_free_day(view, lesson, calendar)


def is_doubtful(lesson: Lesson) -> bool:
    """Whether the portal says something of the lesson's status that is no word of ours: then it is not known."""
    return lesson.status is None and "status" in (lesson.raw or {})


def is_on_free_day(view: JournalView, lesson: Lesson, calendar: SchoolCalendar | None) -> bool:
    """Whether the lesson stands on a holiday or in a vacation, and nothing was recorded for its class on that day."""
    if calendar is None or not calendar.is_free(date.fromisoformat(lesson.date), level_of(view, lesson.course)):
        return False
    course = view.courses.get(lesson.course)
    whole = view.class_of(course.group) if course else None
    same_day = view.lessons_of_day.get((whole.key, lesson.date), []) if whole else [lesson]
    return not any(is_recorded(view, other) for other in same_day)


def level_of(view: JournalView, course: str) -> int | None:
    """The grade or course (year of study) of the group that a course is taught to."""
    found = view.courses.get(course)
    group = view.groups.get(found.group) if found else None
    if group is None or group.level is not None:
        return group.level if group else None
    whole = view.class_of(group.key)
    return whole.level if whole else None


def is_recorded(view: JournalView, lesson: Lesson) -> bool:
    """Whether the journal has the lesson. Of one without a status: as soon as it has a topic, a mark or an absence."""
    if lesson.status is not None:
        return lesson.status == "held"
    return bool(lesson.topic or view.marks_of_lesson(lesson.key) or view.attendance_of_lesson.get(lesson.key))


def is_filled(view: JournalView, lesson: Lesson) -> bool:
    """Whether the lesson is recorded, with its topic and with attendance taken, as far as the source can say them."""
    has_topic = lesson.topic is not None or not view.can_say("lessons", "topic")
    return is_recorded(view, lesson) and has_topic and lesson.attendance_taken is not False
