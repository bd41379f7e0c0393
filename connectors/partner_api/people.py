"""Makes canonical records of people: the staff list, class lists, and who belongs to which group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from canonical.batch import Batch, Origin
from canonical.coverage import Scope, Selector
from canonical.entities import Enrolment, Person
from connectors.http import Answer
from connectors.partner_api import wire
from connectors.partner_api.mapper import iso, items_of, key_of
from connectors.partner_api.wire import id_of
from connectors.wire import Words, note_drift, read_each, reason

SEX: Final = MappingProxyType({"Male": "m", "Female": "f"})


def staff_keys(answer: Answer) -> set[str]:
    """Who stands on the staff list, broken entries included."""
    return {key for item in items_of(answer) if (key := id_of(item, "Id"))}


def add_staff(batch: Batch, answer: Answer) -> None:
    """The staff list, which alone says birth dates and positions."""
    items = items_of(answer)
    people = []
    for one in read_each(
        items, wire.SchoolTeacher, batch, entity="people", key=lambda i: id_of(i, "Id"), origin=answer.origin
    ):
        words = Words(batch, "SchoolTeacher")
        person = Person(
            key=one.id,
            role="staff",
            family_name=one.family_name,
            given_name=one.given_name,
            patronymic=one.patronymic,
            birth_date=iso(one.birthday),
            sex=words.of("sex", one.sex or None, SEX),
            position=one.teaching or one.managing or one.medical,
            raw=words.raw,
        )
        people.append(person)
    batch.add(people, answer.origin)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is in a group (`students`), and who is or was (`persons`); `whole`: these are all."""

    group: str
    students: tuple[Answer, ...]
    persons: tuple[Answer, ...]
    whole: bool = True

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.students + self.persons

    def members(self, staff: set[str]) -> dict[str, bool]:
        """Pupils of the group by key, and whether they are still in it. Staff among the persons are none."""
        here = {key: True for a in self.students for item in bodies(a) if (key := key_of(item))}
        ever = {key: False for a in self.persons for item in bodies(a) if (key := key_of(item)) and key not in staff}
        return {**ever, **here}

    def is_readable(self) -> bool:
        """Whether every entry has a key, so that nobody can be missed."""
        return self.whole and all(key_of(item) for answer in self.answers for item in bodies(answer))


class Births:
    """Birth dates by user, and the users that could not be read."""

    def __init__(self, answers: Iterable[Answer], batch: Batch) -> None:
        self.days: dict[str, date | None] = {}
        self.broken: dict[str, tuple[str, Any, Origin]] = {}
        for answer in answers:
            body = answer.json()
            for item in body if isinstance(body, list) else [body]:
                try:
                    user = wire.User.model_validate(item)
                except ValidationError as error:
                    if key := key_of(item):
                        self.broken[key] = (reason(error), item, answer.origin)
                    continue
                note_drift(user, batch)
                self.days[user.id] = user.birthday

    def of(self, user: str | None) -> str | None:
        return iso(self.days.get(user)) if user else None


def users_of(answers: Iterable[Answer]) -> list[str]:
    """The logins of people, in a stable order."""
    found = {user for answer in answers for item in bodies(answer) if (user := id_of(item, "userId"))}
    return sorted(found - {"0"}, key=int)


def add_people(batch: Batch, role: str, answers: Iterable[Answer], births: Births, *, leave_out: set[str]) -> None:
    """People of lists or single answers, each once; what is broken in one of them may be whole in another."""
    aside = Batch()
    seen: set[str] = set()
    for answer in answers:
        fresh = [
            one
            for one in read_each(bodies(answer), wire.Person, aside, entity="people", key=key_of, origin=answer.origin)
            if one.id not in seen and one.id not in leave_out
        ]
        seen.update(one.id for one in fresh)
        people = []
        for one in fresh:
            if one.user in births.broken:
                why, raw, origin = births.broken[one.user]
                batch.reject("people", why, raw, key=one.id, origin=origin)
            else:
                people.append(_person(batch, one, role, births.of(one.user)))
        batch.add(people, answer.origin)
    batch.drift.update(aside.drift)
    for key, reject in {r.key or id(r): r for r in aside.rejects}.items():
        if key not in seen and key not in leave_out:
            batch.rejects.append(reject)


def _person(batch: Batch, one: wire.Person, role: str, birth_date: str | None) -> Person:
    words = Words(batch, "Person")
    return Person(
        key=one.id,
        role=role,
        family_name=one.family_name,
        given_name=one.given_name,
        patronymic=one.patronymic,
        birth_date=birth_date,
        sex=words.of("sex", one.sex or None, SEX),
        raw=words.raw,
    )


def bodies(answer: Answer) -> list[Any]:
    """The people of an answer that is a list, or one of them."""
    body = answer.json()
    return body if isinstance(body, list) else [] if body is None else [body]


def add_enrolments(batch: Batch, roster: Roster, staff: set[str]) -> None:
    """Who belongs to a group. Of those who have left, the portal says no more than that."""
    enrolments = [
        Enrolment(
            key=f"{person}:{roster.group}",
            person=person,
            group=roster.group,
            status="enrolled" if here else None,
            raw=None if here else {"status": "Archive"},
        )
        for person, here in roster.members(staff).items()
    ]
    batch.add(enrolments, roster.answers[-1].origin)
    if roster.is_readable():
        batch.covers(Scope("enrolments", Selector.GROUP, roster.group))


# -- those whom no list has named ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strangers:
    """Staff who have left, asked for one by one, and their logins."""

    answers: tuple[Answer, ...]
    births: tuple[Answer, ...]


def add_strangers(batch: Batch, strangers: Strangers) -> None:
    add_people(batch, "staff", strangers.answers, Births(strangers.births, batch), leave_out=set())


@dataclass(frozen=True, slots=True)
class Adopted:
    """A group that only lessons have named, with its pupils. `known` are people whom other lists have brought."""

    group: Answer
    roster: Roster | None
    births: tuple[Answer, ...]
    known: frozenset[str]

    @property
    def answers(self) -> tuple[Answer, ...]:
        lists = self.roster.answers if self.roster else ()
        return (self.group, *lists, *self.births)


def add_adopted(batch: Batch, adopted: Adopted, staff: set[str]) -> None:
    """The pupils of an adopted group who are new, and who belongs to it."""
    if adopted.roster is None:
        return
    add_people(batch, "student", adopted.roster.answers, Births(adopted.births, batch), leave_out=set(adopted.known))
    add_enrolments(batch, adopted.roster, staff)
