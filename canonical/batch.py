"""What one unit of reading brings to the store, to be committed in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from canonical.coverage import Scope
from canonical.entities import Record

CAPTURED_UNIT: Final = "capture "
"""With this the names of units begin that were read from browser captures: their answers come in no order."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The answer or the file that brought records.

    `request` says what was asked (no secret in it), `sha256` names the body in the raw archive, `size` is its length in
    bytes, `at` the instant of reading (ISO 8601).
    """

    request: str
    sha256: str
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that stood where a record should be and is not one. `key` is null where even that cannot be read.

    `hides` names entities that stood inside the broken thing and so could not be read: rows of theirs that belong to it
    are not found vanished (a broken lesson hides its works). Without a key the whole scope of these entities, and of
    `entity` itself, is not covered.
    """

    entity: str
    key: str | None
    reason: str
    raw: Any
    origin: Origin | None = None
    hides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the portal's answers and what the connector knows of them.

    `kind` is `unknown_field`, `unknown_value`, `missing_field` or `unresolved_reference`; `where` names the wire object
    or the entity, `name` the field (and, for a value, `field=value`).
    """

    kind: str
    where: str
    name: str


Shape = tuple[str, frozenset[str]]
"""What an object of a portal's answer was like: the name of its kind, and the names of the fields that it had."""


@dataclass(frozen=True, slots=True)
class Read:
    """What lines came to: the records, in canonical form, each with the position of its line, and what is none."""

    records: list[Record]
    positions: list[int]
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Ready:
    """Records of one entity, in the form in which they are inserted when none of them is known.

    `rows` is marshalled: a list of tuples of `fields` (which begin with the key; no record has another), the content hash
    and the line hash. `keys` and `lines` are packed arrays of 64-bit hashes of the keys and of the lines; `refs` holds, by
    field, the keys that records point at.
    """

    count: int
    fields: tuple[str, ...]
    rows: bytes
    keys: bytes
    lines: bytes
    refs: dict[str, set[str]]


@dataclass(slots=True)
class Lines:
    """Lines of a file, one record of an entity each.

    `split` gives the lines; `read` is asked only for the positions that are not known yet. Where nothing can be known
    yet, `ahead` (if there is one) reads them all before their turn, in another process; it takes the salt of their
    hashes, and gives null where a line is not in order. What it gave stands in `ready`.
    """

    entity: str
    origin: Origin
    split: Callable[[], Sequence[bytes]]
    read: Callable[[Sequence[int]], Read]
    ahead: Callable[[int], Ready | None] | None = None
    ready: Ready | None = None


@dataclass(slots=True)
class Batch:
    """Records with where they came from, what could not be one, and what was covered completely.

    `whole` is false where only a part of the unit was read (explicit dates that cut it): then the unit's cursor stays,
    and what stood in quarantine for it is not found gone. `shapes` counts what objects of the answers were like.
    `untold` names, by entity, fields that could not be told from what was captured: where they are null, what stands stays.
    """

    blocks: list[tuple[Origin | None, list[Record]]] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)
    shapes: Counter[Shape] = field(default_factory=Counter)
    untold: dict[str, tuple[str, ...]] = field(default_factory=dict)
    whole: bool = True

    def add(self, records: Iterable[Record], origin: Origin | None = None) -> None:
        """Adds records that one answer brought."""
        self.blocks.append((origin, list(records)))

    def keep(self, is_kept: Callable[[Record], bool]) -> None:
        """Leaves out the other records."""
        self.blocks = [(origin, [r for r in records if is_kept(r)]) for origin, records in self.blocks]

    def change(self, changed: Callable[[Record], Record]) -> None:
        """Puts another record in the place of each."""
        self.blocks = [(origin, [changed(r) for r in records]) for origin, records in self.blocks]

    def reject(
        self,
        entity: str,
        reason: str,
        raw: Any,
        *,
        key: str | None = None,
        origin: Origin | None = None,
        hides: tuple[str, ...] = (),
    ) -> None:
        """Sets something broken aside, alone."""
        self.rejects.append(Reject(entity, key, reason, raw, origin, hides))

    def covers(self, *scopes: Scope) -> None:
        """Declares scopes that this batch holds completely."""
        self.scopes.extend(scopes)
