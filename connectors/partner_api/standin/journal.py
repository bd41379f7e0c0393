"""What the stand-in answers about a journal: lessons, marks, averages, attendance (portal facts, sections 5.3 to 5.6)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from connectors.partner_api.standin.desk import MARK_VALUES, Ask, Desk, number, reads, refuse
from connectors.partner_api.standin.objects import (
    GROUP,
    HOMEWORK,
    LESSON,
    MARK,
    PERIOD,
    PERIOD_MARK,
    PERSON,
    STATUSES,
    SUBJECT,
    WORK,
    Json,
    ids,
)
from connectors.standins.region import Lesson, Person

# -- lessons and works -----------------------------------------------------------------------------------------------


@reads("edu-groups/{g}/lessons/{from}/{to}", "edu-groups/{g}/subjects/{sub}/lessons/{from}/{to}")
def get_lessons(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.lesson(x) for x in _lessons_asked(desk, ask)]


def _lessons_asked(desk: Desk, ask: Ask) -> list[Lesson]:
    subject = ask.number("sub", SUBJECT) if "sub" in ask.path else None
    return desk.lessons(desk.courses(desk.group(ask)), desk.span(ask, "from", "to"), subject)


@reads("lessons/{l}")
def get_lesson(desk: Desk, ask: Ask) -> Any:
    return desk.objects.lesson(desk.lesson(ask.number("l", LESSON)))


@reads("lessons/many", method="POST")
def get_some_lessons(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.lesson(desk.lesson(n - LESSON)) for n in ask.body]


@reads("lessons/{l}/works")
def get_works_of_lesson(desk: Desk, ask: Ask) -> Any:
    return desk.objects.works(desk.lesson(ask.number("l", LESSON)))


@reads("works")
def get_works(desk: Desk, ask: Ask) -> Any:
    wanted = ask.query.get("lesson") or refuse("parameterInvalid")
    return desk.objects.works(desk.lesson(number(wanted[0], LESSON)))


@reads("works/{w}")
def get_work(desk: Desk, ask: Ask) -> Any:
    return _work(desk, int(ask.path["w"]) if ask.path["w"].isdigit() else refuse("parameterInvalid"))


@reads("works/many", method="POST")
def get_some_works(desk: Desk, ask: Ask) -> Any:
    return [_work(desk, n) for n in ask.body]


def _work(desk: Desk, key: int) -> Json:
    plain = desk.made.works.get(key - WORK)
    lesson = desk.lesson(plain.lesson if plain else (key - HOMEWORK) // 2)
    return next((w for w in desk.objects.works(lesson) if w["id"] == key), None) or refuse("resourceUnavailable")


@reads("persons/{p}/groups/{g}/schedules")
def get_schedule(desk: Desk, ask: Ask) -> Any:
    one, group = desk.person(ask.number("p", PERSON), ask), desk.group(ask)
    since, until = desk.span(ask, "startDate", "endDate")
    own = [c for c in desk.courses(group) if any(m.person == one.id for m in desk.made.groups[c.group].members)]
    by_day: dict[date, list[Lesson]] = defaultdict(list)
    for lesson in desk.lessons(own, (since, until)):
        by_day[lesson.date].append(lesson)
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    return {"days": [_day_of(desk, one, day, by_day[day]) for day in days]}


def _day_of(desk: Desk, one: Person, day: date, lessons: list[Lesson]) -> Json:
    objects = desk.objects
    works = [w for x in lessons for w in objects.works(x)]
    subjects = dict.fromkeys(desk.made.courses[x.course].subject for x in lessons)
    return {
        "date": f"{day}T00:00:00",
        "lessons": [objects.short_lesson(x) for x in lessons],
        "marks": [objects.mark(m) for m in desk.marks(lessons) if m.student == one.id],
        "works": works,
        "homeworks": [w for w in works if w["type"] == "Homework"],
        "subjects": [
            {"id": SUBJECT + n, "name": desk.made.subjects[n].name, "knowledgeAreaId": "Common"} for n in subjects
        ],
        "workTypes": [],
        "lessonLogEntries": [e for x in lessons for e in objects.entries(x) if e["person"] == PERSON + one.id],
        "teachers": [
            {"person": objects.person(desk.made.people[t]), "role": "Teacher"}
            for t in dict.fromkeys(x.teacher for x in lessons)
        ],
        "nextDate": f"{day + timedelta(days=1)}T00:00:00",
    }


# -- marks -----------------------------------------------------------------------------------------------------------


@reads("edu-groups/{g}/marks/{from}/{to}", "edu-groups/{g}/subjects/{sub}/marks/{from}/{to}")
def get_marks_of_group(desk: Desk, ask: Ask) -> Any:
    """Marks for lessons of these days, and marks of periods that were given in them: those have no lesson."""
    group = desk.group(ask)
    pupils = {m.person for m in group.members}
    since, until = desk.span(ask, "from", "to")
    subject = ask.number("sub", SUBJECT) if "sub" in ask.path else None
    marks = [desk.objects.mark(m) for m in desk.marks(_lessons_asked(desk, ask)) if m.student in pupils]
    finals = [] if subject else [m for m in desk.finals(group) if since <= m.at.date() <= until]
    return marks + [desk.objects.period_mark(m) for m in finals]


@reads("lessons/{l}/marks")
def get_marks_of_lesson(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.mark(m) for m in desk.marks([desk.lesson(ask.number("l", LESSON))])]


@reads("lessons/marks", "lessons/many/marks", method="POST")
def get_marks_of_lessons(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.mark(m) for m in desk.marks(desk.lesson(n - LESSON) for n in ask.body)]


@reads("works/{w}/marks")
def get_marks_of_work(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.mark(m) for m in desk.made.marks_of(ask.number("w", WORK))]


@reads("marks/{m}")
def get_mark(desk: Desk, ask: Ask) -> Any:
    key = ask.number("m", 0)
    if final := desk.made.period_marks.get(key - PERIOD_MARK):
        return desk.objects.period_mark(final)
    return desk.objects.mark(desk.made.marks.get(key - MARK) or refuse("resourceUnavailable"))


@reads(
    "persons/{p}/schools/{s}/marks/{from}/{to}",
    "persons/{p}/edu-groups/{g}/marks/{from}/{to}",
    "persons/{p}/subjects/{sub}/marks/{from}/{to}",
)
def get_marks_of_person(desk: Desk, ask: Ask) -> Any:
    one = desk.person(ask.number("p", PERSON), ask)
    subject = ask.number("sub", SUBJECT) if "sub" in ask.path else None
    lessons = desk.lessons(desk.made.courses.values(), desk.span(ask, "from", "to"), subject)
    return [desk.objects.mark(m) for m in desk.marks(lessons) if m.student == one.id]


@reads("persons/{p}/lessons/{l}/marks", "persons/{p}/works/{w}/marks")
def get_marks_in_cell(desk: Desk, ask: Ask) -> Any:
    found = get_marks_of_lesson(desk, ask) if "l" in ask.path else get_marks_of_work(desk, ask)
    return [m for m in found if str(m["person"]) == ask.path["p"]]


@reads("persons/{p}/marks/{day}")
def get_marks_given(desk: Desk, ask: Ask) -> Any:
    one, day = desk.person(ask.number("p", PERSON), ask), ask.day("day")
    return [desk.objects.mark(m) for m in desk.made.marks.values() if m.student == one.id and m.at.date() == day]


@reads("marks/values")
def get_mark_values(desk: Desk, ask: Ask) -> Any:  # noqa: ARG001 - the same for everybody
    return MARK_VALUES


@reads("marks/values/type/{type}")
def get_values_of_type(desk: Desk, ask: Ask) -> Any:  # noqa: ARG001 - the same for everybody
    return MARK_VALUES.get(ask.path["type"].lower()) or refuse("parameterInvalid")


# -- marks of periods, averages --------------------------------------------------------------------------------------


@reads("edu-groups/{g}/final-marks")
def get_final_marks(desk: Desk, ask: Ask) -> Any:
    """Marks of periods and of the year; exams and final marks stand in `allfinalmarks` only."""
    group = desk.group(ask)
    rows: dict[tuple[int, int | None], list[Json]] = defaultdict(list)
    for one in desk.finals(group):
        if one.kind in {"period", "year"}:
            subject = SUBJECT + desk.made.courses[one.course].subject
            cell = {**ids("subject", subject), "final-mark": desk.objects.period_mark(one)}
            rows[one.student, one.period if one.kind == "period" else None].append(cell)
    return [
        {
            **ids("person", PERSON + student),
            **ids("group", GROUP + group.id),
            **ids("reportingPeriod", period and PERIOD + period),
            "per-subject-final-marks": cells,
        }
        for (student, period), cells in rows.items()
    ]


@reads("edu-groups/{g}/subjects/{sub}/final-marks")
def get_final_marks_of_subject(desk: Desk, ask: Ask) -> Any:
    subject = ask.number("sub", SUBJECT)
    found = [m for m in desk.finals(desk.group(ask)) if desk.made.courses[m.course].subject == subject]
    return [desk.objects.period_mark(m) for m in found]


@reads("persons/{p}/edu-groups/{g}/final-marks")
def get_final_marks_of_person(desk: Desk, ask: Ask) -> Any:
    one = desk.person(ask.number("p", PERSON), ask)
    return [
        {
            **ids("subject", SUBJECT + desk.made.courses[m.course].subject),
            "final-mark": desk.objects.period_mark(m),
        }
        for m in desk.finals(desk.group(ask))
        if m.student == one.id
    ]


@reads("persons/{p}/edu-groups/{g}/allfinalmarks")
def get_all_final_marks(desk: Desk, ask: Ask) -> Any:
    """Every mark of a period of a pupil; now and then the work of a quarter's mark is missing."""
    one = desk.person(ask.number("p", PERSON), ask)
    found = [m for m in desk.finals(desk.group(ask)) if m.student == one.id]
    subjects = dict.fromkeys(desk.made.courses[m.course].subject for m in found)
    return {
        "marks": [desk.objects.period_mark(m) for m in found],
        "works": [desk.objects.period_work(m) for m in found if m.kind != "period" or m.id % 11],
        "subjects": [desk.objects.subject(n) for n in subjects],
        "workTypes": [],
    }


