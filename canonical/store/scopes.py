"""Which rows lie inside a scope, as queries over the references between entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select

from canonical.coverage import Axis, Scope, Selector
from canonical.entities import ENTITIES
from canonical.store.bulk import among
from canonical.tables import ROWS

_GROUP = {
    "groups": "key",
    "enrolments": "group",
    "courses": "group",
    "planned_topics": "course.group",
    "lessons": "course.group",
    "works": "course.group",
    "marks": "work.course.group",
    "attendance": "lesson.course.group",
    "period_marks": "course.group",
    "attestations": "course.group",
}
_COURSE = {
    "courses": "key",
    "planned_topics": "course",
    "lessons": "course",
    "works": "course",
    "marks": "work.course",
    "attendance": "lesson.course",
    "period_marks": "course",
    "attestations": "course",
}
_LESSON = {"lessons": "key", "works": "lesson", "marks": "work.lesson", "attendance": "lesson"}
_PERSON = {
    "people": "key",
    "enrolments": "person",
    "marks": "student",
    "attendance": "student",
    "period_marks": "student",
    "attestations": "student",
    "activity": "person",
}
SELECTED_BY: Final[Mapping[Selector, Mapping[str, str]]] = MappingProxyType(
    {
        Selector.INSTITUTION: {},
        Selector.GROUP: _GROUP,
        Selector.COURSE: _COURSE,
        Selector.LESSON: _LESSON,
        Selector.PERSON: _PERSON,
    }
)
"""For each selector: entity -> the references to follow, and the column at their end, that hold the selector's key."""

ALONG: Final[Mapping[Axis, Mapping[str, str]]] = MappingProxyType(
    {
        Axis.NONE: {},
        Axis.ACADEMIC_YEAR: {
            "periods": "academic_year",
            "groups": "academic_year",
            "enrolments": "group.academic_year",
            "courses": "group.academic_year",
            "planned_topics": "course.group.academic_year",
            "lessons": "course.group.academic_year",
            "period_marks": "period.academic_year",
            "attestations": "course.group.academic_year",
        },
        Axis.LESSON_DATE: {
            "lessons": "date",
            "works": "lesson.date",
            "marks": "work.lesson.date",
            "attendance": "lesson.date",
            "activity": "date",
        },
        Axis.RECORDED_ON: {
            "lessons": "recorded_at",
            "marks": "recorded_at",
            "attendance": "recorded_at",
            "period_marks": "recorded_at",
            "attestations": "published_at",
        },
        Axis.DUE_ON: {"works": "due_on", "planned_topics": "planned_on"},
    }
)
"""For each axis: entity -> where a row stands on it. An instant stands on its own local date."""

HOLDER: Final[Mapping[str, Selector]] = MappingProxyType(
    {
        "lessons": Selector.LESSON,
        "courses": Selector.COURSE,
        "groups": Selector.GROUP,
        "people": Selector.PERSON,
    }
)
"""The selector that a record of an entity is."""


Shape = tuple[str, Selector, Axis]
"""What scopes have in common that one query can answer: entity, selector, axis."""


class Place(NamedTuple):
    """Where a live row lies: its key, the selector's key and the point on the axis (either may be null)."""

    key: str
    selector_key: str | None
    point: str | None
    origin: int | None
    line: int | None


def places(
    connection: Connection,
    source: int,
    shape: Shape,
    scopes: Sequence[Scope] | None = None,
    *,
    keys: Sequence[str] | None = None,
) -> Iterator[Place]:
    """Live rows that may lie in scopes of one shape (null: anywhere), each with its place; with `keys` only these."""
    entity, selector, axis = shape
    path = _Path(entity)
    chosen = path.column(SELECTED_BY[selector][entity]) if selector is not Selector.INSTITUTION else None
    point = path.column(ALONG[axis][entity]) if axis is not Axis.NONE else None
    if axis is Axis.RECORDED_ON and point is not None:
        point = func.substr(point, 1, 10)
    rows = path.root
    columns = [rows.c.key, *(c for c in (chosen, point) if c is not None), rows.c.origin, rows.c.line]
    query = select(*columns).select_from(path.joined).where(rows.c.source == source, rows.c.removed.is_(None))
    if keys is not None:
        query = query.where(among(connection, rows.c.key, keys))
    if chosen is not None and scopes is not None:
        query = query.where(among(connection, chosen, {s.selector_key for s in scopes if s.selector_key}))
    if point is not None and scopes is not None:
        starts, ends = {s.start for s in scopes}, {s.end for s in scopes}
        if None not in starts:
            query = query.where(point >= min(filter(None, starts)))
        if None not in ends:
            query = query.where(point <= max(filter(None, ends)))
    for row in connection.execute(query, execution_options={"stream_results": True}):
        values = list(row)
        yield Place(
            values[0],
            values[1] if chosen is not None else None,
            values[-3] if point is not None else None,
            values[-2],
            values[-1],
        )


def in_scope(place: Place, scope: Scope) -> bool:
    """Whether a row at this place (found by the scope's selector and axis) lies inside the scope."""
    if scope.selector_key is not None and scope.selector_key != place.selector_key:
        return False
    if scope.axis is Axis.NONE:
        return True
    if place.point is None:
        return False
    return (scope.start is None or scope.start <= place.point) and (scope.end is None or place.point <= scope.end)


class _Path:
    """Joins along references, each followed once."""

    def __init__(self, entity: str) -> None:
        self.root = ROWS[entity].alias("t")
        self.joined: FromClause = self.root
        self._entity = entity
        self._reached: dict[str, FromClause] = {}

    def column(self, path: str) -> ColumnElement[str]:
        here: FromClause = self.root
        entity = self._entity
        *steps, last = path.split(".")
        walked = ""
        for step in steps:
            walked = f"{walked}.{step}"
            ref = ENTITIES[entity].field(step).ref
            assert ref  # noqa: S101 - the paths above follow references
            entity = ref.entity
            if walked not in self._reached:
                there = ROWS[entity].alias(walked.strip(".").replace(".", "_"))
                self.joined = self.joined.join(
                    there, and_(there.c.source == here.c.source, there.c.key == here.c[step])
                )
                self._reached[walked] = there
            here = self._reached[walked]
        column: ColumnElement[str] = here.c[last]
        return column
