"""Groups, subjects, periods, courses and lessons of two sources: what is one thing, and what only looks so."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from canonical.entities import Course, Enrolment, Group, Lesson, Period, Person, Record, Subject
from reconcile.pair import Outcome, reconcile_pair
from tests.journals import view

YEAR = "2026/2027"
DAY = date(2026, 11, 20)


def outcome(left: list[Record], right: list[Record]) -> Outcome:
    return reconcile_pair(view(left), view(right, "a/right"), day=DAY)


def tied(left: list[Record], right: list[Record], entity: str) -> set[tuple[str, str]]:
    """The matches of an entity; both ways round they are the same."""
    forth = {(m.left, m.right) for m in outcome(left, right).matches[entity]}
    back = {(m.right, m.left) for m in outcome(right, left).matches[entity]}
    assert forth == back
    return forth


def how(left: list[Record], right: list[Record], entity: str) -> list[tuple[str, float]]:
    return sorted({(m.how, m.score) for m in outcome(left, right).matches[entity]})


# -- groups ----------------------------------------------------------------------------------------------------------


def group(key: str, name: str | None, year: str | None = YEAR, **more: Any) -> Group:
    return Group(key=key, name=name, academic_year=year, **more)


@pytest.mark.parametrize(
    ("left", "right"),
    [('10 "А"', "10-А"), ("10А", "10а класс"), ("7А (кадетский)", "7А"), ("ИС-21", "ИС 21"), ("7А", "7A")],
)
def test_classes_of_one_name(left: str, right: str) -> None:
    assert tied([group("g", left)], [group("h", right)], "groups") == {("g", "h")}


def test_a_letter_gets_its_grade() -> None:
    assert tied([group("g", "А", level=10), group("f", "А", level=9)], [group("h", "10А"), group("i", "9А")], "groups") == {
        ("g", "h"), ("f", "i")}  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right"), [("10А", "10Б"), ("1А", "11А"), ("ИС-1-12", "ИС-11-2"), ("", "10А"), (None, None)]
)
def test_classes_of_two_names(left: str | None, right: str | None) -> None:
    assert tied([group("g", left)], [group("h", right)], "groups") == set()


def test_the_same_name_in_another_year_is_another_class() -> None:
    assert tied([group("g", "7А", "2025/2026")], [group("h", "7А")], "groups") == set()


def test_where_a_year_is_not_said_the_name_must_be_the_only_one() -> None:
    left = [group("g", "7А")]
    assert tied(left, [group("h", "7А", None)], "groups") == {("g", "h")}
    assert how(left, [group("h", "7А", None)], "groups") == [("name, the year not said", 0.9)]
    assert tied([*left, group("f", "7А", "2025/2026")], [group("h", "7А", None)], "groups") == set()


def test_two_brackets_of_one_name_are_not_guessed() -> None:
    left = [group("g", "7А (кадетский)"), group("f", "7А (лингвистический)")]
    assert tied(left, [group("h", "7А")], "groups") == set()
    assert tied(left, [group("h", "7А (лингвистический)"), group("i", "7А")], "groups") == {("f", "h"), ("g", "i")}


def klass(prefix: str, *parts: tuple[str, str, str], kind: str = "subgroup") -> list[Record]:
    """A class of four, each of its parts given by key, name and the numbers of its pupils."""
    names = ["Алиса", "Борис", "Вера", "Глеб"]
    records: list[Record] = [
        Subject(key=f"{prefix}s", name="Иностранный язык"),
        group(f"{prefix}g", "7А", kind="class"),
    ]
    for number, name in enumerate(names):
        key = f"{prefix}{number}"
        records.append(
            Person(key=key, role="student", family_name="Тестов", given_name=name, birth_date=f"2013-0{number + 1}-11")
        )
        records.append(Enrolment(key=f"{key}:g", person=key, group=f"{prefix}g"))
    for part, name, pupils in parts:
        parent = f"{prefix}g" if kind == "subgroup" else None
        records.append(group(part, name, kind=kind, parent=parent))
        records += [Enrolment(key=f"{prefix}{n}:{part}", person=f"{prefix}{n}", group=part) for n in pupils]
        records.append(Course(key=f"c{part}", group=part, subject=f"{prefix}s"))
    return records


def parts_tied(left: list[Record], right: list[Record]) -> set[tuple[str, str]]:
    return {(a, b) for a, b in tied(left, right, "groups") if len(a) > 2}


def test_parts_by_name_and_by_pupils() -> None:
    left = klass("l", ("one", "подгруппа 1", "01"), ("two", "подгруппа 2", "23"))
    named = klass("r", ("eins", "1 п/г", "01"), ("zwei", "2", "23"))
    assert parts_tied(left, named) == {("one", "eins"), ("two", "zwei")}
    unnamed = klass("r", ("eins", "Английский", "01"), ("zwei", "Немецкий", "23"))
    assert parts_tied(left, unnamed) == {("one", "eins"), ("two", "zwei")}


def test_parts_of_one_name_with_other_pupils_are_not_one() -> None:
    left = klass("l", ("one", "подгруппа 1", "01"), ("two", "подгруппа 2", "23"))
    crossed = klass("r", ("eins", "подгруппа 1", "23"), ("zwei", "подгруппа 2", "01"))
    assert parts_tied(left, crossed) == {("one", "zwei"), ("two", "eins")}


def test_metagroups_by_name_and_by_pupils() -> None:
    left = klass("l", ("meta", "Проект 7–10", "013"), kind="metagroup")
    assert parts_tied(left, klass("r", ("cross", "Проект 7-10", "013"), kind="metagroup")) == {("meta", "cross")}
    assert parts_tied(left, klass("r", ("cross", "Мастерская", "013"), kind="metagroup")) == {("meta", "cross")}
    assert parts_tied(left, klass("r", ("cross", "Мастерская", "2"), kind="metagroup")) == set()


# -- subjects and periods --------------------------------------------------------------------------------------------


def subjects(*names: str | tuple[str, str], prefix: str = "l") -> list[Record]:
    made = []
    for number, said in enumerate(names):
        name, short = said if isinstance(said, tuple) else (said, None)
        made.append(Subject(key=f"{prefix}{number}", name=name, short_name=short))
    return list(made)


@pytest.mark.parametrize(
    ("left", "right", "by"),
    [
        ("Алгебра", "алгебра ", "name"),
        ("Ин.яз", "Иностранный язык", "short name"),
        ("ОБЖ", "Основы безопасности жизнедеятельности", "short name"),
        ("МДК.01.01 Разработка программ", "МДК 01.01", "curriculum code"),
        ("МДК.01.01 Разработка программ", "Разработка программ", "name without the curriculum code"),
        ("Обществознание", "Обществознаине", "nearly the same name"),
    ],
)
def test_subjects_by_what_is_safe(left: str, right: str, by: str) -> None:
    assert tied(subjects(left), subjects(right, prefix="r"), "subjects") == {("l0", "r0")}
    assert [said for said, _ in how(subjects(left), subjects(right, prefix="r"), "subjects")] == [by]


def test_a_short_name_that_a_source_gives_itself() -> None:
    assert tied(subjects(("Теория вероятностей", "ТВиС")), subjects("ТВиС", prefix="r"), "subjects") == {("l0", "r0")}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["Иностранный язык", "Иностранный язык (второй)"], ["Ин.яз (2)"]),
        (["Информатика", "История"], ["И"]),
        (["Родной язык", "Русский язык"], ["Р. язык"]),
        (["МДК.01.01 Разработка программ"], ["МДК.01.01 Ремонт тракторов"]),  # another speciality
        (["МДК.01.01 Основы"], ["МДК.01.02 Основы"]),
        (["Практика 1"], ["Практика 2"]),
        (["Физика"], ["Физическая культура"]),
        (["История"], ["История России"]),
    ],
)
def test_subjects_that_are_not_guessed(left: list[str], right: list[str]) -> None:
    assert tied(subjects(*left), subjects(*right, prefix="r"), "subjects") == set()


def test_the_same_name_goes_before_any_likeness() -> None:
    left, right = subjects("История", "История России"), subjects("История России", "История", prefix="r")
    assert tied(left, right, "subjects") == {("l0", "r1"), ("l1", "r0")}


def period(key: str, kind: str, start: str | None, end: str | None, number: int | None = None, **more: Any) -> Period:
    return Period(key=key, kind=kind, start=start, end=end, number=number, academic_year=YEAR, **more)


def test_periods_by_dates_then_by_number() -> None:
    first = period("q", "quarter", "2026-09-01", "2026-10-25", 1)
    assert tied([first], [period("r", "quarter", "2026-09-01", "2026-10-25")], "periods") == {("q", "r")}
    assert tied([first], [period("r", "quarter", "2026-09-01", "2026-10-27", 1)], "periods") == {("q", "r")}
    assert tied([first], [period("r", "trimester", "2026-09-01", "2026-10-25", 1)], "periods") == set()
    assert tied([first], [period("r", "quarter", "2026-11-02", "2026-12-27", 2)], "periods") == set()
    semester = period("s", "semester", "2026-09-01", "2026-12-27", 1)
    assert tied([semester], [period("h", "half_year", "2026-09-01", "2026-12-27", 1)], "periods") == {("s", "h")}
    year = period("y", "year", None, None)
    assert tied([year], [period("z", "year", "2026-09-01", "2027-05-26")], "periods") == {("y", "z")}


def test_two_first_quarters_of_one_year_are_told_apart_by_dates_only() -> None:
    left = [
        period("q", "quarter", "2026-09-01", "2026-10-25", 1),
        period("p", "quarter", "2026-09-01", "2026-10-30", 1),
    ]
    assert tied(left, [period("r", "quarter", "2026-09-01", "2026-10-30", 1)], "periods") == {("p", "r")}
    assert tied(left, [period("r", "quarter", "2026-09-02", "2026-10-27", 1)], "periods") == set()


# -- courses and lessons ---------------------------------------------------------------------------------------------

CLASS: list[Record] = [
    group("g", "7А", kind="class"),
    Subject(key="s", name="Алгебра"),
    Course(key="c", group="g", subject="s"),
]
CLASS_THERE: list[Record] = [group("h", "7а", kind="class"), Subject(key="t", name="Алгебра"), Course(key="d", group="h", subject="t")]  # fmt: skip


def lesson(
    key: str, course: str, day: str = "2026-09-08", number: int | None = None, at: str | None = None, **more: Any
) -> Lesson:
    return Lesson(key=key, course=course, date=day, number=number, starts_at=f"{day}T{at}" if at else None, **more)


def lessons_tied(left: list[Lesson], right: list[Lesson]) -> set[tuple[str, str]]:
    return tied([*CLASS, *left], [*CLASS_THERE, *right], "lessons")


def test_a_course_of_the_year_is_those_of_its_semesters() -> None:
    right = [*CLASS_THERE, Course(key="e", group="h", subject="t")]
    assert tied(CLASS, right, "courses") == {("c", "d"), ("c", "e")}


def test_lessons_by_their_beginning_in_any_zone() -> None:
    left = [lesson("l1", "c", at="08:30:00+03:00", number=1), lesson("l2", "c", at="09:25:00+03:00", number=2)]
    right = [lesson("m1", "d", at="09:30:00+04:00", number=2), lesson("m2", "d", at="06:25:00+00:00", number=3)]
    assert lessons_tied(left, right) == {("l1", "m1"), ("l2", "m2")}


def test_lessons_by_number_and_by_order() -> None:
    left = [lesson("l1", "c", number=1), lesson("l2", "c", number=4)]
    assert lessons_tied(left, [lesson("m1", "d", number=4), lesson("m2", "d", number=1)]) == {
        ("l1", "m2"),
        ("l2", "m1"),
    }
    assert lessons_tied(left, [lesson("m1", "d"), lesson("m2", "d")]) == {("l1", "m1"), ("l2", "m2")}
    assert lessons_tied([lesson("l1", "c", at="08:30:00+03:00")], [lesson("m1", "d", number=3)]) == {("l1", "m1")}


def test_lessons_of_other_days_are_other_lessons() -> None:
    assert lessons_tied([lesson("l1", "c")], [lesson("m1", "d", "2026-09-09")]) == set()


def test_two_lessons_against_one_are_not_guessed_without_number_and_time() -> None:
    left, right = [lesson("l1", "c"), lesson("l2", "c")], [lesson("m1", "d")]
    assert lessons_tied(left, right) == set()
    assert outcome([*CLASS, *left], [*CLASS_THERE, *right]).differences == []


def test_of_two_lessons_with_numbers_the_one_that_is_not_there_is_missing() -> None:
    left, right = [lesson("l1", "c", number=1), lesson("l2", "c", number=2)], [lesson("m1", "d", number=2)]
    found = outcome([*CLASS, *left], [*CLASS_THERE, *right])
    assert {(m.left, m.right) for m in found.matches["lessons"]} == {("l2", "m1")}
    assert [(d.entity, d.kind, d.left.key if d.left else None) for d in found.differences] == [
        ("lessons", "missing_right", "l1")
    ]


def test_a_cancelled_lesson_gives_way_to_the_one_in_its_place() -> None:
    left = [lesson("l1", "c", number=1, status="cancelled"), lesson("l2", "c", number=1, status="held")]
    assert lessons_tied(left, [lesson("m1", "d", number=1, status="held")]) == {("l2", "m1")}


def test_lessons_of_parts_are_the_lesson_of_the_class() -> None:
    """One side teaches the class, the other its two parts at once."""
    part = {"kind": "subgroup", "parent": "h"}
    right: list[Record] = [
        group("h", "7А", kind="class"), group("h1", "1", **part), group("h2", "2", **part), Subject(key="t", name="Алгебра"),
        Course(key="d1", group="h1", subject="t"), Course(key="d2", group="h2", subject="t"),
        lesson("m1", "d1", number=1), lesson("m2", "d2", number=1),
    ]  # fmt: skip
    left = [*CLASS, lesson("l1", "c", number=1)]
    assert tied(left, right, "courses") == {("c", "d1"), ("c", "d2")}
    assert tied(left, right, "lessons") == {("l1", "m1"), ("l1", "m2")}
    assert outcome(left, right).differences == []


def test_a_part_beside_the_class_is_no_course_of_the_class() -> None:
    part = {"kind": "subgroup", "parent": "h"}
    right: list[Record] = [*CLASS_THERE, group("h1", "1", **part), Course(key="d1", group="h1", subject="t")]
    assert tied(CLASS, right, "courses") == {("c", "d")}
