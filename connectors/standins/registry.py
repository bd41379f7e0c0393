"""A registry of the contingent beside a portal: the same pupils in another hand, and some that the portal has otherwise.

What a secretary keeps (people, groups, enrolments) as canonical records with keys of its own. Spelled differently where that
makes no difference; where it does, the difference is listed, so that a reconciliation can be held against the list.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Final, Literal

from canonical.entities import Enrolment, Group, Person, Record
from connectors.standins import region
from connectors.standins.region import Institution, Membership

Absent = Literal["portal", "registry"]

_LOOK_ALIKES: Final = str.maketrans("асеорх", "aceopx")
_SPELLINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text,
    lambda text: text.replace("ё", "е"),
    lambda text: text.upper(),
    lambda text: text.replace("-", " - "),
    lambda text: text.translate(_LOOK_ALIKES),
)


@dataclass(frozen=True, slots=True)
class Planted:
    """One difference between the registry and the portal of an institution.

    `kind` is `missing` (in `absent`), `differs` (in `field`), `duplicate` (the registry holds a person twice) or `ambiguous`
    (nothing tells whether they are one). `person` and `group` are the region's numbers, null where only the registry has
    the thing; `key` is the registry's key of the record, null where it has none.
    """

    entity: Literal["people", "enrolments"]
    kind: Literal["missing", "differs", "duplicate", "ambiguous"]
    person: int | None
    group: int | None = None
    key: str | None = None
    field: str | None = None
    absent: Absent | None = None


@dataclass(slots=True)
class _Entry:
    """A pupil in the registry: who they are there, and where they are enrolled."""

    key: str
    person: region.Person
    birth: date | None
    memberships: list[tuple[int, Membership]] = field(default_factory=list)


def registry_of(institution: Institution, seed: int = 1) -> tuple[list[Record], list[Planted]]:
    """The registry of an institution as it stands at its `now`, and its differences. The same seed, the same registry."""
    maker = _Maker(institution, random.Random(f"registry {institution.key} {seed}"))
    maker.differ()
    return list(maker.records()), maker.planted


class _Maker:
    def __init__(self, institution: Institution, rng: random.Random) -> None:
        self.made = institution
        self.rng = rng
        self.planted: list[Planted] = []
        self.today = institution.now.date()
        self.entries = {p.id: _Entry(f"r{p.id * 37 % 9973:04}", p, p.birth) for p in institution.students}
        for group in institution.classes():
            for m in group.members:
                self.entries[m.person].memberships.append((group.id, replace(m)))
        self.extra: list[_Entry] = []
        names = Counter((p.family, p.given) for p in institution.students)
        self.alone = {p.id for p in institution.students if names[p.family, p.given] == 1}

    # -- differences ---------------------------------------------------------------------------------------------

    def differ(self) -> None:
        """Plants every kind of difference once, each on another pupil, as long as there are pupils."""
        first, second = self.made.classes()[:2]
        namesakes = (first.members[0].person, second.members[0].person)
        here = [
            p
            for p, e in self.entries.items()
            if p in self.alone and len(e.memberships) == 1 and e.memberships[0][1].on(self.today)
        ]
        rests: Literal["academic_leave", "transferred"] = (
            "academic_leave" if self.made.kind == "college" else "transferred"
        )
        ways: list[Callable[[int], None]] = [
            self.forget,
            partial(self.leave, status="expelled"),
            partial(self.leave, status=rests),
            self.move,
            self.birth_date,
            self.family_name,
            self.twice,
        ]
        self.unknown(first)
        for way, person in zip(ways, self.rng.sample(here, min(len(ways), len(here))), strict=False):
            way(person)
        self.come_back()
        self.confuse(*namesakes)

    def unknown(self, group: region.Group) -> None:
        """A pupil of whom the portal knows nothing yet."""
        someone = replace(
            self.made.students[0], id=0, family="Новичкова", given="Есения", patronymic="Стендовна", sex="f"
        )
        entry = _Entry("r-new", someone, date(self.today.year - 12, 2, 29 if self.today.year % 4 == 0 else 28))
        entry.memberships.append((group.id, Membership(0, self.today - timedelta(days=3))))
        self.extra.append(entry)
        self.planted.append(Planted("people", "missing", None, group.id, "r-new", absent="portal"))

    def forget(self, person: int) -> None:
        """A pupil whom the registry does not have."""
        del self.entries[person]
        self.planted.append(Planted("people", "missing", person, absent="registry"))

    def leave(self, person: int, status: Literal["expelled", "transferred", "academic_leave"]) -> None:
        """A pupil who has left, which the portal does not show."""
        entry = self.entries[person]
        group, membership = entry.memberships[0]
        membership.end, membership.status = self.today - timedelta(days=5), status
        self.planted.append(Planted("enrolments", "differs", person, group, self.enrolment_key(entry, group), "status"))

    def move(self, person: int) -> None:
        """A pupil who has changed class, which the portal does not show."""
        entry = self.entries[person]
        group = entry.memberships[0][0]
        self.leave(person, "transferred")
        other = next(g.id for g in self.made.classes() if g.id != group)
        entry.memberships.append((other, Membership(person, self.today - timedelta(days=4))))
        key = self.enrolment_key(entry, other)
        self.planted.append(Planted("enrolments", "missing", person, other, key, absent="portal"))

    def come_back(self) -> None:
        """A pupil who had left and is back, which the portal does not show."""
        for person, entry in self.entries.items():
            group, membership = entry.memberships[0]
            if (
                len(entry.memberships) == 1
                and membership.status in {"expelled", "academic_leave"}
                and person not in self.told()
            ):
                membership.start, membership.end = self.today - timedelta(days=2), None
                membership.status = "enrolled"
                key = self.enrolment_key(entry, group)
                self.planted.append(Planted("enrolments", "differs", person, group, key, "status"))
                return

    def birth_date(self, person: int) -> None:
        """A slip in a birth date."""
        entry = self.entries[person]
        entry.birth = entry.person.birth.replace(day=1 + entry.person.birth.day % 28)
        self.planted.append(Planted("people", "differs", person, key=entry.key, field="birth_date"))

    def family_name(self, person: int) -> None:
        """A slip in a family name."""
        entry = self.entries[person]
        name = entry.person.family
        entry.person = replace(entry.person, family=name[:2] + name[3] + name[2] + name[4:])
        self.planted.append(Planted("people", "differs", person, key=entry.key, field="family_name"))

    def twice(self, person: int) -> None:
        """A pupil who was entered twice."""
        entry = self.entries[person]
        again = replace(entry, key=f"{entry.key}-again")
        self.extra.append(again)
        self.planted.append(Planted("people", "duplicate", person, key=again.key))

    def confuse(self, one: int, other: int) -> None:
        """Two namesakes of whom the registry says neither the birth date nor the class."""
        for person in (one, other):
            self.entries[person].birth = None
            self.entries[person].memberships.clear()
        for person in (one, other):
            for entry in (self.entries[one], self.entries[other]):
                self.planted.append(Planted("people", "ambiguous", person, key=entry.key))

    def told(self) -> set[int | None]:
        """Whom a difference has been planted on."""
        return {p.person for p in self.planted}

    # -- records -------------------------------------------------------------------------------------------------

    def enrolment_key(self, entry: _Entry, group: int) -> str:
        return f"{entry.key}:{self.group_key(group)}"

    @staticmethod
    def group_key(group: int) -> str:
        return f"rg{group}"

    def records(self) -> Iterator[Record]:
        """People, groups and enrolments, spelled in the registry's own way."""
        differing = {p.person for p in self.planted if p.entity == "people"}
        for group in self.made.classes():
            code, title = group.speciality or (None, None)
            yield Group(
                key=self.group_key(group.id), academic_year=self.made.year.name, name=self.spelled_group(group),
                kind=group.kind, level=group.level, speciality_code=code, speciality_name=title,
            )  # fmt: skip
        for entry in [*self.entries.values(), *self.extra]:
            yield self.person(entry, exact=entry.person.id in differing or entry.person.id not in self.alone)
            for number, m in entry.memberships:
                end = m.end.isoformat() if m.end else None
                yield Enrolment(
                    key=self.enrolment_key(entry, number), person=entry.key, group=self.group_key(number),
                    start=m.start.isoformat(), end=end, status=m.status,
                )  # fmt: skip

    def person(self, entry: _Entry, *, exact: bool) -> Person:
        """A pupil; unless `exact`, some have another spelling of the same name, no patronymic, or no birth date.

        Who has a namesake is told apart by these, and keeps them.
        """
        p = entry.person
        spelled = self.rng.choice(_SPELLINGS) if not exact else _SPELLINGS[0]
        patronymic = p.patronymic if exact or self.rng.random() < 0.9 else None
        birth = entry.birth if exact or self.rng.random() < 0.9 else None
        return Person(
            key=entry.key, role="student", family_name=spelled(p.family), given_name=spelled(p.given),
            patronymic=spelled(patronymic) if patronymic else None, birth_date=birth.isoformat() if birth else None, sex=p.sex,
        )  # fmt: skip

    def spelled_group(self, group: region.Group) -> str:
        """`10 "А"` for `10А`, `ИС 21` for `ИС-21`."""
        if self.made.kind == "college":
            return group.name.replace("-", " ")
        return f'{group.name[:-1]} "{group.name[-1]}"'
