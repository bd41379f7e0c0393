"""The differences of two sources whose records are tied: what is doubtful, double, missing, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal, cast

from canonical.entities import Course, Enrolment, Record, entity_of
from reconcile import rows
from reconcile.absence import Absence
from reconcile.aside import Aside
from reconcile.compare import Delta, Row, compare
from reconcile.courses import course_place
from reconcile.describing import Describer
from reconcile.groups import is_part
from reconcile.rosters import Stand, stands
from reconcile.ties import LEFT, RIGHT, SIDES, Match, Tie, Ties, Views

Kind = Literal["missing_left", "missing_right", "differs", "duplicate", "ambiguous"]

COMPARED: Final = (
    "people", "groups", "enrolments", "subjects", "periods", "courses", "lessons", "attendance", "marks", "period_marks",
)  # fmt: skip
"""The entities that are compared, causes before what follows from them."""


_WHOM: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(COMPARED, ()),
        "people": ("key",),
        "enrolments": ("person",),
        **dict.fromkeys(("attendance", "marks", "period_marks"), ("student",)),
    }
)
"""The fields that say whom a record is about."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: the key of the record, and what it says."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two sources. `about` says in words what it is about; null is the side that has nothing.

    Of a `duplicate`, the record that repeats another has the key of that one as its value; the other side is what both
    stand for.
    """

    entity: str
    kind: Kind
    field: str | None
    left: Side | None
    right: Side | None
    about: str


def _order(difference: Difference) -> tuple[int, str, str, str, str]:
    return (
        COMPARED.index(difference.entity),
        difference.left.key if difference.left else "",
        difference.right.key if difference.right else "",
        difference.kind,
        difference.field or "",
    )


class Finder:
    """Finds the differences of two sources whose records are tied; rosters are compared as they stand on a day."""

    def __init__(self, ties: Ties, views: Views, day: date, aside: tuple[Aside, Aside]) -> None:
        self._ties = ties
        self._views = views
        self._day = day
        self._describe = (Describer(views[LEFT]), Describer(views[RIGHT]))
        self._absence = (
            Absence(ties, views[LEFT], LEFT, views[RIGHT], aside[LEFT]),
            Absence(ties, views[RIGHT], RIGHT, views[LEFT], aside[RIGHT]),
        )

    def find(self, doubtful: Iterable[Match]) -> list[Difference]:
        """All differences, in the order of entities and keys; `doubtful` are the pairs of people in doubt."""
        found = [*self.doubtful(doubtful), *self.doubles(), *self.missing_things(), *self.of_rows()]
        return sorted(self.without_what_may_lie_aside(found), key=_order)

    def can_tell(self, entity: str, kind: Kind, left: str | None, right: str | None) -> bool:
        """Whether a difference of these keys that is not found is surely none: not while somebody it concerns is in doubt,
        nor while it is not known whether what was missing is still missing.
        """
        for side, key in ((LEFT, left), (RIGHT, right)):
            record = getattr(self._views[side], entity).get(key)
            if record is None or kind == "ambiguous":
                continue
            if {getattr(record, name, None) for name in _WHOM[entity]} & self._ties.doubtful[side]:
                return False
            if kind.startswith("missing") and not self._is_told(side, entity, record):
                return False
        return True

    def _is_told(self, side: int, entity: str, record: Record) -> bool:
        tie = getattr(self._ties, entity, None)
        if tie is not None and tie.id(side, record.key) is not None:
            return True
        there = self._absence[1 - side]
        return there.is_known(record) and not there.unreadable(entity)

    def _record(self, side: int, entity: str, key: str) -> Record:
        return cast("Record", getattr(self._views[side], entity)[key])

    @cached_property
    def _stands(self) -> tuple[dict[tuple[str, str], Stand], dict[tuple[str, str], Stand]]:
        return (stands(self._views[LEFT], self._day), stands(self._views[RIGHT], self._day))

    # -- people, groups, lessons: in doubt, double ---------------------------------------------------------------

    def doubtful(self, pairs: Iterable[Match]) -> Iterator[Difference]:
        """People who may be one person: nothing is guessed."""
        for pair in pairs:
            left, right = pair.left, pair.right
            names = (
                self._describe[LEFT].about(self._views[LEFT].people[left]),
                self._describe[RIGHT].about(self._views[RIGHT].people[right]),
            )
            yield Difference("people", "ambiguous", None, Side(left, names[0]), Side(right, names[1]), names[0])

    def doubles(self) -> Iterator[Difference]:
        """Records of one source that stand for one thing of which the other source has fewer."""
        for entity in ("people", "groups"):
            tie: Tie = getattr(self._ties, entity)
            for number in range(len(tie)):
                keys = (tie.keys(LEFT, number), tie.keys(RIGHT, number))
                for side in SIDES:
                    for key in keys[side][len(keys[1 - side]) :]:
                        yield self._double(entity, side, key, keys[side][0], keys[1 - side][0])
        for number in range(len(self._ties.lessons)):
            yield from self._double_lessons(number)

    def _double_lessons(self, number: int) -> Iterator[Difference]:
        """Lessons of one course at one time; those of several parts of a class are no doubles."""
        keys = (self._ties.lessons.keys(LEFT, number), self._ties.lessons.keys(RIGHT, number))
        for side in SIDES:
            if len(keys[side]) <= len(keys[1 - side]):
                continue
            first: dict[str, str] = {}
            for key in keys[side]:
                course = self._views[side].lessons[key].course
                if first.setdefault(course, key) != key:
                    yield self._double("lessons", side, key, first[course], keys[1 - side][0])

    def _double(self, entity: str, side: int, key: str, of: str, there: str) -> Difference:
        here, other = Side(key, of), Side(there, None)
        left, right = (here, other) if side == LEFT else (other, here)
        about = self._describe[side].about(self._record(side, entity, key))
        return Difference(entity, "duplicate", None, left, right, about)

    # -- missing -------------------------------------------------------------------------------------------------

    def missing_things(self) -> Iterator[Difference]:
        """Things that one source has, and the other has not though it was read completely. Causes only: nothing that
        belongs to a missing thing is missed as well.
        """
        for side in SIDES:
            for record in self._without_counterpart(side):
                yield from self._missing(side, record)

    def _without_counterpart(self, side: int) -> Iterator[Record]:
        view, ties = self._views[side], self._ties
        gone = self._gone(side)
        yield from (
            p
            for p in ties.people.open(side, view.people.values())
            if p.key not in ties.doubtful[side] and p.key not in gone
        )
        yield from (g for g in ties.groups.open(side, view.groups.values()) if self._is_expected_group(side, g.key))
        taught = {c.subject for c in view.courses.values()}
        yield from (s for s in ties.subjects.open(side, view.subjects.values()) if s.key in taught)
        yield from ties.periods.open(side, view.periods.values())
        yield from (c for c in ties.courses.open(side, view.courses.values()) if self._is_expected(side, c))
        yield from (
            x
            for x in ties.lessons.open(side, view.lessons.values())
            if ties.courses.id(side, x.course) is not None and x.key not in ties.unsure[side]
        )

    def _gone(self, side: int) -> set[str]:
        """Pupils who belong to no group any more: a list of those who are there need not have them."""
        here = {person for (person, _), stand in self._stands[side].items() if stand.here}
        return {person for person, _ in self._stands[side]} - here

    def _is_expected_group(self, side: int, group: str) -> bool:
        """Whether the other source should have a group: not a part of a class that it has not, and not a part of which it
        teaches the subjects to the class as a whole.
        """
        view = self._views[side]
        above = view.class_of(group)
        if above is not None and above.key != group and self._ties.groups.id(side, above.key) is None:
            return False
        courses = view.courses_of_group.get(group, ())
        return not courses or any(self._ties.courses.id(side, c.key) not in self._ties.lumped for c in courses)

    def _is_expected(self, side: int, course: Course) -> bool:
        """Whether the other source has both the group and the subject."""
        place = course_place(self._ties, self._views[side], side, course)
        return place is not None and self._ties.groups.id(side, course.group) is not None

    def _missing(self, side: int, record: Record) -> Iterator[Difference]:
        """The difference that a record has no counterpart, where that is known."""
        if not self._absence[1 - side].is_known(record):
            return
        describe = self._describe[side]
        here = Side(record.key, describe.content(record))
        if side == LEFT:
            yield Difference(entity_of(record), "missing_right", None, here, None, describe.about(record))
        else:
            yield Difference(entity_of(record), "missing_left", None, None, here, describe.about(record))

    def without_what_may_lie_aside(self, found: Iterable[Difference]) -> list[Difference]:
        """The differences without those of an entity that are no more than what was read there and could not be told."""
        every = list(found)
        missing = Counter((d.entity, d.kind) for d in every)
        sides: dict[Kind, int] = {"missing_left": LEFT, "missing_right": RIGHT}
        explained = {
            (entity, kind)
            for (entity, kind), count in missing.items()
            if kind in sides and count <= self._absence[sides[kind]].unreadable(entity)
        }
        return [d for d in every if (d.entity, d.kind) not in explained]

    # -- what differs --------------------------------------------------------------------------------------------

    def of_rows(self) -> Iterator[Difference]:
        """Differences of what both sources say, and what only one of them has of it."""
        views = self._views
        for entity, fields in rows.FIELDS.items():
            if not all(view.can_say(entity) for view in views):
                continue
            mute = [n for n, f in enumerate(fields) if f.needs and not all(v.can_say(entity, f.needs) for v in views)]
            left, right = (_muted(side, mute) for side in self._rows(entity))
            deltas = compare(left, right)
            yield from self._of_enrolments(deltas) if entity == "enrolments" else self._tell(entity, deltas)

    def _rows(self, entity: str) -> tuple[Sequence[Row], Sequence[Row]]:
        ties, views = self._ties, self._views
        match entity:
            case "people":
                return rows.people_rows(ties, views)
            case "lessons":
                return rows.lesson_rows(ties, views)
            case "enrolments":
                made = [rows.enrolment_rows(ties, views, self._stands[side].values(), side) for side in SIDES]
            case "marks":
                shared = rows.debts(views[LEFT], entity) & rows.debts(views[RIGHT], entity)
                made = [rows.mark_rows(ties, views[side], side, shared=shared) for side in SIDES]
            case _:
                made = [rows.OF_ONE_SIDE[entity](ties, views[side], side) for side in SIDES]
        return made[LEFT], made[RIGHT]

    def _tell(self, entity: str, deltas: Iterable[Delta]) -> Iterator[Difference]:
        for delta in deltas:
            if delta.right is None and delta.left is not None:
                yield from self._missing(LEFT, self._record(LEFT, entity, delta.left))
            elif delta.left is None and delta.right is not None:
                yield from self._missing(RIGHT, self._record(RIGHT, entity, delta.right))
            else:
                yield self._differs(entity, delta)

    def _differs(self, entity: str, delta: Delta) -> Difference:
        assert delta.left is not None and delta.right is not None and delta.field is not None  # noqa: S101, PT018 - see _tell
        name = rows.FIELDS[entity][delta.field].name
        left = Side(delta.left, self._shown(LEFT, entity, delta.left, delta.field))
        right = Side(delta.right, self._shown(RIGHT, entity, delta.right, delta.field))
        about = self._describe[LEFT].about(self._record(LEFT, entity, delta.left))
        return Difference(entity, "differs", name, left, right, about)

    def _shown(self, side: int, entity: str, key: str, number: int) -> str | None:
        describe, record = self._describe[side], self._record(side, entity, key)
        if isinstance(record, Enrolment) and number == 0:
            return describe.membership(record, here=bool(self._stands[side][record.person, record.group].here))
        if entity == "courses":
            tied = self._ties.courses.keys(side, cast("int", self._ties.courses.id(side, key)))
            return describe.value_of_courses([self._views[side].courses[k] for k in tied], rows.FIELDS[entity][number].name)  # fmt: skip
        return describe.value(record, rows.FIELDS[entity][number].name)

    def _of_enrolments(self, deltas: Iterable[Delta]) -> Iterator[Difference]:
        """Whether pupils belong to groups comes first; who does not, is not missed in the parts of a class too, and is not
        held against anything else there.
        """
        moved: set[object] = set()
        for delta in sorted(deltas, key=self._classes_first):
            side, enrolment = self._enrolment(delta)
            person = delta.unit[0]
            if delta.unit in moved or (person in moved and is_part(self._views[side].groups[enrolment.group])):
                continue
            if delta.field is None and self._stands[side][enrolment.person, enrolment.group].here is not True:
                continue  # who has left here need not stand there
            found = list(self._tell("enrolments", [delta]))
            if found and not delta.field:
                moved.update((delta.unit, person))
            yield from found

    def _enrolment(self, delta: Delta) -> tuple[int, Enrolment]:
        side, key = (LEFT, delta.left) if delta.left is not None else (RIGHT, delta.right)
        return side, self._views[side].enrolments[cast("str", key)]

    def _classes_first(self, delta: Delta) -> tuple[bool, int, str, str]:
        side, enrolment = self._enrolment(delta)
        field = -1 if delta.field is None else delta.field
        return is_part(self._views[side].groups[enrolment.group]), field, delta.left or "", delta.right or ""


def _muted(some: Sequence[Row], mute: Sequence[int]) -> Sequence[Row]:
    """The rows without the values that one of the sources cannot say."""
    if not mute:
        return some
    return [r._replace(values=tuple(None if n in mute else v for n, v in enumerate(r.values))) for r in some]
