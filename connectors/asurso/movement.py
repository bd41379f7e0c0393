"""Who came when, moved and left, and by which order: the decrees of pupils' cards (portal facts A5.2, A6).

A card holds a passport, an address and a phone number; all but its decrees is let go as soon as it has come, and is kept
nowhere. Cards are read only where a source asks for `history`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from canonical.batch import Batch, Drift, Origin
from canonical.entities import Enrolment, Group
from canonical.years import AcademicYear
from connectors.asurso.values import as_date, by_number, id_of
from connectors.asurso.wire import Decree
from connectors.asurso.words import JOINING, LEAVING, RETIREMENTS, STAFF_DECREES
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import as_list, reason

_KEPT: Final = frozenset(
    {"id", "type", "date", "effectiveDate", "number", "studentGroup", "reason", "retirementReason", "retireReason"}
)


def decrees_alone(card: Any) -> Any:
    """All of a pupil's card that is kept."""
    if not isinstance(card, Mapping):
        return None
    decrees = card.get("decrees")
    if not isinstance(decrees, list):
        return {"decrees": decrees if decrees is None else "?"}
    return {
        "decrees": [{k: d[k] for k in sorted(_KEPT & d.keys())} if isinstance(d, Mapping) else "?" for d in decrees]
    }


@dataclass(frozen=True, slots=True)
class Stay:
    """A pupil's time in a group, as decrees tell it. `order` is the one that gave it its present status."""

    start: date | None
    end: date | None
    status: str | None
    order: str | None
    raw: Mapping[str, Any] | None
    origin: Origin


@dataclass
class Movement:
    """What the decrees of all cards say. `names` are of the groups that they name; `whole`: no card was lost."""

    stays: dict[tuple[str, str], Stay] = field(default_factory=dict)
    names: dict[str, tuple[str | None, date | None]] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch)
    whole: bool = True

    def take(self, student: str, answer: Answer) -> None:
        """Adds a pupil's card.

        Raises:
            UnexpectedAnswerError: it is none.

        """
        card, origin = answer.json(), answer.origin
        self.batch.add([], origin)  # so that a replay finds it
        if card is None:
            return
        if not isinstance(card, Mapping):
            raise UnexpectedAnswerError(f"{origin.request}: a pupil's card was expected")
        decrees: list[tuple[date, tuple[int, str], Decree]] = []
        for item in as_list(card.get("decrees"), where=origin.request):
            number = id_of(item)
            try:
                one = Decree.model_validate(item)
                when = as_date(one.effective_date) or as_date(one.date)
                why = "" if when else "effectiveDate: not a date"
            except ValidationError as error:
                one, when, why = Decree(), None, reason(error)
            if when is None:
                key = f"{student}:decree:{number}" if number else None
                self.batch.reject("enrolments", why, item, key=key, origin=origin)
                self.whole = self.whole and number is not None
            elif one.type not in STAFF_DECREES:
                decrees.append((when, by_number(one.id or ""), one))
        here: str | None = None
        for when, _, one in sorted(decrees, key=lambda d: d[:2]):
            here = self._follow(student, here, when, one, origin)

    def _follow(self, student: str, here: str | None, when: date, one: Decree, origin: Origin) -> str | None:
        """One decree more; gives the group in which the pupil is after it."""
        group = id_of(one.student_group) if isinstance(one.student_group, Mapping) else one.group_id
        if group:
            name = one.student_group.get("name") if isinstance(one.student_group, Mapping) else None
            self.names[group] = (name if isinstance(name, str) else None, when)
        if one.type in JOINING:
            if group is None or group == here:
                return here
            back = one.type == "Enroll" and any(s == student for s, _ in self.stays)
            if here:
                self._leave(student, here, when - timedelta(days=1), "transferred", one, origin)
            now = "restored" if back and here is None else "enrolled"
            self.stays[student, group] = Stay(when, None, now, one.number, None, origin)
            return group
        if one.type and one.type in LEAVING:
            word = one.retirement_reason or one.retire_reason or one.reason
            status: str | None = LEAVING[one.type]
            if one.type == "Retire" and word:
                status = RETIREMENTS.get(word)
            left = here or group
            if left:
                raw = None if status else {"status": word or one.type}
                self._leave(student, left, when, status, one, origin, raw)
                if raw:
                    self.batch.drift[Drift("unknown_value", "enrolments", f"status={word or one.type}")] += 1
            return None
        self.batch.drift[Drift("unknown_value", "Decree", f"type={one.type}")] += 1
        return here

    def _leave(
        self,
        student: str,
        group: str,
        on: date,
        status: str | None,
        one: Decree,
        origin: Origin,
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        before = self.stays.get((student, group), Stay(None, None, None, None, None, origin))
        end = max(on, before.start) if before.start else on
        self.stays[student, group] = replace(before, end=end, status=status, order=one.number, raw=raw)

    def of_group(self, group: str) -> dict[str, Stay]:
        """Who was in a group, by their decrees."""
        return {student: stay for (student, where), stay in self.stays.items() if where == group}

    def elsewhere(self, read: set[str], people: set[str]) -> Batch:
        """The groups that decrees alone name, and who was in them; `read` are those that lists name."""
        made = self.batch
        for group in sorted({g for _, g in self.stays} - read, key=by_number):
            stays = {student: stay for student, stay in self.of_group(group).items() if student in people}
            if not stays:
                continue
            name, when = self.names.get(group, (None, None))
            year = AcademicYear.of(when).name if when else None
            origin = next(iter(stays.values())).origin
            made.add([Group(key=group, academic_year=year, name=name, kind="study_group")], origin)
            for student, stay in sorted(stays.items()):
                made.add([told(Enrolment(key=f"{student}:{group}", person=student, group=group), stay)], stay.origin)
        return made


def told(said: Enrolment, stay: Stay | None) -> Enrolment:
    """An enrolment with what decrees say of it; that somebody is in a group now, the students' list says."""
    if stay is None:
        return said
    start = stay.start.isoformat() if stay.start else said.start
    there = stay.status in {"enrolled", "restored"}
    if said.status == "enrolled":
        status, order = (stay.status, stay.order) if there else ("enrolled", None)
        return msgspec.structs.replace(said, start=start, status=status, order_number=order)
    if there and said.end is not None:
        return msgspec.structs.replace(said, start=start)
    return msgspec.structs.replace(
        said,
        start=start,
        end=stay.end.isoformat() if stay.end else said.end,
        status=stay.status,
        order_number=stay.order,
        raw={**(said.raw or {}), **stay.raw} if stay.raw else said.raw,
    )
