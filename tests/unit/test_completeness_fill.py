"""What a due lesson is, what a filled one, and the rates made of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from canonical.entities import Course, Group, Record, Subject
from canonical.view import Covered
from pipelines.completeness.case import Case
from pipelines.completeness.rates import Rate, rates
from pipelines.completeness.running import totals
from tests.judged import CLASS, at, lesson, make_view, marked, read, school, shipped_calendar

NOW = at("2026-09-20 12:00")


def rated(
    records: Iterable[Record], now: datetime = NOW, covered: Iterable[Covered] | None = None, **more: Any
) -> list[Rate]:
    view = make_view(records, read(now) if covered is None else covered, more.pop("cannot_say", ()))
    return rates(Case(school(), view, now, date(2026, 9, 1), now.date(), **more))


def counts(records: Iterable[Record], **more: Any) -> tuple[int, int, int]:
    """Due, filled and unknown lessons."""
    some = rated([*CLASS, *records], **more)
    return sum(r.due for r in some), sum(r.filled for r in some), sum(r.unknown for r in some)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lesson(), (1, 1, 0)),
        (lesson(status="planned"), (1, 0, 0)),
        (lesson(topic=None), (1, 0, 0)),
        (lesson(attendance_taken=False), (1, 0, 0)),
        (lesson(attendance_taken=True), (1, 1, 0)),
        (lesson(status="cancelled"), (0, 0, 0)),
        (lesson(status="InDoubt"), (0, 0, 1)),
        (lesson(status=None), (1, 0, 0)),
        (lesson(status=None, topic="Дроби"), (1, 1, 0)),
        (lesson(day="2026-09-20"), (0, 0, 0)),
        (lesson(day="2026-09-21", status="planned"), (0, 0, 0)),
    ],
)
def test_a_lesson_counts_when_its_day_is_over(record: Record, expected: tuple[int, int, int]) -> None:
    assert counts([record]) == expected


def test_a_mark_without_a_topic_records_but_does_not_fill() -> None:
    assert counts([lesson(status=None), *marked()]) == (1, 0, 0)
    assert counts([lesson(status=None), *marked()], cannot_say=["lessons.topic"]) == (1, 1, 0)


def test_what_is_not_known_counts_as_neither() -> None:
    records = [lesson(), lesson("l2", status="planned")]
    assert counts(records, covered=[]) == (0, 0, 2)
    assert counts(records, covered=read(at("2026-09-08 23:59"))) == (0, 0, 2)
    assert counts(records, covered=read(at("2026-09-09 00:00"))) == (2, 1, 0)
    assert counts(records, covered=read(NOW - timedelta(days=11))) == (2, 1, 0)


def test_days_off_are_not_due() -> None:
    calendar, now = shipped_calendar("school-2026"), at("2026-11-20 12:00")
    planned = lesson(day="2026-10-28", status="planned")
    assert counts([planned], now=now) == (1, 0, 0)
    assert counts([planned], now=now, calendar=calendar) == (0, 0, 0)
    held = lesson("l2", "2026-10-28", number=2)
    assert counts([planned, held], now=now, calendar=calendar) == (2, 1, 0), "the class was at school"


def test_rates_by_group_subject_and_teacher_and_their_totals() -> None:
    records: list[Record] = [
        *CLASS,
        Group(key="g10", name="10А", kind="class", level=10),
        Subject(key="ё", name="Ёлочное дело"),
        Course(key="c2", group="g", subject="ё", teachers=("t2",)),
        Course(key="c3", group="g10", subject="s"),
        lesson("a"), lesson("b", status="planned"), lesson("sub", teacher="t2"),
        lesson("d", course="c2"),
        lesson("e", course="c3", status="planned"),
    ]  # fmt: skip
    made = rated(records)
    assert [(r.group, r.subject, r.teacher, r.due, r.filled, r.rate) for r in made] == [
        ("7А", "Алгебра", "Макетов Лев", 1, 1, 1.0),
        ("7А", "Алгебра", "Образцова Вера Тестовна", 2, 1, 0.5),
        ("7А", "Ёлочное дело", "Макетов Лев", 1, 1, 1.0),
        ("10А", "Алгебра", None, 1, 0, 0.0),
    ]
    sums = totals(made)
    assert [(r.institution, r.due, r.filled, r.rate) for r in sums["institution"]] == [("a", 5, 3, 0.6)]
    assert [(r.group, r.due) for r in sums["group"]] == [("7А", 4), ("10А", 1)]
    assert [(r.subject, r.due, r.filled) for r in sums["subject"]] == [("Алгебра", 4, 2), ("Ёлочное дело", 1, 1)]
    assert {r.teacher: (r.due, r.filled) for r in sums["teacher"]} == {
        None: (1, 0),
        "Макетов Лев": (2, 2),
        "Образцова Вера Тестовна": (2, 1),
    }
    assert made[0].as_json() == {
        "institution": "a", "group": "7А", "subject": "Алгебра", "teacher": "Макетов Лев",
        "lessons_due": 1, "lessons_filled": 1, "rate": 1.0, "lessons_unknown": 0,
    }  # fmt: skip
    assert Rate("a").rate is None
