"""The canonical journal as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from canonical.cleaning import encode
from canonical.entities import ENTITIES
from canonical.store import SourceRow, Store, batch_at, micros, sources, versions
from canonical.writing import explained, private_folder, whole_file


def export_ndjson(
    store: Store,
    folder: Path,
    *,
    institutions: Iterable[str] = (),
    source_keys: Iterable[str] = (),
    as_of: datetime | None = None,
    with_removed: bool = False,
) -> dict[str, int]:
    """Writes one `<entity>.ndjson` for each entity, sorted by source and key, in one view of the store.

    A removed record carries `"removed": true`. Each file appears whole or not at all.

    Returns:
        How many records each file holds.

    Raises:
        WriteError: a file cannot be written.

    """
    with explained(folder):
        private_folder(folder)
    wanted = set(institutions)
    keys = set(source_keys)
    counts: dict[str, int] = {}
    with store.reading() as connection:
        batch = batch_at(connection, micros(as_of)) if as_of else None
        chosen = [
            s for s in sources(connection) if (not wanted or s.institution in wanted) and (not keys or s.key in keys)
        ]
        for entity in ENTITIES:
            counts[entity] = 0
            with whole_file(folder / f"{entity}.ndjson") as file:
                for line in _lines(connection, chosen, entity, batch, with_removed=with_removed):
                    file.write(line)
                    counts[entity] += 1
    return counts


def _lines(
    connection: Connection, chosen: Iterable[SourceRow], entity: str, batch: int | None, *, with_removed: bool
) -> Iterator[bytes]:
    for source in chosen:
        head = b'{"source":' + msgspec.json.encode(source.key) + b","
        for version in versions(connection, source.id, entity, batch=batch, with_removed=with_removed):
            body = encode(version.record)[1:]
            if version.removed:
                body = body[:-1] + b',"removed":true}'
            yield head + body + b"\n"
