"""Which fields a source's answers used to have, so that one that stays away is noticed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from canonical.batch import Drift, Shape
from canonical.store.upsert import upsert
from canonical.tables import WIRE_FIELDS

_EXPECTED: Final = 10
"""A field has vanished if, by its share among earlier objects, so many should have had it, and none had."""

_SHARE: Final = 0.1
"""Of the most objects that one run has brought: a run that brought fewer says nothing, it may hold only odd ones."""

_OBJECTS: Final = ""
"""The name under which the objects themselves are counted."""


def note_fields(connection: Connection, source: int, shapes: Mapping[Shape, int]) -> Counter[Drift]:
    """Remembers what objects were like in one run; gives the fields that have vanished, with how many objects lack them."""
    now: dict[str, Counter[str]] = defaultdict(Counter)
    for (place, names), number in shapes.items():
        now[place].update(dict.fromkeys((_OBJECTS, *names), number))
    w = WIRE_FIELDS.c
    query = select(w.place, w.name, w.count, w.most).where(w.source == source, w.place.in_(sorted(now)))
    before: dict[tuple[str, str], tuple[int, int]] = {}
    for place, name, count, most in connection.execute(query):
        before[place, name] = (count, most)
    vanished: Counter[Drift] = Counter()
    for (place, name), (count, _) in before.items():
        objects, most = before[place, _OBJECTS]
        here = now[place][_OBJECTS]
        if name not in now[place] and count / objects * here >= _EXPECTED and here >= most * _SHARE:
            vanished[Drift("missing_field", place, name)] = here
    rows: list[dict[str, Any]] = []
    for place, counts in now.items():
        for name, number in counts.items():
            count, most = before.get((place, name), (0, 0))
            row = {"source": source, "place": place, "name": name}
            rows.append(row | {"count": count + number, "most": max(most, number)})
    upsert(connection, WIRE_FIELDS, rows)
    return vanished
