"""Reads marks of periods, class by class, and what of them belongs to groups that are drawn from several classes."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from canonical.batch import Batch
from canonical.coverage import Scope, Selector
from canonical.scales import Scale
from connectors.asking import REFUSALS, Once, attempt, together, unless_denied
from connectors.contract import Reading
from connectors.errors import ConnectorError
from connectors.partner_api import wire
from connectors.partner_api.client import PartnerApi
from connectors.partner_api.finals import Finals, Register, fill, finals_batch, has_year_marks, people_in
from connectors.partner_api.mapper import CLASSES, ClassPeriods, Pair, Place, begun, family_of, listed
from connectors.partner_api.parts import Whom

_END_OF_YEAR: Final = timedelta(days=31)
"""So long before its last period ends a class may get marks of the year."""


@dataclass(frozen=True, slots=True)
class Registers:
    """What is known of the school when its marks of periods are read; `readable` are groups all of whose lessons are.

    `lists_all`: there are no other groups.
    """

    zone: ZoneInfo
    scale: Scale
    year: str
    no_year: str
    places: Mapping[str, Place]
    members: Mapping[str, Mapping[str, bool]]
    courses: frozenset[Pair]
    teachers: Mapping[Pair, tuple[str, ...]]
    periods: Mapping[str, ClassPeriods]
    work_types: Mapping[str, wire.WorkType]
    readable: frozenset[str]
    lists_all: bool

    def of(self, group: str, finals: Finals) -> Register:
        """What the marks of one class are placed by."""
        family = family_of(self.places, group)
        apart = [g for g, place in self.places.items() if place.kind in {"metagroup", None} and g not in family]
        members = {g: self.members.get(g, {}) for g in (*family, *apart)}
        people = people_in(finals.of_class) if finals.of_class else frozenset(finals.persons)
        return Register(
            self.zone,
            self.scale,
            group,
            family,
            self.year,
            self.periods.get(group) or ClassPeriods(self.no_year, None, {}),
            members,
            frozenset(pair for pair in self.courses if pair[0] in members),
            {pair: who for pair, who in self.teachers.items() if pair[0] in members},
            self.work_types,
            people.difference(*self.members.values()),
            self._only_in(group),
        )

    def _only_in(self, group: str) -> frozenset[str]:
        """Pupils of a class who surely are and were in no other: nobody, where classes or pupils may be unknown."""
        others = [g for g, place in self.places.items() if place.kind in CLASSES and g != group]
        if not self.lists_all or not self.members.keys() >= {group, *others}:
            return frozenset()
        return frozenset(self.members[group].keys() - {p for g in others for p in self.members[g]})

    def drawn_from(self, group: str) -> list[str]:
        """The classes from which a group has, or ever had, pupils."""
        people = self.members.get(group, {}).keys()
        return [
            g for g, place in self.places.items() if place.kind in CLASSES and people & self.members.get(g, {}).keys()
        ]


class FinalsReader:
    """Asks for the marks of periods. A group that is drawn from several classes is asked for with each of them."""

    def __init__(self, api: PartnerApi, school: Registers, today: date, whom: Callable[[str], Whom]) -> None:
        self._api = api
        self._school = school
        self._today = today
        self._whom = whom
        self._asked: dict[str, Once[Finals | ConnectorError]] = {}
        self._metagroups = frozenset(g for g, place in school.places.items() if place.kind == "metagroup")

    def units(self) -> Iterator[tuple[str, Callable[[], Awaitable[Reading]]]]:
        """Names of units and how to read them: of the classes, and of the groups that are drawn from several."""
        for group, place in self._school.places.items():
            if place.kind in CLASSES:
                yield f"period marks {group}", partial(self._read_class, group)
        for group in sorted(self._metagroups):
            yield f"period marks {group}", partial(self._read_metagroup, group)

    async def _read_class(self, group: str) -> Reading:
        finals = await self._once(group)
        if isinstance(finals, ConnectorError):
            raise finals
        register = self._school.of(group, finals)
        covered = group in self._school.readable
        make = partial(finals_batch, register, finals, self._metagroups, covers_courses=covered)
        context = _digest(register.fingerprint, sorted(self._metagroups), finals.persons, covered)
        return Reading(finals.answers, make, context)

    async def _read_metagroup(self, group: str) -> Reading:
        classes = self._school.drawn_from(group)
        asked = await together(self._once(g) for g in classes)
        told = [(self._school.of(g, f), f) for g, f in zip(classes, asked, strict=True) if isinstance(f, Finals)]
        told = [(register, finals) for register, finals in told if finals.of_class]
        whole = bool(classes) and len(told) == len(classes)

        def make() -> Batch:
            batch = begun(a for _, finals in told for a in finals.answers)
            for register, finals in told:
                fill(batch, register, finals, lambda g: g == group)
            if whole:
                batch.covers(Scope("period_marks", Selector.GROUP, group))
            return batch

        answers = [a for _, finals in told for a in finals.answers]
        return Reading(answers, make, _digest([r.fingerprint for r, _ in told], group, whole))

    async def _once(self, group: str) -> Finals | ConnectorError:
        """The answers about a class; kept where a metagroup needs them as well."""
        if not any(group in self._school.drawn_from(g) for g in self._metagroups):
            return await self._ask(group)
        if group not in self._asked:
            self._asked[group] = Once(partial(self._ask, group))
        return await self._asked[group].get()

    async def _ask(self, group: str) -> Finals | ConnectorError:
        finals = await attempt(listed(self._api.final_marks(group)))
        if isinstance(finals, REFUSALS):
            persons = self._whom(group).persons
            told = await attempt(together(unless_denied(self._api.all_final_marks(p, group)) for p in persons))
            if isinstance(told, ConnectorError):
                return told
            shown = {p: answer for p, answer in zip(persons, told, strict=True) if answer}
            return Finals(None, tuple(shown.values()), tuple(shown)) if shown else finals
        if isinstance(finals, ConnectorError):
            return finals
        of_pupils = []
        if has_year_marks(finals) or self._year_ends(group):
            members = sorted(self._school.members.get(group, {}))
            got = await attempt(together(unless_denied(self._api.all_final_marks(p, group)) for p in members))
            if isinstance(got, ConnectorError):
                return got
            of_pupils = [answer for answer in got if answer]
        return Finals(finals, tuple(of_pupils))

    def _year_ends(self, group: str) -> bool:
        periods = self._school.periods.get(group)
        return periods is not None and periods.end is not None and self._today >= periods.end - _END_OF_YEAR


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