@reads("edu-groups/{g}/avg-marks/{from}/{to}", "edu-groups/{g}/reporting-periods/{r}/avg-marks/{to}")
def get_averages(desk: Desk, ask: Ask) -> Any:
    """Averages as text with a decimal comma."""
    return [
        {
            **ids("person", PERSON + person),
            "per-subject-averages": [
                {**ids("subject", SUBJECT + subject), "avg-mark-value": f"{sum(v) / len(v):.2f}".replace(".", ",")}
                for subject, v in values.items()
            ],
        }
        for person, values in _values(desk, ask).items()
    ]


@reads("edu-groups/{g}/wa-marks/{from}/{to}")
def get_weighted_averages(desk: Desk, ask: Ask) -> Any:
    """Averages as numbers, subject by subject."""
    by_subject: dict[int, list[Json]] = defaultdict(list)
    for person, values in _values(desk, ask).items():
        for subject, v in values.items():
            by_subject[subject].append({"person": PERSON + person, "value": round(sum(v) / len(v), 2)})
    return {"subjectMarks": [{**ids("subject", SUBJECT + n), "marks": rows} for n, rows in by_subject.items()]}


def _values(desk: Desk, ask: Ask) -> dict[int, dict[int, list[int]]]:
    group = desk.group(ask)
    if "r" in ask.path:
        period = desk.made.periods.get(ask.number("r", PERIOD)) or refuse("resourceUnavailable")
        span = (period.start, ask.day("to"))
    else:
        span = desk.span(ask, "from", "to")
    found: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for mark in desk.marks(desk.lessons(desk.courses(group), span)):
        if mark.type == "grade":
            lesson = desk.made.lessons[desk.made.works[mark.work].lesson]
            found[mark.student][desk.made.courses[lesson.course].subject].append(int(mark.text[0]))
    return found


