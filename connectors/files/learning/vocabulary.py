"""The words of headers and labels that the known layouts use, and what they stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connectors.files.layouts.match import fits, folded
from connectors.files.layouts.model import Layout

_STEMS = {
    "group": ("*класс*", "*групп*"),
    "subject": ("*предмет*", "*дисциплин*"),
    "teacher": ("*учител*", "*преподавател*"),
    "student": ("*ученик*", "*обучающ*", "*студент*", "*фамилия*", "*фио*", "*ф.и.о*"),
    "topic": ("*тема*", "*содержание*"),
    "title": ("*тема*", "*содержание*"),
    "homework": ("*домашн*", "*на дом*", "*д/з*"),
    "birth_date": ("*рожд*",),
    "hours": ("*час*",),
    "room": ("*кабинет*", "*аудитор*"),
    "academic_year": ("*учебный год*",),
    "dates": ("*период*",),
}
"""Stems that mean a field whatever stands around them; asked only where no layout knows the header."""


@dataclass(slots=True)
class Vocabulary:
    """Kind of table -> field -> headers; field -> labels of headings."""

    headers: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    labels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    skips: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, layouts: Sequence[Layout]) -> Vocabulary:
        made = cls()
        for layout in layouts:
            for name, heading in layout.heading.items():
                made.labels[name].extend(heading.label)
            for table in layout.table:
                for name, column in table.columns.items():
                    made.headers[table.kind][name].extend(column.header)
                if table.across:
                    made.skips[table.kind].extend(table.across.skip)
        return made

    def field_of(self, kind: str, header: str, free: Sequence[str]) -> str | None:
        """The field of a kind whose header is known to be this; of the fields that are still free."""
        if not folded(header):
            return None
        exact = (n for n in free if any("*" not in p and fits(header, [p]) for p in self.headers[kind].get(n, ())))
        return next(exact, None)

    def maybe(self, kind: str, header: str, free: Sequence[str]) -> Iterator[str]:
        """Fields that a header may mean, when its cells look like it."""
        if folded(header):
            yield from (n for n in free if fits(header, (*self.headers[kind].get(n, ()), *_STEMS.get(n, ()))))

    def heading_of(self, label: str) -> str | None:
        """The field that a label stands for."""
        exact = (n for n, labels in self.labels.items() if fits(label, labels))
        stems = (
            n for n in ("academic_year", "group", "subject", "teacher", "student", "dates") if fits(label, _STEMS[n])
        )
        return next(exact, None) or next(stems, None)
