"""«Посещаемость групп» («Предварительные итоги посещаемости»), USO 5.3, 4.5, 4.6."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pipelines.reporting.asking import Asked
from pipelines.reporting.attending import NOTES, Missed, register, tells_attendance
from pipelines.reporting.catalogue import Body, Definition
from pipelines.reporting.document import NO_DATA, Cell, Column, Row, Table
from pipelines.reporting.journal import Journal

_MISSED: Final = "Пропущено занятий"
_HOURS: Final = "Пропущено часов"
_PUPIL: Final = (
    Column("number", "№", "integer", 4, fixed=True),
    Column("pupil", "Фамилия, имя, отчество", width=34, fixed=True),
)


@dataclass(slots=True)
class _Line:
    """What one row shows. `missed` is null where the journal tells no attendance; `told` are the pupils it is told of."""

    institution: str
    name: str
    period: str | None = None
    pupils: int = 0
    lessons: int = 0
    not_taken: int | None = None
    missed: Missed | None = None
    told: int = 0

    def add(self, other: _Line) -> None:
        """Adds the line of a group to that of a total; one that tells no attendance adds its pupils and lessons only."""
        self.pupils += other.pupils
        self.lessons += other.lessons
        if other.not_taken is not None:
            self.not_taken = (self.not_taken or 0) + other.not_taken
        self.told += other.told
        if other.missed:
            self.missed = self.missed or Missed()
            self.missed.include(other.missed)

    def cells(self, *, with_hours: bool) -> tuple[Cell, ...]:
        head: tuple[Cell, ...] = (self.name, self.period, self.pupils, self.lessons)
        if self.missed is None:
            unknown: tuple[Cell, ...] = (NO_DATA,) * (10 + 2 * with_hours)
            return (*head, *unknown)
        counts = self.missed.cells(with_hours=with_hours)
        each = self.missed.missed.total() / self.told if self.told else None
        return (*head, NO_DATA if self.not_taken is None else self.not_taken, *counts, each)


@dataclass(slots=True)
class _Found:
    """What was found in one institution after another."""

    lines: list[tuple[list[_Line], _Line]] = field(default_factory=list)
    registers: list[tuple[_Line, str, list[tuple[str, Missed]]]] = field(default_factory=list)
    partly_read: int = 0
    with_hours: bool = False


def build(journals: Iterable[Journal], asked: Asked) -> Body:
    """A row for each group, with totals of institutions and of all; of one group its pupils as well."""
    found = _Found()
    for journal in journals:
        _look(journal, asked, found)
    asked.check()
    rows: list[Row] = []
    overall = _Line("", "Всего")
    for lines, total in found.lines:
        rows += [Row(line.cells(with_hours=found.with_hours), group=line.institution) for line in lines]
        rows.append(Row(total.cells(with_hours=found.with_hours), "subtotal", group=total.institution))
        overall.add(total)
    if len(found.lines) > 1:
        rows.append(Row(overall.cells(with_hours=found.with_hours), "total"))
    table = Table("groups", _groups(with_hours=found.with_hours), tuple(rows), empty="Нет групп с таким периодом")
    details = [_details(found, *register) for register in found.registers]
    notes: tuple[str, ...] = NOTES
    if found.partly_read:
        notes += (f"Посещаемость {found.partly_read} занятий прочитана не полностью: пропусков может быть больше.",)
    return Body((table, *details), notes)


def _look(journal: Journal, asked: Asked, found: _Found) -> None:
    told = tells_attendance(journal)
    institution = journal.institution.name
    lines: list[_Line] = []
    total = _Line(institution, "Итого")
    for group in asked.classes(journal):
        span = asked.span(journal, group.key)
        if span is None:
            continue
        made = register(journal, group.key, span)
        line = _Line(institution, journal.class_name(group.key), span.name, len(made.pupils), made.lessons)
        if told:
            line.missed, line.told = made.total(), line.pupils
            if journal.tells_of_lessons("attendance_taken"):
                line.not_taken = made.not_taken
            found.partly_read += made.partly_read
        total.add(line)
        lines.append(line)
        if asked.request.group is not None and told:
            key = f"pupils:{journal.institution.key}:{group.key}"
            found.registers.append((line, key, [(journal.person_name(p), m) for p, m in made.pupils.items()]))
    if lines:
        found.lines.append((lines, total))
        found.with_hours |= journal.tells_of_lessons("hours")


def _details(found: _Found, line: _Line, key: str, pupils: list[tuple[str, Missed]]) -> Table:
    rows = [Row((n, name, *m.cells(with_hours=found.with_hours))) for n, (name, m) in enumerate(pupils, 1)]
    if line.missed and rows:
        rows.append(Row((None, "Итого", *line.missed.cells(with_hours=found.with_hours)), "total"))
    columns = (*_PUPIL, *_counts(with_hours=found.with_hours))
    title = f"{line.name}, {line.period}: обучающиеся ({line.institution})"
    return Table(key, columns, tuple(rows), title, sheet=line.name, empty="Состав группы неизвестен")


def _groups(*, with_hours: bool) -> tuple[Column, ...]:
    return (
        Column("group", "Группа", width=12, fixed=True),
        Column("period", "Период", width=13),
        Column("pupils", "Обучающихся", "integer", 11),
        Column("lessons", "всего", "integer", 8, over="Проведено занятий"),
        Column("not_taken", "посещаемость не отмечена", "integer", 13, over="Проведено занятий"),
        *_counts(with_hours=with_hours),
        Column("each", "Пропусков на одного", "decimal", 10),
    )


def _counts(*, with_hours: bool) -> tuple[Column, ...]:
    hours = (
        Column("hours", "всего", "number", 8, over=_HOURS),
        Column("hours_absent", "без причины", "number", 8, over=_HOURS),
    )
    return (
        Column("due", "Должно быть посещений", "integer", 10),
        Column("missed", "всего", "integer", 8, over=_MISSED),
        Column("excused", "уважительная причина", "integer", 13, over=_MISSED),
        Column("ill", "болезнь", "integer", 8, over=_MISSED),
        Column("absent", "без причины", "integer", 8, over=_MISSED),
        Column("unknown", "причина не указана", "integer", 8, over=_MISSED),
        *(hours if with_hours else ()),
        Column("late", "Опозданий", "integer", 10),
        Column("share", "Посещаемость, %", "percent", 14),
    )


REPORT: Final = Definition(
    id="group-attendance",
    title="Посещаемость групп",
    also=("Предварительные итоги посещаемости",),
    about="lessons and hours missed in groups by reason, and the share attended, in a period or month",
    clause="USO 5.3, 4.5, 4.6",
    takes=frozenset({"period", "month"}),
    signatures=("Заведующий отделением", "Заместитель директора"),
    build=build,
    order=7,
)
