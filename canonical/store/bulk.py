"""Set-wise work on the table of one entity: look up, insert and change many rows at once, on either database."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
import xxhash
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Text,
    any_,
    bindparam,
    func,
    literal,
    select,
)

from canonical.entities import ENTITIES, Entity, Record
from canonical.tables import ROWS

CHUNK: Final = 10_000
T = TypeVar("T")


class Known(NamedTuple):
    """What the store already has under a key."""

    hash: int
    since: int
    removed: int | None
    origin: int | None
    line: int | None


def content_hash(record: Record) -> int:
    """A signed 64-bit number that changes when anything in the record does."""
    number = xxhash.xxh3_64_intdigest(_ENCODER.encode(record))
    return number - (1 << 64) if number >> 63 else number


def content_hashes(records: Sequence[Record]) -> list[int]:
    """`content_hash` of each record."""
    digest, encode = xxhash.xxh3_64_intdigest, _ENCODER.encode
    unsigned = np.fromiter((digest(encode(r)) for r in records), dtype=np.uint64, count=len(records))
    signed: list[int] = unsigned.view(np.int64).tolist()
    return signed


_ENCODER: Final = msgspec.json.Encoder()


def among(connection: Connection, column: ColumnElement[str], keys: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of `keys`, as one parameter however many they are."""
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(keys), type_=ARRAY(Text)))
    each = func.json_each(literal(msgspec.json.encode(list(keys)).decode())).table_valued("value")
    return column.in_(select(each.c.value))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Rows:
    """The table of one entity, row by row in bulk.

    A row is a tuple in the order of `columns`: source, the fields, hash, line, since, origin, removed.
    """

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.table = ROWS[entity.name]
        self.columns = tuple(self.table.c.keys())
        names = [f.name for f in entity.fields]
        self._values: Callable[[Record], tuple[Any, ...]] = operator.attrgetter(*names)
        self._lists = [i for i, f in enumerate(entity.fields) if f.kind is tuple]
        self._fields = len(names)
        quoted = [f'"{c}"' for c in self.columns]
        self._insert = f'INSERT INTO "{entity.name}" ({", ".join(quoted)}) VALUES '
        self._copy = f'COPY "{entity.name}" ({", ".join(quoted)}) FROM STDIN'
        settable = [c for c in quoted if c not in {'"source"', '"key"'}]
        self._update = {
            "sqlite": f'UPDATE "{entity.name}" SET {", ".join(f"{c} = ?" for c in settable)} '
            'WHERE "source" = ? AND "key" = ?',
            "postgresql": f'UPDATE "{entity.name}" SET {", ".join(f"{c} = %s" for c in settable)} '
            'WHERE "source" = %s AND "key" = %s',
        }

    def row(
        self, source: int, record: Record, hash_: int, since: int, origin: int | None, line: int | None = None
    ) -> tuple[Any, ...]:
        """The row of a record that stands since a batch."""
        values = self._values(record)
        if values[-1] is not None or self._lists:
            values = self._plain(values)
        return (source, *values, hash_, line, since, origin, None)

    def fields_of(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """What of a row is the record's own."""
        return tuple(row[1 : self._fields + 1])

    def filled(self, records: Sequence[Record]) -> dict[str, list[Any]]:
        """The fields that any of the records has, each with its values as the table holds them."""
        found: dict[str, list[Any]] = {}
        for field in self.entity.fields:
            values = list(map(operator.attrgetter(field.name), records))
            if values[0] is None and values.count(None) == len(values):
                continue
            if field.kind in {tuple, dict}:
                values = [None if v is None else msgspec.json.encode(v).decode() for v in values]
            found[field.name] = values
        return found

    def _plain(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        plain = list(values)
        for i in (*self._lists, -1):
            if plain[i] is not None:
                plain[i] = msgspec.json.encode(plain[i]).decode()
        return tuple(plain)

    def record(self, row: Sequence[Any]) -> Record:
        """The record of a row, or of any sequence that begins with source and the fields."""
        values: dict[str, Any] = {}
        for field, value in zip(self.entity.fields, self.fields_of(row), strict=True):
            if value is None:
                continue
            if field.kind is float and type(value) is float and value.is_integer():
                value = int(value)  # noqa: PLW2901 - as the record had it
            elif field.kind is tuple:
                value = tuple(msgspec.json.decode(value))  # noqa: PLW2901
            elif field.kind is dict:
                value = msgspec.json.decode(value)  # noqa: PLW2901
            values[field.name] = value
        return self.entity.record(**values)

    def known(self, connection: Connection, source: int, keys: Sequence[str]) -> dict[str, Known]:
        """What the store has under these keys, removed rows included."""
        t = self.table
        found: dict[str, Known] = {}
        for some in chunks(keys):
            query = select(t.c.key, t.c.hash, t.c.since, t.c.removed, t.c.origin, t.c.line).where(
                t.c.source == source, among(connection, t.c.key, some)
            )
            for key, *rest in connection.execute(query):
                found[key] = Known(*rest)
        return found

    def live(self, connection: Connection, source: int, keys: Sequence[str]) -> set[str]:
        """Those of the keys under which a row stands that is not removed."""
        t = self.table
        found: set[str] = set()
        for some in chunks(keys):
            query = select(t.c.key).where(t.c.source == source, t.c.removed.is_(None), among(connection, t.c.key, some))
            found.update(connection.execute(query).scalars())
        return found

    def fetch(self, connection: Connection, source: int, keys: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Whole rows under these keys."""
        for some in chunks(keys):
            query = select(self.table).where(self.table.c.source == source, among(connection, self.table.c.key, some))
            yield from connection.execute(query)

    def insert(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows whose keys are not there yet."""
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * len(self.columns))
            connection.exec_driver_sql(f"{self._insert}({marks})", list(rows))
        else:
            self._copy_in(connection, self._copy, rows)

    def insert_new(
        self,
        connection: Connection,
        source: int,
        fields: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        since: int,
        origin: int | None,
    ) -> None:
        """Adds the rows of one answer that stand since one batch; each is given as these fields, its hash and its line."""
        given = (*fields, "hash", "line")
        names = ", ".join(f'"{name}"' for name in ("source", "since", "origin", *given))
        if connection.dialect.name == "sqlite":  # what is the same in all rows need not be bound for each
            same = f"{source:d}, {since:d}, {'NULL' if origin is None else int(origin)}"
            marks = ", ".join("?" * len(given))
            sql = f'INSERT INTO "{self.entity.name}" ({names}) VALUES ({same}, {marks})'
            connection.exec_driver_sql(sql, rows)
        else:
            same_in_all = (source, since, origin)
            self._copy_in(
                connection, f'COPY "{self.entity.name}" ({names}) FROM STDIN', ((*same_in_all, *row) for row in rows)
            )

    def _copy_in(self, connection: Connection, copying: str, rows: Iterable[tuple[Any, ...]]) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - a connection in a transaction has one
        with driver.cursor() as cursor, cursor.copy(copying) as copy:
            for row in rows:
                copy.write_row(row)

    def replace(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Puts rows in the place of those with the same source and key."""
        sql = self._update[connection.dialect.name]
        connection.exec_driver_sql(sql, [(*row[2:], row[0], row[1]) for row in rows])


BULK: Final = {name: Rows(entity) for name, entity in ENTITIES.items()}
