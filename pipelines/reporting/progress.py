"""Успеваемость, качество, СОУ: the terms of the regulations (section 5) over the marks that decide.

The mark that decides of a pupil in a subject is the period mark; of the year the final one (`final`), else that of the year.
While the period runs, and where the source tells no period marks, a pupil without one is judged by the weighted average of
the current marks so far, halves rounded up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final, Literal

from canonical.entities import PeriodMark
from pipelines.reporting.journal import Journal
from pipelines.reporting.spans import Span

Standing = Literal["excellent", "good", "one_three", "passing", "failing"]
UNATTESTED: Final = 0
"""Stands for н/а among the grades 2 to 5."""

_SOU: Final = {5: 100, 4: 64, 3: 36, 2: 16, UNATTESTED: 8}
"""Percent that each mark weighs in the СОУ."""

NOTES: Final = (
    "Успеваемость — доля обучающихся без «2» и «н/а»; качество — доля обучающихся, имеющих только «4» и «5».",
    "СОУ (степень обученности) = (1,00·n5 + 0,64·n4 + 0,36·n3 + 0,16·n2 + 0,08·n(н/а)) / n, где n — число всех учтённых отметок.",
    "Отличник — только «5»; хорошист — только «4» и «5», хотя бы одна «4»; с одной «3» — ровно одна «3», остальные «4» и «5»; неуспевающий — хотя бы одна «2» или «н/а». Отметка «1» учитывается как «2».",
    "«осв», «зач», «незач» и задолженности в расчёт не входят; обучающиеся, у которых других отметок нет, показаны в графе «Без отметок» и в долях не участвуют.",
    "Учтены обучающиеся, числящиеся в группе в последний день периода (пока он идёт — на дату отчёта); выбывшие раньше не учтены.",
    "Решает отметка за период; за год — итоговая, а где её нет, годовая. Пока период не закончен, вместо невыставленной отметки или задолженности берётся средний балл текущих отметок с учётом веса работ, округлённый до целого (половина — вверх).",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The mark that decides of a pupil in a subject: `grade` is 2 to 5, `UNATTESTED`, or null outside the base."""

    grade: int | None
    meaning: str | None


def decides_by_average(journal: Journal, span: Span) -> bool:
    """Whether the current average stands in for a period mark that is not there."""
    return (
        span.kind == "month"
        or not span.is_over(journal.today)
        or not journal.tells("period_marks", journal.view.period_marks.values())
    )


def decisions(journal: Journal, pupil: str, span: Span) -> dict[str, Decision]:
    """The marks that decide of a pupil in a span, by subject."""
    found = period_decisions(journal, pupil, span)
    if decides_by_average(journal, span):
        for subject, grade in _averages(journal, pupil, span).items():
            given = found.get(subject)
            if given is None or given.meaning == "debt":  # a debt holds the place of a mark that is still to come
                found[subject] = Decision(grade, given.meaning if given else "grade")
    return found


def period_decisions(journal: Journal, pupil: str, span: Span) -> dict[str, Decision]:
    """The marks that are given to a pupil for the span itself, by subject."""
    found = _period_marks(journal, pupil, span)
    return {subject: Decision(_base(m.grade, m.meaning), m.meaning) for subject, m in found.items()}


def _period_marks(journal: Journal, pupil: str, span: Span) -> dict[str, PeriodMark]:
    """The pupil's marks for the span itself; of two in one subject the one recorded last."""
    order = ("year", "final") if span.kind == "year" else ("period",)
    chosen: dict[str, tuple[tuple[int, str, str], PeriodMark]] = {}
    for mark in journal.period_marks.get(pupil, ()):
        if mark.kind in order and mark.period in span.periods:
            subject = journal.subject(mark.course)
            rank = (order.index(mark.kind), mark.recorded_at or "", mark.key)
            if subject not in chosen or chosen[subject][0] < rank:
                chosen[subject] = (rank, mark)
    return {subject: mark for subject, (_, mark) in chosen.items()}


