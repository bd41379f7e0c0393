"""Names as people write them: reports, periods, groups; and the stretches of time behind them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from canonical.entities import Enrolment, Group, Period, Record
from pipelines.reporting import spans
from pipelines.reporting.asking import NothingSuchError, Request, plain
from pipelines.reporting.catalogue import definitions, find
from pipelines.reporting.making import check
from tests.small_class import CLASS, MOSCOW, YEAR, journal, period_mark

NAMES = {
    "Успеваемость групп": "group-progress",
    "Посещаемость групп": "group-attendance",
    "Сводная ведомость учёта успеваемости учащихся класса": "class-sheet",
    "Анализ ведения электронных журналов за месяц": "journal-keeping",
}
"""Letter for letter as in the regulations."""


def test_the_titles_are_those_of_the_regulations() -> None:
    assert {d.title: d.id for d in definitions() if d.title in NAMES} == NAMES
    assert len({plain(n) for d in definitions() for n in (d.id, d.title, *d.also)}) == sum(
        2 + len(d.also) for d in definitions()
    )
    assert all(d.clause and d.about and d.signatures for d in definitions())


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("«Успеваемость групп»", "group-progress"),
        ("успеваемость ГРУПП", "group-progress"),
        ("предварительные итоги посещаемости", "group-attendance"),
        ("Сводная ведомость учета успеваемости учащихся класса", "class-sheet"),
        ("JOURNAL-KEEPING", "journal-keeping"),
    ],
)
def test_a_report_is_found_by_its_names(name: str, report: str) -> None:
    assert find(name).id == report


def test_an_unknown_report_is_told_with_what_there_is() -> None:
    with pytest.raises(
        NothingSuchError, match=r"no report 'Погода'; there are: group-progress \(«Успеваемость групп»\)"
    ):
        find("Погода")


@pytest.mark.parametrize(
    ("report", "asked", "message"),
    [
        ("class-sheet", Request(period="1 четверть"), "takes no --period; it takes --group$"),
        ("group-progress", Request(teacher="Шаблонова"), "takes no --teacher; it takes --group, --month, --period"),
        ("journal-keeping", Request(period="год"), "takes no --period"),
        ("group-progress", Request(period="год", month=date(2026, 9, 1)), "exclude each other"),
    ],
)
def test_what_a_report_does_not_take(report: str, asked: Request, message: str) -> None:
    with pytest.raises(NothingSuchError, match=message):
        check(find(report), asked)


QUARTER = Period(
    key="77", academic_year=YEAR, kind="quarter", number=2, name="2-я четверть", start="2026-11-02", end="2026-12-27"
)


@pytest.mark.parametrize("asked", ["77", "2 четверть", "2-я четверть", "2-Я  ЧЕТВЕРТЬ", "II четверть", "«2 четверть»"])
def test_a_period_is_meant(asked: str) -> None:
    assert spans.is_meant(asked, QUARTER)


@pytest.mark.parametrize("asked", ["7", "1 четверть", "четверть", "22 четверть", ""])
def test_a_period_is_not_meant(asked: str) -> None:
    assert not spans.is_meant(asked, QUARTER)


def test_a_period_without_a_name_has_one() -> None:
    assert spans.period_name(Period(key="1", kind="semester", number=1)) == "1 семестр"
    assert spans.period_name(Period(key="1", kind="year", name="2026/2027")) == "год"
    assert spans.period_name(Period(key="1", kind="module", name="Модуль А")) == "Модуль А"


def at(day: str, *records: Record) -> str:
    made = journal(CLASS, records, now=datetime.fromisoformat(f"{day}T12:00:00+03:00"))
    return made.current_span("g").name


def test_the_current_period() -> None:
    assert at("2026-09-01") == "1 четверть"
    assert at("2026-10-25") == "1 четверть"
    assert at("2026-10-28") == "1 четверть"  # the vacation after it
    assert at("2026-11-02") == "2 четверть"
    assert at("2027-08-01") == "2 четверть"


def test_of_overlapping_schedules_that_one_counts_in_which_the_group_is_marked() -> None:
    half = Period(
        key="h1",
        academic_year=YEAR,
        kind="half_year",
        number=1,
        name="1 полугодие",
        start="2026-09-01",
        end="2026-12-27",
    )
    assert at("2026-10-01", half) == "1 четверть"
    assert at("2026-10-01", half, period_mark("p1", "c", "5", "h1")) == "1 полугодие"


def test_a_group_without_periods_has_the_year() -> None:
    alone: list[Record] = [
        Group(key="z", name="1К", kind="class", academic_year=YEAR),
        Enrolment(key="z:p1", person="p1", group="z"),
    ]
    only = [Period(key=p.key, academic_year=YEAR, kind="quarter", number=1, name="1 четверть", start=p.start, end=p.end, groups=("g",)) for p in CLASS if isinstance(p, Period) and p.key == "q1"]  # fmt: skip
    rest = [r for r in CLASS if not isinstance(r, Period)]
    made = journal(rest, alone, only)
    span = made.current_span("z")
    assert (span.name, span.start, span.end) == ("год", date(2026, 9, 1), date(2027, 8, 31))
    assert made.year_span("g").end == date(2026, 10, 25)


def test_periods_of_other_years_are_not_offered() -> None:
    old = Period(
        key="o",
        academic_year="2025/2026",
        kind="quarter",
        number=1,
        name="1 четверть",
        start="2025-09-01",
        end="2025-10-26",
    )
    undated = Period(key="u", academic_year=YEAR, kind="quarter", number=3, name="3 четверть")
    made = journal(CLASS, [old, undated])
    assert [p.key for p in made.periods("g")] == ["u", "q1", "y", "q2"]
    assert [s.name for s in made.spans("g")] == ["1 четверть", "2 четверть"]


def test_a_month() -> None:
    span = spans.of_month(date(2027, 2, 1))
    assert (span.name, span.end) == ("февраль 2027", date(2027, 2, 28))
    assert not span.is_over(date(2027, 2, 28))
    assert span.is_over(date(2027, 3, 1))


def test_the_day_is_the_institutions_own() -> None:
    from dataclasses import replace
    from zoneinfo import ZoneInfo

    from tests.small_class import PLACE

    late = datetime(2026, 11, 1, 23, 30, tzinfo=MOSCOW)
    assert journal(CLASS, now=late).current_span("g").name == "1 четверть"
    east = replace(PLACE, zone=ZoneInfo("Asia/Vladivostok"))
    assert journal(CLASS, now=late, place=east).current_span("g").name == "2 четверть"
