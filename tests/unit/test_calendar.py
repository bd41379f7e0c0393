"""The school calendar, and the calendars that come with svod."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from canonical.calendar import SchoolCalendar
from canonical.toml_files import ConfigError
from svod.settings import shipped

YEAR = 'title = "x"\nacademic_year = "2026/2027"\n'
SCHOOL = shipped() / "calendars" / "school-2026.toml"


def calendar(tmp_path: Path, text: str, head: str = YEAR) -> SchoolCalendar:
    file = tmp_path / "own.toml"
    file.write_text(head + text, encoding="utf-8")
    return SchoolCalendar.load(file)


@pytest.mark.parametrize("name", sorted(p.name for p in (shipped() / "calendars").glob("*.toml")))
def test_those_that_come_with_svod_can_be_read(name: str) -> None:
    made = SchoolCalendar.load(shipped() / "calendars" / name)
    assert made.is_free(date(2026, 11, 4))
    assert made.is_free(date(2026, 12, 31))
    assert made.is_school_day(date(2026, 11, 5))
    assert made.is_school_day(date(2026, 9, 5)), "a Saturday"
    assert not made.is_school_day(date(2026, 9, 6)), "a Sunday"
    assert not made.is_school_day(date(2027, 5, 10))


def test_both_names_of_the_contract_are_there() -> None:
    assert {"school-2026.toml", "spo-2026.toml"} <= {p.name for p in (shipped() / "calendars").iterdir()}


def test_vacations_may_be_for_some_levels_only() -> None:
    made = SchoolCalendar.load(SCHOOL)
    day = date(2027, 2, 16)
    assert made.is_free(day, 1)
    assert not made.is_free(day, 2)
    assert not made.is_free(day), "of an unknown level only what holds for all is known"
    assert made.is_free(date(2026, 10, 28))
    assert made.is_free(date(2026, 10, 28), 7)


def test_how_a_level_is_marked() -> None:
    made = SchoolCalendar.load(SCHOOL)
    assert [made.period_kinds(level) for level in (1, 9, 10, 11)] == [
        {"quarter"},
        {"quarter"},
        {"half_year"},
        {"half_year"},
    ]
    assert made.period_kinds(None) == set()


def test_a_day_off_moved_from_one_day_to_another(tmp_path: Path) -> None:
    made = calendar(tmp_path, "week_days = 5\n[[moved]]\noff = 2027-02-22\non = 2027-02-27\n")
    assert not made.is_school_day(date(2027, 2, 22))
    assert made.is_free(date(2027, 2, 22))
    assert made.is_school_day(date(2027, 2, 27)), "a Saturday that is worked"
    assert not made.is_school_day(date(2027, 2, 20)), "a Saturday like any other"
    assert not made.is_free(date(2027, 2, 20)), "no holiday, only the end of the week"


def test_a_day_that_is_worked_in_the_middle_of_a_vacation(tmp_path: Path) -> None:
    made = calendar(
        tmp_path,
        '[[vacation]]\nname = "v"\nstart = 2026-10-26\nend = 2026-11-01\n[[moved]]\non = 2026-10-31\n',
    )
    assert [made.is_school_day(date(2026, 10, d)) for d in (30, 31)] == [False, True]


def test_it_knows_nothing_of_other_years(tmp_path: Path) -> None:
    made = calendar(tmp_path, "")
    assert not made.knows(date(2026, 8, 31))
    assert made.knows(date(2026, 9, 1))
    assert made.knows(date(2027, 8, 31))
    assert made.is_school_day(date(2025, 11, 4))


def test_the_last_school_day_of_a_stretch() -> None:
    made = SchoolCalendar.load(SCHOOL)
    assert made.last_school_day(date(2026, 9, 1), date(2026, 11, 1)) == date(2026, 10, 24)
    assert made.last_school_day(date(2026, 10, 26), date(2026, 11, 1)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[vacation]]\nname = "v"\nstart = 2026-11-02\nend = 2026-11-01\n', "v: its end 2026-11-01 is before"),
        ('[[holiday]]\nname = "h"\ndays = [2027-11-04]\n', "h: 2027-11-04 does not lie in the academic year 2026/2027"),
        ("[[moved]]\n", r"moved\[1\]: give off, on, or both"),
        ("[[vacations]]\n", "vacations: unknown key; did you mean 'vacation'"),
        ('[[holiday]]\nname = "h"\nday = [2026-11-04]\n', r"holiday\[1\]\.day: unknown key; did you mean 'days'"),
        ("week_days = 8\n", "week_days: input should be less than or equal to 7"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        calendar(tmp_path, text)


def test_an_academic_year_has_two_halves(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="academic_year: '2026' is not an academic year"):
        calendar(tmp_path, "", 'title = "x"\nacademic_year = "2026"\n')
