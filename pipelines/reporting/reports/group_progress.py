"""«Успеваемость групп» («Предварительные итоги успеваемости»), USO 5.3, 4.5, 4.6."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from canonical.entities import Group
from pipelines.reporting.asking import Asked
from pipelines.reporting.catalogue import Body, Definition
from pipelines.reporting.document import Cell, Column, Row, Table
from pipelines.reporting.journal import Journal
from pipelines.reporting.progress import (
    NOTES,
    UNATTESTED,
    Decision,
    Standing,
    Tally,
    decides_by_average,
    decisions,
    expected_subjects,
)
from pipelines.reporting.spans import Span

_GROUPS: Final = (
    Column("group", "Группа", width=12, fixed=True),
    Column("period", "Период", width=13),
    Column("basis", "Отметки", width=10),
    Column("pupils", "Обучающихся", "integer", 11),
    Column("excellent", "отличники", "integer", 10, over="Из них"),
    Column("good", "хорошисты", "integer", 10, over="Из них"),
    Column("one_three", "с одной «3»", "integer", 8, over="Из них"),
    Column("passing", "с двумя «3» и более", "integer", 8, over="Из них"),
    Column("failing", "неуспевающие", "integer", 13, over="Из них"),
    Column("unattested", "в том числе с н/а", "integer", 11, over="Из них"),
    Column("uncounted", "без отметок", "integer", 8, over="Из них"),
    Column("success", "Успеваемость, %", "percent", 13),
    Column("quality", "Качество, %", "percent", 9),
    Column("learnedness", "СОУ, %", "percent", 7),
    Column("average", "Средний балл", "decimal", 8),
    Column("debts", "Незачёты и долги", "integer", 9),
    Column("without", "Не выставлено отметок", "integer", 11),
)
_PUPILS: Final = (
    Column("number", "№", "integer", 4, fixed=True),
    Column("pupil", "Фамилия, имя, отчество", width=34, fixed=True),
    Column("fives", "«5»", "integer", 6, over="Отметок"),
    Column("fours", "«4»", "integer", 6, over="Отметок"),
    Column("threes", "«3»", "integer", 6, over="Отметок"),
    Column("twos", "«2»", "integer", 6, over="Отметок"),
    Column("unattested", "н/а", "integer", 6, over="Отметок"),
    Column("average", "Средний балл", "decimal", 8),
    Column("without", "Не выставлено отметок", "integer", 11),
    Column("standing", "Итог", width=16),
)
_STANDINGS: Final[Mapping[Standing | None, str]] = {
    "excellent": "отличник",
    "good": "хорошист",
    "one_three": "с одной «3»",
    "passing": "успевающий",
    "failing": "неуспевающий",
    None: "без отметок",
}


@dataclass(frozen=True, slots=True)
class _Pupil:
    name: str
    made: Mapping[str, Decision]
    expected: frozenset[str]


def build(journals: Iterable[Journal], asked: Asked) -> Body:
    """A row for each group, with totals of institutions and of all; of one group its pupils as well."""
    rows: list[Row] = []
    details: list[Table] = []
    overall = Tally()
    institutions = 0
    for journal in journals:
        total = Tally()
        before = len(rows)
        for group in asked.classes(journal):
            span = asked.span(journal, group.key)
            if span is None:
                continue
            tally, pupils = _count(journal, group, span)
            total.include(tally)
            basis = "текущие" if decides_by_average(journal, span) else "за период"
            head = (journal.class_name(group.key), span.name, basis)
            rows.append(Row((*head, *_cells(tally)), group=journal.institution.name))
            if asked.request.group is not None:
                details.append(_details(journal, group, span, pupils))
        if len(rows) > before:
            institutions += 1
            overall.include(total)
            cells = ("Итого", None, None, *_cells(total))
            rows.append(Row(cells, "subtotal", group=journal.institution.name))
    asked.check()
    if institutions > 1:
        rows.append(Row(("Всего", None, None, *_cells(overall)), "total"))
    return Body((Table("groups", _GROUPS, tuple(rows), empty="Нет групп с таким периодом"), *details), NOTES)


def _count(journal: Journal, group: Group, span: Span) -> tuple[Tally, list[_Pupil]]:
    day = span.last_day(journal.today)
    made = {p: decisions(journal, p, span) for p in journal.pupils(group.key, day)}
    marked = {subject for found in made.values() for subject in found}
    expected = expected_subjects(journal, group.key, day.isoformat(), marked)
    pupils = [_Pupil(journal.person_name(p), made[p], frozenset(expected.get(p, ()))) for p in made]
    tally = Tally()
    for pupil in pupils:
        tally.add(pupil.made, pupil.expected)
    return tally, pupils


def _cells(tally: Tally) -> tuple[Cell, ...]:
    s = tally.standings
    return (
        tally.pupils,
        s["excellent"],
        s["good"],
        s["one_three"],
        s["passing"],
        s["failing"],
        tally.unattested,
        tally.pupils - tally.counted,
        tally.success,
        tally.quality,
        tally.learnedness,
        tally.average,
        tally.debts,
        tally.without,
    )


def _details(journal: Journal, group: Group, span: Span, pupils: list[_Pupil]) -> Table:
    rows = []
    for number, pupil in enumerate(pupils, 1):
        tally = Tally()
        found = tally.add(pupil.made, pupil.expected)
        counts = [tally.grades[g] for g in (5, 4, 3, 2, UNATTESTED)]
        rows.append(Row((number, pupil.name, *counts, tally.average, tally.without, _STANDINGS[found])))
    name = journal.class_name(group.key)
    title = f"{name}, {span.name}: обучающиеся ({journal.institution.name})"
    key = f"pupils:{journal.institution.key}:{group.key}"
    return Table(key, _PUPILS, tuple(rows), title, sheet=name, empty="Состав группы неизвестен")


REPORT: Final = Definition(
    id="group-progress",
    title="Успеваемость групп",
    also=("Предварительные итоги успеваемости",),
    about="success, quality, СОУ of groups in a period; while it runs by the current marks",
    clause="USO 5.3, 4.5, 4.6",
    takes=frozenset({"period", "month"}),
    signatures=("Заведующий отделением", "Заместитель директора"),
    build=build,
    order=6,
)
