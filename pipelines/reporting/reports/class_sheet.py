"""«Сводная ведомость учёта успеваемости учащихся класса», KRU 4.1, 5.2; KOL 2.9."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from canonical.entities import Attestation, Enrolment, Group, Period, PeriodMark
from canonical.text import sort_key
from pipelines.reporting.asking import Asked
from pipelines.reporting.catalogue import Body, Definition
from pipelines.reporting.document import Cell, Column, Kind, Row, Table
from pipelines.reporting.journal import Journal
from pipelines.reporting.progress import Tally, period_decisions
from pipelines.reporting.spans import Span, in_order, period_name

_NUMBER: Final = Column("number", "№", "integer", 4, fixed=True, merged=True)
_PUPIL: Final = Column("pupil", "Фамилия, имя, отчество", width=28, fixed=True, merged=True)
_MOVED: Final = Column("moved", "Движение", width=14, fixed=True, merged=True)
_PERIOD: Final = Column("period", "Период", width=13, fixed=True)
_YEARLY: Final[Mapping[str | None, str]] = {"year": "Год", "exam": "Экзамен", "final": "Итог"}
_MOVES: Final[Mapping[str | None, Mapping[str | None, str]]] = {
    "came": {"m": "прибыл", "f": "прибыла", None: "прибыл(а)"},
    "expelled": {"m": "отчислен", "f": "отчислена", None: "отчислен(а)"},
    "transferred": {"m": "переведён", "f": "переведена", None: "переведён(а)"},
    "academic_leave": dict.fromkeys(("m", "f", None), "академический отпуск"),
    "graduated": {"m": "выпущен", "f": "выпущена", None: "выпущен(а)"},
    None: {"m": "выбыл", "f": "выбыла", None: "выбыл(а)"},
}
"""How a pupil came or went, by sex."""
_ATTESTED: Final[Mapping[str | None, str]] = {
    "credit": "зачёт",
    "graded_credit": "диф. зачёт",
    "exam": "экзамен",
    "coursework": "курсовая работа",
    "practice": "практика",
    "qualification_exam": "квалификационный экзамен",
    "thesis": "выпускная квалификационная работа",
    "state_exam": "государственный экзамен",
}
_NOTES: Final = (
    "Отметки приведены так, как они стоят в журнале, у прибывших — и полученные в прежнем классе. Несколько отметок за один период разделены чертой «/».",
    "В ведомость включены все, кто числился в классе (группе) в течение учебного года; графа «Движение» показывает прибывших и выбывших.",
    "Показатели: успеваемость — доля обучающихся без «2» и «н/а»; качество — доля имеющих только «4» и «5»; СОУ = (1,00·n5 + 0,64·n4 + 0,36·n3 + 0,16·n2 + 0,08·n(н/а)) / n. «осв», «зач», «незач» в расчёт не входят; учтены числящиеся в последний день периода (пока он идёт — на дату отчёта). За год — итоговая отметка, а где её нет, годовая.",
)


@dataclass
class _Sheet:
    """What stands in the sheet of one class: (pupil, subject, row) -> values, and which rows there are."""

    journal: Journal
    group: Group
    enrolments: dict[str, list[Enrolment]] = field(default_factory=dict)
    cells: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    rows_of: dict[str, dict[str, Period]] = field(default_factory=dict)
    yearly: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        first, last = self.journal.year.start.isoformat(), self.journal.today.isoformat()
        for e in self.journal.view.enrolments_of_group.get(self.group.key, ()):
            if (e.start is None or e.start <= last) and (e.end is None or e.end >= first):
                self.enrolments.setdefault(e.person, []).append(e)
        self.pupils = self.journal.by_name(self.enrolments)
        self.present = self.journal.roster(self.group.key, last)
        self.periods = {_slot(p): p for p in self.journal.periods(self.group.key) if p.kind != "year"}
        courses = {c.key for c in self.journal.courses_of_class(self.group.key)}
        for pupil in self.pupils:
            for mark in self.journal.period_marks.get(pupil, ()):
                if pupil in self.present or mark.course in courses:
                    self._place(pupil, mark)
        self.subjects = sorted({self.journal.subject(c) for c in courses} | {s for _, s, _ in self.cells}, key=sort_key)

    def _place(self, pupil: str, mark: PeriodMark) -> None:
        period = self.journal.view.periods.get(mark.period)
        if period is None or period not in self.journal.periods_of_year or mark.value is None:
            return
        row = _YEARLY.get(mark.kind) or (_YEARLY["year"] if period.kind == "year" else None)
        if row:
            self.yearly.add(row)
        else:
            row = _slot(period)
            if row not in self.periods:  # of a schedule of another class, in which the pupil was before
                self.rows_of.setdefault(pupil, {})[row] = period
        values = self.cells.setdefault((pupil, self.journal.subject(mark.course), row), [])
        if mark.value not in values:
            values.append(mark.value)

    def lines(self, pupil: str) -> Iterator[tuple[str, str]]:
        """The rows of a pupil: what they are called, and their key in `cells`."""
        for period in in_order({**self.periods, **self.rows_of.get(pupil, {})}.values()):
            yield period_name(period), _slot(period)
        for row in _YEARLY.values():
            if row == _YEARLY["year"] or row in self.yearly:
                yield row, row

    def moved(self, pupil: str) -> str | None:
        """How a pupil came or went during the year."""
        known = self.enrolments[pupil]
        firsts = [e.start for es in self.enrolments.values() for e in es if e.start]
        opened = max(self.journal.year_span(self.group.key).start.isoformat(), min(firsts, default=""))
        person = self.journal.view.people.get(pupil)
        sex = person.sex if person else None
        said = []
        start = min((e.start or "" for e in known), default="")
        if start > opened:
            said.append(f"{_MOVES['came'][sex]} {_day(start)}")
        if pupil not in self.present:
            last = max(known, key=lambda e: (e.end or "9999", e.key))
            how = _MOVES.get(last.status, _MOVES[None])[sex]
            said.append(f"{how} {_day(last.end)}" if last.end else how)
        return "; ".join(said) or None


def build(journals: Iterable[Journal], asked: Asked) -> Body:
    """Of each class its sheet, the figures by subject, and what was attested outside the periods."""
    tables: list[Table] = []
    for journal in journals:
        for group in asked.classes(journal):
            sheet = _Sheet(journal, group)
            tables += [_marks(sheet), *_figures(sheet), *_attestations(sheet)]
    asked.check()
    return Body(tuple(tables), _NOTES)


def _marks(sheet: _Sheet) -> Table:
    moved = {p: m for p in sheet.pupils if (m := sheet.moved(p))}
    head = (_NUMBER, _PUPIL, *([_MOVED] if moved else []), _PERIOD)
    rows = []
    for number, pupil in enumerate(sheet.pupils if sheet.cells else (), 1):
        who: list[Cell] = [number, sheet.journal.person_name(pupil), *([moved.get(pupil)] if moved else [])]
        for name, row in sheet.lines(pupil):
            values = (sheet.cells.get((pupil, s, row)) for s in sheet.subjects)
            rows.append(Row((*who, name, *("/".join(v) if v else None for v in values)), block=pupil))
    return _table(sheet, "marks", "", (*head, *_by_subject(sheet.subjects, "mark")), rows)


def _figures(sheet: _Sheet) -> Iterator[Table]:
    """Успеваемость, качество and СОУ by subject and of the class, for each period that has marks."""
    journal, key = sheet.journal, sheet.group.key
    rows = []
    for span in (*journal.spans(key), journal.year_span(key)):
        own, whole = _tallies(sheet, span)
        if whole.counted:
            every = [own.get(s, Tally()) for s in sheet.subjects] + [whole]
            name = span.name if span.kind == "period" else _YEARLY["year"]
            figures = (
                ("Успеваемость, %", [t.success for t in every]),
                ("Качество, %", [t.quality for t in every]),
                ("СОУ, %", [t.learnedness for t in every]),
            )
            rows += [Row((name, what, *values), block=name) for what, values in figures]
    if rows:
        columns = (
            Column("period", "Период", width=14, fixed=True, merged=True),
            Column("figure", "Показатель", width=18, fixed=True),
            *_by_subject(sheet.subjects, "percent"),
            Column("whole", "По классу (группе)", "percent", 5, upright=True),
        )
        yield _table(sheet, "figures", "показатели", columns, rows)


def _tallies(sheet: _Sheet, span: Span) -> tuple[dict[str, Tally], Tally]:
    journal = sheet.journal
    by_subject: dict[str, Tally] = {}
    whole = Tally()
    for pupil in journal.pupils(sheet.group.key, span.last_day(journal.today)):
        made = period_decisions(journal, pupil, span)
        whole.add(made, ())
        for subject, decision in made.items():
            by_subject.setdefault(subject, Tally()).add({subject: decision}, ())
    return by_subject, whole


def _attestations(sheet: _Sheet) -> Iterator[Table]:
    """Exams, credits, course works and practices that are attested by themselves (SPO)."""
    journal = sheet.journal
    found: dict[str, dict[str, list[str]]] = {}
    for attested in sorted(journal.view.attestations.values(), key=lambda a: a.key):
        if attested.student in sheet.enrolments and attested.value is not None and _of_year(journal, attested):
            subject = journal.view.subjects.get(attested.subject or "")
            name = (subject.name if subject else None) or journal.subject(attested.course or "") or attested.title or ""
            what = _ATTESTED.get(attested.kind, "")
            title = ": ".join(filter(None, (name, what)))
            found.setdefault(title, {}).setdefault(attested.student, []).append(attested.value)
    if found:
        titles = sorted(found, key=sort_key)
        rows = [
            Row((n, journal.person_name(p), *("/".join(found[t].get(p, ())) or None for t in titles)))
            for n, p in enumerate(sheet.pupils, 1)
            if any(p in found[t] for t in titles)
        ]
        columns = (_NUMBER, _PUPIL, *_by_subject(titles, "mark"))
        yield _table(sheet, "attestations", "промежуточная и итоговая аттестация", columns, rows)


def _of_year(journal: Journal, attested: Attestation) -> bool:
    day = attested.held_on or attested.known_on
    if day is None and attested.published_at:
        day = datetime.fromisoformat(attested.published_at).astimezone(journal.zone).date().isoformat()
    return day is None or journal.year.start.isoformat() <= day <= journal.year.end.isoformat()


def _by_subject(names: Sequence[str], kind: Kind) -> list[Column]:
    return [
        Column(f"subject_{n}", name, kind, 4 if kind == "mark" else 5, upright=True) for n, name in enumerate(names, 1)
    ]


def _table(sheet: _Sheet, key: str, what: str, columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    journal = sheet.journal
    name = journal.class_name(sheet.group.key)
    return Table(
        f"{key}:{journal.institution.key}:{sheet.group.key}",
        tuple(columns),
        tuple(rows),
        f"{name}, {journal.year.name} учебный год{f': {what}' if what else ''} ({journal.institution.name})",
        sheet=f"{name} {what}".strip(),
        empty="Отметок за учётные периоды пока нет",
        apart=key == "marks",
    )


def _slot(period: Period) -> str:
    """The same text for a period that is the same one in other groups' schedules."""
    return f"{period.kind} {period.number}" if period.number is not None else period.key


def _day(iso: str | None) -> str:
    return ".".join(reversed(iso.split("-"))) if iso else ""


REPORT: Final = Definition(
    id="class-sheet",
    title="Сводная ведомость учёта успеваемости учащихся класса",
    about="all period, year, exam and final marks of a class, by pupil and subject",
    clause="KRU 4.1, 5.2; KOL 2.9",
    takes=frozenset(),
    signatures=("Классный руководитель (куратор)", "Заместитель директора"),
    build=build,
    order=18,
)
