"""A journal page of any content gives the records that were put into it, in every format and order of columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.batch import Batch, Origin
from canonical.entities import entity_of
from connectors.files.choosing import choose
from connectors.files.layouts.model import load_layout
from connectors.files.layouts.pages import read_pages
from connectors.files.mapping.records import Account, ReadFile
from tests import workbooks
from tests.sites import ROOT
from tests.unit.files.test_values import FIVE, YEAR

LAYOUT = load_layout(ROOT / "config" / "layouts" / "journal-page.toml")
COURSE = "2026/2027:7А:Алгебра"
ABSENCE = {"Н": "absent", "б": "ill", "УП": "excused", "О": "late"}

days = st.lists(st.dates(date(2026, 9, 1), date(2027, 5, 31)), min_size=1, max_size=6)
names = st.lists(st.text("абвгдежзиклмн", min_size=4, max_size=8), min_size=1, max_size=6, unique=True)
cells = st.tuples(st.lists(st.sampled_from(["5", "4-", "3", "2+", "зач", "н/а", "•"]), max_size=3), st.sampled_from([None, *ABSENCE]))  # fmt: skip


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[date], dict[str, list[tuple[list[str], str | None]]]]:
    columns = draw(days)
    return columns, {f"{n.title()} Иван": [draw(cells) for _ in columns] for n in draw(names)}


def written(cell: tuple[list[str], str | None], between: str) -> str:
    return between.join([*([cell[1]] if cell[1] else []), *cell[0]])


def read(body: bytes) -> Batch:
    chosen = choose([LAYOUT], body, "x", FIVE, YEAR)
    file = ReadFile("x", Origin("x", "", 0, ""), read_pages(chosen.fit, chosen.book, "x", chosen.setting))
    account = Account("school", FIVE, lambda _: None)
    account.take(file)
    account.finish()
    return account.batch("x", partial=False)


def expected(columns: list[date], pupils: dict[str, list[Any]]) -> tuple[set[Any], set[Any], set[Any]]:
    ordinal = [columns[: n + 1].count(day) for n, day in enumerate(columns)]
    lessons = {(day.isoformat(), n) for day, n in zip(columns, ordinal, strict=True)}
    marks, absences = set(), set()
    for name, row in pupils.items():
        for day, n, (values, absence) in zip(columns, ordinal, row, strict=True):
            marks |= {(day.isoformat(), n, place, name, value) for place, value in enumerate(values, 1)}
            if absence:
                absences.add((day.isoformat(), n, name, ABSENCE[absence]))
    return lessons, marks, absences


def found(batch: Batch) -> tuple[set[Any], set[Any], set[Any]]:
    lessons, marks, absences = set(), set(), set()
    for record in (r for _, rs in batch.blocks for r in rs):
        entity, said = entity_of(record), record.key.removeprefix(f"{COURSE}:").split(":")
        if entity == "lessons":
            lessons.add((said[0], int(said[1])))
        elif entity == "marks":
            place = int(said[2].partition(".")[2] or 1)
            marks.add((said[0], int(said[1]), place, said[-1], record.value))
        elif entity == "attendance":
            absences.add((said[0], int(said[1]), said[-1], record.status))
    return lessons, marks, absences


@pytest.mark.parametrize("form", ["xlsx", "ods", "csv;", "html"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    page=pages(),
    between=st.sampled_from([" ", "/", "\n", "; "]),
    order=st.randoms(use_true_random=False),
    gaps=st.integers(0, 2),
)
def test_what_is_put_into_a_page_comes_out(form: str, page: Any, between: str, order: Any, gaps: int) -> None:
    columns, pupils = page
    texts = [d.strftime("%d.%m.%Y") if d.day % 2 else d for d in columns]
    rows = [["№", "ФИО", *texts, "Средний балл"], *([n, name, *(written(c, between) for c in row), 4.5] for n, (name, row) in enumerate(pupils.items(), 1))]  # fmt: skip
    ahead = [0, 1, len(columns) + 2]
    order.shuffle(ahead)
    places = [ahead[0], *range(2, len(columns) + 2), *ahead[1:]]
    grid = [
        ["Класс: 7А"],
        ["Предмет: Алгебра"],
        *([[]] * gaps),
        *([row[p] for p in places] for row in rows),
        *([[]] * gaps),
    ]
    batch = read(workbooks.FORMATS[form](grid))
    assert batch.rejects == []
    assert found(batch) == expected(columns, pupils)


@settings(max_examples=25, deadline=None)
@given(
    page=pages(), garbage=st.sampled_from(["?", "5,5", "нет", "#REF!", "6"]), where=st.randoms(use_true_random=False)
)
def test_one_bad_cell_costs_only_itself(page: Any, garbage: str, where: Any) -> None:
    columns, pupils = page
    bad, column = where.choice(sorted(pupils)), where.randrange(len(columns))
    rows = [[name, *(written(c, " ") for c in row)] for name, row in pupils.items()]
    for row in rows:
        if row[0] == bad:
            row[column + 1] = garbage
    pupils = {
        n: [([], None) if (n, c) == (bad, column) else cell for c, cell in enumerate(row)] for n, row in pupils.items()
    }
    batch = read(workbooks.xlsx([["Класс: 7А"], ["Предмет: Алгебра"], ["ФИО", *columns], *rows]))
    assert found(batch) == expected(columns, pupils)
    (reject,) = batch.rejects
    assert (reject.entity, reject.raw["cell"]) == ("marks", garbage)
    assert reject.raw["column"] == "BCDEFGH"[column]


def test_the_layout_is_the_one_that_is_shipped() -> None:
    assert Path(ROOT / "config" / "layouts" / f"{LAYOUT.name}.toml").is_file()