# -- attendance ------------------------------------------------------------------------------------------------------


@reads("lessons/{l}/log-entries")
def get_log(desk: Desk, ask: Ask) -> Any:
    return desk.objects.entries(desk.lesson(ask.number("l", LESSON)))


@reads("lesson-log-entries")
def get_logs(desk: Desk, ask: Ask) -> Any:
    wanted = [desk.made.lessons.get(number(n, LESSON)) for n in ask.query.get("lessons", [])]
    return [e for x in wanted if x and not x.cancelled for e in desk.objects.entries(x)]


@reads("lesson-log-entries/statuses")
def get_statuses(desk: Desk, ask: Ask) -> Any:  # noqa: ARG001 - the same for everybody
    return ["Attend", *STATUSES.values()]


@reads("lesson-log-entries/group/{g}")
def get_log_of_group(desk: Desk, ask: Ask) -> Any:
    subject = number((ask.query.get("subject") or refuse("parameterInvalid"))[0], SUBJECT)
    lessons = desk.lessons(desk.courses(desk.group(ask)), desk.span(ask, "from", "to"), subject)
    return [e for x in lessons for e in desk.objects.entries(x)]


@reads("lesson-log-entries/person/{p}/subject/{sub}")
def get_log_of_person(desk: Desk, ask: Ask) -> Any:
    lessons = desk.lessons(desk.made.courses.values(), desk.span(ask, "from", "to"), ask.number("sub", SUBJECT))
    return [e for x in lessons for e in desk.objects.entries(x) if e["person_str"] == ask.path["p"]]


@reads("lesson-log-entries/lesson/{l}/person/{p}")
def get_log_entry(desk: Desk, ask: Ask) -> Any:
    found = (e for e in get_log(desk, ask) if e["person_str"] == ask.path["p"])
    return next(found, None) or refuse("resourceUnavailable")


@reads("persons/{p}/lesson-log-entries")
def get_log_with_lessons(desk: Desk, ask: Ask) -> Any:
    one = desk.person(ask.number("p", PERSON), ask)
    lessons = desk.lessons(desk.made.courses.values(), desk.span(ask, "startDate", "endDate"))
    found = [(x, e) for x in lessons for e in desk.objects.entries(x) if e["person"] == PERSON + one.id]
    return {"logEntries": [e for _, e in found], "lessons": [desk.objects.lesson(x) for x, _ in found]}
