"""Journals in memory, and the synthetic region in two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import msgspec

from canonical.coverage import Axis, Selector
from canonical.entities import ENTITIES, Record, entity_of
from canonical.store import SourceRow
from canonical.view import Covered, JournalView
from connectors.standins.region import make_institution
from tests.region_records import records_of

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
CAN_SAY = {name: [f.name for f in entity.fields if f.name not in {"key", "raw"}] for name, entity in ENTITIES.items()}

Records = list[Record]


@cache
def region(students: int = 40, seed: int = 1, kind: Literal["school", "college"] = "school") -> tuple[Record, ...]:
    """The journal of an institution of the region."""
    return tuple(records_of(make_institution("stand", kind, students=students, seed=seed, now=NOW)))


def rekeyed(records: Iterable[Record], new: Callable[[str, str], str]) -> Records:
    """The same journal with other keys; `new` gives the key for an entity and its old key."""
    made = []
    for record in records:
        entity = ENTITIES[entity_of(record)]
        values: dict[str, Any] = {"key": new(entity.name, record.key)}
        for field in entity.refs:
            value = getattr(record, field.name)
            assert field.ref
            target = field.ref.entity
            if isinstance(value, tuple):
                values[field.name] = tuple(new(target, v) for v in value)
            elif value is not None:
                values[field.name] = new(target, value)
        made.append(msgspec.structs.replace(record, **values))
    return made


def primed(records: Iterable[Record]) -> Records:
    """The same journal, the keys after an `x`."""
    return rekeyed(records, lambda _, key: f"x{key}")


def source_row(key: str, capabilities: Mapping[str, Iterable[str]] | None = None, number: int = 1) -> SourceRow:
    """A source as the store would describe it."""
    said = {e: list(f) for e, f in (CAN_SAY if capabilities is None else capabilities).items()}
    return SourceRow(number, key, key.partition("/")[0], "files", said, "ok", "", None, None, None)


def view(
    records: Iterable[Record],
    key: str = "a/left",
    *,
    capabilities: Mapping[str, Iterable[str]] | None = None,
    covered: Iterable[str] | None = None,
    scopes: Iterable[Covered] = (),
) -> JournalView:
    """A journal in memory. `covered` names the entities that were read completely; null: all of them."""
    by_entity: dict[str, Records] = defaultdict(list)
    for record in records:
        by_entity[entity_of(record)].append(record)
    whole = [everything(entity) for entity in (ENTITIES if covered is None else covered)]
    return JournalView(source_row(key, capabilities), lambda name: by_entity[name], [*whole, *scopes])


def everything(entity: str) -> Covered:
    """An entity that was read completely, just now."""
    return Covered(entity, Selector.INSTITUTION, None, Axis.NONE, None, None, NOW)


def change(records: Sequence[Record], key: str, kind: type[Record], /, **values: Any) -> Records:
    """The records with one of them changed."""
    assert any(r.key == key and isinstance(r, kind) for r in records)
    return [msgspec.structs.replace(r, **values) if r.key == key and isinstance(r, kind) else r for r in records]


def without(records: Sequence[Record], key: str, kind: type[Record]) -> Records:
    """The records less one of them."""
    assert any(r.key == key and isinstance(r, kind) for r in records)
    return [r for r in records if not (r.key == key and isinstance(r, kind))]
