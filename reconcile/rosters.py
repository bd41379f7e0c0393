"""Who is in which group, by each source: what people are matched by, and what is held against the registry (USO 4.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from canonical.entities import Enrolment, Person
from canonical.view import JournalView
from reconcile.courses import course_place
from reconcile.evidence import Facts
from reconcile.names import read_name
from reconcile.people import Pair, match_people
from reconcile.ties import LEFT, RIGHT, SIDES, Match, Ties, Views

_LEFT: Final = frozenset({"archive"})
"""Words of portals for having left that do not tell why (Dnevnik.ru, section on memberships)."""
ROLES: Final = ("student", "staff")
_OVER: Final = frozenset({"expelled", "transferred", "academic_leave", "graduated"})


def roles(view: JournalView) -> dict[str, str]:
    """The role of each person; where the source does not say it, who teaches is staff, and else a pupil."""
    teaching = {t for c in view.courses.values() for t in c.teachers or ()}
    teaching |= {g.curator for g in view.groups.values() if g.curator}
    return {
        key: person.role or ("staff" if key in teaching or person.position else "student")
        for key, person in view.people.items()
    }


def tie_people(ties: Ties, views: Views, *, confirmed: Iterable[Pair] = (), split: Iterable[Pair] = ()) -> list[Match]:
    """Ties people, pupils and staff apart, and gives the pairs that are in doubt.

    Whom a person has confirmed has one role, that of the left.
    """
    role_of = (roles(views[LEFT]), roles(views[RIGHT]))
    circles = (_circles(ties, views[LEFT], LEFT), _circles(ties, views[RIGHT], RIGHT))
    sure, parted = frozenset(confirmed), frozenset(split)
    for left, right in sorted(sure):
        if left in role_of[LEFT] and right in role_of[RIGHT]:
            role_of[RIGHT][right] = role_of[LEFT][left]
    doubtful: list[Match] = []
    for role in ROLES:
        sides = [
            [_facts(p, circles[side]) for p in views[side].people.values() if role_of[side][p.key] == role]
            for side in SIDES
        ]
        found = match_people(sides[LEFT], sides[RIGHT], confirmed=sure, split=parted, exclusive=role == "student")
        for match in found.matches:
            ties.people.join([match.left], [match.right], match.score, match.how)
        for double in found.doubles:
            ties.people.repeat(double.side, double.key, double.of)
        for doubt in found.doubtful:
            ties.doubtful[LEFT].add(doubt.left)
            ties.doubtful[RIGHT].add(doubt.right)
            doubtful.append(Match(*doubt))
    return doubtful


def _facts(person: Person, circles: Mapping[str, set[Hashable]]) -> Facts:
    return Facts(
        person.key,
        read_name(person.family_name, person.given_name, person.patronymic),
        person.birth_date,
        person.sex,
        person.snils,
        frozenset(circles.get(person.key, ())),
    )


def _circles(ties: Ties, view: JournalView, side: int) -> dict[str, set[Hashable]]:
    """By person: the tied classes of a pupil; of staff, which subject they teach to which class, and whose curator they are."""
    found: dict[str, set[Hashable]] = defaultdict(set)
    for enrolment in view.enrolments.values():
        above = view.class_of(enrolment.group)
        number = ties.groups.id(side, above.key if above else None)
        if number is not None:
            found[enrolment.person].add(number)
    for course in view.courses.values():
        place = course_place(ties, view, side, course)
        if place is not None:
            for teacher in course.teachers or ():
                found[teacher].add(("teaches", *place))
    for group in view.groups.values():
        number = ties.groups.id(side, group.key)
        if group.curator and number is not None:
            found[group.curator].add(("curator", number))
    return found


@dataclass(frozen=True, slots=True)
class Stand:
    """How a pupil stands in a group by one source, on a day: `here` is whether they belong to it, null if it is not known.

    Of several enrolments (left and came back) the one that says so stands for all; `key` is its key.
    """

    key: str
    person: str
    group: str
    here: bool | None
    start: str | None
    end: str | None
    status: str | None


def stands(view: JournalView, day: date) -> dict[tuple[str, str], Stand]:
    """Every pupil's stand in every group that the source names, by the keys of person and group."""
    found: dict[tuple[str, str], Stand] = {}
    for enrolment in sorted(view.enrolments.values(), key=_latest_last):
        stand = _stand(enrolment, day.isoformat())
        before = found.get((enrolment.person, enrolment.group))
        if before is None or stand.here or not before.here:
            found[enrolment.person, enrolment.group] = stand
    return found


def _latest_last(enrolment: Enrolment) -> tuple[str, str, str]:
    return (enrolment.start or "", enrolment.end or "9", enrolment.key)


def _stand(e: Enrolment, day: str) -> Stand:
    inside = (e.start is None or e.start <= day) and (e.end is None or day <= e.end)
    here: bool | None = inside and not (e.end is None and e.status in _OVER)
    word = (e.raw or {}).get("status") if e.status is None else None
    if here and e.end is None and word is not None:
        here = False if str(word).casefold() in _LEFT else None  # how, is said in a word that is not understood
    return Stand(e.key, e.person, e.group, here, e.start, e.end, e.status)
