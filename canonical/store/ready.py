"""Makes records ready to be inserted, all at once: what of it needs no store, so that another process can do it."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from operator import attrgetter, itemgetter

from canonical.batch import Ready
from canonical.entities import ENTITIES, Record
from canonical.store.bulk import BULK, content_hashes
from canonical.store.keyset import hashed
from canonical.store.lines import Hashes


def make_ready(entity: str, records: Sequence[Record], lines: Hashes) -> Ready | None:
    """Records in canonical form, each of one line, as they are inserted; null if two have the same key."""
    keys = hashed([r.key for r in records])
    keys.sort()
    if bool((keys[1:] == keys[:-1]).any()):
        return None
    filled = BULK[entity].filled(records)
    rows = list(zip(*filled.values(), content_hashes(records), lines.tolist(), strict=True))
    rows.sort(key=itemgetter(0))  # the order of the table, in which they are inserted sooner
    refs = {}
    for field in ENTITIES[entity].refs:
        pointed = set(map(attrgetter(field.name), records))
        pointed.discard(None)
        refs[field.name] = set().union(*pointed) if field.kind is tuple else pointed
    return Ready(len(records), tuple(filled), marshal.dumps(rows), keys.tobytes(), lines.tobytes(), refs)
