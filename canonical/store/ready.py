"""Makes records ready to be inserted, all at once: what of it needs no store, so that another process can do it."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from operator import attrgetter

from canonical.batch import Ready
from canonical.entities import ENTITIES, Record
from canonical.store.bulk import BULK, content_hashes
from canonical.store.keyset import hashed
from canonical.store.lines import Hashes

_POINTED_AT = frozenset(f.ref.entity for e in ENTITIES.values() for f in e.fields if f.ref)


def make_ready(entity: str, records: Sequence[Record], lines: Hashes) -> Ready | None:
    """Records in canonical form, each of one line, as they are inserted; null if two have the same key."""
    names = [r.key for r in records]
    keys = hashed(names)
    keys.sort()
    if bool((keys[1:] == keys[:-1]).any()):
        return None
    values = BULK[entity].values(records)
    hashes = content_hashes(records)
    rows = [(*v, hash_, line) for v, hash_, line in zip(values, hashes, lines.tolist(), strict=True)]
    refs = {}
    for field in ENTITIES[entity].refs:
        pointed = set(map(attrgetter(field.name), records))
        pointed.discard(None)
        refs[field.name] = set().union(*pointed) if field.kind is tuple else pointed
    named = names if entity in _POINTED_AT else []
    return Ready(len(names), marshal.dumps(rows), keys.tobytes(), lines.tobytes(), refs, named)
