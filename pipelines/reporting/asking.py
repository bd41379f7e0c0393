"""What a report is asked for, and whether there is such a thing: a name that fits nothing is told with what there is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from canonical.entities import Group, Person
from canonical.text import sort_key
from pipelines.reporting import spans
from pipelines.reporting.journal import Journal
from pipelines.reporting.spans import Span


class NothingSuchError(ValueError):
    """There is no such report, group, teacher or period, or the report does not take it. The message lists what there is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, as it was written; null: everything, and of periods the current one. `month` is its first day."""

    group: str | None = None
    teacher: str | None = None
    period: str | None = None
    month: date | None = None


@dataclass
class Asked:
    """Picks what was asked for out of one journal after another, and remembers what there was to pick from."""

    request: Request
    _seen: dict[str, set[str]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _found: set[str] = field(default_factory=set)
    _spans: set[Span] = field(default_factory=set)

    def classes(self, journal: Journal) -> list[Group]:
        """The classes of a journal that are meant."""
        wanted = self.request.group
        return [g for g in journal.classes if self._fits("group", [journal.class_name(g.key)], wanted)]

    def month(self, journal: Journal) -> Span:
        """The month that is meant, else the current one."""
        return self._used(spans.of_month(self.request.month or journal.today.replace(day=1)))

    def span(self, journal: Journal, group: str) -> Span | None:
        """The span that is meant for a group; null: it has no such period."""
        found = self.month(journal) if self.request.month else self._span(journal, group)
        return self._used(found) if found else None

    @property
    def spoken_of(self) -> str | None:
        """The spans that were looked at, for the head of the report: `1 четверть (01.09.2026 - 25.10.2026)`."""
        made = sorted(self._spans, key=lambda s: (s.start, s.end, sort_key(s.name)))
        return "; ".join(f"{s.name} ({s.start:%d.%m.%Y} – {s.end:%d.%m.%Y})" for s in made) or None

    def _used(self, span: Span) -> Span:
        self._spans.add(replace(span, periods=frozenset()))
        return span

    def _span(self, journal: Journal, group: str) -> Span | None:
        wanted = self.request.period
        if wanted is None:
            return journal.current_span(group)
        self._asked.add("period")
        self._seen.setdefault("period", set()).add(spans.YEAR)
        found = journal.year_span(group) if spans.is_year(wanted) else None
        for period in journal.periods(group):
            span = journal.year_span(group) if period.kind == "year" else journal.span_of(period)
            if span:
                self._seen["period"].add(span.name)
                found = found or (span if spans.is_meant(wanted, period) else None)
        if found:
            self._found.add("period")
        return found

    def is_taught_by(self, journal: Journal, teachers: Iterable[str]) -> bool:
        """Whether one of these people (keys) is the teacher that is meant."""
        people = (journal.view.people.get(t) for t in teachers)
        names = {n for p in people if p for n in (p.family_name, journal.person_name(p.key), initials(p)) if n}
        return self._fits("teacher", names, self.request.teacher)

    def check(self) -> None:
        """Says so if something that was asked for was nowhere.

        Raises:
            NothingSuchError: it was not. Groups and periods are listed; teachers are not, as people's names stay out of
                messages.

        """
        for what, wanted in (("group", self.request.group), ("period", self.request.period)):
            if what in self._asked - self._found:
                known = ", ".join(f"«{name}»" for name in sorted(self._seen[what], key=sort_key)) or "none"
                raise NothingSuchError(f"there is no {what} {wanted!r} in these journals; there are: {known}")
        if "teacher" in self._asked - self._found:
            raise NothingSuchError(
                "--teacher: nobody of this name teaches here in that time; write a family name, or the whole name as the "
                "report shows it without --teacher"
            )

    def _fits(self, what: str, names: Iterable[str], wanted: str | None) -> bool:
        if wanted is None:
            return True
        self._asked.add(what)
        known = set(names)
        self._seen.setdefault(what, set()).update(known)
        if plain(wanted) not in {plain(n) for n in known}:
            return False
        self._found.add(what)
        return True


def initials(person: Person) -> str:
    """`Шаблонова В.М.`"""
    letters = "".join(f"{n[0]}." for n in (person.given_name, person.patronymic) if n)
    return f"{person.family_name or ''} {letters}".strip()


def plain(name: str) -> str:
    """A name without what people write differently: case, ё, spaces, quotes, dots and hyphens (`7 "а"` is `7А`)."""
    return "".join(re.findall(r"\w", name.casefold().replace("ё", "е")))
