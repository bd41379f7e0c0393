"""Writes canonical records as a folder of `<entity>.ndjson`, the way `svod export ndjson` does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from canonical.cleaning import clean, encode
from canonical.entities import ENTITIES, Record, entity_of


def write_folder(
    folder: Path, records: Iterable[Record], source: str, zone: ZoneInfo, *, also: Iterable[str] = ()
) -> None:
    """Writes a file for each entity that has records, sorted by key.

    Args:
        folder: made if it is not there.
        records: of any entities, in any order.
        source: the key of the source that the records are of (`institution/source`).
        zone: of the institution; instants are told in it.
        also: entities whose file is written even if it is empty.

    """
    folder.mkdir(parents=True, exist_ok=True)
    head = b'{"source":' + json.dumps(source).encode() + b","
    lines: dict[str, list[tuple[str, bytes]]] = {name: [] for name in ENTITIES}
    for record in records:
        tidy = clean(record, zone)
        lines[entity_of(tidy)].append((tidy.key, head + encode(tidy)[1:] + b"\n"))
    wanted = set(also)
    for name, some in lines.items():
        if some or name in wanted:
            (folder / f"{name}.ndjson").write_bytes(b"".join(line for _, line in sorted(some)))