def _averages(journal: Journal, pupil: str, span: Span) -> dict[str, int]:
    """The current average of a pupil in each subject that has grades, as a whole grade."""
    sums: dict[str, Fraction] = {}
    weights: dict[str, Fraction] = {}
    until = span.last_day(journal.today).isoformat()
    for given in journal.given.get(pupil, ()):
        if given.mark.grade is not None and span.holds(given.day) and given.day <= until:
            weight = Fraction(given.weight)
            sums[given.subject] = sums.get(given.subject, Fraction()) + weight * given.mark.grade
            weights[given.subject] = weights.get(given.subject, Fraction()) + weight
    return {s: _whole(sums[s] / weights[s]) for s in sums if weights[s]}


def _whole(average: Fraction) -> int:
    exact = Decimal(average.numerator) / Decimal(average.denominator)
    return max(2, int(exact.quantize(Decimal(1), ROUND_HALF_UP)))


def _base(grade: int | None, meaning: str | None) -> int | None:
    if meaning == "not_attested":
        return UNATTESTED
    return max(2, grade) if grade is not None else None


def standing(grades: Iterable[int | None]) -> Standing | None:
    """What a pupil with these deciding grades is; null: none of them counts."""
    counts = Counter(g for g in grades if g is not None)
    if not counts:
        return None
    if counts[2] or counts[UNATTESTED]:
        return "failing"
    if counts[3]:
        return "one_three" if counts[3] == 1 else "passing"
    return "good" if counts[4] else "excellent"


@dataclass(slots=True)
class Tally:
    """What is counted of a set of pupils; tallies of several sets are added up."""

    pupils: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    grades: Counter[int] = field(default_factory=Counter)
    unattested: int = 0
    debts: int = 0
    without: int = 0

    def add(self, made: Mapping[str, Decision], expected: Iterable[str]) -> Standing | None:
        """Counts one pupil by the deciding marks; `expected` are the subjects in which there should be one."""
        grades = [d.grade for d in made.values()]
        found = standing(grades)
        self.pupils += 1
        if found:
            self.standings[found] += 1
        self.grades.update(g for g in grades if g is not None)
        self.unattested += UNATTESTED in grades
        self.debts += sum(d.meaning in {"no_credit", "debt"} for d in made.values())
        self.without += sum(s not in made for s in expected)
        return found

    def include(self, other: Tally) -> None:
        """Adds what another one has counted."""
        self.pupils += other.pupils
        self.standings += other.standings
        self.grades += other.grades
        self.unattested += other.unattested
        self.debts += other.debts
        self.without += other.without

    @property
    def counted(self) -> int:
        """Pupils who have a mark that counts."""
        return self.standings.total()

    @property
    def success(self) -> float | None:
        """Успеваемость, percent."""
        return percent(self.counted - self.standings["failing"], self.counted)

    @property
    def quality(self) -> float | None:
        """Качество, percent."""
        return percent(self.standings["excellent"] + self.standings["good"], self.counted)

    @property
    def learnedness(self) -> float | None:
        """СОУ, percent."""
        total = self.grades.total()
        return sum(_SOU[g] * n for g, n in self.grades.items()) / total if total else None

    @property
    def average(self) -> float | None:
        """The mean of the deciding grades; н/а is none."""
        graded = {g: n for g, n in self.grades.items() if g != UNATTESTED}
        return sum(g * n for g, n in graded.items()) / sum(graded.values()) if graded else None


def percent(part: float, whole: float) -> float | None:
    """A share in percent; of nothing there is none."""
    return 100 * part / whole if whole else None


def expected_subjects(journal: Journal, group: str, day: str, given: Iterable[str]) -> dict[str, set[str]]:
    """For each pupil of a class the subjects, among those in which marks are `given`, that they are taught.

    In grade 1 of a school no mark is awaited (KRU 3.4).
    """
    whole = journal.view.groups.get(group)
    if journal.institution.kind == "school" and whole is not None and whole.level == 1:
        return {}
    marked = set(given)
    found: dict[str, set[str]] = {}
    for course in journal.courses_of_class(group):
        subject = journal.subject(course.key)
        if subject in marked:
            for pupil in journal.roster(course.group, day):
                found.setdefault(pupil, set()).add(subject)
    return found
