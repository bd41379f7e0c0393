"""The life of a discrepancy from one reconciliation to the next.

`new` when it is found first, `confirmed` when it is found again later, `fixed` when it is no longer found, `back` when it is
found once more after that. A person may accept it: then it stays `accepted` while both sides say the same, and comes `back`
when they do not. A person may say that it is `resolved`: if it is still there once a source has been read anew, it is `back`.
All of this is pure; `reconcile.keeping` keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from reconcile.differences import Difference, Kind, Side

State = Literal["new", "confirmed", "accepted", "resolved", "fixed", "back"]

STATES: Final[tuple[State, ...]] = ("new", "confirmed", "back", "accepted", "resolved", "fixed")
OPEN: Final[frozenset[State]] = frozenset({"new", "confirmed", "back"})
"""States of what waits for somebody."""


@dataclass(frozen=True, slots=True)
class Sources:
    """A pair of sources of one institution by their keys, the left one of the higher authority."""

    institution: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One row of the discrepancies. Instants are ISO 8601 text; `note` is why a person accepted or resolved it."""

    id: str
    institution: str
    entity: str
    kind: Kind
    left_source: str
    left_key: str | None = None
    left_value: str | None = None
    right_source: str
    right_key: str | None = None
    right_value: str | None = None
    field: str | None = None
    about: str
    state: State = "new"
    first_at: str
    last_at: str
    closed_at: str | None = None
    times: int = 1
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape of contract.md, with what stands besides. `since` is when it was first found."""
        return {
            "id": self.id,
            "institution": self.institution,
            "entity": self.entity,
            "kind": self.kind,
            "left": _side(self.left_source, self.left_key, self.left_value),
            "right": _side(self.right_source, self.right_key, self.right_value),
            "field": self.field,
            "since": self.first_at,
            "state": self.state,
            "left_source": self.left_source,
            "right_source": self.right_source,
            "about": self.about,
            "last_at": self.last_at,
            "closed_at": self.closed_at,
            "times": self.times,
            "note": self.note,
        }


def _side(source: str, key: str | None, value: str | None) -> dict[str, str | None] | None:
    return None if key is None else {"source": source, "key": key, "value": value}


def identity(sources: Sources, difference: Difference) -> str:
    """The same text for the same difference in every run, whichever source is the left one."""
    sides = sorted((source, side.key if side else None) for source, side in _sides(sources, difference))
    whose = {"missing_left": sources.left, "missing_right": sources.right}.get(difference.kind)
    if difference.kind == "duplicate":
        whose = next(source for source, side in _sides(sources, difference) if side and side.value is not None)
    kind = difference.kind.partition("_")[0]
    text = msgspec.json.encode([sources.institution, difference.entity, kind, whose, sides, difference.field])
    return hashlib.sha256(text).hexdigest()[:16]


def _sides(sources: Sources, difference: Difference) -> tuple[tuple[str, Side | None], tuple[str, Side | None]]:
    return (sources.left, difference.left), (sources.right, difference.right)


def found_now(sources: Sources, difference: Difference, moment: datetime) -> Discrepancy:
    """A difference as if it were found for the first time."""
    at = moment.isoformat()
    left, right = difference.left, difference.right
    return Discrepancy(
        id=identity(sources, difference),
        institution=sources.institution,
        entity=difference.entity,
        kind=difference.kind,
        left_source=sources.left,
        left_key=left.key if left else None,
        left_value=left.value if left else None,
        right_source=sources.right,
        right_key=right.key if right else None,
        right_value=right.value if right else None,
        field=difference.field,
        about=difference.about,
        first_at=at,
        last_at=at,
    )


def settle(
    stored: Mapping[str, Discrepancy],
    found: Sequence[Discrepancy],
    moment: datetime,
    read_at: datetime | None,
    untold: Collection[str] = (),
) -> dict[str, Discrepancy]:
    """The discrepancies of a pair as they stand after it was compared: those found, and those of the stored that are gone.

    `read_at` is when either source was last read; `untold` are the ids of which it could not be told whether they are gone:
    they stay as they are. The same comparison at the same moment changes nothing.
    """
    after = {new.id: _again(stored[new.id], new, moment, read_at) if new.id in stored else new for new in found}
    for key, old in stored.items():
        if key not in after:
            gone = old.state != "fixed" and key not in untold
            after[key] = replace(old, state="fixed", closed_at=moment.isoformat()) if gone else old
    return after


def _again(old: Discrepancy, new: Discrepancy, moment: datetime, read_at: datetime | None) -> Discrepancy:
    seen = replace(new, state=old.state, first_at=old.first_at, closed_at=old.closed_at, times=old.times, note=old.note)
    match old.state:
        case "new" | "back" | "confirmed":
            return replace(seen, state="confirmed") if moment > datetime.fromisoformat(old.last_at) else seen
        case "accepted" if _says(old) == _says(new):
            return seen
        case "resolved" if _says(old) == _says(new) and not _is_after(read_at, old.closed_at):
            return seen
    return replace(seen, state="back", closed_at=None, times=old.times + 1)


def _says(one: Discrepancy) -> set[tuple[str, str | None]]:
    return {(one.left_source, one.left_value), (one.right_source, one.right_value)}


def _is_after(read_at: datetime | None, stamp: str | None) -> bool:
    return read_at is not None and stamp is not None and read_at > datetime.fromisoformat(stamp)


def seen_from(stored: Mapping[str, Discrepancy], found: Sequence[Discrepancy]) -> dict[str, Discrepancy]:
    """The discrepancies of a comparison that is not kept, told with what is known of them."""
    return {
        new.id: replace(new, state=old.state, first_at=old.first_at, times=old.times, note=old.note)
        if (old := stored.get(new.id)) and old.state != "fixed"
        else new
        for new in found
    }


def closed(one: Discrepancy, state: Literal["accepted", "resolved"], why: str | None, moment: datetime) -> Discrepancy:
    """The discrepancy as a person has closed it."""
    return replace(one, state=state, note=why, closed_at=moment.isoformat())
